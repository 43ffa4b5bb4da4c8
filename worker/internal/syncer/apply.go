package syncer

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"cleversync/shared/fault"
	"cleversync/shared/postgres"
	"cleversync/shared/schoolmanager"
	"cleversync/shared/syncrun"
)

// plan compares what is staged with what is applied and writes the changes. It
// first looks whether everything that was fetched is still there: a crash of
// Postgres empties staging while the steps say done, and an empty stream would
// look like everybody having left.
func (s *Syncer) plan(ctx context.Context, c *postgres.Claim) (next []syncrun.Delivery, err error) {
	err = s.long(ctx, c, func(tx pgx.Tx) error {
		whole := c.Config.Hold != nil // nothing was fetched
		if !whole {
			if whole, err = postgres.StagedWhole(ctx, tx, c); err != nil {
				return err
			}
		}
		if !whole {
			next, err = s.anew(ctx, tx, c)
			return err
		}
		state, torn, err := postgres.Snapshot(ctx, tx, c)
		if err != nil {
			return err
		}
		planned, err := schoolmanager.Plan(ctx, tx, schoolmanager.PlanInput{
			Run: c.Run, Tenant: c.Tenant, Generation: c.Generation,
			Options: c.Config.Options, DistrictState: state, Torn: torn,
			Limits: c.Config.Limits, Unconfirmed: c.Config.Unconfirmed, Hold: c.Config.Hold,
		})
		if err != nil {
			return err
		}
		if err := postgres.RecordPlan(ctx, tx, c, planned.Changes); err != nil {
			return err
		}
		next, err = postgres.EndStep(ctx, tx, c, s.Bound)
		return err
	})
	return next, err
}

// apply executes the planned changes and ends the run, in one transaction:
// readers of School Manager see the old roster or the new one, and a run that
// says completed is applied.
func (s *Syncer) apply(ctx context.Context, c *postgres.Claim) (next []syncrun.Delivery, err error) {
	var completed bool
	err = s.long(ctx, c, func(tx pgx.Tx) error {
		changes, whole, err := s.plannedWhole(ctx, tx, c)
		if err != nil {
			return err
		}
		if !whole {
			next, err = s.anew(ctx, tx, c)
			return err
		}
		if err := s.write(ctx, tx, c, changes); err != nil {
			return err
		}
		if _, err := postgres.EndStep(ctx, tx, c, s.Bound); err != nil {
			return err
		}
		if err := postgres.RefuseCancelled(ctx, tx, c.Run); err != nil {
			return err
		}
		// This must come last: once the run says completed it is.
		if completed, err = postgres.EndRun(ctx, tx, c.Run, postgres.Ending{State: syncrun.Completed}); err != nil {
			return err
		}
		next, err = s.Dispatch.Rerun(ctx, tx, c.Run)
		return err
	})
	if err == nil && completed {
		s.tidy(ctx, c)
	}
	return next, err
}

// write executes the changes and keeps what was withheld; of a preview it keeps
// what would have been done, and does nothing; an undo takes back.
func (s *Syncer) write(ctx context.Context, tx pgx.Tx, c *postgres.Claim, changes int64) (err error) {
	switch {
	case c.Config.Undo != nil:
		_, err = schoolmanager.Undo(ctx, tx, schoolmanager.UndoInput{
			Run: c.Run, Tenant: c.Tenant, Of: c.Config.Undo.Run, RemovalsOnly: c.Config.Undo.RemovalsOnly,
		})
	case c.Config.Preview:
		err = schoolmanager.CountPreview(ctx, tx, c.Run, c.Tenant)
	default:
		_, err = schoolmanager.Apply(ctx, tx, schoolmanager.ApplyInput{Run: c.Run, Tenant: c.Tenant, Changes: changes})
	}
	if errors.Is(err, schoolmanager.ErrNothingToUndo) {
		f := fault.Wrap(err, fault.Internal, "the run to be undone is no longer the newest one")
		f.Final = true
		return f
	}
	if err != nil {
		return err
	}
	_, err = schoolmanager.Keep(ctx, tx, schoolmanager.KeepInput{Run: c.Run, Tenant: c.Tenant, Preview: c.Config.Preview})
	return err
}

// plannedWhole tells whether every change row that plan wrote is still there.
func (s *Syncer) plannedWhole(ctx context.Context, tx pgx.Tx, c *postgres.Claim) (int64, bool, error) {
	if c.Config.Undo != nil {
		return 0, true, nil // it has no plan
	}
	said, known, err := postgres.PlannedChanges(ctx, tx, c)
	if err != nil || !known {
		return 0, false, err
	}
	there, err := schoolmanager.CountChanges(ctx, tx, c.Run)
	return said, there == said || !postgres.Proven, err
}

// long runs fn in a transaction that may take long: it locks the run first and
// the step next, and bounds its statements and its waits for locks.
func (s *Syncer) long(ctx context.Context, c *postgres.Claim, fn func(pgx.Tx) error) error {
	return c.FencedRun(ctx, s.Pool, func(tx pgx.Tx) error {
		for name, value := range map[string]string{
			"statement_timeout": fmt.Sprint(s.StatementTimeout.Milliseconds()),
			"lock_timeout":      fmt.Sprint(s.LockTimeout.Milliseconds()),
		} {
			if _, err := tx.Exec(ctx, `SELECT set_config($1, $2, true)`, name, value); err != nil {
				return fmt.Errorf("bound the transaction: %w", err)
			}
		}
		return fn(tx)
	})
}

// anew begins the fetch again after a loss, within bounds.
func (s *Syncer) anew(ctx context.Context, tx pgx.Tx, c *postgres.Claim) ([]syncrun.Delivery, error) {
	next, err := postgres.Regenerate(ctx, tx, c, s.Bound)
	if errors.Is(err, postgres.ErrTooManyGenerations) {
		f := fault.Wrap(err, fault.Internal, "what was fetched was lost %d times, as after crashes of the database", c.Generation)
		f.Final = true
		return nil, f
	}
	return next, err
}

// tidy removes what the ended run has staged. Should it fail, the scheduler
// prunes: the run is completed all the same. It has a context of its own,
// because the step's ends with the step.
func (s *Syncer) tidy(ctx context.Context, c *postgres.Claim) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.StatementTimeout)
	defer cancel()
	if err := postgres.ClearStaging(ctx, s.Pool, c.Run); err != nil {
		s.Log.WarnContext(ctx, "staged rows left to the pruner", "run", c.Run, "error", err)
	}
}
