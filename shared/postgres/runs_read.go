package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"cleversync/shared/fault"
	"cleversync/shared/roster"
	"cleversync/shared/syncrun"
)

// ErrNoRun says that the tenant has no such run, or none that the caller may
// see.
var ErrNoRun = errors.New("no such run")

// Run is everything that people may know of a run.
type Run struct {
	ID, Tenant uuid.UUID
	Trigger    syncrun.Trigger
	StartedBy  string
	State      syncrun.State
	// Code, Message and Reference say why a run failed.
	Code               fault.Code
	Message, Reference string
	WindowKey          string
	Generation         int
	District           string
	// LastSync is the age of the district's data, zero where Clever did not say.
	LastSync                         time.Time
	CreatedAt, StartedAt, FinishedAt time.Time
	// Records and Pages are what was received from Clever so far.
	Records, Pages int64
	// Hold is what the run has kept instead of applying it, Applies what it
	// applies that another has kept; zero for none.
	Hold, Applies uuid.UUID
	// Preview: nothing was to be applied.
	Preview bool
	Counts  map[roster.Kind]Counts
	Issues  []IssueCount
	Steps   []StepProgress
}

// Counts are the numbers of one kind, counted from rows really written.
type Counts struct {
	Unchanged, Added, Updated, Archived, Restored int64
	// HeldUpdates are those of Held that would have been updates.
	Held, HeldUpdates, Skipped int64
	Written                    int64
}

// Synced is how many of the kind School Manager has after the run, as it was
// promised to customers: what is held back as an update is there all the same.
func (c Counts) Synced() int64 {
	return c.Unchanged + c.Added + c.Updated + c.Restored + c.HeldUpdates
}

// IssueCount is the exact number of a run's issues of one code.
type IssueCount struct {
	Code     roster.IssueCode
	Severity roster.Severity
	Count    int64
}

// StepProgress is how far a step has come.
type StepProgress struct {
	Name    syncrun.Step
	State   syncrun.StepState
	Attempt int
	// Reason and NotBefore say why and until when a waiting step waits.
	Reason                string
	NotBefore             time.Time
	LastError             string
	Pages, Records, Bytes int64
	StartedAt, FinishedAt time.Time
}

const runColumns = `r.id, r.tenant_id, r.trigger, r.started_by, r.state, coalesce(r.code, ''), coalesce(r.message, ''),
	coalesce(r.reference, ''), coalesce(r.window_key, ''), r.generation, r.district_id, r.last_sync,
	r.created_at, r.started_at, r.finished_at, r.records, r.pages,
	(SELECT h.id FROM sync.holds h WHERE h.run_id = r.id ORDER BY h.id DESC LIMIT 1),
	(r.config ->> 'hold')::uuid, coalesce((r.config ->> 'preview')::boolean, false)`

// ReadRun gives a run of the tenant with its steps, counts and issue counts,
// or ErrNoRun.
func ReadRun(ctx context.Context, q Querier, tenant, run uuid.UUID) (Run, error) {
	rows, err := q.Query(ctx, `
		SELECT `+runColumns+`
		FROM sync.runs r
		WHERE r.tenant_id = $1
		  AND r.id = $2`, tenant, run)
	runs, err := completeRuns(ctx, q, tenant, rows, err)
	if err != nil {
		return Run{}, fmt.Errorf("read run %s: %w", run, err)
	}
	if len(runs) == 0 {
		return Run{}, ErrNoRun
	}
	return runs[0], nil
}

// ListRuns gives up to limit runs of the tenant, newest first. The zero id
// begins at the newest, otherwise the page begins after (older than) that run.
func ListRuns(ctx context.Context, q Querier, tenant, after uuid.UUID, limit int) ([]Run, error) {
	rows, err := q.Query(ctx, `
		SELECT `+runColumns+`
		FROM sync.runs r
		WHERE r.tenant_id = $1
		  AND r.id < coalesce($2, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
		ORDER BY r.id DESC
		LIMIT $3`, tenant, nullID(after), limit)
	runs, err := completeRuns(ctx, q, tenant, rows, err)
	if err != nil {
		return nil, fmt.Errorf("list runs of %s: %w", tenant, err)
	}
	return runs, nil
}

func completeRuns(ctx context.Context, q Querier, tenant uuid.UUID, rows pgx.Rows, err error) ([]Run, error) {
	if err != nil {
		return nil, err
	}
	runs, err := pgx.CollectRows(rows, scanRun)
	if err != nil {
		return nil, err
	}
	index := make(map[uuid.UUID]*Run, len(runs))
	for i := range runs {
		index[runs[i].ID] = &runs[i]
	}
	for _, add := range []func(context.Context, Querier, uuid.UUID, map[uuid.UUID]*Run) error{addSteps, addCounts, addIssueCounts} {
		if err := add(ctx, q, tenant, index); err != nil {
			return nil, err
		}
	}
	return runs, nil
}

func scanRun(row pgx.CollectableRow) (Run, error) {
	r := Run{Counts: map[roster.Kind]Counts{}}
	var lastSync, started, finished *time.Time
	var hold, applies *uuid.UUID
	err := row.Scan(&r.ID, &r.Tenant, &r.Trigger, &r.StartedBy, &r.State, &r.Code, &r.Message,
		&r.Reference, &r.WindowKey, &r.Generation, &r.District, &lastSync,
		&r.CreatedAt, &started, &finished, &r.Records, &r.Pages, &hold, &applies, &r.Preview)
	r.LastSync, r.StartedAt, r.FinishedAt = timeOf(lastSync), timeOf(started), timeOf(finished)
	r.Hold, r.Applies = idOf(hold), idOf(applies)
	return r, err
}
