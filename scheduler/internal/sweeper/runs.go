package sweeper

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"cleversync/shared/postgres"
	"cleversync/shared/syncrun"
)

// goOn ends runs that were asked to stop while nobody worked on them, and
// decides again what follows in runs of which no step is left.
func (s *Sweeper) goOn(ctx context.Context) error {
	var failures []error
	var after uuid.UUID
	err := s.batches(func(limit int) (int, error) {
		stranded, err := postgres.FindStranded(ctx, s.Pool, after, limit)
		if err != nil {
			return 0, err
		}
		for _, run := range stranded {
			after = run.Run
			failures = append(failures, s.goOnWith(ctx, run))
		}
		return len(stranded), nil
	})
	return errors.Join(append(failures, err)...)
}

func (s *Sweeper) goOnWith(ctx context.Context, run postgres.StrandedRun) error {
	if run.Cancelled {
		ended, err := s.Dispatch.EndCancelled(ctx, run.Run)
		if ended {
			s.Metrics.cancelled.Inc()
		}
		return err
	}
	next, err := postgres.DecideAgain(ctx, s.Pool, run.Run, s.InFlight)
	if err != nil {
		return err
	}
	s.Dispatch.Deliver(ctx, next)
	s.Metrics.stranded.Inc()
	s.Log.WarnContext(ctx, "run had no step left and was decided again", "run", run.Run, "count", len(next))
	return nil
}

// rerun grants the wishes that came too late for the transaction that ended
// their run.
func (s *Sweeper) rerun(ctx context.Context) error {
	ended, err := postgres.FindReruns(ctx, s.Pool, s.Batch)
	if err != nil {
		return err
	}
	var failures []error
	for _, run := range ended {
		var next []syncrun.Delivery
		err := s.brief(ctx, func(tx pgx.Tx) error {
			if err := postgres.LockRun(ctx, tx, run); err != nil {
				return err
			}
			next, err = s.Dispatch.Rerun(ctx, tx, run)
			return err
		})
		if err != nil {
			failures = append(failures, err)
			continue
		}
		s.Dispatch.Deliver(ctx, next)
	}
	return errors.Join(failures...)
}
