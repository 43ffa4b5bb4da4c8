package daemon

import "log/slog"

const redacted = "[redacted]"

// Secret is a value of the configuration that must not be seen. It prints as
// [redacted] in logs, in JSON and with every verb of fmt. The value hangs on a
// pointer, so that even fmt's look into unexported fields finds an address.
type Secret struct {
	value *string
}

// NewSecret makes a Secret of a plain value.
func NewSecret(plain string) Secret { return Secret{value: &plain} }

// Reveal gives the value. Every call is a place to look at.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// UnmarshalText takes the value from the environment.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = NewSecret(string(text))
	return nil
}

// String gives [redacted].
func (s Secret) String() string { return redacted }

// GoString gives [redacted], for %#v.
func (s Secret) GoString() string { return redacted }

// LogValue gives [redacted], for slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText gives [redacted], for JSON.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
