package sweeper_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"cleversync/scheduler/internal/sweeper"
	"cleversync/shared/fault"
	"cleversync/shared/postgres"
	"cleversync/shared/syncrun"
)

// A dead worker's step is somebody else's within the same tick.
func TestTick_leaseOfADeadWorker(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.claim(syncrun.Prepare)
	w.flush()
	w.tick()
	if got := w.step(syncrun.Prepare); got.State != syncrun.StepRunning {
		t.Fatalf("a living worker's step became %+v", got)
	}
	w.lapse()
	w.tick()
	if diff := cmp.Diff(step{State: syncrun.StepReady, Seq: 2, Crashes: 1, Told: true}, w.step(syncrun.Prepare)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{w.id(syncrun.Prepare, 2)}, w.pending()); diff != "" {
		t.Errorf("on the queue (-want +got):\n%s", diff)
	}
	if n := w.counted("cleversync_leases_expired_total"); n != 1 {
		t.Errorf("counted %v expired leases", n)
	}
}

// More at once than one statement takes.
func TestTick_manyDeadWorkers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.claim(syncrun.Prepare)
	w.exec(`
		INSERT INTO sync.run_steps (run_id, name, tenant_id, district_id, lane, state, lease_until)
		SELECT $1, 'fetch-' || n, $2, 'd', 'manual', 'running', now() FROM generate_series(1, 9) n`, c.Run, c.Tenant)
	w.tick()
	if n := w.counted("cleversync_leases_expired_total"); n != 9 {
		t.Errorf("counted %v expired leases, want 9", n)
	}
}

func TestTick_lockedStepIsAlive(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.claim(syncrun.Prepare)
	w.lapse()
	must(t, c.Fenced(t.Context(), w.Pool, func(pgx.Tx) error {
		w.tick()
		return nil
	}))
	if got := w.step(syncrun.Prepare); got.State != syncrun.StepRunning || got.Crashes != 0 {
		t.Errorf("a step whose row its holder had locked became %+v", got)
	}
}

func TestTick_fiveDeadWorkersFailTheRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range postgres.MaxCrashes {
		if state, _ := w.state(w.run); state.Final() {
			t.Fatalf("the run is %s already", state)
		}
		w.claim(syncrun.Prepare)
		w.lapse()
		w.tick()
	}
	if state, code := w.state(w.run); state != syncrun.Failed || code != string(fault.LostWorker) {
		t.Errorf("the run is %s with code %q", state, code)
	}
	if n := w.counted("cleversync_runs_lost_total"); n != 1 {
		t.Errorf("counted %v lost runs", n)
	}
	w.start() // the tenant is free
}

// Until one lease has passed after a pause nobody is taken for dead.
func TestTick_afterAPauseOneLeaseIsWaited(t *testing.T) {
	t.Parallel()
	for name, pause := range map[string]func(*world){
		"it slept itself":    func(w *world) { w.clock = w.clock.Add(lease + time.Second) },
		"it has just begun":  func(w *world) { w.use(w.url) },
		"postgres restarted": func(w *world) { w.up = time.Second },
		"postgres was away": func(w *world) {
			w.away = errors.New("away")
			if err := w.sweeper.Tick(w.t.Context()); !errors.Is(err, w.away) {
				w.t.Errorf("got %v, want that Postgres is away", err)
			}
			w.away = nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.claim(syncrun.Prepare)
			w.tick()
			w.lapse()
			pause(w)
			for range 4 {
				w.tick()
				if got := w.step(syncrun.Prepare); got.State != syncrun.StepRunning {
					t.Fatalf("the step became %+v", got)
				}
				w.pass(lease/4 - time.Second)
			}
			w.pass(5 * time.Second)
			w.tick()
			if got := w.step(syncrun.Prepare); got.State != syncrun.StepReady {
				t.Errorf("after a lease of waiting the step is %+v", got)
			}
		})
	}
}

// pass lets time pass, for the sweeper and for the database.
func (w *world) pass(d time.Duration) {
	w.clock = w.clock.Add(d)
	w.up += d
}

// By the real clock and the real server a sweeper that has just begun judges
// nobody.
func TestTick_byItsOwnClock(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.claim(syncrun.Prepare)
	w.lapse()
	c := w.sweeper.Config
	c.Clock, c.Uptime = nil, nil
	begun := sweeper.New(c)
	for range 2 {
		must(t, begun.Tick(t.Context()))
	}
	if got := w.step(syncrun.Prepare); got.State != syncrun.StepRunning {
		t.Errorf("the step became %+v", got)
	}
}
