package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// requestTimeout bounds what one request may do; the server cuts its
// connection only later, so that the answer still gets out.
const requestTimeout = 20 * time.Second

// askClever bounds what of it may be spent on Clever.
const askClever = 14 * time.Second

// around is what happens to every request, whatever it asks for.
func (a *API) around(mux *http.ServeMux, metrics prometheus.Registerer) http.Handler {
	refuse := http.NewCrossOriginProtection()
	refuse.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		newProblem(codeCrossOrigin, "").send(w)
	}))
	guarded := refuse.Handler(problemsOf(mux))
	measure := newMeasure(metrics)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
		defer cancel()
		r = r.WithContext(ctx)
		answer := &recorder{ResponseWriter: w}
		setHeaders(answer.Header())
		start := time.Now()
		defer func() {
			a.recovered(answer, r, recover())
			measure.observe(r, answer.status, time.Since(start))
		}()
		guarded.ServeHTTP(answer, r)
	})
}

// setHeaders are those of an answer that is data and no page; /docs and /queues
// set their own Content-Security-Policy.
func setHeaders(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
}

// recovered answers for an operation that panicked. Its stack goes to the log.
func (a *API) recovered(w *recorder, r *http.Request, panicked any) {
	if panicked == nil {
		return
	}
	p := a.internal(r.Context(), fmt.Errorf("panic: %v\n%s", panicked, debug.Stack()))
	if w.status == 0 {
		p.send(w)
	}
}

// problemsOf makes problems of what the mux itself refuses in plain text: an
// address that it does not know, a method that an address does not take.
func problemsOf(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		refusal, pattern := mux.Handler(r)
		if pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		plain := &discarded{header: http.Header{}}
		refusal.ServeHTTP(plain, r)
		if plain.status == http.StatusMethodNotAllowed {
			w.Header()["Allow"] = plain.header["Allow"]
			newProblem(codeMethodNotAllowed, "").send(w)
			return
		}
		newProblem(codeNotFound, "").send(w)
	})
}

// discarded keeps status and headers of an answer and drops its body.
type discarded struct {
	header http.Header
	status int
}

func (d *discarded) Header() http.Header         { return d.header }
func (d *discarded) Write(p []byte) (int, error) { return len(p), nil }
func (d *discarded) WriteHeader(status int)      { d.status = status }
