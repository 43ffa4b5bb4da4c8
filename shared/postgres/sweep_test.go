package postgres_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"cleversync/shared/fault"
	"cleversync/shared/postgres"
	"cleversync/shared/syncrun"
)

// stepRow is what sweeping changes of a step.
type stepRow struct {
	State           syncrun.StepState
	Epoch           int64
	Seq, Crashes    int
	Told, Leased    bool
	RunState        syncrun.State
	Code, LastError string
}

func (w *world) row(run uuid.UUID, step syncrun.Step) stepRow {
	w.t.Helper()
	var r stepRow
	must(w.t, w.Pool.QueryRow(w.t.Context(), `
		SELECT s.state, s.epoch, s.seq, s.crashes, s.dispatched_at IS NOT NULL, s.lease_until IS NOT NULL,
		       r.state, coalesce(r.code, ''), coalesce(s.last_error, '')
		FROM sync.run_steps s
		JOIN sync.runs r ON r.id = s.run_id
		WHERE s.run_id = $1
		  AND s.name = $2`, run, step).
		Scan(&r.State, &r.Epoch, &r.Seq, &r.Crashes, &r.Told, &r.Leased, &r.RunState, &r.Code, &r.LastError))
	return r
}

// lapse lets the lease of a running step run out.
func (w *world) lapse(run uuid.UUID, step syncrun.Step) {
	w.t.Helper()
	w.exec(`
		UPDATE sync.run_steps
		SET lease_until = clock_timestamp() - interval '1 second'
		WHERE run_id = $1
		  AND name = $2
		  AND state = 'running'`, run, step)
}

func (w *world) expire() int {
	w.t.Helper()
	n, err := postgres.ExpireLeases(w.t.Context(), w.Pool, 100)
	must(w.t, err)
	return n
}

func (w *world) giveUp() (ended []bool) {
	w.t.Helper()
	lost, err := postgres.FindLost(w.t.Context(), w.Pool, 100)
	must(w.t, err)
	for _, l := range lost {
		must(w.t, pgx.BeginFunc(w.t.Context(), w.Pool, func(tx pgx.Tx) error {
			done, err := postgres.GiveUp(w.t.Context(), tx, l)
			ended = append(ended, done)
			return err
		}))
	}
	return ended
}

func TestMarkReady_manualFirstEachOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.end(w.claim(syncrun.Prepare)) // six fetch steps of a manual run
	_, scheduled := w.newRun()
	w.exec(`UPDATE sync.run_steps SET lane = 'scheduled', created_at = 'epoch' WHERE run_id = $1`, scheduled)
	w.exec(`UPDATE sync.run_steps SET dispatched_at = NULL`)

	first, err := postgres.MarkReady(t.Context(), w.Pool, 100, 6)
	must(t, err)
	for _, d := range first {
		if d.Lane != syncrun.LaneManual || d.Run != w.run {
			t.Errorf("got %v before the manual steps", d)
		}
	}
	rest, err := postgres.MarkReady(t.Context(), w.Pool, 100, 100)
	must(t, err)
	want := []syncrun.Delivery{{Run: scheduled, Step: syncrun.Prepare, Seq: 1, Lane: syncrun.LaneScheduled}}
	if diff := cmp.Diff(want, rest); len(first) != 6 || diff != "" {
		t.Errorf("after %d manual steps (-want +got):\n%s", len(first), diff)
	}
}

func TestMarkReady_severalAtOnceTakeEachStepOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.end(w.claim(syncrun.Prepare))
	w.exec(`UPDATE sync.run_steps SET dispatched_at = NULL`)
	var mu sync.Mutex
	var marked []syncrun.Delivery
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			got, err := postgres.MarkReady(t.Context(), w.Pool, 100, 2)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			marked = append(marked, got...)
		})
	}
	wg.Wait()
	steps := stepsOf(marked)
	if len(steps) == 0 || len(slices.Compact(slices.Clone(steps))) != len(steps) {
		t.Errorf("a step was marked twice, or none: %v", steps)
	}
}

