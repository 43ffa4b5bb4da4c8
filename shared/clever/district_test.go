package clever_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cleversync/shared/clever"
	"cleversync/shared/fault"
	"cleversync/shared/roster"
)

func TestDistrict(t *testing.T) {
	t.Parallel()
	own := `{"data":{"id":"` + district + `","name":"#DEMO Springfield USD","state":"paused","error":"x","last_sync":"2026-11-24T03:08:05.652Z","pause_start":"2026-06-01","pause_end":"2026-08-15","login_methods":["LDAP"],"district_contact":null},"uri":"/v3.1/districts/x"}`
	want := clever.District{
		ID: district, Name: "#DEMO Springfield USD", State: "paused", Error: "x",
		LastSync: time.Date(2026, 11, 24, 3, 8, 5, 652e6, time.UTC), PauseStart: "2026-06-01", PauseEnd: "2026-08-15",
	}
	got, err := serve(t, answer(`{"data":[`+own+`],"links":[]}`)).District(t.Context(), caller)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v, district (-want +got):\n%s", err, diff)
	}

	for body, code := range map[string]fault.Code{
		`{"data":[]}`: fault.CleverNotShared,
		`{"data":[{"data":{"id":"5f00000000000000000000d2"}}]}`:                         fault.CleverTokenRevoked,
		`{"data":[{"data":{"id":"` + district + `","state":7}}]}`:                       fault.CleverBadResponse,
		`{"data":[{"data":{"id":5}}]}`:                                                  fault.CleverBadResponse,
		`{"data":[null]}`:                                                               fault.CleverBadResponse,
		`{"data":[{"data":{"name":"no id"}}]}`:                                          fault.CleverBadResponse,
		`{"data":[],"links":[{"rel":"next","uri":"/v3.1/districts?starting_after=a"}]}`: fault.CleverBadResponse,
		`{"count":1}`: fault.CleverBadResponse,
		`{"data":[{"data":{"id":"` + district + `","last_sync":{}}}]}`:      fault.CleverBadResponse,
		`{"data":[{"data":{"id":"` + district + `"}}],"links":"malformed"}`: fault.CleverBadResponse,
	} {
		got, err := serve(t, answer(body)).District(t.Context(), caller)
		wantFault(t, err, code)
		if got != (clever.District{}) {
			t.Errorf("%s gives an error and %+v", body, got)
		}
	}
	for _, sync := range []string{"", "yesterday"} {
		got, err := serve(t, answer(`{"data":[{"data":{"id":"`+district+`","last_sync":"`+sync+`"}}]}`)).District(t.Context(), caller)
		if err != nil || !got.LastSync.IsZero() {
			t.Errorf("last_sync %q: %v, %v", sync, got.LastSync, err)
		}
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	const body = `{"data":[
		{"id":"1","created":"2026-06-23T21:56:32.335Z","owner":{"type":"district","id":"d1"},"access_token":"t1","scopes":["read:students"]},
		{"id":"2","created":"","owner":{"type":"district","id":"d2"},"access_token":"t2"},
		{"id":"3","owner":{"type":"school","id":"d3"},"access_token":"t3"},
		{"id":"4","owner":{"type":"district","id":"d4"}}],
		"links":[{"rel":"self","uri":"/oauth/tokens?owner_type=district"}]}`
	query := make(chan string, 2)
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		query <- user + ":" + password + " " + r.URL.String()
		answer(body)(w, r)
	})
	first := clever.DistrictToken{District: "d1", Token: "t1", Created: time.Date(2026, 6, 23, 21, 56, 32, 335e6, time.UTC)}
	second := clever.DistrictToken{District: "d2", Token: "t2"}
	for wanted, want := range map[string][]clever.DistrictToken{"": {first, second}, "d2": {second}, "d9": nil} {
		got, err := client.Tokens(t.Context(), wanted)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%v, tokens of %q (-want +got):\n%s", err, wanted, diff)
		}
		path := "client:secret-of-the-client /oauth/tokens?owner_type=district"
		if wanted != "" {
			path += "&district=" + wanted
		}
		if got := <-query; got != path {
			t.Errorf("asked %q; want %q", got, path)
		}
	}
}

// TestTokens_Garbage must not take a district whose token cannot be read for one
// that no longer shares.
func TestTokens_Garbage(t *testing.T) {
	t.Parallel()
	for _, element := range []string{`null`, `{}`, `7`, `{"owner":null,"access_token":"t1"}`, `{"owner":{"type":"district"},"access_token":"t1"}`, `{"owner":{"id":"d1"},"access_token":"t1"}`} {
		_, err := serve(t, answer(`{"data":[`+element+`]}`)).Tokens(t.Context(), "d1")
		wantFault(t, err, fault.CleverBadResponse)
	}
}

// TestTokens_SecondPage must not take the districts of a page that was not read
// for districts that no longer share.
func TestTokens_SecondPage(t *testing.T) {
	t.Parallel()
	client := serve(t, answer(`{"data":[{"owner":{"type":"district","id":"d1"},"access_token":"t1"}],"links":[{"rel":"next","uri":"/oauth/tokens?page=2"}]}`))
	if got, err := client.Tokens(t.Context(), "d1"); err != nil || len(got) != 1 {
		t.Errorf("the district of the first page: %v, %v", got, err)
	}
	for _, wanted := range []string{"", "d2"} {
		_, err := client.Tokens(t.Context(), wanted)
		wantFault(t, err, fault.CleverBadResponse)
	}
}

func TestSchool(t *testing.T) {
	t.Parallel()
	const body = `{"data":{"id":"s1","name":"Greene","sis_id":"7","school_number":"77","principal":null},"links":[{"rel":"self","uri":"/v3.1/schools/s1"}]}`
	got, err := serve(t, answer(body)).School(t.Context(), caller, "s1")
	if diff := cmp.Diff(roster.SourceSchool{ID: "s1", Name: "Greene", SISID: "7", Number: "77"}, got); err != nil || diff != "" {
		t.Errorf("%v, school (-want +got):\n%s", err, diff)
	}
	for _, bad := range []string{`{"data":{"id":"s2"}}`, `{"data":{"id":"s1","name":7}}`, `{"data":[]}`, `{"data":null}`, `{}`} {
		got, err := serve(t, answer(bad)).School(t.Context(), caller, "s1")
		wantFault(t, err, fault.CleverBadResponse)
		if got != (roster.SourceSchool{}) {
			t.Errorf("%s gives an error and %+v", bad, got)
		}
	}
}
