package planner_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"cleversync/scheduler/internal/planner"
	"cleversync/shared/postgres"
	"cleversync/shared/roster"
	"cleversync/shared/syncrun"
)

const day = 24 * time.Hour

// The first sync begins by hand only.
func TestEnrol_noSlotBeforeAPersonsRunHasCompleted(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]string{
		"never synced":         `DELETE FROM sync.runs`,
		"first run failed":     `UPDATE sync.runs SET state = 'failed', code = 'internal'`,
		"first run under way":  `UPDATE sync.runs SET state = 'running', finished_at = NULL`,
		"only a scheduled one": `UPDATE sync.runs SET trigger = 'scheduled'`,
		"not entitled":         `UPDATE sync.tenants SET entitled = false`,
		"not enabled":          `UPDATE sync.connections SET enabled = false`,
		"not connected":        `DELETE FROM sync.connections`,
		"another deployment's": `UPDATE sync.tenants SET region = 'au'`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			tenant := w.tenants(1)[0]
			w.exec(spoil)
			w.tick()
			if due := w.due(tenant); !due.IsZero() {
				t.Errorf("it is due at %v", due)
			}
		})
	}
}

func TestEnrol_givesTheFirstSlotOfTheTenant(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenants := w.tenants(30)
	must(t, w.planner(500, 7).Enrol(t.Context()))
	for _, tenant := range tenants {
		if got, want := w.due(tenant), w.region.NextDue(tenant.String(), noon); !got.Equal(want) {
			t.Errorf("it is due at %v, want %v", got, want)
		}
	}
}

func TestTick_startsTheRunOfTheSlot(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant, slot := w.dueTenant()
	w.now = slot.Add(-1)
	w.tick()
	if runs := w.scheduled(tenant); len(runs) != 0 {
		t.Fatalf("runs %v began before the slot", runs)
	}
	w.now = slot
	w.tick()
	w.tick() // finds nothing to do
	runs := w.scheduled(tenant)
	if len(runs) != 1 || runs[0].Window != w.region.WindowAt(slot).Key || runs[0].State != syncrun.Queued {
		t.Fatalf("got runs %v, want one of window %s", runs, w.region.WindowAt(slot).Key)
	}
	if due := w.due(tenant); !due.Equal(slot.Add(day)) {
		t.Errorf("the next slot is %v, want %v", due, slot.Add(day))
	}
	if n := w.counted("cleversync_slots_missed_total"); n != 0 {
		t.Errorf("%v slots were missed", n)
	}

	run, err := postgres.ReadRun(t.Context(), w.Pool, tenant, runs[0].ID)
	must(t, err)
	if run.StartedBy != planner.StartedBy || run.District != "d" || run.Trigger != syncrun.Scheduled {
		t.Errorf("got %+v", run)
	}
	open, err := postgres.FindUnfinished(t.Context(), w.Pool, tenant)
	must(t, err)
	want := &postgres.Unfinished{ID: run.ID, Lane: syncrun.LaneScheduled, Config: syncrun.Config{
		District: "d", PageSize: 2000, Mapping: roster.MappingVersion,
		Options: roster.Options{Whole: true, Schools: []string{}, Classrooms: true, Parents: true, ParentTypes: []string{"Family"}},
	}}
	if diff := cmp.Diff(want, open); diff != "" {
		t.Errorf("the copy of the connection (-want +got):\n%s", diff)
	}
	ready, err := postgres.MarkReady(t.Context(), w.Pool, 10, 10)
	must(t, err)
	delivery := syncrun.Delivery{Run: run.ID, Step: syncrun.Prepare, Seq: 1, Lane: syncrun.LaneScheduled}
	if diff := cmp.Diff([]syncrun.Delivery{delivery}, ready); diff != "" {
		t.Errorf("what the dispatcher finds (-want +got):\n%s", diff)
	}
}

// After an undo a night looks and applies nothing.
func TestTick_previewsOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant, slot := w.dueTenant()
	w.exec(`UPDATE sync.tenants SET previews_only = true WHERE id = $1`, tenant)
	w.now = slot
	w.tick()
	open, err := postgres.FindUnfinished(t.Context(), w.Pool, tenant)
	must(t, err)
	if open == nil || !open.Config.Preview {
		t.Errorf("the run is %+v, want a preview", open)
	}
}

