package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"cleversync/shared/syncrun"
)

// StagedIDs are the Clever ids that a fetch step has staged, sorted, each once.
func StagedIDs(ctx context.Context, q Querier, c *Claim, step syncrun.Step) ([]string, error) {
	rows, err := q.Query(ctx, `
		SELECT DISTINCT clever_id
		FROM staging.`+stagedTables[step]+`
		WHERE run_id = $1
		  AND generation = $2
		  AND step = $3
		ORDER BY clever_id`, c.Run, c.Generation, step)
	if err != nil {
		return nil, fmt.Errorf("list staged ids of %s: %w", step, err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("list staged ids of %s: %w", step, err)
	}
	return ids, nil
}

// CountStudents is the number of students that the run has staged.
func CountStudents(ctx context.Context, q Querier, c *Claim) (int, error) {
	var n int
	err := q.QueryRow(ctx, `
		SELECT count(DISTINCT clever_id)
		FROM staging.users
		WHERE run_id = $1
		  AND generation = $2
		  AND step = $3
		  AND student`, c.Run, c.Generation, syncrun.FetchStudents).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count staged students: %w", err)
	}
	return n, nil
}

// ContactPages is how many pages the district's whole list of contacts had when
// it was last read, 0 where it never was.
func ContactPages(ctx context.Context, q Querier, district string) (int, error) {
	var pages int
	err := q.QueryRow(ctx, `
		SELECT coalesce(contact_pages, 0)
		FROM sync.districts
		WHERE id = $1`, district).Scan(&pages)
	if err != nil {
		return 0, fmt.Errorf("read contact pages of district %s: %w", district, err)
	}
	return pages, nil
}

// RememberContactPages stores how many pages the list had that this claim has
// read. An unchanged number writes nothing.
func RememberContactPages(ctx context.Context, tx pgx.Tx, c *Claim) error {
	_, err := tx.Exec(ctx, `
		UPDATE sync.districts d
		SET contact_pages = s.pages
		FROM sync.run_steps s
		WHERE d.id = $3
		  AND s.run_id = $1
		  AND s.name = $2
		  AND d.contact_pages IS DISTINCT FROM s.pages`, c.Run, c.Step, c.Config.District)
	if err != nil {
		return fmt.Errorf("remember contact pages: %w", err)
	}
	return nil
}
