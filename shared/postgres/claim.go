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

// Answer is what a claim answers.
type Answer int

const (
	// Obsolete: this delivery is of no use any more; drop it.
	Obsolete Answer = iota
	// NotYet: come again after the wait.
	NotYet
	// Taken: the step is the caller's.
	Taken
)

// ClaimRequest asks for a step.
type ClaimRequest struct {
	syncrun.Delivery
	// Owner names the worker, for people.
	Owner string
	Lease time.Duration
	// PerTenant and PerDistrict bound how many fetch steps run at once, so that
	// one large district cannot hold every worker.
	PerTenant, PerDistrict int
}

// Claim is a step that is the caller's, with what it needs to work.
type Claim struct {
	Fence
	Tenant     uuid.UUID
	Region     string
	Trigger    syncrun.Trigger
	Lane       syncrun.Lane
	Seq        int
	Generation int
	Config     syncrun.Config
	// Attempt counts failures, Resets waits for a rate limit, and FailingSince
	// is when the first of them was, all since the step last got on.
	Attempt, Resets int
	FailingSince    time.Time
	// Failing is how long the step has been failing, in database time.
	Failing time.Duration
}

// ClaimStep takes a step by compare-and-set: its epoch rises by one, and every
// later write checks that. A row that is locked belongs to somebody alive, so
// the answer is then NotYet, never Obsolete.
func ClaimStep(ctx context.Context, pool *pgxpool.Pool, r ClaimRequest) (claim *Claim, answer Answer, wait time.Duration, err error) {
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if r.Step == syncrun.Prepare {
			if err := LockRun(ctx, tx, r.Run); err != nil {
				return err
			}
		}
		answer, wait, err = look(ctx, tx, r)
		if err != nil || answer != Taken {
			return err
		}
		claim, err = take(ctx, tx, r)
		return err
	})
	if err != nil {
		return nil, Obsolete, 0, fmt.Errorf("claim %s: %w", r.ID(), err)
	}
	return claim, answer, wait, nil
}

// Waits of a claim that is refused for now.
const (
	lockedWait = time.Second
	crowdWait  = 2 * time.Second
)

func look(ctx context.Context, tx pgx.Tx, r ClaimRequest) (Answer, time.Duration, error) {
	var state syncrun.StepState
	var seq int
	var tenant uuid.UUID
	var district string
	var rest float64
	err := tx.QueryRow(ctx, `
		SELECT state, seq, tenant_id, district_id,
		       coalesce(extract(epoch FROM not_before - clock_timestamp()), 0)::float8,
		       set_config('idle_in_transaction_session_timeout', $3, true),
		       set_config('statement_timeout', $3, true)
		FROM sync.run_steps
		WHERE run_id = $1
		  AND name = $2
		FOR NO KEY UPDATE SKIP LOCKED`, r.Run, r.Step, milliseconds(r.Lease)).Scan(&state, &seq, &tenant, &district, &rest, nil, nil)
	if errors.Is(err, pgx.ErrNoRows) {
		return lookLocked(ctx, tx, r)
	}
	if err != nil {
		return Obsolete, 0, fmt.Errorf("read step: %w", err)
	}
	wait := time.Duration(rest * float64(time.Second))
	switch {
	case seq != r.Seq, state != syncrun.StepReady && state != syncrun.StepWaiting:
		return Obsolete, 0, nil
	case state == syncrun.StepWaiting && wait > 0:
		return NotYet, wait, nil
	case r.Step.IsFetch():
		return lookCrowd(ctx, tx, r, tenant, district)
	}
	return Taken, 0, nil
}

// lookLocked tells a row that somebody holds from one that is gone.
func lookLocked(ctx context.Context, tx pgx.Tx, r ClaimRequest) (Answer, time.Duration, error) {
	var there bool
	err := tx.QueryRow(ctx, `
		SELECT EXISTS (SELECT 1 FROM sync.run_steps WHERE run_id = $1 AND name = $2)`, r.Run, r.Step).Scan(&there)
	if err != nil {
		return Obsolete, 0, fmt.Errorf("look for step: %w", err)
	}
	if there {
		return NotYet, lockedWait, nil
	}
	return Obsolete, 0, nil
}

// lookCrowd applies the bounds per tenant and district. The advisory lock makes
// the bound exact when several claims of a district come at once; it is held to
// the end of this short transaction.
func lookCrowd(ctx context.Context, tx pgx.Tx, r ClaimRequest, tenant uuid.UUID, district string) (Answer, time.Duration, error) {
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('fetch of district ' || $1, 0))`, district); err != nil {
		return Obsolete, 0, fmt.Errorf("lock district's turn: %w", err)
	}
	var ofTenant, ofDistrict int
	err := tx.QueryRow(ctx, `
		SELECT count(*) FILTER (WHERE tenant_id = $1), count(*)
		FROM sync.run_steps
		WHERE state = 'running'
		  AND district_id = $2
		  AND name LIKE 'fetch-%'`, tenant, district).Scan(&ofTenant, &ofDistrict)
	if err != nil {
		return Obsolete, 0, fmt.Errorf("count running fetches: %w", err)
	}
	if ofTenant >= r.PerTenant || ofDistrict >= r.PerDistrict {
		return NotYet, crowdWait, nil
	}
	return Taken, 0, nil
}

// take raises the epoch and reads what the step works by. Its caller holds the
// step's row.
func take(ctx context.Context, tx pgx.Tx, r ClaimRequest) (*Claim, error) {
	c := &Claim{Fence: Fence{Run: r.Run, Step: r.Step, Lease: r.Lease}}
	var since *time.Time
	var failing float64
	err := tx.QueryRow(ctx, `
		UPDATE sync.run_steps
		SET state = 'running',
		    epoch = epoch + 1,
		    owner = $3,
		    lease_until = clock_timestamp() + $4 * interval '1 microsecond',
		    started_at = coalesce(started_at, clock_timestamp()),
		    not_before = NULL,
		    reason = NULL
		WHERE run_id = $1
		  AND name = $2
		RETURNING epoch, seq, tenant_id, lane, attempt, resets, failing_since,
		          coalesce(extract(epoch FROM clock_timestamp() - failing_since), 0)::float8`,
		r.Run, r.Step, r.Owner, r.Lease.Microseconds(),
	).Scan(&c.Epoch, &c.Seq, &c.Tenant, &c.Lane, &c.Attempt, &c.Resets, &since, &failing)
	if err != nil {
		return nil, fmt.Errorf("take step: %w", err)
	}
	c.FailingSince, c.Failing = timeOf(since), time.Duration(failing*float64(time.Second))
	if r.Step == syncrun.Prepare {
		if _, err := tx.Exec(ctx, `
			UPDATE sync.runs
			SET state = 'running',
			    started_at = coalesce(started_at, clock_timestamp())
			WHERE id = $1
			  AND state = 'queued'`, r.Run); err != nil {
			return nil, fmt.Errorf("start run: %w", err)
		}
	}
	err = tx.QueryRow(ctx, `
		SELECT region, trigger, generation, config
		FROM sync.runs
		WHERE id = $1`, r.Run).Scan(&c.Region, &c.Trigger, &c.Generation, &c.Config)
	if err != nil {
		return nil, fmt.Errorf("read run: %w", err)
	}
	return c, nil
}
