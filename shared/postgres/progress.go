package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"cleversync/shared/syncrun"
)

// stagedTables says which table of staging each fetch step fills.
var stagedTables = map[syncrun.Step]string{
	syncrun.FetchSchools:  "schools",
	syncrun.FetchStudents: "users",
	syncrun.FetchTeachers: "users",
	syncrun.FetchSections: "classrooms",
	syncrun.FetchCourses:  "courses",
	syncrun.FetchTerms:    "terms",
	syncrun.FetchContacts: "parents",
}

// Progress is how far a fetch step has come. It lies beside the staged rows,
// in the same UNLOGGED schema: what empties one empties the other.
type Progress struct {
	// Cursor is where the next page begins; nil is the start.
	Cursor   *string
	Pages    int64
	Reread   bool
	Complete bool
}

// BeginProgress gives the step's progress in this generation. Where there is
// none the stream starts: rows that an earlier, lost start may have staged go.
func BeginProgress(ctx context.Context, tx pgx.Tx, c *Claim) (Progress, error) {
	var p Progress
	err := tx.QueryRow(ctx, `
		SELECT cursor, pages, reread, complete
		FROM staging.progress
		WHERE run_id = $1
		  AND generation = $2
		  AND step = $3`, c.Run, c.Generation, c.Step).Scan(&p.Cursor, &p.Pages, &p.Reread, &p.Complete)
	if errors.Is(err, pgx.ErrNoRows) {
		return Progress{}, RestartProgress(ctx, tx, c, false)
	}
	if err != nil {
		return Progress{}, fmt.Errorf("read progress of %s: %w", c.Step, err)
	}
	return p, nil
}

// RestartProgress makes the stream start again from nothing; reread remembers
// that this was because of the list's own order, which is forgiven once.
func RestartProgress(ctx context.Context, tx pgx.Tx, c *Claim, reread bool) error {
	table, ok := stagedTables[c.Step]
	if !ok {
		return fmt.Errorf("step %s stages nothing", c.Step)
	}
	for _, statement := range []string{
		`DELETE FROM staging.progress WHERE run_id = $1 AND generation = $2 AND step = $3`,
		`DELETE FROM staging.issues WHERE run_id = $1 AND generation = $2 AND step = $3`,
		`DELETE FROM staging.` + table + ` WHERE run_id = $1 AND generation = $2 AND step = $3`,
	} {
		if _, err := tx.Exec(ctx, statement, c.Run, c.Generation, c.Step); err != nil {
			return fmt.Errorf("clear %s: %w", c.Step, err)
		}
	}
	if _, err := tx.Exec(ctx, `
		INSERT INTO staging.progress (run_id, generation, step, reread)
		VALUES ($1, $2, $3, $4)`, c.Run, c.Generation, c.Step, reread); err != nil {
		return fmt.Errorf("begin progress of %s: %w", c.Step, err)
	}
	if _, err := tx.Exec(ctx, `
		UPDATE sync.run_steps
		SET pages = 0,
		    records = 0,
		    bytes = 0
		WHERE run_id = $1
		  AND name = $2`, c.Run, c.Step); err != nil {
		return fmt.Errorf("reset counters of %s: %w", c.Step, err)
	}
	return nil
}

// ErrLostProgress says that the cursor from which a page was fetched is not the
// stream's cursor any more: the staged rows were lost, or somebody else staged.
var ErrLostProgress = errors.New("the stream's progress was lost")

// PageMove is one page's step forward.
type PageMove struct {
	From, To                                   *string
	Pages, Records, Rows, Issues, Blind, Bytes int64
	// Total is what Clever said the step's lists hold together so far, nil
	// where it did not say for this one.
	Total    *int64
	Complete bool
}

// MoveProgress moves the cursor by compare-and-set, in the transaction that
// stages the page's rows. ErrLostProgress rolls that transaction back.
func MoveProgress(ctx context.Context, tx pgx.Tx, c *Claim, m PageMove) error {
	tag, err := tx.Exec(ctx, `
		UPDATE staging.progress
		SET cursor = $5,
		    pages = pages + $6,
		    records = records + $7,
		    rows = rows + $8,
		    issues = issues + $9,
		    blind = blind + $10,
		    total = CASE WHEN $11::bigint IS NULL THEN total ELSE coalesce(total, 0) + $11 END,
		    complete = $12
		WHERE run_id = $1
		  AND generation = $2
		  AND step = $3
		  AND cursor IS NOT DISTINCT FROM $4
		  AND NOT complete`,
		c.Run, c.Generation, c.Step, m.From, m.To, m.Pages, m.Records, m.Rows, m.Issues, m.Blind, m.Total, m.Complete)
	if err != nil {
		return fmt.Errorf("move cursor of %s: %w", c.Step, err)
	}
	if tag.RowsAffected() == 0 {
		return ErrLostProgress
	}
	if _, err := tx.Exec(ctx, `
		UPDATE sync.run_steps
		SET pages = pages + $3,
		    records = records + $4,
		    bytes = bytes + $5,
		    attempt = 0,
		    resets = 0,
		    crashes = 0,
		    failing_since = NULL,
		    last_error = NULL
		WHERE run_id = $1
		  AND name = $2`, c.Run, c.Step, m.Pages, m.Records, m.Bytes); err != nil {
		return fmt.Errorf("count page of %s: %w", c.Step, err)
	}
	return nil
}

