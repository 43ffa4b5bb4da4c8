package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"cleversync/shared/fault"
	"cleversync/shared/syncrun"
)

// MarkReady takes up to limit ready steps that nobody told the queue of, manual
// ones first, while fewer than bound are in flight, and marks them. The caller
// puts them on the queue. Several may call it at once.
func MarkReady(ctx context.Context, q Querier, bound, limit int) ([]syncrun.Delivery, error) {
	rows, err := q.Query(ctx, `
		UPDATE sync.run_steps s
		SET dispatched_at = clock_timestamp()
		FROM (SELECT run_id, name
		      FROM sync.run_steps
		      WHERE state = 'ready'
		        AND dispatched_at IS NULL
		      ORDER BY lane, created_at
		      LIMIT (SELECT greatest(0, least($2, $1 - flying)) FROM (`+inFlight+`) AS f (flying))
		      FOR NO KEY UPDATE SKIP LOCKED) p
		WHERE s.run_id = p.run_id
		  AND s.name = p.name
		RETURNING s.run_id, s.name, s.seq, s.lane, true`, bound, limit)
	if err != nil {
		return nil, fmt.Errorf("mark ready steps: %w", err)
	}
	return collectDispatched(rows)
}

// MarkSilent takes up to limit steps that the queue was told of but that nobody
// has claimed for longer than after: ready ones, and waiting ones whose time
// came that long ago. It marks them as told again; the caller looks in the
// queue what became of them.
func MarkSilent(ctx context.Context, q Querier, after time.Duration, limit int) ([]syncrun.Delivery, error) {
	rows, err := q.Query(ctx, `
		UPDATE sync.run_steps s
		SET dispatched_at = clock_timestamp()
		FROM (SELECT run_id, name
		      FROM sync.run_steps
		      WHERE (state = 'ready' AND dispatched_at < clock_timestamp() - $1 * interval '1 microsecond')
		         OR (state = 'waiting' AND not_before < clock_timestamp() - $1 * interval '1 microsecond'
		             AND coalesce(dispatched_at, '-infinity') < clock_timestamp() - $1 * interval '1 microsecond')
		      ORDER BY run_id, name
		      LIMIT $2
		      FOR NO KEY UPDATE SKIP LOCKED) p
		WHERE s.run_id = p.run_id
		  AND s.name = p.name
		RETURNING s.run_id, s.name, s.seq, s.lane, true`, after.Microseconds(), limit)
	if err != nil {
		return nil, fmt.Errorf("mark silent steps: %w", err)
	}
	return collectDispatched(rows)
}

// Renumber gives a step whose task is stuck in the queue a new delivery number,
// if it still has the old one. False means that the step went on meanwhile.
func Renumber(ctx context.Context, q Querier, d syncrun.Delivery) (syncrun.Delivery, bool, error) {
	tag, err := q.Exec(ctx, `
		UPDATE sync.run_steps
		SET seq = seq + 1,
		    dispatched_at = clock_timestamp()
		WHERE run_id = $1
		  AND name = $2
		  AND seq = $3
		  AND state IN ('ready', 'waiting')`, d.Run, d.Step, d.Seq)
	if err != nil {
		return d, false, fmt.Errorf("renumber %s: %w", d.ID(), err)
	}
	d.Seq++
	return d, tag.RowsAffected() == 1, nil
}

// Unmark takes back that the queue was told of a step: Redis did not take it.
func Unmark(ctx context.Context, q Querier, d syncrun.Delivery) error {
	_, err := q.Exec(ctx, `
		UPDATE sync.run_steps
		SET dispatched_at = NULL
		WHERE run_id = $1
		  AND name = $2
		  AND seq = $3
		  AND state = 'ready'`, d.Run, d.Step, d.Seq)
	if err != nil {
		return fmt.Errorf("unmark %s: %w", d.ID(), err)
	}
	return nil
}

// MaxCrashes is how many leases of a step may run out, since it last got on,
// before its run is given up.
const MaxCrashes = 5

