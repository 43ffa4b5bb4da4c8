package clever

import (
	"fmt"
	"log/slog"
)

// Secret is a token or a password. It prints as [redacted] in every format,
// log and encoding; string(s) is the one way to its value, so that each use
// stands out. fmt calls no method of a value in an unexported field: a type
// that keeps a Secret in one must not be printed whole.
type Secret string

const redacted = "[redacted]"

// Format prints [redacted] whatever the verb.
func (Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// String gives [redacted].
func (Secret) String() string { return redacted }

// GoString gives [redacted].
func (Secret) GoString() string { return redacted }

// LogValue gives [redacted] to slog.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText gives [redacted] to every encoding that asks for text.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON gives [redacted] as a JSON string.
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }
