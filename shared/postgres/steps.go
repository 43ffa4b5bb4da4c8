package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"cleversync/shared/syncrun"
)

// EndStep ends the caller's step well and inserts what comes next. The caller's
// transaction came through FencedRun: with the run locked, two streams that end
// at the same moment end one after the other, and the second sees the first.
// It returns the deliveries that must be put on the queue after the commit;
// bound limits how many steps may be in flight, and what lies above it waits
// for the dispatcher.
func EndStep(ctx context.Context, tx pgx.Tx, c *Claim, bound int) ([]syncrun.Delivery, error) {
	if _, err := tx.Exec(ctx, `
		UPDATE sync.run_steps
		SET state = 'done',
		    lease_until = NULL,
		    finished_at = clock_timestamp(),
		    attempt = 0,
		    resets = 0,
		    crashes = 0,
		    failing_since = NULL,
		    last_error = NULL
		WHERE run_id = $1
		  AND name = $2`, c.Run, c.Step); err != nil {
		return nil, fmt.Errorf("end step %s: %w", c.Step, err)
	}
	var open bool
	if err := tx.QueryRow(ctx, `
		SELECT EXISTS (SELECT 1
		               FROM sync.run_steps
		               WHERE run_id = $1
		                 AND state IN ('ready', 'running', 'waiting'))`, c.Run).Scan(&open); err != nil {
		return nil, fmt.Errorf("look for unfinished steps: %w", err)
	}
	return insertSteps(ctx, tx, c.Run, c.Config.Next(c.Step, open), bound)
}

// insertSteps adds steps to a run whose row the caller has locked. A step that
// is there already stays as it is.
func insertSteps(ctx context.Context, tx pgx.Tx, run uuid.UUID, steps []syncrun.Step, bound int) ([]syncrun.Delivery, error) {
	if len(steps) == 0 {
		return nil, nil
	}
	names := make([]string, len(steps))
	for i, step := range steps {
		names[i] = string(step)
	}
	rows, err := tx.Query(ctx, `
		INSERT INTO sync.run_steps (run_id, name, tenant_id, district_id, lane, dispatched_at)
		SELECT r.id, n.name, r.tenant_id, r.district_id, r.lane,
		       CASE WHEN f.flying + n.place <= $3 THEN clock_timestamp() END
		FROM sync.runs r,
		     unnest($2::text[]) WITH ORDINALITY AS n (name, place),
		     (`+inFlight+`) AS f (flying)
		WHERE r.id = $1
		ON CONFLICT (run_id, name) DO NOTHING
		RETURNING run_id, name, seq, lane, dispatched_at IS NOT NULL`, run, names, bound)
	if err != nil {
		return nil, fmt.Errorf("insert steps: %w", err)
	}
	return collectDispatched(rows)
}

// inFlight counts what the queue holds and workers work on. Waiting steps do
// not count: they hold neither.
const inFlight = `
	SELECT (SELECT count(*) FROM sync.run_steps WHERE state = 'ready' AND dispatched_at IS NOT NULL)
	     + (SELECT count(*) FROM sync.run_steps WHERE state = 'running')`

// collectDispatched reads deliveries with a last column that tells whether
// they are to be put on the queue now.
func collectDispatched(rows pgx.Rows) ([]syncrun.Delivery, error) {
	var deliveries []syncrun.Delivery
	var d syncrun.Delivery
	var now bool
	_, err := pgx.ForEachRow(rows, []any{&d.Run, &d.Step, &d.Seq, &d.Lane, &now}, func() error {
		if now {
			deliveries = append(deliveries, d)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read deliveries: %w", err)
	}
	return deliveries, nil
}

// Wait describes why a step cannot go on now.
type Wait struct {
	Delay time.Duration
	// Reason is a code; Detail says what happened to what, for people.
	Reason, Detail string
	// Failed counts an attempt, Reset a wait for a rate limit.
	Failed, Reset bool
}

// WaitStep puts the caller's step aside until the delay is over. The same
// delivery comes again then; the row says what the queue's dashboard shows.
func WaitStep(ctx context.Context, pool *pgxpool.Pool, f Fence, w Wait) error {
	return f.Fenced(ctx, pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			UPDATE sync.run_steps
			SET state = 'waiting',
			    lease_until = NULL,
			    not_before = clock_timestamp() + $3 * interval '1 microsecond',
			    reason = $4::text,
			    last_error = concat_ws(': ', $4::text, NULLIF($7::text, '')),
			    attempt = attempt + $5,
			    resets = resets + $6,
			    failing_since = CASE WHEN $5 > 0 THEN coalesce(failing_since, clock_timestamp()) ELSE failing_since END
			WHERE run_id = $1
			  AND name = $2`, f.Run, f.Step, w.Delay.Microseconds(), w.Reason, count(w.Failed), count(w.Reset), w.Detail)
		if err != nil {
			return fmt.Errorf("put step %s aside: %w", f.Step, err)
		}
		return nil
	})
}

// YieldStep gives the caller's step back under a new number: its time slice is
// over, or its worker stops. No attempt is burned. The delivery must be put on
// the queue after.
func YieldStep(ctx context.Context, pool *pgxpool.Pool, f Fence) (syncrun.Delivery, error) {
	d := syncrun.Delivery{Run: f.Run, Step: f.Step}
	err := f.Fenced(ctx, pool, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `
			UPDATE sync.run_steps
			SET state = 'ready',
			    lease_until = NULL,
			    seq = seq + 1,
			    dispatched_at = clock_timestamp()
			WHERE run_id = $1
			  AND name = $2
			RETURNING seq, lane`, f.Run, f.Step).Scan(&d.Seq, &d.Lane)
		if err != nil {
			return fmt.Errorf("give step %s back: %w", f.Step, err)
		}
		return nil
	})
	return d, err
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}