func TestMarkSilent_onlyWhatIsSilentForLong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.end(w.claim(syncrun.Prepare))
	for step, set := range map[syncrun.Step]string{
		syncrun.FetchSchools:  `dispatched_at = clock_timestamp() - interval '59 seconds'`,
		syncrun.FetchStudents: `dispatched_at = clock_timestamp() - interval '61 seconds'`,
		syncrun.FetchTeachers: `dispatched_at = NULL`,
		syncrun.FetchSections: `state = 'waiting', not_before = clock_timestamp() - interval '59 seconds', dispatched_at = clock_timestamp() - interval '1 hour'`,
		syncrun.FetchCourses:  `state = 'waiting', not_before = clock_timestamp() - interval '61 seconds', dispatched_at = clock_timestamp() - interval '1 hour'`,
		syncrun.FetchTerms:    `state = 'running', lease_until = clock_timestamp() + interval '1 hour', dispatched_at = clock_timestamp() - interval '1 hour'`,
	} {
		w.exec(`UPDATE sync.run_steps SET `+set+` WHERE run_id = $1 AND name = $2`, w.run, step)
	}
	silent := func(limit int) []syncrun.Step {
		t.Helper()
		got, err := postgres.MarkSilent(t.Context(), w.Pool, time.Minute, limit)
		must(t, err)
		return stepsOf(got)
	}
	// Marking is what pages: what was looked at is not given again.
	got := append(silent(1), silent(1)...)
	slices.Sort(got)
	if diff := cmp.Diff([]syncrun.Step{syncrun.FetchCourses, syncrun.FetchStudents}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if again := silent(100); len(again) != 0 {
		t.Errorf("%v are silent again at once", again)
	}
}

func TestRenumber_onlyTheNumberThatWasSeen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	seen := w.request(syncrun.Prepare).Delivery
	renumbered, moved, err := postgres.Renumber(t.Context(), w.Pool, seen)
	must(t, err)
	if !moved || renumbered.Seq != 2 {
		t.Errorf("got %v, moved %v", renumbered, moved)
	}
	if _, moved, err := postgres.Renumber(t.Context(), w.Pool, seen); err != nil || moved {
		t.Errorf("an old number moved the step: %v, %v", moved, err)
	}
	w.take(postgres.ClaimRequest{Delivery: renumbered, Lease: time.Minute})
	if _, moved, err := postgres.Renumber(t.Context(), w.Pool, renumbered); err != nil || moved {
		t.Errorf("a running step was renumbered: %v, %v", moved, err)
	}
}

func TestUnmark_onlyAReadyStepOfThatNumber(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := w.request(syncrun.Prepare).Delivery
	other := d
	other.Seq++
	must(t, postgres.Unmark(t.Context(), w.Pool, other))
	if !w.row(w.run, syncrun.Prepare).Told {
		t.Error("another number took the mark")
	}
	must(t, postgres.Unmark(t.Context(), w.Pool, d))
	if w.row(w.run, syncrun.Prepare).Told {
		t.Error("the mark is still there")
	}
}

