package sweeper_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hibiken/asynq"

	"cleversync/shared/postgres"
	"cleversync/shared/queue"
	"cleversync/shared/syncrun"
)

// id is the task of the run's step under that number.
func (w *world) id(step syncrun.Step, seq int) string {
	return syncrun.Delivery{Run: w.run, Step: step, Seq: seq}.ID()
}

// Redis has lost everything: every step comes again, under the number it had.
func TestTick_redisLostEverything(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.claim(syncrun.Prepare)
	w.exec(`
		INSERT INTO sync.run_steps (run_id, name, tenant_id, district_id, lane, dispatched_at)
		SELECT $1, unnest(ARRAY['fetch-schools', 'fetch-students', 'fetch-teachers', 'fetch-terms', 'fetch-courses']), $2, 'd', 'manual', clock_timestamp()`, c.Run, c.Tenant)
	w.flush()
	w.tick()
	if got := w.pending(); len(got) != 0 {
		t.Errorf("%v came again before they were silent", got)
	}
	w.silence()
	w.tick()
	want := map[string]bool{
		w.id("fetch-schools", 1): true, w.id("fetch-students", 1): true, w.id("fetch-teachers", 1): true,
		w.id("fetch-terms", 1): true, w.id("fetch-courses", 1): true,
	}
	got := map[string]bool{}
	for _, id := range w.pending() {
		got[id] = true
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if n := w.counted("cleversync_steps_redelivered_total"); n != 5 {
		t.Errorf("counted %v redeliveries, want 5", n)
	}
}

// A step that waits for its time is as lost as one that is ready.
func TestTick_redisLostAWaitingStep(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.claim(syncrun.Prepare)
	must(t, postgres.WaitStep(t.Context(), w.Pool, c.Fence, postgres.Wait{Reason: "clever is away"}))
	w.flush()
	w.silence()
	w.tick()
	if diff := cmp.Diff([]string{w.id(syncrun.Prepare, 1)}, w.pending()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The queue is merely full: nothing happens.
func TestTick_taskThatWillComeIsLeftAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.silence()
	w.tick()
	if diff := cmp.Diff([]string{w.id(syncrun.Prepare, 1)}, w.pending()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if n := w.counted("cleversync_steps_redelivered_total"); n != 0 {
		t.Errorf("counted %v redeliveries", n)
	}
	if got := w.step(syncrun.Prepare); got.Seq != 1 || !got.Told {
		t.Errorf("the step became %+v", got)
	}
}

// An operator archived the task by hand. Its id is taken for ever, so the step
// gets a new number.
func TestTick_archivedTaskIsRenumbered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	inspector := asynq.NewInspectorFromRedisClient(w.redis)
	must(t, inspector.ArchiveTask(queue.Queue(queue.PoolFetch, syncrun.LaneManual), w.id(syncrun.Prepare, 1)))
	w.silence()
	w.tick()
	if diff := cmp.Diff([]string{w.id(syncrun.Prepare, 2)}, w.pending()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := w.step(syncrun.Prepare); got.Seq != 2 || !got.Told {
		t.Errorf("the step became %+v", got)
	}
}

// Redis is away: nothing is marked that was not, nothing else suffers, and all
// comes again when it is back.
func TestTick_withoutRedis(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.claim(syncrun.Prepare)
	must(t, postgres.SendSignal(t.Context(), w.Pool, w.run, w.tenant, postgres.SignalCancel, "test"))
	w.exec(`UPDATE sync.run_steps SET state = 'ready', lease_until = NULL WHERE run_id = $1`, c.Run)
	w.use("redis://127.0.0.1:1")
	w.silence()
	if err := w.sweeper.Tick(t.Context()); err == nil {
		t.Error("it does not say that Redis is away")
	}
	if state, _ := w.state(w.run); state != syncrun.Cancelled {
		t.Errorf("the run is %s, want it cancelled without Redis too", state)
	}
}

// Redis goes away in the middle: what was marked and not looked at is taken
// back, so that the dispatcher tells it when Redis is there again.
func TestTick_redisGoesAwayInTheMiddle(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.flush()
	// The one thing that makes asynq fail while Redis answers: a key of another kind.
	must(t, w.redis.Set(t.Context(), "asynq:{fetch-manual}:pending", "not a list", 0).Err())
	w.silence()
	if err := w.sweeper.Tick(t.Context()); err == nil {
		t.Error("it does not say that Redis failed")
	}
	if got := w.step(syncrun.Prepare); got.Told || got.Seq != 1 {
		t.Errorf("the step became %+v, want it not told", got)
	}
	w.flush()
	w.tick()
	if got, err := postgres.MarkReady(t.Context(), w.Pool, 10, 10); err != nil || len(got) != 1 {
		t.Errorf("the dispatcher finds %v, %v", got, err)
	}
}
