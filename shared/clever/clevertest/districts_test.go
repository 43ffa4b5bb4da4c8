package clevertest_test

import (
	"net/http"
	"testing"

	"cleversync/shared/clever/clevertest"
)

// TestDistricts_EachTokenOpensItsOwn: a token of one district sees nothing of
// another, and what happens to one happens to it alone.
func TestDistricts_EachTokenOpensItsOwn(t *testing.T) {
	t.Parallel()
	s := simulator(t, clevertest.Config{Students: 10, Districts: 3})
	names := map[string]bool{}
	for i, own := range s.Sharings() {
		names[own.District().State().Name] = true
		for j, other := range s.Sharings() {
			w := ask(s, http.MethodGet, "/v3.1/districts/"+other.District().ID(), "Bearer "+own.Token())
			if want := map[bool]int{true: http.StatusOK, false: http.StatusNotFound}[i == j]; w.Code != want {
				t.Errorf("district %d asked with the token of %d: status %d, want %d", j, i, w.Code, want)
			}
			for u := range other.District().Students() {
				w := ask(s, http.MethodGet, "/v3.1/users/"+u.ID, "Bearer "+own.Token())
				if (w.Code == http.StatusOK) != (i == j) {
					t.Errorf("a student of district %d asked with the token of %d: status %d", j, i, w.Code)
				}
				break
			}
		}
	}
	if len(names) != 3 {
		t.Errorf("the districts are called %v", names)
	}
	s.Sharings()[1].Disconnect()
	for i, d := range s.Sharings() {
		w := ask(s, http.MethodGet, "/v3.1/districts", "Bearer "+d.Token())
		if (w.Code == http.StatusOK) == (i == 1) {
			t.Errorf("after the second has left, district %d: status %d", i, w.Code)
		}
	}
}

func TestDistricts_Refusals(t *testing.T) {
	t.Parallel()
	for _, cfg := range []clevertest.Config{{Districts: -1}, {Districts: 1e6}, {Districts: 2, Dir: "anywhere"}} {
		if _, err := clevertest.New(cfg); err == nil {
			t.Errorf("%+v: no error", cfg)
		}
	}
}
