package dispatch_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"cleversync/shared/fault"
	"cleversync/shared/postgres"
	"cleversync/shared/syncrun"
)

// Whoever holds the connection and begins a run waits for the transaction that
// ends the one under way. If that waited for the connection, both would hang.
// The wish stays for the sweeper.
func TestRerun_neverWaitsForTheConnection(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	run := w.started()
	w.claim(run)
	if _, err := w.start(true); err != nil {
		t.Fatal(err)
	}
	w.must(pgx.BeginFunc(t.Context(), w.Pool, func(other pgx.Tx) error {
		if _, err := postgres.LockConnection(t.Context(), other, w.tenant); err != nil {
			return err
		}
		failed := postgres.Ending{State: syncrun.Failed, Code: fault.Internal, Message: "for the test"}
		if next := w.end(run, failed); len(next) != 0 {
			t.Errorf("a run began by a connection that another holds: %v", next)
		}
		return nil
	}))
	w.must(pgx.BeginFunc(t.Context(), w.Pool, func(tx pgx.Tx) error {
		next, err := w.dispatcher.Rerun(t.Context(), tx, run)
		if len(next) != 1 {
			t.Errorf("afterwards the wish is granted with %v, want one run", next)
		}
		return err
	}))
}

// A wish that can no longer be granted does not wait for a later connection.
func TestRerun_wishOfADisconnectedTenantIsUsedUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	run := w.started()
	w.claim(run)
	if _, err := w.start(true); err != nil {
		t.Fatal(err)
	}
	_, err := w.Pool.Exec(t.Context(), `DELETE FROM sync.connections`)
	w.must(err)
	if next := w.end(run, postgres.Ending{State: syncrun.Failed, Code: fault.Internal, Message: "for the test"}); len(next) != 0 {
		t.Errorf("after a disconnect follow %v, want nothing", next)
	}
	left, err := postgres.FindReruns(t.Context(), w.Pool, 10)
	w.must(err)
	if len(left) != 0 {
		t.Errorf("the wish is still there: %v", left)
	}
}