// Seven nights in a row, each with its own run.
func TestTick_oncePerNight(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant, slot := w.dueTenant()
	var want []string
	for range 7 {
		want = append(want, w.region.WindowAt(slot).Key)
		for range 3 {
			w.now = w.now.Add(time.Minute)
			w.tick()
			for _, run := range w.scheduled(tenant) {
				w.end(run.ID)
			}
		}
		slot = slot.Add(day)
		w.now = slot
	}
	if diff := cmp.Diff(want, w.windows(tenant)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// However many schedulers, however their statements interleave: each tenant
// once.
func TestTick_manySchedulersStartEachTenantOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenants := w.tenants(500)
	w.tick()
	w.now = noon.Add(day)
	var wg sync.WaitGroup
	for _, p := range []*planner.Planner{w.planner(60, 25), w.planner(60, 25), w.planner(90, 40), w.planner(40, 40)} {
		wg.Go(func() {
			for range 20 {
				if err := p.Tick(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for _, tenant := range tenants {
		slot := w.region.LastDue(tenant.String(), w.now)
		want := []string{w.region.WindowAt(slot).Key}
		if diff := cmp.Diff(want, w.windows(tenant)); diff != "" {
			t.Fatalf("windows of a tenant (-want +got):\n%s", diff)
		}
		if due := w.due(tenant); !due.Equal(slot.Add(day)) {
			t.Fatalf("the next slot is %v, want %v", due, slot.Add(day))
		}
	}
}

// A slot that falls into a run that a person started waits for its end, and
// then runs, as the run of the slot's own window even when that is over.
func TestTick_slotInAManualRunWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant, slot := w.dueTenant()
	run := w.manual(tenant)
	w.tick()
	w.now = slot.Add(day - time.Second)
	w.tick()
	if runs, due := w.scheduled(tenant), w.due(tenant); len(runs) != 0 || !due.Equal(slot) {
		t.Fatalf("during the person's run: runs %v, due at %v", runs, due)
	}
	w.end(run)
	w.tick()
	if diff := cmp.Diff([]string{w.region.WindowAt(slot).Key}, w.windows(tenant)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if n := w.counted("cleversync_slots_missed_total"); n != 0 {
		t.Errorf("%v slots were missed", n)
	}
}

// When the next slot comes meanwhile, the older is given up: not two runs after
// one another.
func TestTick_slotIsMissedWhenTheNextComes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant, slot := w.dueTenant()
	run := w.manual(tenant)
	w.now = slot.Add(day)
	w.tick()
	if due := w.due(tenant); !due.Equal(slot.Add(day)) || w.counted("cleversync_slots_missed_total") != 1 {
		t.Errorf("due at %v, missed %v", due, w.counted("cleversync_slots_missed_total"))
	}
	w.tick()
	if n := w.counted("cleversync_slots_missed_total"); n != 0 {
		t.Errorf("the same slot was counted again: %v", n)
	}
	w.end(run)
	w.tick()
	w.tick()
	if diff := cmp.Diff([]string{w.region.WindowAt(slot.Add(day)).Key}, w.windows(tenant)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// After an outage of days each tenant runs once, at a bounded rate, the one
// that has waited longest first.
func TestTick_afterAnOutage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenants := w.tenants(10)
	w.tick()
	w.now = noon.Add(3*day + time.Minute)
	slices.SortFunc(tenants, func(a, b uuid.UUID) int { return w.due(a).Compare(w.due(b)) })
	missed := 0.0
	for begun := 0; begun < len(tenants); begun += 4 {
		must(t, w.planner(4, 3).Tick(t.Context()))
		missed += w.counted("cleversync_slots_missed_total")
		for i, tenant := range tenants {
			if got, want := len(w.scheduled(tenant)), min(1, max(0, begun+4-i)); got != want {
				t.Fatalf("tenant %d of %d has %d runs, want %d", i, len(tenants), got, want)
			}
		}
	}
	for _, tenant := range tenants {
		slot := w.region.LastDue(tenant.String(), w.now)
		if diff := cmp.Diff([]string{w.region.WindowAt(slot).Key}, w.windows(tenant)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	if missed < 20 || missed > 30 { // two or three slots each, as they lie
		t.Errorf("%v slots were missed", missed)
	}
}

// Tenants whose slot waits for their own run do not stand before the others.
func TestTick_waitingTenantsDoNotBlockOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	busy, free := w.tenants(5), w.tenants(1)[0]
	w.tick()
	w.now = noon.Add(day)
	w.exec(`UPDATE sync.tenants SET next_due_at = $1 WHERE id = ANY ($2)`, noon.Add(time.Second), busy)
	for _, tenant := range busy {
		w.manual(tenant)
	}
	must(t, w.planner(2, 2).Tick(t.Context()))
	if len(w.scheduled(free)) != 1 {
		t.Error("the free tenant's run did not begin")
	}
}

// Who cannot be synced is looked at once per slot, begins nothing, and misses
// nothing.
func TestTick_whoCannotBeSyncedWaitsForTheNextSlot(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]string{
		"not entitled":  `UPDATE sync.tenants SET entitled = false`,
		"not enabled":   `UPDATE sync.connections SET enabled = false`,
		"not connected": `DELETE FROM sync.connections`,
		"no school":     `UPDATE sync.connections SET whole = false`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			tenant, slot := w.dueTenant()
			w.exec(spoil)
			w.now = slot.Add(2*day + time.Minute)
			w.tick()
			if runs := w.scheduled(tenant); len(runs) != 0 {
				t.Errorf("runs %v began", runs)
			}
			if due, want := w.due(tenant), slot.Add(3*day); !due.Equal(want) || w.counted("cleversync_slots_missed_total") != 0 {
				t.Errorf("due at %v, want %v; missed %v", due, want, w.counted("cleversync_slots_missed_total"))
			}
		})
	}
}

// A connection that is being changed is neither waited for nor used as it was.
func TestTick_connectionThatIsBeingChanged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant, slot := w.dueTenant()
	other := w.tenants(1)[0]
	w.exec(`UPDATE sync.tenants SET next_due_at = $1 WHERE id = $2`, slot, other)
	must(t, pgx.BeginFunc(t.Context(), w.Pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), `UPDATE sync.connections SET sync_parents = false WHERE tenant_id = $1`, tenant)
		w.tick()
		return err
	}))
	if runs, due := w.scheduled(tenant), w.due(tenant); len(runs) != 0 || !due.Equal(slot) {
		t.Errorf("during the change: runs %v, due at %v", runs, due)
	}
	if len(w.scheduled(other)) != 1 {
		t.Error("the other tenant did not begin")
	}
	w.tick()
	open, err := postgres.FindUnfinished(t.Context(), w.Pool, tenant)
	must(t, err)
	if open == nil || open.Config.Options.Parents {
		t.Errorf("after the change the run is %+v, want one without parents", open)
	}
}