func TestExpireLeases(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	claim := w.claim(syncrun.Prepare)
	if n := w.expire(); n != 0 {
		t.Errorf("%d leases expired before their time", n)
	}
	w.lapse(w.run, syncrun.Prepare)
	if n := w.expire(); n != 1 {
		t.Errorf("%d leases expired, want 1", n)
	}
	want := stepRow{State: syncrun.StepReady, Epoch: claim.Epoch + 1, Seq: 2, Crashes: 1, RunState: syncrun.Running, LastError: "the worker was lost"}
	if diff := cmp.Diff(want, w.row(w.run, syncrun.Prepare)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := claim.Fenced(t.Context(), w.Pool, func(pgx.Tx) error { return nil }); err == nil {
		t.Error("the old holder may still write")
	}
}

// While a transaction of the step holds its row, no beat comes; the lock is the
// sign of life, for expiry and for giving up.
func TestExpireLeases_lockedRowIsAlive(t *testing.T) {
	t.Parallel()
	for _, crashes := range []int{0, postgres.MaxCrashes - 1} {
		w := newWorld(t)
		claim := w.claim(syncrun.Prepare)
		w.exec(`UPDATE sync.run_steps SET crashes = $2 WHERE run_id = $1`, w.run, crashes)
		w.lapse(w.run, syncrun.Prepare)
		must(t, claim.Fenced(t.Context(), w.Pool, func(pgx.Tx) error {
			if n := w.expire(); n != 0 {
				t.Errorf("after %d crashes: %d leases expired", crashes, n)
			}
			if ended := w.giveUp(); slices.Contains(ended, true) {
				t.Errorf("after %d crashes: the run was given up", crashes)
			}
			return nil
		}))
		if n, ended := w.expire(), w.giveUp(); n != 0 || len(ended) != 0 {
			t.Errorf("after %d crashes: the transaction's end did not renew the lease", crashes)
		}
	}
}

func TestGiveUp_afterFiveLostWorkers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.end(w.claim(syncrun.Prepare))
	r := w.request(syncrun.FetchSchools)
	for crash := range postgres.MaxCrashes {
		if ended := w.giveUp(); len(ended) != 0 {
			t.Fatalf("given up after %d crashes", crash)
		}
		w.take(r)
		w.lapse(w.run, syncrun.FetchSchools)
		w.expire()
		r.Seq++
	}
	if diff := cmp.Diff([]bool{true}, w.giveUp()); diff != "" {
		t.Fatalf("ended (-want +got):\n%s", diff)
	}
	got := w.row(w.run, syncrun.FetchSchools)
	want := stepRow{State: syncrun.StepFailed, Epoch: 10, Seq: 5, Crashes: 5, Told: got.Told, RunState: syncrun.Failed, Code: string(fault.LostWorker), LastError: "the worker was lost"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if state := w.steps()[syncrun.FetchStudents]; state != syncrun.StepCancelled {
		t.Errorf("another step of the run is %s, want it cancelled", state)
	}
	if ended := w.giveUp(); len(ended) != 0 {
		t.Error("it is still lost")
	}
}

// Between looking and acting the worker came back.
func TestGiveUp_notAStepThatGotOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	claim := w.claim(syncrun.Prepare)
	w.exec(`UPDATE sync.run_steps SET crashes = $2 WHERE run_id = $1`, w.run, postgres.MaxCrashes-1)
	w.lapse(w.run, syncrun.Prepare)
	lost, err := postgres.FindLost(t.Context(), w.Pool, 10)
	must(t, err)
	if len(lost) != 1 {
		t.Fatalf("%d are lost, want 1", len(lost))
	}
	must(t, claim.Fenced(t.Context(), w.Pool, func(pgx.Tx) error { return nil })) // renews the lease
	giveUp := func() bool {
		t.Helper()
		var ended bool
		must(t, pgx.BeginFunc(t.Context(), w.Pool, func(tx pgx.Tx) (err error) {
			ended, err = postgres.GiveUp(t.Context(), tx, lost[0])
			return err
		}))
		return ended
	}
	if giveUp() {
		t.Error("a run whose worker is back was given up")
	}
	w.end(claim)
	if giveUp() || w.row(w.run, syncrun.Prepare).RunState != syncrun.Running {
		t.Error("a run that went on was given up")
	}
}

// Whoever holds the run is alive, and may be about to end the step.
func TestGiveUp_notARunThatIsHeld(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.claim(syncrun.Prepare)
	w.exec(`UPDATE sync.run_steps SET crashes = $2 WHERE run_id = $1`, w.run, postgres.MaxCrashes-1)
	w.lapse(w.run, syncrun.Prepare)
	must(t, pgx.BeginFunc(t.Context(), w.Pool, func(tx pgx.Tx) error {
		err := postgres.LockRun(t.Context(), tx, w.run)
		if diff := cmp.Diff([]bool{false}, w.giveUp()); diff != "" {
			t.Errorf("given up (-want +got):\n%s", diff)
		}
		return err
	}))
	if diff := cmp.Diff([]bool{true}, w.giveUp()); diff != "" {
		t.Errorf("afterwards (-want +got):\n%s", diff)
	}
}

func (w *world) stranded() []postgres.StrandedRun {
	w.t.Helper()
	found, err := postgres.FindStranded(w.t.Context(), w.Pool, uuid.Nil, 100)
	must(w.t, err)
	return found
}

