package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// StagingTable is a table of schema staging. They are found in the catalogue,
// because packages that share the schema add their own.
type StagingTable struct {
	Name string
	// Generations tells whether its rows belong to a generation of their run.
	Generations bool
	// Bytes is its size on disk with its indexes.
	Bytes int64
}

func (t StagingTable) quoted() string { return pgx.Identifier{"staging", t.Name}.Sanitize() }

// StagingTables lists the tables that hold rows of runs.
func StagingTables(ctx context.Context, q Querier) ([]StagingTable, error) {
	rows, err := q.Query(ctx, `
		SELECT c.relname,
		       EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'generation' AND NOT a.attisdropped),
		       pg_total_relation_size(c.oid)
		FROM pg_class c
		WHERE c.relnamespace = 'staging'::regnamespace
		  AND c.relkind = 'r'
		ORDER BY c.relname`)
	if err != nil {
		return nil, fmt.Errorf("list staging tables: %w", err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowToStructByPos[StagingTable])
	if err != nil {
		return nil, fmt.Errorf("list staging tables: %w", err)
	}
	return tables, nil
}

// Leftover is what an ended run, or an older generation of a run under way, has
// left in a table of staging.
type Leftover struct {
	Run uuid.UUID
	// Before is the generation before which rows are left over; 0 means all of
	// the run's rows.
	Before int
}

// FindLeftovers gives the runs whose rows in a table nobody needs any more. It
// jumps from run to run along the table's index, so that it costs as much as
// there are runs, not rows.
func FindLeftovers(ctx context.Context, q Querier, table StagingTable) ([]Leftover, error) {
	older := `false`
	if table.Generations {
		older = `EXISTS (SELECT 1 FROM ` + table.quoted() + ` t WHERE t.run_id = s.run_id AND t.generation < r.generation)`
	}
	rows, err := q.Query(ctx, `
		WITH RECURSIVE staged (run_id) AS (
		  (SELECT t.run_id FROM `+table.quoted()+` t ORDER BY t.run_id LIMIT 1)
		  UNION ALL
		  SELECT (SELECT t.run_id FROM `+table.quoted()+` t WHERE t.run_id > s.run_id ORDER BY t.run_id LIMIT 1)
		  FROM staged s
		  WHERE s.run_id IS NOT NULL)
		SELECT s.run_id, CASE WHEN r.state IN ('queued', 'running') THEN r.generation ELSE 0 END
		FROM staged s
		LEFT JOIN sync.runs r
		  ON r.id = s.run_id
		WHERE s.run_id IS NOT NULL
		  AND (r.id IS NULL
		       OR r.state NOT IN ('queued', 'running')
		       OR `+older+`)`)
	if err != nil {
		return nil, fmt.Errorf("look for rows left in %s: %w", table.Name, err)
	}
	left, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Leftover])
	if err != nil {
		return nil, fmt.Errorf("look for rows left in %s: %w", table.Name, err)
	}
	return left, nil
}

// DeleteLeftover deletes up to limit of the rows and tells how many went. Rows
// that the run's own worker is deleting at the same time are left to it.
func DeleteLeftover(ctx context.Context, q Querier, table StagingTable, l Leftover, limit int) (int, error) {
	args := []any{l.Run, limit}
	older := ``
	if l.Before > 0 {
		older = ` AND generation < $3`
		args = append(args, l.Before)
	}
	tag, err := q.Exec(ctx, `
		DELETE FROM `+table.quoted()+`
		WHERE ctid = ANY (ARRAY(SELECT ctid
		                        FROM `+table.quoted()+`
		                        WHERE run_id = $1`+older+`
		                        LIMIT $2
		                        FOR UPDATE SKIP LOCKED))`, args...)
	if err != nil {
		return 0, fmt.Errorf("delete rows of run %s left in %s: %w", l.Run, table.Name, err)
	}
	return int(tag.RowsAffected()), nil
}

// TruncateStaging empties the tables of staging if no run is under way, and
// tells whether it did: what deletes have left behind goes back to the disk at
// once. It holds all tables for itself while it looks, so that no run can begin
// to stage meanwhile. Whoever stages waits behind it, so it waits no longer than
// patience for them, and comes again another time.
func TruncateStaging(ctx context.Context, pool *pgxpool.Pool, tables []StagingTable, patience time.Duration) (done bool, err error) {
	busy, err := anyRun(ctx, pool)
	if err != nil || busy || len(tables) == 0 {
		return false, err
	}
	names := make([]string, len(tables))
	for i, table := range tables {
		names[i] = table.quoted()
	}
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		done, err = truncateIdle(ctx, tx, strings.Join(names, ", "), patience)
		return err
	})
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.Code == pgerrLockTimeout {
		return false, nil
	}
	return done, err
}

const pgerrLockTimeout = "55P03"

func truncateIdle(ctx context.Context, tx pgx.Tx, tables string, patience time.Duration) (bool, error) {
	_, err := tx.Exec(ctx, `SELECT set_config('lock_timeout', $1, true)`, strconv.FormatInt(max(patience.Milliseconds(), 1), 10))
	if err != nil {
		return false, fmt.Errorf("bound the wait for staging: %w", err)
	}
	if _, err := tx.Exec(ctx, `LOCK TABLE `+tables+` IN ACCESS EXCLUSIVE MODE`); err != nil {
		return false, fmt.Errorf("lock staging: %w", err)
	}
	// A statement of its own after the lock: it sees every run that has begun.
	busy, err := anyRun(ctx, tx)
	if err != nil || busy {
		return false, err
	}
	if _, err := tx.Exec(ctx, `TRUNCATE TABLE `+tables); err != nil {
		return false, fmt.Errorf("truncate staging: %w", err)
	}
	return true, nil
}

// anyRun tells whether a run is under way.
func anyRun(ctx context.Context, q Querier) (bool, error) {
	var busy bool
	err := q.QueryRow(ctx, `
		SELECT EXISTS (SELECT 1
		               FROM sync.runs
		               WHERE state IN ('queued', 'running'))`).Scan(&busy)
	if err != nil {
		return false, fmt.Errorf("look for runs under way: %w", err)
	}
	return busy, nil
}
