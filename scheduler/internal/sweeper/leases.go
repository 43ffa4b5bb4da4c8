package sweeper

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"cleversync/shared/postgres"
)

// expire gives the steps of dead workers to others. Those that froze in a COPY
// must be cut off first: their rows are locked.
func (s *Sweeper) expire(ctx context.Context) error {
	cut, err := postgres.CutFrozenCopies(ctx, s.Pool, s.Lease)
	if err != nil {
		return err
	}
	if cut > 0 {
		s.Log.WarnContext(ctx, "frozen copies cut off", "count", cut)
	}
	total := 0
	err = s.batches(func(limit int) (expired int, err error) {
		err = s.brief(ctx, func(tx pgx.Tx) error {
			expired, err = postgres.ExpireLeases(ctx, tx, limit)
			return err
		})
		total += expired
		return expired, err
	})
	if total == 0 {
		return err
	}
	s.Metrics.expired.Add(float64(total))
	s.Log.WarnContext(ctx, "leases ran out", "count", total)
	return errors.Join(err, s.Kick(ctx))
}

// giveUp ends the runs of steps that have lost too many workers.
func (s *Sweeper) giveUp(ctx context.Context) error {
	lost, err := postgres.FindLost(ctx, s.Pool, s.Batch)
	if err != nil {
		return err
	}
	var failures []error
	for _, l := range lost {
		var ended bool
		err := s.brief(ctx, func(tx pgx.Tx) error {
			ended, err = postgres.GiveUp(ctx, tx, l)
			return err
		})
		if err != nil {
			failures = append(failures, err)
			continue
		}
		if ended {
			s.Metrics.lost.Inc()
			s.Log.ErrorContext(ctx, "run given up: its workers were lost too often", "run", l.Run, "step", l.Step)
		}
	}
	return errors.Join(failures...)
}
