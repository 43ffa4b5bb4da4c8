package dispatch

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"cleversync/shared/fault"
	"cleversync/shared/postgres"
	"cleversync/shared/syncrun"
)

// Rerun begins the one manual run more that a person asked for while this run
// was under way. It is called last in the transaction that ends the run, and by
// the sweeper where the wish came too late for that; the wish is used up by the
// first. After a cancelled run, and where the tenant can no longer be synced,
// it is dropped. The caller delivers the result after its commit.
//
// It never waits for the tenant's connection: whoever holds that and begins a
// run waits for this very transaction to end. Then the wish stays, and the
// sweeper grants it.
func (d *Dispatcher) Rerun(ctx context.Context, tx pgx.Tx, ended uuid.UUID) ([]syncrun.Delivery, error) {
	wish, state, err := readWish(ctx, tx, ended)
	if err != nil || wish == nil {
		return nil, err
	}
	free, err := postgres.TryLockConnection(ctx, tx, wish.Tenant)
	if err != nil || !free {
		return nil, err
	}
	tag, err := tx.Exec(ctx, `
		DELETE FROM sync.run_signals
		WHERE run_id = $1
		  AND signal = 'rerun'`, ended)
	if err != nil {
		return nil, fmt.Errorf("use up rerun wish of run %s: %w", ended, err)
	}
	if tag.RowsAffected() == 0 || state == syncrun.Cancelled {
		return nil, nil
	}
	return d.grant(ctx, tx, *wish)
}

// readWish gives what was asked after a run, or nil, and how the run ended.
func readWish(ctx context.Context, tx pgx.Tx, run uuid.UUID) (*StartRequest, syncrun.State, error) {
	var r StartRequest
	var state syncrun.State
	err := tx.QueryRow(ctx, `
		SELECT s.tenant_id, s.actor, r.state
		FROM sync.run_signals s
		JOIN sync.runs r
		  ON r.id = s.run_id
		WHERE s.run_id = $1
		  AND s.signal = 'rerun'`, run).Scan(&r.Tenant, &r.Actor, &state)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", fmt.Errorf("read rerun wish of run %s: %w", run, err)
	}
	return &r, state, nil
}

func (d *Dispatcher) grant(ctx context.Context, tx pgx.Tx, wish StartRequest) ([]syncrun.Delivery, error) {
	run, err := d.newRun(ctx, tx, wish)
	if _, refused := errors.AsType[*fault.Fault](err); refused {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	inserted, err := postgres.InsertRun(ctx, tx, run)
	if err != nil || !inserted {
		return nil, err
	}
	return []syncrun.Delivery{firstDelivery(run.ID)}, nil
}
