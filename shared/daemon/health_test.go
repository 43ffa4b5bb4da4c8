package daemon_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"cleversync/shared/daemon"
)

func get(t *testing.T, h http.Handler, path string) (int, string) {
	t.Helper()
	recorder := httptest.NewRecorder()
	h.ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), "GET", path, nil))
	return recorder.Code, recorder.Body.String()
}

func TestHealth_Paths(t *testing.T) {
	t.Parallel()
	health := daemon.Health(daemon.Registry("api"))
	for path, want := range map[string]string{"/healthz": `"ok"`, "/readyz": `"ready"`, "/metrics": `cleversync_build_info{`} {
		if status, body := get(t, health, path); status != 200 || !strings.Contains(body, want) {
			t.Errorf("%s: %d, want 200 with %s", path, status, want)
		}
	}
}

func TestHealth_SaysWhichCheckFailed(t *testing.T) {
	t.Parallel()
	health := daemon.Health(daemon.Registry("api"),
		daemon.Check{Name: "postgres", Probe: func(context.Context) error { return errors.New("dial db.internal as admin: refused") }},
		daemon.Check{Name: "redis", Probe: func(context.Context) error { return nil }},
	)
	status, body := get(t, health, "/readyz")
	var got struct {
		Status string
		Checks map[string]string
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"postgres": "failed", "redis": "ok"}, got.Checks); diff != "" || status != 503 || got.Status != "not ready" {
		t.Errorf("%d %s", status, body)
	}
	if strings.Contains(body, "db.internal") {
		t.Errorf("the answer shows the error: %s", body)
	}
	if status, _ := get(t, health, "/healthz"); status != 200 {
		t.Errorf("healthz %d: a process lives without what it needs", status)
	}
}

func TestHealth_RemembersBriefly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		health := daemon.Health(daemon.Registry("api"), daemon.Check{Name: "postgres", Probe: func(context.Context) error {
			asked.Add(1)
			time.Sleep(100 * time.Millisecond)
			return nil
		}})
		for range 50 {
			go get(t, health, "/readyz")
		}
		synctest.Wait()
		time.Sleep(500 * time.Millisecond)
		get(t, health, "/readyz")
		if n := asked.Load(); n != 1 {
			t.Errorf("asked %d times at once, want 1", n)
		}
		time.Sleep(2 * time.Second)
		get(t, health, "/readyz")
		if n := asked.Load(); n != 2 {
			t.Errorf("asked %d times in all, want 2", n)
		}
	})
}

func TestHealth_BoundsAProbe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		health := daemon.Health(daemon.Registry("api"), daemon.Check{Name: "postgres", Probe: func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}})
		if status, _ := get(t, health, "/readyz"); status != 503 {
			t.Errorf("status %d, want 503", status)
		}
	})
}

func TestLogged_LogsChangesOnly(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	var failing error
	check := daemon.Logged(slog.New(slog.NewTextHandler(&out, nil)), daemon.Check{Name: "postgres", Probe: func(context.Context) error { return failing }})
	for _, err := range []error{nil, errors.New("away"), errors.New("away"), nil, nil} {
		failing = err
		if got := check.Probe(t.Context()); !errors.Is(got, err) {
			t.Errorf("probe gives %v, want %v", got, err)
		}
	}
	if lines := strings.Count(out.String(), "\n"); lines != 2 {
		t.Errorf("%d lines, want one for each change: %s", lines, out.String())
	}
}
