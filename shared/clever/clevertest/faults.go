package clevertest

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// FaultRule orders a fault: which requests it meets, at which of them it acts,
// and what it then does. Its JSON is what the control endpoint takes.
type FaultRule struct {
	// Name is for people, and for [Server.AwaitFault].
	Name  string     `json:"name,omitzero"`
	Meets FaultMatch `json:"meets,omitzero"`
	When  FaultWhen  `json:"when,omitzero"`
	Fault Fault      `json:"fault"`
}

// FaultMatch says which requests a rule meets: those that have all that is
// given, so its zero value meets every one.
type FaultMatch struct {
	// Route is the request's route as [Server.Requests] names it, for instance
	// "/schools/{id}/users", whatever the API version.
	Route string `json:"route,omitzero"`
	// Path is a pattern of [path.Match] for the path, version included.
	Path string `json:"path,omitzero"`
	// Method of the request.
	Method string `json:"method,omitzero"`
	// Query has parameters of the request with their values. "" stands for a
	// parameter that is absent or empty, "*" for any other value.
	Query map[string]string `json:"query,omitzero"`
	// District is the id of a district: its token opens the request now, or the
	// request's district parameter names it.
	District string `json:"district,omitzero"`
	// Token is the bearer token of the request.
	Token string `json:"token,omitzero"`
}

// FaultWhen says at which of the requests that a rule meets it acts: where all
// that is given holds, so its zero value stands for each of them. Requests are
// numbered from 1 in the order of their arrival, and each rule counts for
// itself, also those at which an earlier rule acts.
type FaultWhen struct {
	// Nth is the only request that counts.
	Nth int `json:"nth,omitzero"`
	// From is the first request that counts.
	From int `json:"from,omitzero"`
	// Every is the distance between those that count, from From (or 1) on.
	Every int `json:"every,omitzero"`
	// Times bounds how often the rule acts; 0 sets no bound.
	Times int `json:"times,omitzero"`
	// Probability between 0 and 1 with which a request counts; 0 means that all
	// do. It is decided by the request's number and the seed alone, so that a
	// run can be repeated.
	Probability float64 `json:"probability,omitzero"`
	Seed        uint64  `json:"seed,omitzero"`
}

// FaultReport is a rule with what it has done so far.
type FaultReport struct {
	FaultRule
	Counts FaultCounts `json:"counts"`
}

// FaultCounts counts requests. Passed are those at which the rule would have
// acted, had the genuine answer been one that can be damaged so: the records
// of a 404 cannot.
type FaultCounts struct {
	Met    int `json:"met"`
	Acted  int `json:"acted"`
	Passed int `json:"passed"`
}

// faultSet is the rules that are installed together.
type faultSet struct {
	rules []*faultRule
	// replaced closes when other rules take their place: what is held back by
	// these goes on then.
	replaced chan struct{}
}

// faultRule is an installed rule.
type faultRule struct {
	FaultRule
	spec  faultSpec
	acted chan struct{} // closes when the rule first acts

	mu     sync.Mutex
	counts FaultCounts
	fired  int
	// withdrawn are the records that the rule keeps back until it acts.
	withdrawn []string
}

// SetFaults installs rules in the place of those before, with their counts at
// zero; none removes all. Of several rules the first whose time has come acts,
// alone. Answers that the old rules hold back are let go. A rule that cannot be
// carried out is an error that names its field, and changes nothing.
func (s *Server) SetFaults(rules ...FaultRule) error {
	set := &faultSet{replaced: make(chan struct{})}
	if len(rules) > maxFaultRules {
		return fmt.Errorf("%d rules: want %d at most", len(rules), maxFaultRules)
	}
	for i, rule := range rules {
		spec, err := s.checkRule(rule)
		if err != nil {
			return fmt.Errorf("rules[%d].%w", i, err)
		}
		set.rules = append(set.rules, &faultRule{FaultRule: rule, spec: spec, acted: make(chan struct{})})
	}
	if len(rules) == 0 {
		set = nil
	}
	if old := s.faults.Swap(set); old != nil {
		close(old.replaced)
	}
	return nil
}

// Faults returns the rules that are installed and what each has done.
func (s *Server) Faults() []FaultReport {
	status := []FaultReport{}
	if set := s.faults.Load(); set != nil {
		for _, r := range set.rules {
			r.mu.Lock()
			status = append(status, FaultReport{r.FaultRule, r.counts})
			r.mu.Unlock()
		}
	}
	return status
}

// AwaitFault waits until the installed rule of this name has acted once. It
// fails when ctx ends, when the rules are replaced before, and where there is
// no such rule.
func (s *Server) AwaitFault(ctx context.Context, name string) error {
	set := s.faults.Load()
	if set == nil {
		return fmt.Errorf("wait for the fault %q: no rule is installed", name)
	}
	for _, r := range set.rules {
		if r.Name != name {
			continue
		}
		select {
		case <-r.acted:
			return nil
		case <-set.replaced:
			return fmt.Errorf("wait for the fault %q: its rule was removed", name)
		case <-ctx.Done():
			return fmt.Errorf("wait for the fault %q: %w", name, ctx.Err())
		}
	}
	return fmt.Errorf("wait for the fault %q: no rule has this name", name)
}

// meet offers a request to the rules, and tells whether one has answered it.
func (set *faultSet) meet(s *Server, w http.ResponseWriter, r *http.Request, route string) bool {
	var due *faultRule
	for _, rule := range set.rules {
		if !rule.meets(s, r, route) {
			continue
		}
		if rule.arrive(s, r, due == nil) {
			due = rule
		}
	}
	if due == nil {
		return false
	}
	due.spec.act(&strike{server: s, w: w, r: r, rule: due, fault: &due.Fault, replaced: set.replaced})
	return true
}

// strike is a rule acting on a request.
type strike struct {
	server   *Server
	w        http.ResponseWriter
	r        *http.Request
	rule     *faultRule
	fault    *Fault
	replaced <-chan struct{}
}

// count notes what became of the strike. It comes before the answer, so that
// whoever has the answer sees the count.
func (k *strike) count(acted bool) {
	k.rule.mu.Lock()
	defer k.rule.mu.Unlock()
	if !acted {
		k.rule.counts.Passed++
		return
	}
	if k.rule.counts.Acted++; k.rule.counts.Acted == 1 {
		close(k.rule.acted)
	}
}

// wait waits, and tells whether the request is still to be answered. Without a
// duration it waits for the rules to be replaced.
func (k *strike) wait(d time.Duration) bool {
	var over <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-over:
	case <-k.replaced:
	case <-k.r.Context().Done():
		return false
	}
	return true
}
