package schoolmanager_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"cleversync/shared/roster"
	"cleversync/shared/schoolmanager"
	"cleversync/shared/syncrun"
)

// undo undoes a run by one of its own.
func (w *world) undo(of uuid.UUID, removalsOnly bool) (map[roster.Kind]schoolmanager.Counts, error) {
	w.t.Helper()
	run := w.begin()
	w.exec(`UPDATE sync.runs SET config = '{"undo": {}}' WHERE id = $1`, run)
	counts := map[roster.Kind]schoolmanager.Counts{}
	err := w.inTx(func(ctx context.Context, tx pgx.Tx) error {
		all, err := schoolmanager.Undo(ctx, tx, schoolmanager.UndoInput{Run: run, Tenant: w.tenant, Of: of, RemovalsOnly: removalsOnly})
		for _, c := range all {
			counts[c.Kind] = c
		}
		return err
	})
	state := syncrun.Completed
	if err != nil {
		state = syncrun.Cancelled
	}
	w.end(run, state)
	return counts, err
}

// seen are the lines of a dump that readers see.
func seen(lines []string) []string {
	return slices.DeleteFunc(slices.Clone(lines), func(line string) bool {
		parts := strings.Split(line, "|")
		return parts[1] == "false" || parts[len(parts)-1] == "gone"
	})
}

// TestUndo_restoresTheExactEarlierState: whatever a night did. What it created
// is archived, everything else is as it was, hidden rows included; and the same
// data again ends as that night did.
func TestUndo_restoresTheExactEarlierState(t *testing.T) {
	t.Parallel()
	var undone atomic.Int64
	t.Run("histories", func(t *testing.T) {
		for seed := range uint64(histories) {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				undone.Add(undoneHistory(t, seed))
			})
		}
	})
	if undone.Load() == 0 {
		t.Error("nothing was ever undone")
	}
}

// undoneHistory tells how many runs it has undone.
func undoneHistory(t *testing.T, seed uint64) (undone int64) {
	r, d, w := newChance(seed), newDistrict(), newWorld(t)
	r.begin(d)
	o := r.options()
	for night := range nights {
		if r.in(40) {
			o = r.options()
		}
		before := w.dump()
		out := w.run(d, o)
		if after := w.dump(); out.err == nil && !cmp.Equal(before, after) {
			w.undoAndRedo(night, d, o, out.run, before, after)
			undone++
		}
		for range r.IntN(12) {
			r.step(d)
		}
	}
	return undone
}

// undoAndRedo takes a run back and looks that all is as before it, then runs on
// the same data and looks that all is as after it.
func (w *world) undoAndRedo(night int, d *district, o roster.Options, run uuid.UUID, before, after []string) {
	w.t.Helper()
	counts, err := w.undo(run, false)
	if err != nil {
		w.t.Fatalf("night %d: %v", night, err)
	}
	now := w.dump()
	if diff := cmp.Diff(seen(before), seen(now), cmpopts.EquateEmpty()); diff != "" {
		w.t.Fatalf("night %d: what readers see (-before +undone):\n%s", night, diff)
	}
	for _, line := range before {
		if !slices.Contains(now, line) {
			w.t.Fatalf("night %d: %q is not as it was", night, line)
		}
	}
	for kind, c := range counts {
		if c.Skipped != 0 {
			w.t.Fatalf("night %d: %s %+v skipped", night, kind, c)
		}
	}
	w.mustRun(d, o)
	if diff := cmp.Diff(after, w.dump()); diff != "" {
		w.t.Fatalf("night %d: the same data again (-before undo +after):\n%s", night, diff)
	}
}

// TestUndo_removalsOnly: who left comes back, who came stays.
func TestUndo_removalsOnly(t *testing.T) {
	t.Parallel()
	w, d := newWorld(t), newDistrict()
	d.fill("a", 30)
	w.mustRun(d, everything())
	d.leave("a", 4)
	d.student("new", "a")
	out := w.mustRun(d, everything())
	counts, err := w.undo(out.run, true)
	if err != nil {
		t.Fatal(err)
	}
	if got := counts[roster.KindUser]; got.Restored != 4 || got.Archived != 0 || got.Unchanged != 30 || len(w.active()) != 34 {
		t.Errorf("%+v, %d users; want 4 restored beside 30 others", got, len(w.active()))
	}
}

// TestUndo_leavesAloneWhatWasTouched: by hand, since the run.
func TestUndo_leavesAloneWhatWasTouched(t *testing.T) {
	t.Parallel()
	w, d := newWorld(t), newDistrict()
	d.fill("a", 30)
	w.mustRun(d, everything())
	for _, id := range []string{"s-a-001", "s-a-002"} {
		u := d.people[id]
		u.Name.First = "Other"
		d.people[id] = u
	}
	out := w.mustRun(d, everything())
	w.touch(`UPDATE school_manager.users SET grade = '9' WHERE tenant_id = $1 AND clever_id = 's-a-001'`, w.tenant)
	counts, err := w.undo(out.run, false)
	if err != nil {
		t.Fatal(err)
	}
	if got := counts[roster.KindUser]; got.Updated != 1 || got.Skipped != 1 {
		t.Errorf("%+v, want one given back and one skipped", got)
	}
	if name := one[string](w, `SELECT first_name || grade FROM school_manager.users WHERE tenant_id = $1 AND clever_id = 's-a-001'`, w.tenant); name != "Other9" {
		t.Errorf("what somebody wrote is now %q", name)
	}
}

// TestUndo_onlyTheNewest: not an older run, not twice, not an undo, not one that
// wrote nothing, not another tenant's.
func TestUndo_onlyTheNewest(t *testing.T) {
	t.Parallel()
	w, d := newWorld(t), newDistrict()
	d.fill("a", 30)
	first := w.mustRun(d, everything())
	d.leave("a", 2)
	second := w.mustRun(d, everything())
	idle := w.mustRun(d, everything())
	refused := func(who *world, of uuid.UUID, why string) {
		t.Helper()
		if _, err := who.undo(of, false); !errors.Is(err, schoolmanager.ErrNothingToUndo) {
			t.Errorf("%s: %v, want it refused", why, err)
		}
	}
	refused(w, first.run, "an older run")
	refused(w, idle.run, "a run that wrote nothing")
	refused(newTenant(t, w.pool), second.run, "another tenant's")
	if _, err := w.undo(second.run, false); err != nil {
		t.Fatal(err)
	}
	refused(w, second.run, "the same again")
	refused(w, one[uuid.UUID](w, `SELECT undone_by FROM sync.runs WHERE id = $1`, second.run), "an undo")
}
