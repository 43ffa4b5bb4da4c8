package postgres

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"cleversync/shared/roster"
	"cleversync/shared/syncrun"
)

// addSteps gives each run its steps in the order in which people read them,
// and an unfinished run the live sums over those that fetch.
func addSteps(ctx context.Context, q Querier, tenant uuid.UUID, runs map[uuid.UUID]*Run) error {
	rows, err := q.Query(ctx, `
		SELECT run_id, name, state, attempt, coalesce(reason, ''), not_before, coalesce(last_error, ''),
		       pages, records, bytes, started_at, finished_at
		FROM sync.run_steps
		WHERE tenant_id = $1
		  AND run_id = ANY ($2)`, tenant, slices.Collect(maps.Keys(runs)))
	if err != nil {
		return fmt.Errorf("read steps: %w", err)
	}
	var run uuid.UUID
	var s StepProgress
	var notBefore, started, finished *time.Time
	_, err = pgx.ForEachRow(rows, []any{
		&run, &s.Name, &s.State, &s.Attempt, &s.Reason, &notBefore, &s.LastError,
		&s.Pages, &s.Records, &s.Bytes, &started, &finished,
	}, func() error {
		s.NotBefore, s.StartedAt, s.FinishedAt = timeOf(notBefore), timeOf(started), timeOf(finished)
		runs[run].Steps = append(runs[run].Steps, s)
		return nil
	})
	if err != nil {
		return fmt.Errorf("read steps: %w", err)
	}
	order := syncrun.Steps()
	for _, r := range runs {
		slices.SortFunc(r.Steps, func(a, b StepProgress) int {
			return slices.Index(order, a.Name) - slices.Index(order, b.Name)
		})
		if !r.State.Final() {
			r.Records, r.Pages = received(r.Steps)
		}
	}
	return nil
}

func received(steps []StepProgress) (records, pages int64) {
	for _, s := range steps {
		if s.Name.IsFetch() {
			records += s.Records
			pages += s.Pages
		}
	}
	return records, pages
}

func addCounts(ctx context.Context, q Querier, tenant uuid.UUID, runs map[uuid.UUID]*Run) error {
	rows, err := q.Query(ctx, `
		SELECT run_id, kind, unchanged, added, updated, archived, restored, held, held_updates, skipped, written
		FROM sync.run_counts
		WHERE tenant_id = $1
		  AND run_id = ANY ($2)`, tenant, slices.Collect(maps.Keys(runs)))
	if err != nil {
		return fmt.Errorf("read counts: %w", err)
	}
	var run uuid.UUID
	var kind roster.Kind
	var c Counts
	_, err = pgx.ForEachRow(rows, []any{
		&run, &kind, &c.Unchanged, &c.Added, &c.Updated, &c.Archived, &c.Restored, &c.Held, &c.HeldUpdates, &c.Skipped, &c.Written,
	}, func() error {
		runs[run].Counts[kind] = c
		return nil
	})
	if err != nil {
		return fmt.Errorf("read counts: %w", err)
	}
	return nil
}

// addIssueCounts gives each run its issue counts, the worst first.
func addIssueCounts(ctx context.Context, q Querier, tenant uuid.UUID, runs map[uuid.UUID]*Run) error {
	rows, err := q.Query(ctx, `
		SELECT run_id, code, severity, count
		FROM sync.run_issue_counts
		WHERE tenant_id = $1
		  AND run_id = ANY ($2)
		ORDER BY run_id, array_position(ARRAY['error', 'warning', 'info'], severity), count DESC, code`,
		tenant, slices.Collect(maps.Keys(runs)))
	if err != nil {
		return fmt.Errorf("read issue counts: %w", err)
	}
	var run uuid.UUID
	var c IssueCount
	_, err = pgx.ForEachRow(rows, []any{&run, &c.Code, &c.Severity, &c.Count}, func() error {
		runs[run].Issues = append(runs[run].Issues, c)
		return nil
	})
	if err != nil {
		return fmt.Errorf("read issue counts: %w", err)
	}
	return nil
}

// ReadIssues gives the stored issues of a run, or of the run that stores the
// same ones for it. They are 10,000 at most and come all at once, so that no
// transaction stays open for as long as somebody's download takes.
func ReadIssues(ctx context.Context, q Querier, tenant, run uuid.UUID) ([]roster.Issue, error) {
	var stored uuid.UUID
	rows, err := q.Query(ctx, `
		SELECT coalesce(issues_of, id)
		FROM sync.runs
		WHERE tenant_id = $1
		  AND id = $2`, tenant, run)
	if err == nil {
		stored, err = pgx.CollectExactlyOneRow(rows, pgx.RowTo[uuid.UUID])
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, ErrNoRun
	}
	if err != nil {
		return nil, fmt.Errorf("find issues of run %s: %w", run, err)
	}
	rows, err = q.Query(ctx, `
		SELECT code, kind, clever_id, field
		FROM sync.run_issues
		WHERE tenant_id = $1
		  AND run_id = $2
		ORDER BY code, kind, clever_id`, tenant, stored)
	if err != nil {
		return nil, fmt.Errorf("read issues of run %s: %w", run, err)
	}
	issues, err := pgx.CollectRows(rows, pgx.RowToStructByPos[roster.Issue])
	if err != nil {
		return nil, fmt.Errorf("read issues of run %s: %w", run, err)
	}
	return issues, nil
}
