package e2e

import (
	"context"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"cleversync/scripts/scratch"
	"cleversync/shared/syncrun"
)

// point is a place in a run at which it can be held. hold begins to hold and
// returns what lets go; reached waits until the run stands there.
type point struct {
	step syncrun.Step
	hold func(w *world) (reached func(), release func())
}

// atRequest holds the nth page of a list.
func atRequest(step syncrun.Step, n int, route, role string) point {
	return point{step, func(w *world) (func(), func()) {
		w.hold(n, route, role)
		return w.held, w.letGo
	}}
}

// atLock holds a step in its transaction by a lock on a table of the roster
// store.
func atLock(step syncrun.Step, table, mode string) point {
	return point{step, func(w *world) (func(), func()) {
		conn, err := pgx.Connect(w.t.Context(), w.owner)
		must(w.t, err)
		for _, statement := range []string{"BEGIN", "LOCK TABLE " + table + " IN " + mode + " MODE"} {
			_, err = conn.Exec(w.t.Context(), statement)
			must(w.t, err)
		}
		reached := func() {
			w.until(string(step)+" waits for the lock", func(ctx context.Context) (waits bool, err error) {
				err = w.pool.QueryRow(ctx, `
					SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted AND relation = $2::text::regclass)
					   AND EXISTS (SELECT 1 FROM sync.run_steps WHERE name = $1 AND state = 'running')`, step, table).Scan(&waits)
				return waits, err
			})
		}
		return reached, func() { _ = conn.Close(context.Background()) } // Postgres may have been stopped
	}}
}

// points has one place in every step. The stream of users must be several pages
// long, so that a held page is not the first.
func points() []point {
	return []point{
		atRequest(syncrun.Prepare, 1, "/districts", ""),
		atRequest(syncrun.FetchSchools, 1, "/schools", ""),
		atRequest(syncrun.FetchStudents, 2, "/users", "student"),
		atRequest(syncrun.FetchTeachers, 1, "/users", "teacher"),
		atRequest(syncrun.FetchSections, 1, "/sections", ""),
		atRequest(syncrun.FetchCourses, 1, "/courses", ""),
		atRequest(syncrun.FetchTerms, 1, "/terms", ""),
		atRequest(syncrun.FetchContacts, 2, "/users", "contact"),
		atLock(syncrun.Plan, "school_manager.classroom_members", "ACCESS EXCLUSIVE"), // only plan reads it
		atLock(syncrun.Apply, "school_manager.users", "SHARE"),                       // only apply writes it
	}
}

// undisturbed is the roster of a run that was left alone.
func undisturbed(t *testing.T, s *site) string {
	t.Helper()
	w := newWorld(t, s)
	w.start("worker")
	w.start("scheduler")
	run := w.begin()
	if got := w.outcome(run); got != syncrun.Completed {
		t.Fatalf("undisturbed run: %s, want completed", got)
	}
	want := w.roster()
	if !strings.Contains(want, "member|") || !strings.Contains(want, "link|") {
		t.Fatal("the undisturbed run brought no members or no links: the comparison would be empty")
	}
	return want
}

// sound checks that a disturbed run ended like one that was left alone.
func (w *world) sound(run uuid.UUID, want string) {
	w.t.Helper()
	if got := w.outcome(run); got != syncrun.Completed {
		w.t.Errorf("run: %s, want completed", got)
	}
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(w.roster(), "\n")); diff != "" {
		w.t.Errorf("roster differs from that of a run left alone (-want +got):\n%s", diff)
	}
	w.until("nothing is left of the run", func(context.Context) (bool, error) { return w.leftovers() == 0, nil })
}

func TestWorkerKilledInAnyStep(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	want := undisturbed(t, s)
	for _, p := range points() {
		t.Run(string(p.step), func(t *testing.T) {
			w := newWorld(t, s)
			reached, release := p.hold(w)
			victim := w.start("worker")
			w.start("scheduler")
			run := w.begin()
			reached()
			victim.kill(t)
			release()
			w.start("worker")
			w.sound(run, want)
		})
	}
}

func TestPostgresStoppedInAnyStep(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	want := undisturbed(t, s)
	for _, p := range points() {
		t.Run(string(p.step), func(t *testing.T) {
			w := newWorld(t, s)
			reached, release := p.hold(w)
			w.start("worker")
			w.start("scheduler")
			run := w.begin()
			reached()
			must(t, s.StopPostgres(scratch.Immediate))
			release()
			must(t, s.StartPostgres(t.Context()))
			w.sound(run, want)
		})
	}
}

// Between the last fetch and the plan a crash empties staging while every fetch
// step says done. The tenant has a roster already: taken at its word, the empty
// staging would archive all of it.
func TestPostgresStoppedBeforePlan(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	stopped(t, s).sound2(t, undisturbed(t, s))
}

