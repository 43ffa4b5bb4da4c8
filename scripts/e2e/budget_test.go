package e2e

import (
	"context"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"cleversync/shared/clever/clevertest"
	"cleversync/shared/postgres"
	"cleversync/shared/roster"
	"cleversync/shared/syncrun"
)

// Clever's own limit, in windows of a real minute.
const limit = 1200

// pressed has three workers read one record a request for two tenants of one
// district: first a scheduled run, then, once that wants all it can get, one
// that a person started.
func pressed(t *testing.T, s *site, students int) (w *world, scheduled, manual uuid.UUID) {
	t.Helper()
	w = newWorldOf(t, s, clevertest.Config{Students: students, Seed: 7, RateLimit: limit}, 1)
	w.start("scheduler")
	for range 3 {
		w.start("worker", "DATABASE_MAX_CONNS=16")
	}
	other := uuid.Must(uuid.NewV7())
	w.connect(other)
	scheduled = w.schedule(other)
	w.until("the scheduled run is well under way", func(context.Context) (bool, error) { return w.requests() > 60, nil })
	return w, scheduled, w.begin()
}

// schedule begins a run as the scheduler does at night.
func (w *world) schedule(id uuid.UUID) uuid.UUID {
	w.t.Helper()
	run := uuid.Must(uuid.NewV7())
	w.as(func(tx pgx.Tx) {
		c, err := postgres.LockConnection(w.t.Context(), tx, id)
		must(w.t, err)
		inserted, err := postgres.InsertRun(w.t.Context(), tx, postgres.NewRun{
			ID: run, Tenant: id, Region: "uk", Trigger: syncrun.Scheduled, StartedBy: "test", WindowKey: "uk/test",
			Config: w.dispatcher.ConfigOf(*c, roster.DefaultLimits()),
		})
		if must(w.t, err); !inserted {
			w.t.Fatal("the scheduled run was not begun")
		}
	})
	return run
}

// windows are those of the district's token.
func (w *world) windows() []clevertest.Window { return w.clever.Windows() }

func (w *world) requests() (n int) {
	for _, window := range w.windows() {
		n += window.Requests
	}
	return n
}

// pages is how many requests a run has made for its lists.
func (w *world) pages(run uuid.UUID) (n int) {
	w.t.Helper()
	must(w.t, w.pool.QueryRow(w.t.Context(), `SELECT COALESCE(sum(pages), 0) FROM staging.progress WHERE run_id = $1`, run).Scan(&n))
	return n
}

// kept checks that no window saw more than the limit.
func (w *world) kept() {
	w.t.Helper()
	for i, window := range w.windows() {
		w.t.Logf("window %d: %d requests", i+1, window.Requests)
		if window.Requests > limit || window.Refused > 0 {
			w.t.Errorf("window %d saw %d requests and refused %d: the limit is %d", i+1, window.Requests, window.Refused, limit)
		}
	}
}

// Three workers under pressure never go beyond what Clever allows, and use more
// than nine tenths of it. It takes two minutes, nearly all of it waiting.
func TestBudget_severalWorkers(t *testing.T) {
	t.Parallel()
	w, scheduled, manual := pressed(t, newSite(t), 1200)
	w.within(2*patience, "two windows are over", func(context.Context) (bool, error) { return len(w.windows()) > 2, nil })
	ofScheduled, ofManual := w.pages(scheduled), w.pages(manual)
	w.kept()
	var running int
	must(t, w.pool.QueryRow(t.Context(), `SELECT count(*) FROM sync.runs WHERE state = 'running'`).Scan(&running))
	if running != 2 {
		t.Fatalf("%d runs are under way: there was no pressure to the end", running)
	}
	for i, window := range w.windows()[:2] {
		if window.Requests <= limit*9/10 {
			t.Errorf("window %d saw %d requests of %d under pressure, want more than nine tenths", i+1, window.Requests, limit)
		}
	}
	t.Logf("pages of the scheduled run %d, of the person's %d", ofScheduled, ofManual)
	if ofManual <= ofScheduled {
		t.Errorf("the person's run read %d pages, the scheduled one %d: it has no advantage", ofManual, ofScheduled)
	}
}

// Control: without the budget Clever refuses requests.
func TestBudget_severalWorkers_control(t *testing.T) {
	t.Parallel()
	w, _, _ := pressed(t, newSite(t, "unbudgeted"), 1200)
	w.until("a request is refused", func(context.Context) (bool, error) {
		return slices.ContainsFunc(w.windows(), func(window clevertest.Window) bool { return window.Refused > 0 }), nil
	})
}

// Redis dies in the middle of it. The workers go on, slower; Redis comes back
// without what it had not written yet. No window sees too much, and the runs
// complete.
func TestBudget_redisKilled(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w, scheduled, manual := pressed(t, s, 300)
	for range 2 {
		begin := w.requests()
		w.until("some hundred requests more", func(context.Context) (bool, error) { return w.requests() > begin+200, nil })
		must(t, s.KillRedis())
		alone := w.requests()
		w.until("the workers have gone on without Redis", func(context.Context) (bool, error) { return w.requests() > alone+50, nil })
		must(t, s.StartRedis(t.Context()))
	}
	for _, run := range []uuid.UUID{manual, scheduled} {
		if got := w.outcome(run); got != syncrun.Completed {
			t.Errorf("run: %s, want completed", got)
		}
	}
	w.kept()
}
