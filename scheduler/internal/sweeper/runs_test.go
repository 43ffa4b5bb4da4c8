package sweeper_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"cleversync/shared/dispatch"
	"cleversync/shared/postgres"
	"cleversync/shared/syncrun"
)

// A fan-in that went wrong leaves a run of which no step is unfinished.
func TestTick_strandedRunIsDecidedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(`UPDATE sync.run_steps SET state = 'done'`)
	w.exec(`UPDATE sync.runs SET state = 'running'`)
	w.flush()
	w.tick()
	want := map[string]bool{w.id(syncrun.FetchSchools, 1): true, w.id(syncrun.FetchStudents, 1): true, w.id(syncrun.FetchTeachers, 1): true}
	got := map[string]bool{}
	for _, id := range w.pending() {
		got[id] = true
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if n := w.counted("cleversync_runs_stranded_total"); n != 1 {
		t.Errorf("counted %v stranded runs", n)
	}
	w.tick()
	if n := w.counted("cleversync_runs_stranded_total"); n != 1 {
		t.Error("it is stranded once more")
	}
}

// The worker that should have seen the cancel died.
func TestTick_cancelOfAnIdleRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.claim(syncrun.Prepare)
	must(t, w.dispatch.Cancel(t.Context(), w.tenant, w.run, "test"))
	w.tick()
	if state, _ := w.state(w.run); state != syncrun.Running {
		t.Fatalf("the run is %s though a step works", state)
	}
	w.lapse()
	w.tick()
	if state, _ := w.state(w.run); state != syncrun.Cancelled {
		t.Errorf("the run is %s", state)
	}
	if n := w.counted("cleversync_runs_cancelled_idle_total"); n != 1 {
		t.Errorf("counted %v cancelled runs", n)
	}
}

// A wish for one run more that came after the run's end had looked for wishes.
func TestTick_lateRerun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.claim(syncrun.Prepare)
	_, err := w.dispatch.Start(t.Context(), dispatch.StartRequest{Tenant: w.tenant, Actor: "test", Coalesce: true})
	must(t, err)
	w.end(syncrun.Completed)
	w.flush()
	w.tick()
	open, err := postgres.FindUnfinished(t.Context(), w.Pool, w.tenant)
	must(t, err)
	if open == nil || open.ID == w.run {
		t.Fatalf("the tenant's run is %+v, want a new one", open)
	}
	w.run = open.ID
	if diff := cmp.Diff([]string{w.id(syncrun.Prepare, 1)}, w.pending()); diff != "" {
		t.Errorf("on the queue (-want +got):\n%s", diff)
	}
	w.end(syncrun.Completed)
	w.tick()
	if again, err := postgres.FindUnfinished(t.Context(), w.Pool, w.tenant); err != nil || again != nil {
		t.Errorf("the wish was granted twice: %+v, %v", again, err)
	}
}

func TestTick_noRerunAfterCancel(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.claim(syncrun.Prepare)
	_, err := w.dispatch.Start(t.Context(), dispatch.StartRequest{Tenant: w.tenant, Actor: "test", Coalesce: true})
	must(t, err)
	w.end(syncrun.Cancelled)
	w.tick()
	if open, err := postgres.FindUnfinished(t.Context(), w.Pool, w.tenant); err != nil || open != nil {
		t.Errorf("after the cancel follows %+v, %v", open, err)
	}
}
