package clevertest

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// counting is a generator that counts the records it is asked for.
type counting struct {
	*generator
	filled int
}

func (c *counting) user(rank int, into *scratch) *User {
	c.filled++
	return c.generator.user(rank, into)
}

func (c *counting) section(rank int, into *scratch) *Section {
	c.filled++
	return c.generator.section(rank, into)
}

// TestList_CostsItsPageOnly: no list of a large district looks at more records
// than it answers, wherever in the list the page is.
func TestList_CostsItsPageOnly(t *testing.T) {
	t.Parallel()
	s, err := New(Config{Students: 1_000_000, RateLimit: -1})
	if err != nil {
		t.Fatal(err)
	}
	g := s.source.(*generator)
	counted := &counting{generator: g}
	s.source = counted
	school := g.schoolID[len(g.schoolID)/2]
	for _, path := range []string{
		"/users?limit=50", "/users?limit=50&role=contact", "/users?limit=50&role=teacher", "/sections?limit=50",
		"/users?limit=50&role=contact&starting_after=" + g.id(users, g.contactsFrom()+900_000),
		"/users?limit=50&ending_before=" + g.id(users, g.contactsFrom()+900_000),
		"/users?limit=50&ending_before=last",
		"/schools/" + school + "/users?limit=50", "/schools/" + school + "/users?limit=50&role=student",
		"/schools/" + school + "/sections?limit=50", "/sections?limit=50&starting_after=" + g.id(sections, 200_000),
	} {
		counted.filled = 0
		r := httptest.NewRequest("GET", "/v3.1"+path, nil)
		r.Header.Set("Authorization", "Bearer "+s.Token())
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != http.StatusOK || counted.filled != 50 {
			t.Errorf("GET %s: status %d, %d records computed, want 50", path, w.Code, counted.filled)
		}
	}
}

// TestEvolve_KeepsAMonthOfEvents: what nobody can read any more is not kept
// either.
func TestEvolve_KeepsAMonthOfEvents(t *testing.T) {
	t.Parallel()
	s, err := New(Config{Students: 10})
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if _, err := s.Evolve(Night{}); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(s.state.Load().feed); n != 31 {
		t.Errorf("%d events are kept", n)
	}
}