func TestDecideAgain_continuesAStrandedRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if found := w.stranded(); len(found) != 0 {
		t.Errorf("a run that waits for its first step is stranded: %v", found)
	}
	w.wholeRun()
	if found := w.stranded(); len(found) != 0 {
		t.Errorf("a run that works is stranded: %v", found)
	}
	for _, c := range []struct {
		remove string
		want   syncrun.Step
	}{
		{`name = 'plan'`, syncrun.Plan},
		{`name IN ('plan', 'fetch-contacts')`, syncrun.FetchContacts},
		{`name <> 'prepare' AND name <> 'fetch-terms'`, syncrun.FetchSchools},
	} {
		w.exec(`DELETE FROM sync.run_steps WHERE run_id = $1 AND `+c.remove, w.run)
		if diff := cmp.Diff([]postgres.StrandedRun{{Run: w.run}}, w.stranded()); diff != "" {
			t.Fatalf("without steps %s (-want +got):\n%s", c.remove, diff)
		}
		next, err := postgres.DecideAgain(t.Context(), w.Pool, w.run, 100)
		must(t, err)
		if !slices.Contains(stepsOf(next), c.want) {
			t.Errorf("without steps %s: got %v, want %s among them", c.remove, stepsOf(next), c.want)
		}
		again, err := postgres.DecideAgain(t.Context(), w.Pool, w.run, 100)
		must(t, err)
		if len(again) != 0 || len(w.stranded()) != 0 {
			t.Errorf("without steps %s: decided twice: %v", c.remove, again)
		}
		w.exec(`UPDATE sync.run_steps SET state = 'done' WHERE run_id = $1`, w.run)
	}
}

// Between looking and deciding somebody was faster, or the run ended.
func TestDecideAgain_looksOnceMore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.end(w.claim(syncrun.Prepare))
	w.exec(`DELETE FROM sync.run_steps WHERE run_id = $1 AND name = 'fetch-terms'`, w.run)
	decide := func(when string) {
		t.Helper()
		next, err := postgres.DecideAgain(t.Context(), w.Pool, w.run, 100)
		must(t, err)
		if _, there := w.steps()[syncrun.FetchTerms]; len(next) != 0 || there {
			t.Errorf("%s: got %v", when, stepsOf(next))
		}
	}
	decide("with unfinished steps")
	w.endRun(w.run, syncrun.Cancelled)
	decide("after the run's end")
}

func TestFindStranded_pagesById(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	runs := []uuid.UUID{w.run}
	for range 4 {
		_, run := w.newRun()
		runs = append(runs, run)
	}
	for i, run := range runs {
		if i%2 == 0 {
			must(t, postgres.SendSignal(t.Context(), w.Pool, run, w.tenant, postgres.SignalCancel, "test"))
			continue
		}
		w.exec(`UPDATE sync.run_steps SET state = 'done' WHERE run_id = $1`, run)
		w.exec(`UPDATE sync.runs SET state = 'running' WHERE id = $1`, run)
	}
	var got []uuid.UUID
	for after := uuid.Nil; ; after = got[len(got)-1] {
		page, err := postgres.FindStranded(t.Context(), w.Pool, after, 2)
		must(t, err)
		for _, r := range page {
			if want := len(got)%2 == 0; r.Cancelled != want {
				t.Errorf("run %s was asked to be cancelled: %v, want %v", r.Run, r.Cancelled, want)
			}
			got = append(got, r.Run)
		}
		if len(page) == 0 {
			break
		}
	}
	if diff := cmp.Diff(runs, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A cancelled run with a step at work is left to that step.
func TestFindStranded_cancelLeavesARunningStepAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	claim := w.claim(syncrun.Prepare)
	must(t, postgres.SendSignal(t.Context(), w.Pool, w.run, w.tenant, postgres.SignalCancel, "test"))
	if found := w.stranded(); len(found) != 0 {
		t.Errorf("got %v while a step works", found)
	}
	w.end(claim)
	if diff := cmp.Diff([]postgres.StrandedRun{{Run: w.run, Cancelled: true}}, w.stranded()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFindReruns_onlyOfEndedRuns(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	must(t, postgres.SendSignal(t.Context(), w.Pool, w.run, w.tenant, postgres.SignalRerun, "test"))
	reruns := func() []uuid.UUID {
		t.Helper()
		got, err := postgres.FindReruns(t.Context(), w.Pool, 10)
		must(t, err)
		return got
	}
	if got := reruns(); len(got) != 0 {
		t.Errorf("got %v while the run works", got)
	}
	must(t, pgx.BeginFunc(t.Context(), w.Pool, func(tx pgx.Tx) error {
		_, err := postgres.EndRun(t.Context(), tx, w.run, postgres.Ending{State: syncrun.Completed})
		return err
	}))
	if diff := cmp.Diff([]uuid.UUID{w.run}, reruns()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
