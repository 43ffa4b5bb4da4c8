package seal_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"cleversync/shared/seal"
)

func key(id string, b byte) string {
	return id + ":" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, 32))
}

func keys(t *testing.T, text string) *seal.Keys {
	t.Helper()
	k, err := seal.ParseKeys(text)
	if err != nil {
		t.Fatalf("parse keys: %v", err)
	}
	return k
}

func TestOpen_GivesWhatWasSealed(t *testing.T) {
	t.Parallel()
	k := keys(t, key("a", 1))
	for _, plain := range []string{"", "token", strings.Repeat("x", 10_000)} {
		got, err := k.Open(k.Seal([]byte(plain), []byte("district")), []byte("district"))
		if err != nil || string(got) != plain {
			t.Errorf("opened %d bytes, %v; want the %d sealed ones", len(got), err, len(plain))
		}
	}
}

func TestSeal_NeverGivesTheSameTwice(t *testing.T) {
	t.Parallel()
	k := keys(t, key("a", 1))
	if bytes.Equal(k.Seal([]byte("token"), nil), k.Seal([]byte("token"), nil)) {
		t.Error("two sealings are equal: the nonce repeats")
	}
}

func TestOpen_RefusesAnythingElse(t *testing.T) {
	t.Parallel()
	k := keys(t, key("a", 1))
	aad := []byte("district-1")
	sealed := k.Seal([]byte("token"), aad)
	cases := map[string]struct {
		keys   *seal.Keys
		sealed []byte
		aad    []byte
	}{
		"another key of the same id": {keys(t, key("a", 2)), sealed, aad},
		"an unknown key":             {keys(t, key("b", 1)), sealed, aad},
		"another purpose":            {k, sealed, []byte("district-2")},
		"no purpose":                 {k, sealed, nil},
		"nothing":                    {k, nil, aad},
		"a cut value":                {k, sealed[:len(sealed)-1], aad},
		"only the header":            {k, sealed[:3], aad},
		"a longer value":             {k, append(bytes.Clone(sealed), 0), aad},
		"a claimed longer id":        {k, []byte{1, 200, 'a'}, aad},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := c.keys.Open(c.sealed, c.aad)
			if !errors.Is(err, seal.ErrSealed) || got != nil {
				t.Errorf("got %q, %v; want ErrSealed", got, err)
			}
		})
	}
}

func TestOpen_RefusesEveryFlippedBit(t *testing.T) {
	t.Parallel()
	k := keys(t, key("a", 1))
	sealed := k.Seal([]byte("token"), []byte("d"))
	for i := range len(sealed) * 8 {
		tampered := bytes.Clone(sealed)
		tampered[i/8] ^= 1 << (i % 8)
		if _, err := k.Open(tampered, []byte("d")); err == nil {
			t.Errorf("bit %d flipped, and it still opens", i)
		}
	}
}

func TestKeys_AreChangedWhileOldValuesLive(t *testing.T) {
	t.Parallel()
	older := keys(t, key("old", 1)).Seal([]byte("token"), nil)
	both := keys(t, key("new", 2)+", "+key("old", 1))
	plain, err := both.Open(older, nil)
	if err != nil || string(plain) != "token" {
		t.Fatalf("open the old value: %q, %v", plain, err)
	}
	if both.Current(older) {
		t.Error("the old value counts as current")
	}
	newer := both.Seal(plain, nil)
	if !both.Current(newer) {
		t.Error("the new value does not count as current")
	}
	if _, err := keys(t, key("new", 2)).Open(newer, nil); err != nil {
		t.Errorf("open with the old key gone: %v", err)
	}
}

func TestParseKeys_NamesTheFaultNotTheKey(t *testing.T) {
	t.Parallel()
	short := base64.StdEncoding.EncodeToString([]byte("sixteen secret b"))
	for text, want := range map[string]string{
		"":                              "no key",
		"abc":                           "id:base64",
		":" + short:                     "id:base64",
		"a b:" + short:                  "id:base64",
		"a:" + short:                    "16 bytes",
		"a:!" + short:                   "not base64",
		key("a", 1) + "," + key("a", 2): "key 2: its id",
		key("a", 1) + ",":               "key 2",
	} {
		_, err := seal.ParseKeys(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v; want an error with %q", err, want)
			continue
		}
		if strings.Contains(err.Error(), short) {
			t.Errorf("the error quotes the key: %v", err)
		}
	}
}

func TestKeys_PrintNothing(t *testing.T) {
	t.Parallel()
	k := keys(t, key("mykey", 77))
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "keys", k)
	holder := struct{ hidden seal.Keys }{*k}
	for _, text := range []string{
		fmt.Sprintf("%v %+v %#v %s", k, k, k, k), fmt.Sprintf("%v %+v %#v", *k, *k, *k),
		fmt.Sprintf("%+v", holder), log.String(),
	} {
		if strings.Contains(text, "77 77") || strings.Contains(text, "mykey") || strings.Contains(text, "0x4d, 0x4d") {
			t.Errorf("printed as %s", text)
		}
	}
}
