package postgres_test

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"cleversync/shared/fault"
	"cleversync/shared/postgres"
	"cleversync/shared/syncrun"
)

// stepsOf gives the sorted names of deliveries.
func stepsOf(deliveries []syncrun.Delivery) []syncrun.Step {
	var steps []syncrun.Step
	for _, d := range deliveries {
		steps = append(steps, d.Step)
	}
	slices.Sort(steps)
	return steps
}

func TestEndStep_insertsWhatFollows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := stepsOf(w.end(w.claim(syncrun.Prepare)))
	want := w.config.Fetches()
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("after prepare (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]syncrun.Step{syncrun.FetchContacts}, stepsOf(w.end(w.claim(syncrun.FetchStudents)))); diff != "" {
		t.Errorf("after the students (-want +got):\n%s", diff)
	}
}

// What lies above the bound waits in Postgres for the dispatcher.
func TestEndStep_boundOnWhatIsInFlight(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.claim(syncrun.Prepare)
	var next []syncrun.Delivery
	must(t, c.FencedRun(t.Context(), w.Pool, func(tx pgx.Tx) (err error) {
		next, err = postgres.EndStep(t.Context(), tx, c, 2)
		return err
	}))
	if len(next) != 2 {
		t.Errorf("%d steps go on the queue, want 2", len(next))
	}
	marked, err := postgres.MarkReady(t.Context(), w.Pool, 5, 100)
	must(t, err)
	if len(marked) != 3 {
		t.Errorf("the dispatcher moves %d, want the 3 that the bound leaves room for", len(marked))
	}
}

// Streams that end at the same moment must bring exactly one plan: neither none
// (each took the other for unfinished) nor a hang.
func TestEndStep_streamsThatEndTogetherBringOnePlan(t *testing.T) {
	t.Parallel()
	for range 20 {
		w := newWorld(t)
		w.end(w.claim(syncrun.Prepare))
		w.end(w.claim(syncrun.FetchStudents))
		var claims []*postgres.Claim
		for _, step := range append(w.config.Fetches(), syncrun.FetchContacts) {
			if step != syncrun.FetchStudents {
				claims = append(claims, w.claim(step))
			}
		}
		var mu sync.Mutex
		var next []syncrun.Step
		var wg sync.WaitGroup
		for _, c := range claims {
			wg.Go(func() {
				deliveries := w.end(c)
				mu.Lock()
				defer mu.Unlock()
				next = append(next, stepsOf(deliveries)...)
			})
		}
		wg.Wait()
		if diff := cmp.Diff([]syncrun.Step{syncrun.Plan}, next); diff != "" {
			t.Fatalf("what the streams brought (-want +got):\n%s", diff)
		}
	}
}

func TestWaitStep_countsAttemptsOrResets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	must(t, postgres.WaitStep(t.Context(), w.Pool, w.claim(syncrun.Prepare).Fence, postgres.Wait{
		Reason: "clever_unavailable", Detail: "Clever answered 503 for /users", Failed: true,
	}))
	var said string
	must(t, w.Pool.QueryRow(t.Context(), `SELECT last_error FROM sync.run_steps WHERE run_id = $1 AND name = 'prepare'`, w.run).Scan(&said))
	if want := "clever_unavailable: Clever answered 503 for /users"; said != want {
		t.Errorf("people read %q, want %q", said, want)
	}
	c := w.claim(syncrun.Prepare)
	if c.Attempt != 1 || c.Resets != 0 || c.FailingSince.IsZero() {
		t.Errorf("after a failure: attempt %d, resets %d, failing since %v", c.Attempt, c.Resets, c.FailingSince)
	}
	must(t, postgres.WaitStep(t.Context(), w.Pool, c.Fence, postgres.Wait{Reason: "clever_rate_limited", Reset: true}))
	c = w.claim(syncrun.Prepare)
	if c.Attempt != 1 || c.Resets != 1 {
		t.Errorf("after a reset: attempt %d, resets %d, want 1 and 1", c.Attempt, c.Resets)
	}
	must(t, postgres.WaitStep(t.Context(), w.Pool, c.Fence, postgres.Wait{Delay: time.Hour, Reason: "clever_rate_limited"}))
	_, answer, wait, err := postgres.ClaimStep(t.Context(), w.Pool, w.request(syncrun.Prepare))
	must(t, err)
	if answer != postgres.NotYet || wait < 59*time.Minute {
		t.Errorf("claim while waiting: %v, %v, want not yet for an hour", answer, wait)
	}
}

func TestYieldStep_comesBackUnderANewNumber(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d, err := postgres.YieldStep(t.Context(), w.Pool, w.claim(syncrun.Prepare).Fence)
	must(t, err)
	want := syncrun.Delivery{Run: w.run, Step: syncrun.Prepare, Seq: 2, Lane: syncrun.LaneManual}
	if diff := cmp.Diff(want, d); diff != "" {
		t.Errorf("delivery (-want +got):\n%s", diff)
	}
	_, answer, _, err := postgres.ClaimStep(t.Context(), w.Pool, w.request(syncrun.Prepare))
	must(t, err)
	if answer != postgres.Obsolete {
		t.Errorf("the old number answers %v, want obsolete", answer)
	}
	r := w.request(syncrun.Prepare)
	r.Delivery = d
	w.take(r)
}

func TestEndRun_fencesEveryStepOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.end(w.claim(syncrun.Prepare))
	c := w.claim(syncrun.FetchTerms)
	ending := postgres.Ending{State: syncrun.Failed, Code: fault.Internal, Message: "for the test"}
	end := func() (ended bool) {
		must(t, pgx.BeginFunc(t.Context(), w.Pool, func(tx pgx.Tx) (err error) {
			must(t, postgres.LockRun(t.Context(), tx, w.run))
			ended, err = postgres.EndRun(t.Context(), tx, w.run, ending)
			return err
		}))
		return ended
	}
	if !end() {
		t.Error("the run did not end")
	}
	if end() {
		t.Error("the run ended twice")
	}
	if err := c.Fenced(t.Context(), w.Pool, func(pgx.Tx) error { return nil }); !errors.Is(err, postgres.ErrFenced) {
		t.Errorf("a step of an ended run writes: %v, want ErrFenced", err)
	}
	for step, state := range w.steps() {
		if want := syncrun.StepCancelled; step != syncrun.Prepare && state != want {
			t.Errorf("step %s is %s, want %s", step, state, want)
		}
	}
	w.newRunOfSameTenant()
}

// newRunOfSameTenant proves that the tenant is free.
func (w *world) newRunOfSameTenant() {
	w.t.Helper()
	must(w.t, pgx.BeginFunc(w.t.Context(), w.Pool, func(tx pgx.Tx) error {
		inserted, err := postgres.InsertRun(w.t.Context(), tx, postgres.NewRun{
			ID: newUUID(w.t), Tenant: w.tenant, Region: "uk", Trigger: syncrun.Manual, StartedBy: "test", Config: w.config,
		})
		if err == nil && !inserted {
			w.t.Error("the tenant is not free for its next run")
		}
		return err
	}))
}

func TestInsertRun_oneUnfinishedPerTenant(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	must(t, pgx.BeginFunc(t.Context(), w.Pool, func(tx pgx.Tx) error {
		inserted, err := postgres.InsertRun(t.Context(), tx, postgres.NewRun{
			ID: newUUID(t), Tenant: w.tenant, Region: "uk", Trigger: syncrun.Manual, StartedBy: "test", Config: w.config,
		})
		if inserted {
			t.Error("a second unfinished run was inserted")
		}
		return err
	}))
}
