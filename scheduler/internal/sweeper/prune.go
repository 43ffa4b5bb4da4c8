package sweeper

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"cleversync/shared/postgres"
)

// PruneConfig is what a Pruner works with.
type PruneConfig struct {
	Pool    *pgxpool.Pool
	Log     *slog.Logger
	Metrics *Metrics
	// Batch is how many rows one statement deletes, Batches how many of them one
	// tick runs on a table: the rest waits for the next tick.
	Batch, Batches int
	// TruncateAbove is the size in bytes of all staging tables from which on
	// they are emptied as a whole when no run is under way.
	TruncateAbove int64
	// Patience is how long it waits for the tables then. Whoever stages
	// meanwhile waits behind it, so it is short.
	Patience time.Duration
	// StatementTimeout bounds each statement.
	StatementTimeout time.Duration
}

// Pruner deletes what nobody needs: staged rows, which usually the worker that
// ends a run deletes itself, so that this is for workers that died then and for
// runs that ended without one; log-ins at Clever that are over; the tokens of
// districts that nobody is connected to; held changes that nobody can apply any
// more; and the journal of what nobody can undo.
type Pruner struct{ PruneConfig }

// NewPruner makes a Pruner.
func NewPruner(c PruneConfig) *Pruner { return &Pruner{c} }

// Tick prunes once.
func (p *Pruner) Tick(ctx context.Context) error {
	return errors.Join(p.pruneStaging(ctx), p.pruneLogins(ctx), p.pruneHolds(ctx), p.deleteBatches(ctx, postgres.DeleteJournal))
}

// pruneHolds closes held changes that nobody decided about in time, and deletes
// those that nobody can apply any more, with the personal data in them.
func (p *Pruner) pruneHolds(ctx context.Context) error {
	err := postgres.Brief(ctx, p.Pool, p.StatementTimeout, func(tx pgx.Tx) error {
		expired, err := postgres.ExpireHolds(ctx, tx)
		if expired > 0 {
			p.Log.InfoContext(ctx, "held changes expired", "count", expired)
		}
		return err
	})
	return errors.Join(err, p.deleteBatches(ctx, postgres.DeleteHeldChanges))
}

// deleteBatches deletes a bounded number of rows in short transactions.
func (p *Pruner) deleteBatches(ctx context.Context, some func(context.Context, postgres.Querier, int) (int, error)) error {
	for range p.Batches {
		var deleted int
		err := postgres.Brief(ctx, p.Pool, p.StatementTimeout, func(tx pgx.Tx) (err error) {
			deleted, err = some(ctx, tx, p.Batch)
			return err
		})
		if err != nil || deleted < p.Batch {
			return err
		}
	}
	return nil
}

// pruneLogins deletes old log-ins, and forgets the tokens that those left
// behind which nobody consented to, or that a run fetched while its tenant was
// being disconnected.
func (p *Pruner) pruneLogins(ctx context.Context) error {
	return postgres.Brief(ctx, p.Pool, p.StatementTimeout, func(tx pgx.Tx) error {
		if _, err := postgres.PruneLogins(ctx, tx, p.Batch); err != nil {
			return err
		}
		forgotten, err := postgres.ForgetDistrictTokens(ctx, tx, "", p.Batch)
		if err == nil && forgotten > 0 {
			p.Log.InfoContext(ctx, "tokens of unused districts forgotten", "count", forgotten)
		}
		return err
	})
}

func (p *Pruner) pruneStaging(ctx context.Context) error {
	tables, err := postgres.StagingTables(ctx, p.Pool)
	if err != nil {
		return err
	}
	var size int64
	for _, table := range tables {
		size += table.Bytes
	}
	if size > p.TruncateAbove {
		emptied, err := postgres.TruncateStaging(ctx, p.Pool, tables, p.Patience)
		if err != nil {
			return err
		}
		if emptied {
			p.Metrics.truncated.Inc()
			p.Log.InfoContext(ctx, "staging emptied")
			return nil
		}
	}
	var failures []error
	for _, table := range tables {
		failures = append(failures, p.prune(ctx, table))
	}
	return errors.Join(failures...)
}

// prune deletes what is left over in one table.
func (p *Pruner) prune(ctx context.Context, table postgres.StagingTable) error {
	left, err := postgres.FindLeftovers(ctx, p.Pool, table)
	if err != nil {
		return err
	}
	batches := p.Batches
	for _, l := range left {
		for ; batches > 0; batches-- {
			var deleted int
			err := postgres.Brief(ctx, p.Pool, p.StatementTimeout, func(tx pgx.Tx) (err error) {
				deleted, err = postgres.DeleteLeftover(ctx, tx, table, l, p.Batch)
				return err
			})
			if err != nil {
				return err
			}
			p.Metrics.deleted.Add(float64(deleted))
			if deleted < p.Batch {
				break
			}
		}
	}
	return nil
}
