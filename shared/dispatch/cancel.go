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

// ErrNoRun says that the tenant has no such run.
var ErrNoRun = errors.New("no such run")

// ErrRunEnded says that a run is over and cannot be cancelled.
var ErrRunEnded = errors.New("the run has ended")

// Cancel asks a run to stop. A run of which no step is running ends at once;
// any other ends at its next page or within seconds.
func (d *Dispatcher) Cancel(ctx context.Context, tenant, run uuid.UUID, actor string) error {
	var state syncrun.State
	err := d.pool.QueryRow(ctx, `
		SELECT state
		FROM sync.runs
		WHERE id = $1
		  AND tenant_id = $2`, run, tenant).Scan(&state)
	if errors.Is(err, pgx.ErrNoRows) {
		return ErrNoRun
	}
	if err != nil {
		return fmt.Errorf("read run %s: %w", run, err)
	}
	if state.Final() {
		return ErrRunEnded
	}
	if err := postgres.SendSignal(ctx, d.pool, run, tenant, postgres.SignalCancel, actor); err != nil {
		return err
	}
	_, err = d.EndCancelled(ctx, run)
	return err
}

// EndCancelled ends a run that was asked to be cancelled, unless one of its
// steps is running: then that step ends it. It never waits for a step.
func (d *Dispatcher) EndCancelled(ctx context.Context, run uuid.UUID) (bool, error) {
	var ended bool
	err := pgx.BeginFunc(ctx, d.pool, func(tx pgx.Tx) error {
		idle, err := postgres.LockIdleRun(ctx, tx, run)
		if err != nil || !idle {
			return err
		}
		ended, err = postgres.EndRun(ctx, tx, run, postgres.Ending{State: syncrun.Cancelled})
		return err
	})
	if err != nil {
		return false, fmt.Errorf("cancel run %s: %w", run, err)
	}
	return ended, nil
}
