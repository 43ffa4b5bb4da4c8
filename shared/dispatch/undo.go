package dispatch

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"cleversync/shared/postgres"
	"cleversync/shared/syncrun"
)

// ErrNotUndoable says that a run cannot be undone: it is not the tenant's
// newest one that wrote anything, it is an undo, or it is undone already.
var ErrNotUndoable = errors.New("the run cannot be undone")

// UndoRequest is a person's wish to take a run back.
type UndoRequest struct {
	Tenant, Run  uuid.UUID
	RemovalsOnly bool
	Actor        string
}

// Undo begins a manual run that takes another back, and lets the tenant's
// nightly runs be previews until a person resumes them: the same data would
// come again. It fails with ErrNoRun, ErrNotUndoable, *UnfinishedError, or a
// *fault.Fault where the tenant cannot be synced.
func (d *Dispatcher) Undo(ctx context.Context, r UndoRequest) (uuid.UUID, error) {
	var run postgres.NewRun
	err := pgx.BeginFunc(ctx, d.pool, func(tx pgx.Tx) (err error) {
		if run, err = d.newRun(ctx, tx, StartRequest{Tenant: r.Tenant, Actor: r.Actor}); err != nil {
			return err
		}
		run.Config.Undo = &syncrun.Undo{Run: r.Run, RemovalsOnly: r.RemovalsOnly}
		if err := undoable(ctx, tx, r); err != nil {
			return err
		}
		if err := d.insertOnly(ctx, tx, run); err != nil {
			return err
		}
		return postgres.SetPreviewsOnly(ctx, tx, r.Tenant, true)
	})
	if err != nil {
		return uuid.Nil, err
	}
	d.Deliver(ctx, []syncrun.Delivery{firstDelivery(run.ID)})
	return run.ID, nil
}

// undoable looks before a run is begun; apply looks again.
func undoable(ctx context.Context, tx pgx.Tx, r UndoRequest) error {
	var can bool
	err := tx.QueryRow(ctx, `
		SELECT r.state = 'completed'
		       AND r.undone_by IS NULL
		       AND NOT r.config ? 'undo'
		       AND r.change_seq IS NOT DISTINCT FROM t.change_seq
		FROM sync.runs r
		JOIN sync.tenants t
		  ON t.id = r.tenant_id
		WHERE r.id = $1
		  AND r.tenant_id = $2`, r.Run, r.Tenant).Scan(&can)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return ErrNoRun
	case err != nil:
		return fmt.Errorf("look at run %s: %w", r.Run, err)
	case !can:
		return ErrNotUndoable
	}
	return nil
}

// insertOnly inserts a run that no other may stand for.
func (d *Dispatcher) insertOnly(ctx context.Context, tx pgx.Tx, run postgres.NewRun) error {
	inserted, err := postgres.InsertRun(ctx, tx, run)
	if err != nil || inserted {
		return err
	}
	open, err := postgres.FindUnfinished(ctx, tx, run.Tenant)
	if err != nil {
		return err
	}
	if open == nil {
		return errJustEnded
	}
	return &UnfinishedError{Run: open.ID}
}
