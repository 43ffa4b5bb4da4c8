package clevertest

import (
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// Override may take a request over: it answers and returns true, or returns
// false to let the simulator answer. It runs on the goroutine of the request,
// several at once.
type Override func(w http.ResponseWriter, r *http.Request) bool

// SetOverride installs f in front of everything, the rate limit included, so
// that a test can put any fault in Clever's place; nil removes it. Call
// [Server.Answer] inside f for the genuine answer.
func (s *Server) SetOverride(f Override) {
	if f == nil {
		s.override.Store(nil)
		return
	}
	s.override.Store(&f)
}

// SetEvents switches events on or off for the app. What changes while they are
// off has no events later.
func (s *Server) SetEvents(on bool) { s.silent.Store(!on) }

// Token returns the district token that is valid now.
func (d *Sharing) Token() string { return d.state.Load().token }

// ClientID returns the app's id at the token list.
func (s *Server) ClientID() string { return s.cfg.ClientID }

// ClientSecret returns the app's secret at the token list.
func (s *Server) ClientSecret() string { return s.cfg.ClientSecret }

// RotateToken replaces the district's token and returns the new one: the old
// is refused with 401 from now on and the token list shows the new. After
// [Sharing.Disconnect] it connects the district again.
func (d *Sharing) RotateToken() string {
	next := d.update(func(st *state) {
		st.rotations++
		st.token = secret(d.seed, "token "+strconv.Itoa(st.rotations))
		st.shared = true
	})
	return next.token
}

// Disconnect withdraws the district from the app: its token is refused, the
// token list is without it, and codes and tokens of its people are void, for
// good: those of before do not return with the district.
func (d *Sharing) Disconnect() {
	d.update(func(st *state) {
		st.shared = false
		st.departed++
	})
}

// SetDistrict changes what Clever says of the district itself: its state, the
// time of its last sync.
func (d *Sharing) SetDistrict(f func(*DistrictState)) {
	d.update(func(st *state) { f(&st.info) })
}

// HideSchool stops sharing a school: it answers 404, and so do its sections
// and whoever is at no other shared school; contacts go with their last
// student. Who stays still names the school in its record. An unknown id
// changes nothing.
func (d *Sharing) HideSchool(id string) { d.hide(id, true) }

// ShowSchool shares a hidden school again, with the same ids as before.
func (d *Sharing) ShowSchool(id string) { d.hide(id, false) }

func (d *Sharing) hide(id string, hidden bool) {
	d.update(func(st *state) {
		if _, ok := (&District{d.source, st}).lookup(schools, id); !ok {
			return
		}
		next := maps.Clone(st.hidden)
		if next == nil {
			next = map[string]bool{}
		}
		if hidden {
			next[id] = true
		} else {
			delete(next, id)
		}
		st.hidden = next
	})
}

// update derives the next state from the present one. Maps in a state are
// never written once it is stored, because requests read them without a lock.
func (d *Sharing) update(f func(*state)) *state {
	d.change.Lock()
	defer d.change.Unlock()
	next := *d.state.Load()
	f(&next)
	d.state.Store(&next)
	return &next
}

// Requests returns how many requests came per route, for instance
// "/users" or "/schools/{id}/users", whatever the API version; what no route
// knows counts as "other". Overridden and refused requests count as well.
func (s *Server) Requests() map[string]int { return s.requests.snapshot() }

// route names the request's route without its version.
func (s *Server) route(r *http.Request) string {
	_, pattern := s.mux.Handler(r)
	_, path, ok := strings.Cut(pattern, " ")
	if !ok {
		return "other"
	}
	for _, v := range versions {
		path = strings.TrimPrefix(path, "/"+v)
	}
	return path
}

// tally counts by name; its zero value is ready.
type tally struct {
	mu     sync.Mutex
	counts map[string]int
}

func (t *tally) add(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts == nil {
		t.counts = map[string]int{}
	}
	t.counts[name]++
}

func (t *tally) snapshot() map[string]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.counts)
}
