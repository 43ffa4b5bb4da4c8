// Package sweeper puts right what got lost on the way: a step that the queue
// was told of but that never came, a worker that died, a run that nobody works
// on, a wish that came too late, rows that nobody needs.
//
// Everything it does may be done by several sweepers at once, and at any time:
// each act looks once more, with the row locked, whether it is still needed.
package sweeper

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"cleversync/shared/dispatch"
	"cleversync/shared/postgres"
	"cleversync/shared/queue"
)

// Config is what a Sweeper works with.
type Config struct {
	Pool     *pgxpool.Pool
	Queue    *queue.Client
	Dispatch *dispatch.Dispatcher
	Log      *slog.Logger
	Metrics  *Metrics
	// Kick moves what has become ready to the queue at once, instead of at the
	// dispatcher's next tick.
	Kick func(ctx context.Context) error
	// Lease is that of the workers.
	Lease time.Duration
	// SilentAfter is how long a step may be ready, and the queue know of it,
	// before somebody looks what became of it. A full queue makes steps silent
	// too; looking then does no harm.
	SilentAfter time.Duration
	// InFlight is how many steps the queue and the workers hold together.
	InFlight int
	// Batch is how many rows one statement takes, Batches how many of them one
	// tick takes of a kind: the rest waits for the next tick.
	Batch, Batches int
	// StatementTimeout bounds each statement.
	StatementTimeout time.Duration
	// Clock tells how much time has passed, and Uptime what time it is in the
	// database and how long that has been up. Nil is the process's own clock,
	// which no change of the time of day moves, and postgres.Uptime; tests give
	// their own.
	Clock  func() time.Time
	Uptime func(ctx context.Context) (now time.Time, up time.Duration, err error)
}

// Sweeper sweeps. Its ticks must not overlap; those of different sweepers may.
type Sweeper struct {
	Config
	pause pause
}

// New makes a Sweeper. It has just slept for who knows how long, so it expires
// no lease before one lease is over.
func New(c Config) *Sweeper {
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Uptime == nil {
		c.Uptime = func(ctx context.Context) (time.Time, time.Duration, error) { return postgres.Uptime(ctx, c.Pool) }
	}
	return &Sweeper{Config: c, pause: pause{lease: c.Lease}}
}

// Tick sweeps once. What fails does not keep the rest from being done, except
// that without Postgres there is nothing to do.
func (s *Sweeper) Tick(ctx context.Context) error {
	judge, err := s.mayJudge(ctx)
	if err != nil {
		return err
	}
	failures := []error{s.redeliver(ctx)}
	if judge {
		failures = append(failures, s.expire(ctx), s.giveUp(ctx))
	}
	return errors.Join(append(failures, s.goOn(ctx), s.rerun(ctx))...)
}

// mayJudge tells whether leases may be judged now.
func (s *Sweeper) mayJudge(ctx context.Context) (bool, error) {
	now, up, err := s.Uptime(ctx)
	if err != nil {
		s.pause.lost()
		return false, err
	}
	return s.pause.over(s.Clock(), now, up), nil
}

// brief runs fn in a transaction that stands in nobody's way.
func (s *Sweeper) brief(ctx context.Context, fn func(pgx.Tx) error) error {
	return postgres.Brief(ctx, s.Pool, s.StatementTimeout, fn)
}

// batches calls work until it finds fewer than a whole batch.
func (s *Sweeper) batches(work func(limit int) (int, error)) error {
	for range s.Batches {
		found, err := work(s.Batch)
		if err != nil || found < s.Batch {
			return err
		}
	}
	return nil
}
