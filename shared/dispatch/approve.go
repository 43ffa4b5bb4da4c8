package dispatch

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"cleversync/shared/postgres"
	"cleversync/shared/syncrun"
)

// Approval lets a run apply kept changes.
type Approval struct {
	Tenant, Hold uuid.UUID
	// Digest names the changes that the person has seen.
	Digest []byte
	Actor  string
}

// Approve begins a manual run that applies exactly the kept changes, and marks
// them approved in the same transaction. It fails with postgres.ErrNoHold,
// postgres.ErrNotOpen, *UnfinishedError, or a *fault.Fault where the tenant
// cannot be synced.
func (d *Dispatcher) Approve(ctx context.Context, a Approval) (uuid.UUID, error) {
	var run postgres.NewRun
	err := pgx.BeginFunc(ctx, d.pool, func(tx pgx.Tx) (err error) {
		if run, err = d.newRun(ctx, tx, StartRequest{Tenant: a.Tenant, Actor: a.Actor}); err != nil {
			return err
		}
		run.Config.Hold = &a.Hold
		if err := d.insertOnly(ctx, tx, run); err != nil {
			return err
		}
		// Only now, since the hold names the run.
		return postgres.DecideHold(ctx, tx, postgres.Decision{Tenant: a.Tenant, Hold: a.Hold, Digest: a.Digest, Actor: a.Actor, Run: run.ID})
	})
	if err != nil {
		return uuid.Nil, err
	}
	d.Deliver(ctx, []syncrun.Delivery{firstDelivery(run.ID)})
	return run.ID, nil
}
