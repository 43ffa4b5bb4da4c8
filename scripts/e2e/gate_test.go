package e2e

import (
	"context"
	"net/http"
	"strings"
	"sync"
)

// gate holds one request to Clever: the nth that a predicate matches.
type gate struct {
	mu      sync.Mutex
	match   func(*http.Request) bool
	left    int
	reached chan struct{}
	release chan struct{}
}

func newGate() *gate { return &gate{} }

// hold arms the gate. The returned channel closes when the request has come.
func (g *gate) hold(n int, match func(*http.Request) bool) <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.match, g.left = match, n
	g.reached, g.release = make(chan struct{}), make(chan struct{})
	return g.reached
}

// open lets the held request go, and every later one.
func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.match = nil
	if g.release != nil {
		close(g.release)
		g.release = nil
	}
}

// override is the simulator's hook. A held request is answered as usual once it
// is let go, or never where its caller has gone.
func (g *gate) override(_ http.ResponseWriter, r *http.Request) bool {
	release := g.arrive(r)
	if release == nil {
		return false
	}
	select {
	case <-release:
	case <-r.Context().Done():
	}
	return false
}

func (g *gate) arrive(r *http.Request) <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.match == nil || !g.match(r) {
		return nil
	}
	if g.left--; g.left > 0 {
		return nil
	}
	g.match = nil
	close(g.reached)
	return g.release
}

// wait waits for the gate or the test's end.
func (w *world) wait(reached <-chan struct{}, what string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	select {
	case <-reached:
	case <-ctx.Done():
		w.t.Fatalf("waited in vain for %s", what)
	}
}

// list matches the pages of one of Clever's lists.
func list(path, role string) func(*http.Request) bool {
	return func(r *http.Request) bool {
		return strings.HasSuffix(r.URL.Path, path) && r.URL.Query().Get("role") == role
	}
}
