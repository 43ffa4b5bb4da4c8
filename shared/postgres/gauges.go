package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"cleversync/shared/syncrun"
)

// Backlog is how much work there is.
type Backlog struct {
	// Ready counts steps that nobody told the queue of, Dispatched those that
	// it was told of, Running and Waiting the others that are unfinished.
	Ready, Dispatched, Running, Waiting int64
	// Oldest is the age of the oldest of the Ready.
	Oldest time.Duration
}

// ReadBacklog counts unfinished steps.
func ReadBacklog(ctx context.Context, q Querier) (Backlog, error) {
	var b Backlog
	var oldest float64
	err := q.QueryRow(ctx, `
		SELECT count(*),
		       coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)::float8,
		       (SELECT count(*) FROM sync.run_steps WHERE state = 'ready' AND dispatched_at IS NOT NULL),
		       (SELECT count(*) FROM sync.run_steps WHERE state = 'running'),
		       (SELECT count(*) FROM sync.run_steps WHERE state = 'waiting')
		FROM sync.run_steps
		WHERE state = 'ready'
		  AND dispatched_at IS NULL`).Scan(&b.Ready, &oldest, &b.Dispatched, &b.Running, &b.Waiting)
	if err != nil {
		return b, fmt.Errorf("count unfinished steps: %w", err)
	}
	b.Oldest = time.Duration(oldest * float64(time.Second))
	return b, nil
}

// DueLag gives for each region how long ago the slot came of the tenant that
// has waited longest for its run to begin. A tenant whose slot waits for
// another run of its own to end does not count.
func DueLag(ctx context.Context, q Querier, regions []string) (map[string]time.Duration, error) {
	rows, err := q.Query(ctx, `
		SELECT n.region,
		       coalesce(extract(epoch FROM clock_timestamp() - (
		         SELECT t.next_due_at
		         FROM sync.tenants t
		         WHERE t.region = n.region
		           AND t.next_due_at <= now()
		           AND NOT `+isBusy+`
		         ORDER BY t.next_due_at
		         LIMIT 1)), 0)::float8
		FROM unnest($1::text[]) AS n (region)`, regions)
	if err != nil {
		return nil, fmt.Errorf("read due lag: %w", err)
	}
	lag := map[string]time.Duration{}
	var region string
	var seconds float64
	_, err = pgx.ForEachRow(rows, []any{&region, &seconds}, func() error {
		lag[region] = time.Duration(seconds * float64(time.Second))
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read due lag: %w", err)
	}
	return lag, nil
}

// EndedRun is the end of a run, for who counts them.
type EndedRun struct {
	ID         uuid.UUID
	Region     string
	Trigger    syncrun.Trigger
	State      syncrun.State
	FinishedAt time.Time
}

// EndedSince gives the runs that ended after a time, the earliest first. A run
// may appear a little later than the time at which it says to have ended: its
// transaction must commit first. So callers look back over what they have seen.
func EndedSince(ctx context.Context, q Querier, since time.Time) ([]EndedRun, error) {
	rows, err := q.Query(ctx, `
		SELECT id, region, trigger, state, finished_at
		FROM sync.runs
		WHERE finished_at > $1
		ORDER BY finished_at`, since)
	if err != nil {
		return nil, fmt.Errorf("read ended runs: %w", err)
	}
	ended, err := pgx.CollectRows(rows, pgx.RowToStructByPos[EndedRun])
	if err != nil {
		return nil, fmt.Errorf("read ended runs: %w", err)
	}
	return ended, nil
}