// StagedWhole tells whether every fetch step of the run still has all it has
// staged: a complete progress row, and as many rows and issues as that says. A
// crash of Postgres empties UNLOGGED tables while the steps still say done.
func StagedWhole(ctx context.Context, tx pgx.Tx, c *Claim) (bool, error) {
	if !Proven {
		return true, nil
	}
	rows, err := tx.Query(ctx, `
		SELECT s.name, p.rows, p.issues, coalesce(p.complete, false)
		FROM sync.run_steps s
		LEFT JOIN staging.progress p
		  ON p.run_id = s.run_id AND p.generation = $2 AND p.step = s.name
		WHERE s.run_id = $1
		  AND s.name LIKE 'fetch-%'`, c.Run, c.Generation)
	if err != nil {
		return false, fmt.Errorf("read progress: %w", err)
	}
	type said struct {
		step         syncrun.Step
		rows, issues *int64
		complete     bool
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (said, error) {
		var s said
		return s, row.Scan(&s.step, &s.rows, &s.issues, &s.complete)
	})
	if err != nil {
		return false, fmt.Errorf("read progress: %w", err)
	}
	for _, s := range all {
		if !s.complete {
			return false, nil
		}
		rows, err := stagedCount(ctx, tx, c, s.step, stagedTables[s.step])
		if err != nil {
			return false, err
		}
		issues, err := stagedCount(ctx, tx, c, s.step, "issues")
		if err != nil {
			return false, err
		}
		if rows != *s.rows || issues != *s.issues {
			return false, nil
		}
	}
	return len(all) > 0, nil
}

func stagedCount(ctx context.Context, tx pgx.Tx, c *Claim, step syncrun.Step, table string) (int64, error) {
	var n int64
	err := tx.QueryRow(ctx, `
		SELECT count(*)
		FROM staging.`+table+`
		WHERE run_id = $1
		  AND generation = $2
		  AND step = $3`, c.Run, c.Generation, step).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count staged %s: %w", table, err)
	}
	return n, nil
}

// maxGenerations bounds how often the fetch is begun anew.
const maxGenerations = 5

// ErrTooManyGenerations says that staged rows were lost again and again.
var ErrTooManyGenerations = errors.New("staged rows were lost too often")

// Regenerate begins the fetch of a run anew: its staged rows were lost. The
// caller's transaction came through FencedRun. Fetch steps become ready under a
// raised epoch, what followed them is removed and comes back by the fan-in; a
// run that fetches nothing begins with prepare. No attempt is burned.
func Regenerate(ctx context.Context, tx pgx.Tx, c *Claim, bound int) ([]syncrun.Delivery, error) {
	var generation int
	err := tx.QueryRow(ctx, `
		UPDATE sync.runs
		SET generation = generation + 1,
		    torn = false
		WHERE id = $1
		RETURNING generation`, c.Run).Scan(&generation)
	if err != nil {
		return nil, fmt.Errorf("raise generation: %w", err)
	}
	if generation > maxGenerations {
		return nil, ErrTooManyGenerations
	}
	if err := lockSteps(ctx, tx, c.Run); err != nil {
		return nil, err
	}
	if _, err := tx.Exec(ctx, `
		DELETE FROM sync.run_steps
		WHERE run_id = $1
		  AND name IN ('fetch-contacts', 'plan', 'apply')`, c.Run); err != nil {
		return nil, fmt.Errorf("remove later steps: %w", err)
	}
	rows, err := tx.Query(ctx, `
		UPDATE sync.run_steps s
		SET state = 'ready',
		    epoch = epoch + 1,
		    seq = seq + 1,
		    dispatched_at = CASE WHEN f.flying < $2 THEN clock_timestamp() END,
		    finished_at = NULL,
		    pages = 0,
		    records = 0,
		    bytes = 0
		FROM (`+inFlight+`) AS f (flying)
		WHERE s.run_id = $1
		  AND (s.name LIKE 'fetch-%' OR $3 AND s.name = 'prepare')
		RETURNING s.run_id, s.name, s.seq, s.lane, s.dispatched_at IS NOT NULL`, c.Run, bound, c.Config.Offline())
	if err != nil {
		return nil, fmt.Errorf("begin fetch steps anew: %w", err)
	}
	return collectDispatched(rows)
}

// clearedTables are all tables of staging that hold rows of one run, by the
// catalogue: packages that share the schema add their own.
func clearedTables(ctx context.Context, q Querier) ([]string, error) {
	rows, err := q.Query(ctx, `
		SELECT tablename
		FROM pg_tables
		WHERE schemaname = 'staging'`)
	if err != nil {
		return nil, fmt.Errorf("list staging tables: %w", err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("list staging tables: %w", err)
	}
	slices.Sort(tables)
	return tables, nil
}

// ClearStaging deletes what a run has staged and planned. It is called after
// the run has ended; calling it twice is harmless.
func ClearStaging(ctx context.Context, q Querier, run uuid.UUID) error {
	tables, err := clearedTables(ctx, q)
	if err != nil {
		return err
	}
	for _, table := range tables {
		if _, err := q.Exec(ctx, `DELETE FROM staging.`+pgx.Identifier{table}.Sanitize()+` WHERE run_id = $1`, run); err != nil {
			return fmt.Errorf("clear staging.%s of run %s: %w", table, run, err)
		}
	}
	return nil
}
