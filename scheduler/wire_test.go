package main

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"cleversync/scheduler/internal/duty"
)

// A duty that hangs can only be helped by a restart, so the program says that it
// does not live.
func TestHealthz_whileADutyHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		log, release := slog.New(slog.DiscardHandler), make(chan struct{})
		runner := duty.New(log, prometheus.NewRegistry(), time.Second,
			duty.Duty{Name: "stuck", Interval: time.Second, Tick: func(context.Context) error { <-release; return nil }})
		handler := newHandler(log, prometheus.NewRegistry(), nil, runner)
		healthz := func() (int, string) {
			answer := httptest.NewRecorder()
			handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/healthz", nil))
			return answer.Code, answer.Body.String()
		}
		done := make(chan struct{})
		go func() { defer close(done); runner.Run(ctx) }()
		synctest.Wait()
		if status, body := healthz(); status != http.StatusOK {
			t.Errorf("at first: %d %s", status, body)
		}
		time.Sleep(time.Minute) // virtual
		if status, body := healthz(); status != http.StatusServiceUnavailable || !strings.Contains(body, "stuck") {
			t.Errorf("after a minute: %d %s", status, body)
		}
		close(release)
		synctest.Wait()
		if status, body := healthz(); status != http.StatusOK {
			t.Errorf("when it moves again: %d %s", status, body)
		}
		cancel()
		<-done
	})
}
