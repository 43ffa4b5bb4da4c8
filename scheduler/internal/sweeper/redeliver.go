package sweeper

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"cleversync/shared/postgres"
	"cleversync/shared/queue"
	"cleversync/shared/syncrun"
)

// redeliver looks what became of deliveries that nobody has claimed for long.
// Without Redis it touches nothing.
func (s *Sweeper) redeliver(ctx context.Context) error {
	if err := s.Queue.Ping(ctx); err != nil {
		return fmt.Errorf("reach the queue: %w", err)
	}
	return s.batches(func(limit int) (int, error) {
		var silent []syncrun.Delivery
		err := s.brief(ctx, func(tx pgx.Tx) (err error) {
			silent, err = postgres.MarkSilent(ctx, tx, s.SilentAfter, limit)
			return err
		})
		if err != nil {
			return 0, err
		}
		for i, d := range silent {
			if err := s.repair(ctx, d); err != nil {
				s.takeBack(ctx, silent[i:])
				return 0, err
			}
		}
		return len(silent), nil
	})
}

// repair makes one delivery come again if it will not come by itself.
func (s *Sweeper) repair(ctx context.Context, d syncrun.Delivery) error {
	where, err := s.Queue.Find(d)
	if err != nil {
		return err
	}
	switch where {
	case queue.Coming:
		return nil
	case queue.Stuck:
		renumbered, moved, err := postgres.Renumber(ctx, s.Pool, d)
		if err != nil || !moved {
			return err
		}
		d = renumbered
	}
	if err := s.Queue.Enqueue(ctx, d); err != nil {
		return err
	}
	s.Metrics.redelivered(where)
	s.Log.InfoContext(ctx, "step delivered again", "run", d.Run, "step", d.Step)
	return nil
}

// takeBack unmarks deliveries that were marked as told but not looked at, so
// that the dispatcher tells them again. What it cannot unmark becomes silent
// once more.
func (s *Sweeper) takeBack(ctx context.Context, deliveries []syncrun.Delivery) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	for _, d := range deliveries {
		if err := postgres.Unmark(ctx, s.Pool, d); err != nil {
			s.Log.WarnContext(ctx, "steps stay marked as told until swept", "run", d.Run, "step", d.Step, "error", err)
			return
		}
	}
}
