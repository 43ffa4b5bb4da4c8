package daemon

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// probeTimeout bounds one readiness check, and remembered is how long its
// answer stands, so that many askers cost what one costs.
const (
	probeTimeout = 2 * time.Second
	remembered   = time.Second
)

// Check is something that a program needs before it can be of use.
type Check struct {
	// Name is shown to whoever asks; lower case, one word.
	Name string
	// Probe tells what is missing, or nil. Its error is never shown to the one
	// who asks: see Logged.
	Probe func(context.Context) error
}

// Logged is check with its failures in the log: once when it begins to fail
// and once when it is well again.
func Logged(log *slog.Logger, check Check) Check {
	var failing atomic.Bool
	return Check{Name: check.Name, Probe: func(ctx context.Context) error {
		err := check.Probe(ctx)
		switch {
		case err != nil && failing.CompareAndSwap(false, true):
			log.WarnContext(ctx, "readiness check fails", "check", check.Name, "error", err)
		case err == nil && failing.CompareAndSwap(true, false):
			log.InfoContext(ctx, "readiness check is well again", "check", check.Name)
		}
		return err
	}}
}

// Health answers for a program at three paths: /healthz says that the process
// lives, /readyz whether every check passes (503 and which did not, where one
// does not), /metrics gives what reg gathers. None needs a credential, none
// tells a secret.
func Health(reg *prometheus.Registry, checks ...Check) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	mux.Handle("GET /readyz", &readiness{checks: checks, turn: make(chan struct{}, 1)})
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{
		Registry:            reg,
		MaxRequestsInFlight: 4,
		Timeout:             10 * time.Second,
	}))
	return mux
}

type readiness struct {
	checks []Check

	// turn holds one value while somebody asks or reads what follows.
	turn   chan struct{}
	at     time.Time
	status int
	body   readyBody
}

type readyBody struct {
	Status string            `json:"status"`
	Checks map[string]string `json:"checks"`
}

func (r *readiness) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	status, body := r.state(req.Context())
	answer(w, status, body)
}

// state gives the last answer, or asks anew where that is too old. Whoever
// comes while it asks waits for the same answer.
func (r *readiness) state(ctx context.Context) (int, readyBody) {
	select {
	case r.turn <- struct{}{}:
	case <-ctx.Done():
		return http.StatusServiceUnavailable, readyBody{Status: "not asked"}
	}
	defer func() { <-r.turn }()
	if r.status != 0 && time.Since(r.at) < remembered {
		return r.status, r.body
	}
	r.status, r.body = r.ask(context.WithoutCancel(ctx))
	r.at = time.Now()
	return r.status, r.body
}

func (r *readiness) ask(ctx context.Context) (int, readyBody) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	failures := make([]error, len(r.checks))
	var wg sync.WaitGroup
	for i, check := range r.checks {
		wg.Go(func() { failures[i] = check.Probe(ctx) })
	}
	wg.Wait()

	status, body := http.StatusOK, readyBody{Status: "ready", Checks: map[string]string{}}
	for i, check := range r.checks {
		body.Checks[check.Name] = "ok"
		if failures[i] != nil {
			body.Checks[check.Name] = "failed"
			status, body.Status = http.StatusServiceUnavailable, "not ready"
		}
	}
	return status, body
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// An error here means that the asker has gone.
	_ = json.NewEncoder(w).Encode(body)
}