// CutFrozenCopies ends the connections of our own that have been waiting, in
// the middle of a COPY, for longer than after for rows that do not come: their
// worker is frozen or cut off. No timeout of Postgres reaches such a
// transaction, and the row of its step, locked, would count as alive for ever.
func CutFrozenCopies(ctx context.Context, q Querier, after time.Duration) (int, error) {
	tag, err := q.Exec(ctx, `
		SELECT pg_terminate_backend(pid)
		FROM pg_stat_activity
		WHERE datname = current_database()
		  AND usename = current_user
		  AND state = 'active'
		  AND wait_event = 'ClientRead'
		  AND query ILIKE 'copy %'
		  AND query_start < clock_timestamp() - $1 * interval '1 microsecond'`, after.Microseconds())
	if err != nil {
		return 0, fmt.Errorf("cut frozen copies: %w", err)
	}
	return int(tag.RowsAffected()), nil
}

// ExpireLeases makes up to limit steps whose lease ran out ready again, under a
// new delivery number and a raised epoch, and marks none of them as told. It
// tells how many. A row that is locked has a holder who is alive, and is
// skipped. Steps for which this would be one time too often are left as they
// are, for FindLost.
func ExpireLeases(ctx context.Context, q Querier, limit int) (int, error) {
	tag, err := q.Exec(ctx, `
		UPDATE sync.run_steps s
		SET state = 'ready',
		    crashes = crashes + 1,
		    epoch = epoch + 1,
		    seq = seq + 1,
		    dispatched_at = NULL,
		    lease_until = NULL,
		    last_error = 'the worker was lost'
		FROM (SELECT run_id, name
		      FROM sync.run_steps
		      WHERE state = 'running'
		        AND lease_until < clock_timestamp()
		        AND crashes + 1 < $2
		      ORDER BY run_id, name
		      LIMIT $1
		      FOR NO KEY UPDATE SKIP LOCKED) p
		WHERE s.run_id = p.run_id
		  AND s.name = p.name`, limit, MaxCrashes)
	if err != nil {
		return 0, fmt.Errorf("expire leases: %w", err)
	}
	return int(tag.RowsAffected()), nil
}

// Lost is a step that has lost its worker once more than it may.
type Lost struct {
	Run   uuid.UUID
	Step  syncrun.Step
	Epoch int64
}

// FindLost gives up to limit steps whose lease ran out for the last time: their
// runs must be given up.
func FindLost(ctx context.Context, q Querier, limit int) ([]Lost, error) {
	rows, err := q.Query(ctx, `
		SELECT run_id, name, epoch
		FROM sync.run_steps
		WHERE state = 'running'
		  AND lease_until < clock_timestamp()
		  AND crashes + 1 >= $2
		ORDER BY run_id, name
		LIMIT $1`, limit, MaxCrashes)
	if err != nil {
		return nil, fmt.Errorf("find lost steps: %w", err)
	}
	lost, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Lost])
	if err != nil {
		return nil, fmt.Errorf("find lost steps: %w", err)
	}
	return lost, nil
}

// GiveUp fails the run of a step that has lost its worker too often. It judges
// the step once more with both locks held, and waits for neither: whoever holds
// one is alive. False means that the step got on meanwhile, or is held.
func GiveUp(ctx context.Context, tx pgx.Tx, l Lost) (bool, error) {
	free, err := tryLockRun(ctx, tx, l.Run)
	if err != nil || !free {
		return false, err
	}
	tag, err := tx.Exec(ctx, `
		UPDATE sync.run_steps s
		SET state = 'failed',
		    crashes = crashes + 1,
		    epoch = epoch + 1,
		    lease_until = NULL,
		    last_error = 'the worker was lost',
		    finished_at = clock_timestamp()
		FROM (SELECT run_id, name
		      FROM sync.run_steps
		      WHERE run_id = $1
		        AND name = $2
		        AND epoch = $3
		        AND state = 'running'
		        AND lease_until < clock_timestamp()
		      FOR NO KEY UPDATE SKIP LOCKED) p
		WHERE s.run_id = p.run_id
		  AND s.name = p.name`, l.Run, l.Step, l.Epoch)
	if err != nil {
		return false, fmt.Errorf("give up run %s: %w", l.Run, err)
	}
	if tag.RowsAffected() == 0 {
		return false, nil
	}
	return EndRun(ctx, tx, l.Run, Ending{
		State:   syncrun.Failed,
		Code:    fault.LostWorker,
		Message: fmt.Sprintf("%s lost its worker %d times", l.Step, MaxCrashes),
	})
}

