package dispatch

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"cleversync/shared/postgres"
	"cleversync/shared/roster"
	"cleversync/shared/syncrun"
	"cleversync/shared/tenant"
)

// UnfinishedError says that the tenant has a run under way, and which.
type UnfinishedError struct{ Run uuid.UUID }

// Error names the run.
func (e *UnfinishedError) Error() string {
	return fmt.Sprintf("run %s of this tenant is under way", e.Run)
}

// StartRequest is a person's or a service's wish for a run.
type StartRequest struct {
	Tenant uuid.UUID
	// Actor says who, for people to read: a token's name, never a secret.
	Actor string
	// Coalesce makes the request join a run that is under way instead of being
	// refused: a run that has fetched nothing yet and works by the same
	// settings serves both; after any other, one run more follows.
	Coalesce bool
	// Preview asks for a run that applies nothing and keeps its plan.
	Preview bool
}

// Started is what came of a StartRequest.
type Started struct {
	Run uuid.UUID
	// Joined says that the run was under way already.
	Joined bool
}

// Start begins a manual run. It fails with a *fault.Fault where the tenant
// cannot be synced, with postgres.ErrNoTenant, and, unless Coalesce is set,
// with *UnfinishedError where a run is under way.
func (d *Dispatcher) Start(ctx context.Context, r StartRequest) (Started, error) {
	for range startTries {
		started, deliveries, err := d.begin(ctx, r)
		if errors.Is(err, errJustEnded) {
			continue
		}
		if err != nil {
			return Started{}, err
		}
		d.Deliver(ctx, deliveries)
		return started, nil
	}
	return Started{}, fmt.Errorf("start run of tenant %s: others end and begin all the time: %w", r.Tenant, errJustEnded)
}

// startTries bounds how often Start meets a run that ends at that very moment.
const startTries = 5

// errJustEnded says that the run which stood in the way has ended meanwhile.
var errJustEnded = errors.New("the run under way ended just now")

// begin is one try to start a run.
func (d *Dispatcher) begin(ctx context.Context, r StartRequest) (started Started, deliveries []syncrun.Delivery, err error) {
	err = pgx.BeginFunc(ctx, d.pool, func(tx pgx.Tx) error {
		run, err := d.newRun(ctx, tx, r)
		if err != nil {
			return err
		}
		inserted, err := postgres.InsertRun(ctx, tx, run)
		if err != nil {
			return err
		}
		if inserted {
			started = Started{Run: run.ID}
			deliveries = []syncrun.Delivery{firstDelivery(run.ID)}
			return nil
		}
		started, deliveries, err = d.join(ctx, tx, r, run.Config)
		return err
	})
	return started, deliveries, err
}

// firstDelivery is that of a manual run's first step.
func firstDelivery(run uuid.UUID) syncrun.Delivery {
	return syncrun.Delivery{Run: run, Step: syncrun.Prepare, Seq: 1, Lane: syncrun.LaneManual}
}

// newRun copies what the run works by, with the connection locked, so that it
// cannot be replaced between the reading and the run.
func (d *Dispatcher) newRun(ctx context.Context, tx pgx.Tx, r StartRequest) (postgres.NewRun, error) {
	t, err := postgres.ReadTenant(ctx, tx, r.Tenant)
	if err != nil {
		return postgres.NewRun{}, err
	}
	c, err := postgres.LockConnection(ctx, tx, r.Tenant)
	if err != nil {
		return postgres.NewRun{}, err
	}
	if err := tenant.Startable(t, c); err != nil {
		return postgres.NewRun{}, err
	}
	limits, err := postgres.EffectiveLimits(ctx, tx, []uuid.UUID{r.Tenant})
	if err != nil {
		return postgres.NewRun{}, err
	}
	config := d.ConfigOf(*c, limits[r.Tenant])
	config.Preview = r.Preview
	id, err := uuid.NewV7()
	if err != nil {
		return postgres.NewRun{}, fmt.Errorf("make run id: %w", err)
	}
	return postgres.NewRun{
		ID:        id,
		Tenant:    t.ID,
		Region:    t.Region,
		Trigger:   syncrun.Manual,
		StartedBy: r.Actor,
		Config:    config,
	}, nil
}

// ConfigOf is the copy of a connection, and of the limits that hold now, that a
// run works by.
func (d *Dispatcher) ConfigOf(c tenant.Connection, limits roster.Limits) syncrun.Config {
	return syncrun.Config{
		District:    c.District,
		Options:     c.Options,
		PageSize:    d.pageSize,
		Mapping:     roster.MappingVersion,
		Limits:      limits,
		Unconfirmed: !c.Confirmed,
	}
}

// join finds what a refused insert met.
func (d *Dispatcher) join(ctx context.Context, tx pgx.Tx, r StartRequest, config syncrun.Config) (Started, []syncrun.Delivery, error) {
	open, err := postgres.FindUnfinished(ctx, tx, r.Tenant)
	if err != nil {
		return Started{}, nil, err
	}
	if open == nil {
		return Started{}, nil, errJustEnded
	}
	if !r.Coalesce {
		return Started{}, nil, &UnfinishedError{Run: open.ID}
	}
	if !open.Begun && open.Config.Equal(config) {
		if open.Lane == syncrun.LaneManual {
			return Started{Run: open.ID, Joined: true}, nil, nil
		}
		delivery, promoted, err := postgres.Promote(ctx, tx, open.ID)
		if err != nil || promoted {
			return Started{Run: open.ID, Joined: true}, []syncrun.Delivery{delivery}, err
		}
	}
	err = postgres.SendSignal(ctx, tx, open.ID, r.Tenant, postgres.SignalRerun, r.Actor)
	return Started{Run: open.ID, Joined: true}, nil, err
}