// The window has its run already, whoever moved the slot back: no second one.
func TestTick_neverTwiceInOneWindow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant, slot := w.dueTenant()
	w.tick()
	w.end(w.scheduled(tenant)[0].ID)
	w.exec(`UPDATE sync.tenants SET next_due_at = $1`, slot)
	w.tick()
	if runs := w.scheduled(tenant); len(runs) != 1 {
		t.Errorf("got %v, want one run", runs)
	}
	if due := w.due(tenant); !due.Equal(slot.Add(day)) {
		t.Errorf("the next slot is %v, want %v", due, slot.Add(day))
	}
}

// Without a clock of a test's own it is the database's.
func TestTick_byTheDatabasesClock(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenants(1)[0]
	p := w.planner(10, 10)
	c := p.Config
	c.Now = nil
	p = planner.New(c)
	must(t, p.Enrol(t.Context()))
	due, now := w.due(tenant), time.Now()
	if due.Before(now.Add(-time.Minute)) || due.After(now.Add(day+time.Minute)) {
		t.Errorf("due at %v", due)
	}
	w.exec(`UPDATE sync.tenants SET next_due_at = clock_timestamp()`)
	must(t, p.Tick(t.Context()))
	if len(w.scheduled(tenant)) != 1 {
		t.Error("the run did not begin")
	}
}
