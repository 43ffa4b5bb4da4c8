package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"cleversync/shared/fault"
	"cleversync/shared/syncrun"
)

// NewRun describes a run that begins.
type NewRun struct {
	ID        uuid.UUID
	Tenant    uuid.UUID
	Region    string
	Trigger   syncrun.Trigger
	StartedBy string
	// WindowKey is the window of a scheduled run, "" for a manual one.
	WindowKey string
	Config    syncrun.Config
}

// InsertRun inserts a run with its prepare step. False means that the tenant
// has an unfinished run, or has had its run of this window. Only a manual run's
// prepare is marked for the queue at once; scheduled ones wait for the
// dispatcher.
func InsertRun(ctx context.Context, tx pgx.Tx, r NewRun) (bool, error) {
	lane := syncrun.LaneScheduled
	if r.Trigger == syncrun.Manual {
		lane = syncrun.LaneManual
	}
	tag, err := tx.Exec(ctx, `
		INSERT INTO sync.runs (id, tenant_id, region, district_id, trigger, lane, started_by, window_key, config)
		VALUES ($1, $2, $3, $4, $5, $6, $7, NULLIF($8, ''), $9)
		ON CONFLICT DO NOTHING`,
		r.ID, r.Tenant, r.Region, r.Config.District, r.Trigger, lane, r.StartedBy, r.WindowKey, r.Config)
	if err != nil {
		return false, fmt.Errorf("insert run of tenant %s: %w", r.Tenant, err)
	}
	if tag.RowsAffected() == 0 {
		return false, nil
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO sync.run_steps (run_id, name, tenant_id, district_id, lane, dispatched_at)
		VALUES ($1, 'prepare', $2, $3, $4, CASE WHEN $4 = 'manual' THEN clock_timestamp() END)`,
		r.ID, r.Tenant, r.Config.District, lane)
	if err != nil {
		return false, fmt.Errorf("insert first step of run %s: %w", r.ID, err)
	}
	return true, nil
}

// Unfinished is the run of a tenant that has not ended.
type Unfinished struct {
	ID     uuid.UUID
	Lane   syncrun.Lane
	Config syncrun.Config
	// Begun tells whether the run has fetched anything yet.
	Begun bool
}

// FindUnfinished gives the tenant's unfinished run, or nil.
func FindUnfinished(ctx context.Context, q Querier, tenant uuid.UUID) (*Unfinished, error) {
	var u Unfinished
	err := q.QueryRow(ctx, `
		SELECT r.id, r.lane, r.config,
		       EXISTS (SELECT 1
		               FROM sync.run_steps s
		               WHERE s.run_id = r.id
		                 AND (s.name <> 'prepare' OR s.state NOT IN ('ready', 'waiting')))
		FROM sync.runs r
		WHERE r.tenant_id = $1
		  AND r.state IN ('queued', 'running')`, tenant).Scan(&u.ID, &u.Lane, &u.Config, &u.Begun)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find unfinished run of tenant %s: %w", tenant, err)
	}
	return &u, nil
}

// Promote moves a run that a person joined to the manual lane, under a new
// delivery number. It answers false where the run has begun to fetch meanwhile.
// It does not wait for the run's lock: its caller holds the connection, which
// whoever ends a run takes after the run.
func Promote(ctx context.Context, tx pgx.Tx, run uuid.UUID) (syncrun.Delivery, bool, error) {
	d := syncrun.Delivery{Run: run, Step: syncrun.Prepare, Lane: syncrun.LaneManual}
	free, err := tryLockRun(ctx, tx, run)
	if err != nil || !free {
		return d, false, err
	}
	err = tx.QueryRow(ctx, `
		UPDATE sync.run_steps
		SET lane = 'manual',
		    seq = seq + 1,
		    dispatched_at = clock_timestamp()
		WHERE run_id = $1
		  AND name = 'prepare'
		  AND state = 'ready'
		RETURNING seq`, run).Scan(&d.Seq)
	if errors.Is(err, pgx.ErrNoRows) {
		return d, false, nil
	}
	if err != nil {
		return d, false, fmt.Errorf("promote run %s: %w", run, err)
	}
	if _, err := tx.Exec(ctx, `UPDATE sync.runs SET lane = 'manual' WHERE id = $1`, run); err != nil {
		return d, false, fmt.Errorf("promote run %s: %w", run, err)
	}
	return d, true, nil
}

// Ending is how a run ends.
type Ending struct {
	State syncrun.State
	// Code, Message and Reference belong to a failed run. The message is for
	// its reader; the reference finds the log line of an internal error.
	Code      fault.Code
	Message   string
	Reference string
}

// EndRun ends a run whose row the caller's transaction has locked first: its
// steps in the order of their names, then the run, only if it had not ended.
// Whoever still works on a step is fenced off by its raised epoch. False means
// that the run had ended before.
func EndRun(ctx context.Context, tx pgx.Tx, run uuid.UUID, e Ending) (bool, error) {
	if err := lockSteps(ctx, tx, run); err != nil {
		return false, err
	}
	if _, err := tx.Exec(ctx, `
		UPDATE sync.run_steps
		SET state = 'cancelled',
		    epoch = epoch + 1,
		    lease_until = NULL,
		    not_before = NULL,
		    finished_at = clock_timestamp()
		WHERE run_id = $1
		  AND state IN ('ready', 'running', 'waiting')`, run); err != nil {
		return false, fmt.Errorf("end steps of run %s: %w", run, err)
	}
	tag, err := tx.Exec(ctx, `
		UPDATE sync.runs r
		SET state = $2,
		    code = NULLIF($3, ''),
		    message = NULLIF($4, ''),
		    reference = NULLIF($5, ''),
		    records = s.records,
		    pages = s.pages,
		    finished_at = clock_timestamp()
		FROM (SELECT coalesce(sum(records), 0) AS records, coalesce(sum(pages), 0) AS pages
		      FROM sync.run_steps
		      WHERE run_id = $1) s
		WHERE r.id = $1
		  AND r.state IN ('queued', 'running')`, run, e.State, e.Code, e.Message, e.Reference)
	if err != nil {
		return false, fmt.Errorf("end run %s: %w", run, err)
	}
	return tag.RowsAffected() == 1, nil
}

// lockSteps locks all steps of a run in the order of their names. Its caller
// holds the run.
func lockSteps(ctx context.Context, tx pgx.Tx, run uuid.UUID) error {
	_, err := tx.Exec(ctx, `
		SELECT 1
		FROM sync.run_steps
		WHERE run_id = $1
		ORDER BY name
		FOR NO KEY UPDATE`, run)
	if err != nil {
		return fmt.Errorf("lock steps of run %s: %w", run, err)
	}
	return nil
}

// FailStep marks the step at which a run fails, before EndRun ends the others.
func FailStep(ctx context.Context, tx pgx.Tx, f Fence, message string) error {
	_, err := tx.Exec(ctx, `
		UPDATE sync.run_steps
		SET state = 'failed',
		    lease_until = NULL,
		    last_error = $3,
		    finished_at = clock_timestamp()
		WHERE run_id = $1
		  AND name = $2`, f.Run, f.Step, message)
	if err != nil {
		return fmt.Errorf("fail step %s: %w", f.Step, err)
	}
	return nil
}

// LockIdleRun locks a run of which no step is running. False means that one
// is, or that somebody holds the run: both are alive and will see the signal.
func LockIdleRun(ctx context.Context, tx pgx.Tx, run uuid.UUID) (bool, error) {
	free, err := tryLockRun(ctx, tx, run)
	if err != nil || !free {
		return false, err
	}
	var idle bool
	err = tx.QueryRow(ctx, `
		SELECT NOT EXISTS (SELECT 1 FROM sync.run_steps WHERE run_id = $1 AND state = 'running')`, run).Scan(&idle)
	if err != nil {
		return false, fmt.Errorf("look at steps of run %s: %w", run, err)
	}
	return idle, nil
}

// tryLockRun is LockRun that does not wait: false means that somebody holds the
// run, or that there is none.
func tryLockRun(ctx context.Context, tx pgx.Tx, run uuid.UUID) (bool, error) {
	tag, err := tx.Exec(ctx, `
		SELECT 1
		FROM sync.runs
		WHERE id = $1
		FOR NO KEY UPDATE SKIP LOCKED`, run)
	if err != nil {
		return false, fmt.Errorf("lock run %s: %w", run, err)
	}
	return tag.RowsAffected() == 1, nil
}
