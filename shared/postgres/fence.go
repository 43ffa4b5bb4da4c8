package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"cleversync/shared/syncrun"
)

// ErrFenced says that the step was taken from its holder: it was given to
// somebody else, or its run has ended. The holder stops without a word.
var ErrFenced = errors.New("the step belongs to somebody else now")

// Fence names one claim of one step.
type Fence struct {
	Run   uuid.UUID
	Step  syncrun.Step
	Epoch int64
	// Lease is how long a claim lasts without a sign of life.
	Lease time.Duration
}

// Fenced runs fn in a transaction that holds the step's row. While it does, the
// lock is the lease: claims and the sweeper skip locked rows. The last
// statement renews the lease from the clock, because now() is the start of the
// transaction.
func (f Fence) Fenced(ctx context.Context, pool *pgxpool.Pool, fn func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if err := f.lockStep(ctx, tx); err != nil {
			return err
		}
		if err := fn(tx); err != nil {
			return err
		}
		return f.renew(ctx, tx)
	})
}

// FencedRun is Fenced with the run locked before the step, for whatever ends a
// step or a run.
func (f Fence) FencedRun(ctx context.Context, pool *pgxpool.Pool, fn func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if err := LockRun(ctx, tx, f.Run); err != nil {
			return err
		}
		if err := f.lockStep(ctx, tx); err != nil {
			return err
		}
		if err := fn(tx); err != nil {
			return err
		}
		return f.renew(ctx, tx)
	})
}

// LockRun takes the run's row lock, the first in the order of locks. It is a
// statement of its own, so that the statements after it see what the holder
// before us has committed. A holder that hangs loses its transaction.
func LockRun(ctx context.Context, tx pgx.Tx, run uuid.UUID) error {
	_, err := tx.Exec(ctx, `
		SELECT set_config('idle_in_transaction_session_timeout', '60s', true)
		FROM sync.runs
		WHERE id = $1
		FOR NO KEY UPDATE`, run)
	if err != nil {
		return fmt.Errorf("lock run %s: %w", run, err)
	}
	return nil
}

// lockStep takes the step's row. A locked row counts as held by somebody alive,
// so a holder that is frozen in its transaction must lose it: Postgres ends a
// transaction that has been idle for a lease, and a statement that has taken so
// long; plan and apply allow themselves longer ones. (A COPY whose rows do not
// come is beyond both: see CutFrozenCopies.)
func (f Fence) lockStep(ctx context.Context, tx pgx.Tx) error {
	tag, err := tx.Exec(ctx, `
		SELECT set_config('idle_in_transaction_session_timeout', $5, true),
		       set_config('statement_timeout', $5, true)
		FROM sync.run_steps
		WHERE run_id = $1
		  AND name = $2
		  AND (NOT $4 OR (epoch = $3 AND state = 'running'))
		FOR NO KEY UPDATE`, f.Run, f.Step, f.Epoch, fenced, milliseconds(f.Lease))
	if err != nil {
		return fmt.Errorf("lock step %s: %w", f.Step, err)
	}
	if tag.RowsAffected() == 0 {
		return ErrFenced
	}
	return nil
}

// milliseconds writes a duration as Postgres' settings take it.
func milliseconds(d time.Duration) string { return fmt.Sprintf("%dms", d.Milliseconds()) }

func (f Fence) renew(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `
		UPDATE sync.run_steps
		SET lease_until = clock_timestamp() + $4 * interval '1 microsecond'
		WHERE run_id = $1
		  AND name = $2
		  AND epoch = $3
		  AND state = 'running'`, f.Run, f.Step, f.Epoch, f.Lease.Microseconds())
	if err != nil {
		return fmt.Errorf("renew lease of %s: %w", f.Step, err)
	}
	return nil
}

// Pulse is what a beat finds.
type Pulse struct {
	// Alive: the step is still the caller's, or the caller has just ended it
	// and does not know yet.
	Alive bool
	// Cancelled: a person asked to cancel the run.
	Cancelled bool
}

// Beat is the sign of life of a step, and looks what a person asked of the run
// meanwhile. It renews the lease where less than keep of it is left, and skips
// the row while a transaction of the step holds it: that lock is the lease
// then, and waiting for it would make a cancel wait too.
func (f Fence) Beat(ctx context.Context, pool *pgxpool.Pool, keep time.Duration) (Pulse, error) {
	var p Pulse
	err := pool.QueryRow(ctx, `
		WITH free AS (
		  SELECT run_id, name
		  FROM sync.run_steps
		  WHERE run_id = $1
		    AND name = $2
		    AND epoch = $3
		    AND state = 'running'
		    AND lease_until < clock_timestamp() + $5 * interval '1 microsecond'
		  FOR NO KEY UPDATE SKIP LOCKED
		), renewed AS (
		  UPDATE sync.run_steps s
		  SET lease_until = clock_timestamp() + $4 * interval '1 microsecond'
		  FROM free
		  WHERE s.run_id = free.run_id
		    AND s.name = free.name
		)
		SELECT EXISTS (SELECT 1
		               FROM sync.run_steps
		               WHERE run_id = $1
		                 AND name = $2
		                 AND (NOT $6 OR (epoch = $3 AND state IN ('running', 'done')))),
		       EXISTS (SELECT 1 FROM sync.run_signals WHERE run_id = $1 AND signal = 'cancel')`,
		f.Run, f.Step, f.Epoch, f.Lease.Microseconds(), keep.Microseconds(), fenced).Scan(&p.Alive, &p.Cancelled)
	if err != nil {
		return Pulse{}, fmt.Errorf("renew lease of %s: %w", f.Step, err)
	}
	return p, nil
}
