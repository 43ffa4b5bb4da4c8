package seal

import (
	"crypto/cipher"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

const keyBytes = 32

var idPattern = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,32}$`)

// ParseKeys reads keys as "id:base64 of 32 bytes", several with commas between:
// the first seals, all open. Its errors name the place of a bad key, never its
// text.
func ParseKeys(text string) (*Keys, error) {
	if strings.TrimSpace(text) == "" {
		return nil, errors.New("no key is given")
	}
	r := &ring{byID: map[string]cipher.AEAD{}}
	for i, part := range strings.Split(text, ",") {
		id, key, err := parseKey(part)
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", i+1, err)
		}
		if _, twice := r.byID[id]; twice {
			return nil, fmt.Errorf("key %d: its id was given before", i+1)
		}
		r.byID[id] = key
		if i == 0 {
			r.first = id
		}
	}
	return &Keys{ring: r}, nil
}

func parseKey(part string) (string, cipher.AEAD, error) {
	id, encoded, ok := strings.Cut(strings.TrimSpace(part), ":")
	if !ok || !idPattern.MatchString(id) {
		return "", nil, errors.New("must be id:base64, the id of up to 32 letters, digits, '_', '.' and '-'")
	}
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return "", nil, errors.New("is not base64 after the colon")
	}
	if len(raw) != keyBytes {
		return "", nil, fmt.Errorf("has %d bytes, it must have %d", len(raw), keyBytes)
	}
	key, err := newAEAD(raw)
	if err != nil {
		return "", nil, fmt.Errorf("cannot be used: %w", err)
	}
	return id, key, nil
}
