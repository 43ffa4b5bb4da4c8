package e2e

import (
	"context"

	"cleversync/shared/clever/clevertest"
)

// hold has Clever hold one request back: the nth for the pages of a list. It is
// answered as usual once it is let go, or never where its caller has gone.
func (w *world) hold(n int, route, role string) {
	w.t.Helper()
	must(w.t, w.clever.SetFaults(clevertest.FaultRule{
		Name:  "held",
		Meets: clevertest.FaultMatch{Route: route, Query: map[string]string{"role": role}},
		When:  clevertest.FaultWhen{Nth: n},
		Fault: clevertest.Fault{Kind: clevertest.FaultHold},
	}))
}

// held waits until the request has come.
func (w *world) held() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	must(w.t, w.clever.AwaitFault(ctx, "held"))
}

// letGo lets the held request go, and every later one.
func (w *world) letGo() { must(w.t, w.clever.SetFaults()) }
