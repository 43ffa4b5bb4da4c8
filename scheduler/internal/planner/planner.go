// Package planner starts the nightly runs. Each tenant has a slot in the window
// of its region; when it comes, the tenant gets one scheduled run.
//
// Any number of planners may work at once: tenants are locked while they are
// planned, whoever is locked is left to the other, and the database refuses a
// second run of a tenant in one window. The runs are inserted first; only then,
// and only where the window's run is there or the tenant's next slot has come,
// does the slot move on. So a slot that falls into a run that a person started
// waits for its end, and a planner that dies at any point has lost nothing.
package planner

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"cleversync/shared/dispatch"
	"cleversync/shared/postgres"
	"cleversync/shared/region"
	"cleversync/shared/roster"
	"cleversync/shared/tenant"
)

// Config is what a Planner works with.
type Config struct {
	Pool     *pgxpool.Pool
	Dispatch *dispatch.Dispatcher
	Log      *slog.Logger
	Metrics  *Metrics
	// Regions are those that this deployment serves.
	Regions []region.Region
	// StartLimit is how many runs a region starts in one tick at most, so that
	// the backlog of an outage comes at a bounded rate; Batch is how many
	// tenants are locked at once.
	StartLimit, Batch int
	// StatementTimeout bounds each statement.
	StatementTimeout time.Duration
	// Now reads the clock; nil is that of the database. Tests give their own.
	Now func(ctx context.Context) (time.Time, error)
}

// Planner starts runs. Its ticks must not overlap; those of different planners
// may.
type Planner struct{ Config }

// New makes a Planner.
func New(c Config) *Planner {
	if c.Now == nil {
		c.Now = func(ctx context.Context) (time.Time, error) { return postgres.Now(ctx, c.Pool) }
	}
	return &Planner{c}
}

// StartedBy is what scheduled runs say of who started them.
const StartedBy = "schedule"

// Enrol gives a first slot to tenants that have become ready for one. It is
// needed less often than Tick: the slot lies within a day.
func (p *Planner) Enrol(ctx context.Context) error {
	return p.eachRegion(ctx, p.enrol)
}

// Tick starts what is due.
func (p *Planner) Tick(ctx context.Context) error {
	return p.eachRegion(ctx, p.startDue)
}

// eachRegion works on one region after the other; one that fails does not stop
// the others.
func (p *Planner) eachRegion(ctx context.Context, work func(context.Context, region.Region, time.Time) error) error {
	now, err := p.Now(ctx)
	if err != nil {
		return err
	}
	var failures []error
	for _, r := range p.Regions {
		failures = append(failures, work(ctx, r, now))
	}
	return errors.Join(failures...)
}

func (p *Planner) enrol(ctx context.Context, r region.Region, now time.Time) error {
	return p.batches(func(limit int) (planned int, err error) {
		err = postgres.Brief(ctx, p.Pool, p.StatementTimeout, func(tx pgx.Tx) error {
			tenants, err := postgres.LockUnplanned(ctx, tx, r.Name, limit)
			if err != nil || len(tenants) == 0 {
				return err
			}
			slots := make([]time.Time, len(tenants))
			for i, id := range tenants {
				slots[i] = r.NextDue(id.String(), now)
			}
			planned = len(tenants)
			return postgres.PlanFirst(ctx, tx, tenants, slots)
		})
		return planned, err
	})
}

// batches calls work until it finds fewer than it was allowed to, or the tick's
// limit is reached.
func (p *Planner) batches(work func(limit int) (int, error)) error {
	for left := p.StartLimit; left > 0; {
		limit := min(p.Batch, left)
		found, err := work(limit)
		if err != nil || found < limit {
			return err
		}
		left -= found
	}
	return nil
}

// startDue starts the runs of a region's tenants whose slots have come, the
// oldest first.
func (p *Planner) startDue(ctx context.Context, r region.Region, now time.Time) error {
	return p.batches(func(limit int) (int, error) {
		var found, started, missed int
		err := postgres.Brief(ctx, p.Pool, p.StatementTimeout, func(tx pgx.Tx) error {
			due, err := postgres.LockDue(ctx, tx, r.Name, now, r.Length, limit)
			if err != nil || len(due) == 0 {
				return err
			}
			found = len(due)
			plan, err := p.plan(ctx, tx, r, now, due)
			if err != nil {
				return err
			}
			missed = plan.missed
			if started, err = postgres.InsertScheduledRuns(ctx, tx, plan.runs); err != nil {
				return err
			}
			return postgres.MoveDue(ctx, tx, plan.moves)
		})
		if err != nil {
			return 0, fmt.Errorf("start due tenants of %s: %w", r.Name, err)
		}
		p.Metrics.count(r.Name, started, missed)
		p.Log.DebugContext(ctx, "nightly runs started", "region", r.Name, "count", started)
		if missed > 0 {
			p.Log.WarnContext(ctx, "slots missed", "region", r.Name, "count", missed)
		}
		return found, nil
	})
}

// plan is what becomes of a batch of due tenants.
type plan struct {
	runs   []postgres.NewRun
	moves  []postgres.DueMove
	missed int
}

// plan decides about each tenant by its connection, which stays locked until
// the runs are inserted: no run begins by a connection that is being replaced.
func (p *Planner) plan(ctx context.Context, tx pgx.Tx, r region.Region, now time.Time, due []postgres.DueTenant) (plan, error) {
	ids := make([]uuid.UUID, len(due))
	for i, d := range due {
		ids[i] = d.ID
	}
	connections, err := postgres.LockConnections(ctx, tx, ids)
	if err != nil {
		return plan{}, err
	}
	limits, err := postgres.EffectiveLimits(ctx, tx, ids)
	if err != nil {
		return plan{}, err
	}
	var result plan
	for _, d := range due {
		c := connections[d.ID]
		if d.Connected && c == nil {
			continue // somebody is changing it right now; the slot waits
		}
		if err := result.add(p.Dispatch, r, now, d, c, limits[d.ID]); err != nil {
			return plan{}, err
		}
	}
	return result, nil
}

// add decides about one tenant. The run belongs to the latest slot that has
// come, and to that slot's window, however late it is; older slots are missed.
// A tenant that cannot be synced waits for its next slot; that is no miss.
func (l *plan) add(d *dispatch.Dispatcher, r region.Region, now time.Time, t postgres.DueTenant, c *tenant.Connection, limits roster.Limits) error {
	next := r.NextDue(t.ID.String(), now)
	slot := r.LastDue(t.ID.String(), now)
	window := r.WindowAt(slot).Key
	if tenant.Startable(t.Tenant, c) != nil {
		l.moves = append(l.moves, postgres.DueMove{Tenant: t.ID, WindowKey: window, Keep: next, Next: next})
		return nil
	}
	l.missed += max(0, int(slot.Sub(t.NextDueAt)/r.Length))
	l.moves = append(l.moves, postgres.DueMove{Tenant: t.ID, WindowKey: window, Keep: slot, Next: next})
	if t.Busy {
		return nil
	}
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("make run id: %w", err)
	}
	config := d.ConfigOf(*c, limits)
	config.Preview = t.PreviewsOnly
	l.runs = append(l.runs, postgres.NewRun{
		ID: id, Tenant: t.ID, Region: t.Region, StartedBy: StartedBy, WindowKey: window, Config: config,
	})
	return nil
}
