// Package seal encrypts what must not be read by whoever gets hold of the
// database or of a backup: the tokens of Clever's districts.
//
// A sealed value is AES-256-GCM under one of several named keys. Its first
// bytes name the key, so keys can be changed while the programs run: put the
// new key first, let every token be sealed anew, take the old key out.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"log/slog"
)

// format is the first byte of every sealed value, should the layout ever
// change. After it come the length of the key's id, the id, the nonce, and the
// ciphertext with its tag.
const format = 1

// ErrSealed says that a value could not be opened: another key, another
// purpose, or changed bytes. Which of them is not told.
var ErrSealed = errors.New("sealed value cannot be opened")

// Keys seals with its first key and opens with all of them. It prints as
// [redacted].
type Keys struct {
	// ring is a pointer so that fmt, looking into the unexported field of
	// some struct that holds a Keys, finds an address.
	ring *ring
}

type ring struct {
	first string
	byID  map[string]cipher.AEAD
}

// Seal encrypts plain. aad says what the value is for (a district's id): only
// whoever names the same can open it, so a sealed value moved to another row
// is of no use.
func (k Keys) Seal(plain, aad []byte) []byte {
	header := append([]byte{format, byte(len(k.ring.first))}, k.ring.first...)
	return k.ring.byID[k.ring.first].Seal(header, nil, plain, bound(header, aad))
}

// Open decrypts what Seal made with any of the keys.
func (k Keys) Open(sealed, aad []byte) ([]byte, error) {
	header, body, err := split(sealed)
	if err != nil {
		return nil, err
	}
	id := string(header[2:])
	key, ok := k.ring.byID[id]
	if !ok {
		return nil, fmt.Errorf("key %q is not among the configured ones: %w", id, ErrSealed)
	}
	plain, err := key.Open(nil, nil, body, bound(header, aad))
	if err != nil {
		return nil, fmt.Errorf("under key %q: %w", id, ErrSealed)
	}
	return plain, nil
}

// Current tells whether a value is sealed with the first key. One that is not
// should be sealed anew before the older key is taken out.
func (k Keys) Current(sealed []byte) bool {
	header, _, err := split(sealed)
	return err == nil && string(header[2:]) == k.ring.first
}

func split(sealed []byte) (header, body []byte, err error) {
	if len(sealed) < 2 || sealed[0] != format || len(sealed) < 2+int(sealed[1]) {
		return nil, nil, fmt.Errorf("not of a known form: %w", ErrSealed)
	}
	n := 2 + int(sealed[1])
	return sealed[:n], sealed[n:], nil
}

// bound authenticates the header with the purpose. The header tells its own
// length, so no two pairs give the same bytes.
func bound(header, aad []byte) []byte {
	return append(append([]byte(nil), header...), aad...)
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// String gives [redacted].
func (k Keys) String() string { return "[redacted]" }

// GoString gives [redacted], for %#v.
func (k Keys) GoString() string { return "[redacted]" }

// LogValue gives [redacted], for slog.
func (k Keys) LogValue() slog.Value { return slog.StringValue("[redacted]") }
