package syncer_test

import (
	"errors"
	"testing"
	"time"

	"cleversync/shared/dispatch"
	"cleversync/shared/postgres"
	"cleversync/shared/roster"
	"cleversync/shared/syncrun"
)

// TestRun_undone: the roster is as before the night, Clever was asked nothing,
// and nights are previews until somebody resumes them.
func TestRun_undone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, district(), time.Hour)
	w.completed()
	before := w.dump()
	w.leaveMany(5)
	wrong := w.completed()
	if w.dump() == before {
		t.Fatal("nobody left")
	}
	requests := w.requests()
	run, err := w.dispatcher.Undo(t.Context(), dispatch.UndoRequest{Tenant: w.tenant, Run: wrong.ID, Actor: "test"})
	w.must(err)
	w.must(w.perform(begin(run)))
	got := w.read(run)
	if got.State != syncrun.Completed || got.Counts[roster.KindUser].Restored != 5 || w.requests() != requests {
		t.Errorf("the undo is %s: %+v, asked Clever %d times", got.State, got.Counts[roster.KindUser], w.requests()-requests)
	}
	if w.dump() != before {
		t.Error("the roster is not as it was before")
	}
	tenant, err := postgres.ReadTenant(t.Context(), w.Pool, w.tenant)
	if w.must(err); !tenant.PreviewsOnly {
		t.Error("the next night would apply the same again")
	}
	for name, of := range map[string]postgres.Run{"the undone": wrong, "the undo": got} {
		_, err := w.dispatcher.Undo(t.Context(), dispatch.UndoRequest{Tenant: w.tenant, Run: of.ID, Actor: "test"})
		if !errors.Is(err, dispatch.ErrNotUndoable) {
			t.Errorf("undo of %s: %v", name, err)
		}
	}
	w.completed() // a person's own run applies
	if w.dump() == before {
		t.Error("a sync by hand changed nothing")
	}
}
