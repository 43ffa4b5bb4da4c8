package clever

import (
	"context"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"cleversync/shared/fault"
	"cleversync/shared/roster"
)

// FuzzPage decodes any body. Whatever it holds, each record is either usable or
// marked, both ways of decoding agree where the fast one works, and an error is
// a fault that quotes nothing.
func FuzzPage(f *testing.F) {
	f.Add(string(benchPage(2)))
	for _, s := range []string{
		``, `null`, `{`, `{"data":[]}`, `{"links":[{"rel":"next","uri":"/v3.1/users?starting_after=b"}],"data":[{"data":{"id":"a"}}]}`,
		`{"data":[{"data":{"id":"a","name":{"first":5},"roles":{"student":{"schools":[null,"s",{}]}}}}],"count":3}`,
		`{"data":[{"data":{"id":"a","email":7,"roles":{"contact":{"student_relationships":[{"type":[]}]}}}},1,"x",null,[]]}`,
		"{\"data\":[{\"data\":{\"id\":\"\xff\",\"id\":\"b\",\"email\":\"\\ud800\\u0000\"}}]}", `{"resources":[]}`, `<html>`, `{"data":[}]`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		b := bodyOf(strings.NewReader(s))
		defer b.wire.timer.Stop()
		_, err := readList(b, func(v jsontext.Value) error {
			r := decode[roster.SourceUser](v)
			checkReceived(t, v, r)
			return nil
		})
		if err == nil {
			return
		}
		err = b.explain(context.Background(), "/users", err)
		if code := fault.Of(err).Code; code != fault.CleverBadResponse {
			t.Errorf("a whole body gives %v", err)
		}
		// Words of the fault's own text may also be in the body.
		if len(s) > 60 && strings.Contains(err.Error(), s) {
			t.Errorf("the error quotes the body: %v", err)
		}
	})
}

func checkReceived(t *testing.T, v jsontext.Value, r roster.Received[roster.SourceUser]) {
	switch {
	case r.Undecodable && (r.ID != "" && !roster.ValidID(r.ID) || !cmp.Equal(r.Record, roster.SourceUser{})):
		t.Errorf("%s: undecodable, yet %+v", v, r)
	case !r.Undecodable && (!roster.ValidID(r.ID) || r.ID != r.Record.ID):
		t.Errorf("%s: usable, with the id %q", v, r.ID)
	}
	slow := decodeLeniently[roster.SourceUser](v)
	if slow.ID != r.ID || slow.Undecodable != r.Undecodable {
		t.Errorf("%s: fast %+v, lenient %+v", v, r, slow)
	}
}
