package clevertest

import (
	"net/http"
	"path"
)

// meets tells whether the rule is about the request at all.
func (rule *faultRule) meets(s *Server, r *http.Request, route string) bool {
	m := &rule.Meets
	if m.Route != "" && m.Route != route || m.Method != "" && m.Method != r.Method || m.Token != "" && m.Token != bearer(r) {
		return false
	}
	if m.Path != "" {
		if ok, err := path.Match(m.Path, r.URL.Path); err != nil || !ok {
			return false
		}
	}
	if len(m.Query) > 0 {
		query := r.URL.Query()
		for name, want := range m.Query {
			if got := query.Get(name); got != want && (want != "*" || got == "") {
				return false
			}
		}
	}
	if m.District != "" && r.URL.Query().Get("district") != m.District {
		if d := s.sharingBy(bearer(r)); d == nil || d.source.districtID() != m.District {
			return false
		}
	}
	return rule.spec.needs == nil || rule.spec.needs(&rule.Fault, r)
}

// arrive numbers a request, and tells whether the rule acts on it; not where an
// earlier rule does.
func (rule *faultRule) arrive(s *Server, r *http.Request, free bool) bool {
	rule.mu.Lock()
	defer rule.mu.Unlock()
	rule.counts.Met++
	if rule.counts.Met == 1 && rule.spec.prepare != nil {
		rule.withdrawn = rule.spec.prepare(s, r, &rule.Fault)
	}
	if !free || !rule.When.due(rule.counts.Met) || rule.When.Times > 0 && rule.fired >= rule.When.Times {
		return false
	}
	rule.fired++
	return true
}

// due tells whether the nth request counts.
func (w *FaultWhen) due(n int) bool {
	if w.Nth > 0 && n != w.Nth {
		return false
	}
	from := max(w.From, 1)
	if n < from || w.Every > 0 && (n-from)%w.Every != 0 {
		return false
	}
	if w.Probability == 0 {
		return true
	}
	const purpose = 0xfa17
	dice := newDice(w.Seed, purpose, n)
	return float64(dice.roll(1<<53))/(1<<53) < w.Probability
}

// sharingBy finds the district that a token opens, nil where there is none.
func (s *Server) sharingBy(token string) *Sharing {
	for _, d := range s.sharings {
		if st := d.state.Load(); token != "" && st.shared && st.token == token {
			return d
		}
	}
	return nil
}

// sharingByID finds a district by its id, nil where there is none.
func (s *Server) sharingByID(id string) *Sharing {
	for _, d := range s.sharings {
		if d.source.districtID() == id {
			return d
		}
	}
	return nil
}
