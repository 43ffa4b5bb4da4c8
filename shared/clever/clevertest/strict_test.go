package clevertest_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"cleversync/shared/clever/clevertest"
)

// The tests of this file hold the simulator to what Clever's own clients insist
// on beyond the Swagger file, one client each. That values of choices are among
// those of the file, as the setters of the Ruby client demand, is in
// conformance_test.go.

// TestStrict_JavaScript: the client finds an item's class by its uri, sends a
// where to every list, throws away its own query for that of the next link, and
// takes a count that is a number.
func TestStrict_JavaScript(t *testing.T) {
	t.Parallel()
	s := simulator(t, clevertest.Config{Students: 60, Seed: 4})
	query, total := "where=%7B%7D&limit=7&role=student", 0
	for query != "" {
		items, page := list(t, s, "/v3.1/users?"+query)
		for _, it := range items {
			if !strings.HasPrefix(it.URI, "/v3.1/users/") {
				t.Errorf("uri %q", it.URI)
			}
		}
		total += len(items)
		next, err := url.Parse(page.link("next"))
		if err != nil {
			t.Fatal(err)
		}
		query = next.RawQuery
	}
	if total != 60 {
		t.Errorf("%d students, want 60", total)
	}
	if a := fetch(t, s, "/v3.1/users?where=%7B%7D&count=true&role=student"); a.Count == nil || *a.Count != 60 || a.Data != nil {
		t.Errorf("count: %+v", a)
	}
}

// TestStrict_GoOfV1: the client appends the next link to its base address as
// text, and decodes every refusal but 429 as an object of JSON.
func TestStrict_GoOfV1(t *testing.T) {
	t.Parallel()
	s := simulator(t, clevertest.Config{Students: 60})
	_, page := list(t, s, "/v3.1/users?limit=7")
	if next := page.link("next"); !strings.HasPrefix(next, "/v3.1/users?limit=7&") {
		t.Errorf("next %q", next)
	}
	for path, want := range map[string]int{"/v3.1/users?limit=x": 400, "/v3.1/users/x": 404, "/v3.1/users?limit=10001": 413} {
		w := get(s, path)
		decode[map[string]string](t, w.Body.Bytes())
		if w.Code != want {
			t.Errorf("%s: status %d", path, w.Code)
		}
	}
	decode[map[string]string](t, ask(s, "GET", "/v3.1/users", "Bearer x").Body.Bytes())
}

// TestStrict_GoOfV4: the client's token list wants times of RFC 3339 and arrays
// that are arrays, empty ones too, and its districts a launch date that is one.
func TestStrict_GoOfV4(t *testing.T) {
	t.Parallel()
	s := simulator(t, clevertest.Config{Students: 10, ClientID: "app", ClientSecret: "secret"})
	_, listed := tokens(t, s, "owner_type=district", "app", "secret")
	for _, token := range listed.Data {
		if _, err := time.Parse(time.RFC3339, token.Created); err != nil {
			t.Error(err)
		}
	}
	if w, _ := tokens(t, s, "district=x", "app", "secret"); !strings.HasPrefix(w.Body.String(), `{"data":[],"links":[`) {
		t.Errorf("no tokens: %s", w.Body)
	}
	district := decode[struct {
		LaunchDate string `json:"launch_date"`
	}](t, fetch(t, s, "/v3.1/districts/"+s.District().ID()).Data)
	if _, err := time.Parse(time.DateOnly, district.LaunchDate); err != nil {
		t.Error(err)
	}
}

// TestStrict_OmniAuth: the gem follows the canonical link of /me with the
// person's token, and reads the id and the type at data.
func TestStrict_OmniAuth(t *testing.T) {
	t.Parallel()
	s := newSite(t, clevertest.Config{})
	for _, u := range people(s.District()) {
		token := s.ssoToken(s.Login(u.ID))
		me := decode[struct {
			Data  struct{ ID, Type string }
			Links []link
		}](t, ask(s.Server, "GET", "/v3.0/me", "Bearer "+token).Body.Bytes())
		if me.Data.ID != u.ID || me.Data.Type == "" {
			t.Errorf("/me: %+v", me)
		}
		for _, rel := range []string{"canonical", "district"} {
			i := slices.IndexFunc(me.Links, func(l link) bool { return l.Rel == rel })
			if i < 0 || ask(s.Server, "GET", me.Links[i].URI, "Bearer "+token).Code != http.StatusOK {
				t.Errorf("the %s link of /me leads nowhere: %v", rel, me.Links)
			}
		}
	}
}
