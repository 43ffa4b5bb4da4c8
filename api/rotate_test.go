package main

import (
	"bytes"
	"encoding/base64"
	"io"
	"strings"
	"testing"

	"cleversync/shared/postgres"
	"cleversync/shared/postgres/postgrestest"
	"cleversync/shared/seal"
)

func TestRotateKeys(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	key := func(id string, b byte) string {
		return id + ":" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, 32))
	}
	store := func(district, keys string) {
		t.Helper()
		k, err := seal.ParseKeys(keys)
		if err != nil {
			t.Fatal(err)
		}
		if err := postgres.KnowDistrict(t.Context(), db.Pool, district); err != nil {
			t.Fatal(err)
		}
		if _, err := postgres.StoreDistrictToken(t.Context(), db.Pool, district, k.Seal([]byte("token"), []byte(district)), 0); err != nil {
			t.Fatal(err)
		}
	}
	rotate := func(keys string) (string, error) {
		var out bytes.Buffer
		err := command(t.Context(), []string{"rotate-keys"}, environment(map[string]string{"DATABASE_URL": db.URL, "ENCRYPTION_KEYS": keys}), &out, io.Discard)
		return out.String(), err
	}
	store("d1", key("old", 1))
	store("d2", key("new", 2))
	out, err := rotate(key("new", 2) + "," + key("old", 1))
	if err != nil || out != "sealed anew: 1\ncurrent before: 1\ncannot be opened: 0\n" {
		t.Errorf("%v\n%s", err, out)
	}
	store("d3", key("lost", 3))
	out, err = rotate(key("new", 2))
	if err == nil || !strings.Contains(out, "current before: 2\ncannot be opened: 1\n  district d3\n") {
		t.Errorf("%v\n%s", err, out)
	}
}