// StrandedRun is an unfinished run that nobody works on and nobody will.
type StrandedRun struct {
	Run       uuid.UUID
	Cancelled bool
}

// FindStranded gives up to limit runs, after that id, that either were asked to
// be cancelled while no step runs, or have no unfinished step left. The second
// cannot be of a queued run: its first step is unfinished, or it would be
// running. So a long backlog is not looked through.
func FindStranded(ctx context.Context, q Querier, after uuid.UUID, limit int) ([]StrandedRun, error) {
	rows, err := q.Query(ctx, `
		SELECT r.id, false
		FROM sync.runs r
		WHERE r.state = 'running'
		  AND r.id > $1
		  AND NOT EXISTS (SELECT 1 FROM sync.run_steps s WHERE s.run_id = r.id AND s.state IN ('ready', 'running', 'waiting'))
		  AND NOT EXISTS (SELECT 1 FROM sync.run_signals g WHERE g.run_id = r.id AND g.signal = 'cancel')
		UNION ALL
		SELECT r.id, true
		FROM sync.run_signals g
		JOIN sync.runs r
		  ON r.id = g.run_id
		WHERE g.signal = 'cancel'
		  AND r.state IN ('queued', 'running')
		  AND r.id > $1
		  AND NOT EXISTS (SELECT 1 FROM sync.run_steps s WHERE s.run_id = r.id AND s.state = 'running')
		ORDER BY 1
		LIMIT $2`, after, limit)
	if err != nil {
		return nil, fmt.Errorf("find stranded runs: %w", err)
	}
	runs, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (StrandedRun, error) {
		var s StrandedRun
		return s, row.Scan(&s.Run, &s.Cancelled)
	})
	if err != nil {
		return nil, fmt.Errorf("find stranded runs: %w", err)
	}
	return runs, nil
}

// DecideAgain repeats the fan-in of a run without an unfinished step: what
// should follow is inserted. With the run locked it finds nothing to do where
// somebody was faster.
func DecideAgain(ctx context.Context, pool *pgxpool.Pool, run uuid.UUID, bound int) (deliveries []syncrun.Delivery, err error) {
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if err := LockRun(ctx, tx, run); err != nil {
			return err
		}
		var config syncrun.Config
		var done []string
		var open bool
		err := tx.QueryRow(ctx, `
			SELECT r.config,
			       array(SELECT s.name FROM sync.run_steps s WHERE s.run_id = r.id AND s.state = 'done'),
			       r.state NOT IN ('queued', 'running')
			         OR EXISTS (SELECT 1 FROM sync.run_steps s WHERE s.run_id = r.id AND s.state IN ('ready', 'running', 'waiting'))
			FROM sync.runs r
			WHERE r.id = $1`, run).Scan(&config, &done, &open)
		if err != nil {
			return fmt.Errorf("read run: %w", err)
		}
		if open {
			return nil
		}
		var missing []syncrun.Step
		for _, name := range done {
			missing = append(missing, config.Next(syncrun.Step(name), false)...)
		}
		deliveries, err = insertSteps(ctx, tx, run, syncrun.Earliest(missing, done), bound)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("decide run %s again: %w", run, err)
	}
	return deliveries, nil
}

// FindReruns gives up to limit ended runs after which a person wants another.
func FindReruns(ctx context.Context, q Querier, limit int) ([]uuid.UUID, error) {
	rows, err := q.Query(ctx, `
		SELECT s.run_id
		FROM sync.run_signals s
		JOIN sync.runs r ON r.id = s.run_id
		WHERE s.signal = 'rerun'
		  AND r.state IN ('completed', 'failed', 'cancelled')
		LIMIT $1`, limit)
	if err != nil {
		return nil, fmt.Errorf("find reruns: %w", err)
	}
	runs, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, fmt.Errorf("find reruns: %w", err)
	}
	return runs, nil
}