// Control: without the check of progress the crash is not noticed.
func TestPostgresStoppedBeforePlan_control(t *testing.T) {
	t.Parallel()
	s := newSite(t, "unproven")
	w := stopped(t, s)
	if got := w.outcome(w.run); got == syncrun.Completed && w.roster() == undisturbed(t, s) {
		t.Error("a worker that does not look for lost rows passes: the test proves nothing")
	}
}

// stoppedWorld is a world whose second run met the crash.
type stoppedWorld struct {
	*world
	run uuid.UUID
}

func (w stoppedWorld) sound2(t *testing.T, want string) {
	t.Helper()
	w.sound(w.run, want)
	var generation int
	must(t, w.pool.QueryRow(t.Context(), `SELECT generation FROM sync.runs WHERE id = $1`, w.run).Scan(&generation))
	if generation != 2 {
		t.Errorf("generation %d, want 2: the crash was not met", generation)
	}
}

// stopped lets a first run complete, and crashes Postgres in a second one
// between its last fetch and its plan.
func stopped(t *testing.T, s *site) stoppedWorld {
	t.Helper()
	w := newWorld(t, s)
	w.start("scheduler")
	first := w.start("worker")
	if got := w.outcome(w.begin()); got != syncrun.Completed {
		t.Fatalf("first run: %s", got)
	}
	first.kill(t)
	fetcher := w.start("worker", "APPLY_CONCURRENCY=0")
	run := w.begin()
	w.until("the plan is ready", func(ctx context.Context) (ready bool, err error) {
		err = w.pool.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM sync.run_steps WHERE run_id = $1 AND name = 'plan')`, run).Scan(&ready)
		return ready, err
	})
	fetcher.kill(t)
	must(t, s.StopPostgres(scratch.Immediate))
	must(t, s.StartPostgres(t.Context()))
	w.start("worker")
	return stoppedWorld{w, run}
}

func TestCancelledInAnyStep(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, p := range points() {
		t.Run(string(p.step), func(t *testing.T) {
			w := newWorld(t, s)
			reached, release := p.hold(w)
			w.start("worker")
			w.start("scheduler")
			run := w.begin()
			reached()
			must(t, w.dispatcher.Cancel(t.Context(), w.tenant, run, "test"))
			got := w.outcome(run)
			release()
			if got != syncrun.Cancelled {
				t.Errorf("run: %s, want cancelled", got)
			}
			if roster := w.roster(); roster != "" {
				t.Errorf("a cancelled first run wrote:\n%s", roster)
			}
			w.until("nothing is left of the run", func(context.Context) (bool, error) { return w.leftovers() == 0, nil })
		})
	}
}

// A worker that is frozen past its lease wakes up while another has done its
// work: whatever it writes then must be refused.
func TestFrozenWorkerWakesUp(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	want := undisturbed(t, s)
	w, run := frozen(t, s)
	w.sound(run, want)
	// The sleeper must have tried, and been told.
	w.until("the sleeper was fenced off", func(context.Context) (bool, error) { return w.sleeperFenced() })
	w.sound(run, want)
}

// Control: without the fence the sleeper goes on with what is not its own.
func TestFrozenWorkerWakesUp_control(t *testing.T) {
	t.Parallel()
	s := newSite(t, "unfenced")
	w, run := frozen(t, s)
	w.outcome(run)
	w.until("the sleeper has meddled", func(ctx context.Context) (meddled bool, err error) {
		err = w.pool.QueryRow(ctx, `
			SELECT EXISTS (SELECT 1
			               FROM staging.progress p
			               JOIN sync.runs r ON r.id = p.run_id
			               WHERE r.state = 'completed')
			    OR EXISTS (SELECT 1
			               FROM sync.run_steps s
			               JOIN sync.runs r ON r.id = s.run_id
			               WHERE s.started_at > r.finished_at OR s.finished_at > r.finished_at)`).Scan(&meddled)
		return meddled, err
	})
}

// frozenWorld remembers the worker that slept.
type frozenWorld struct {
	*world
	sleeper *program
}

// frozen stops a worker in the middle of the students, lets another complete
// the run, and wakes the first up.
func frozen(t *testing.T, s *site) (frozenWorld, uuid.UUID) {
	t.Helper()
	w := newWorld(t, s)
	w.hold(2, "/users", "student")
	sleeper := w.start("worker")
	w.start("scheduler")
	run := w.begin()
	w.held()
	must(t, sleeper.Process.Signal(syscall.SIGSTOP))
	w.start("worker")
	if got := w.outcome(run); got != syncrun.Completed {
		t.Fatalf("run: %s, want completed by the second worker", got)
	}
	must(t, sleeper.Process.Signal(syscall.SIGCONT))
	w.letGo()
	return frozenWorld{w, sleeper}, run
}

func (w frozenWorld) sleeperFenced() (bool, error) {
	return w.sleeper.says("step was taken over")
}
