package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"cleversync/shared/syncrun"
)

// RecordPlan stores beside the change rows how many there are, so that apply
// notices their loss.
func RecordPlan(ctx context.Context, tx pgx.Tx, c *Claim, changes int64) error {
	if _, err := tx.Exec(ctx, `
		DELETE FROM staging.progress
		WHERE run_id = $1
		  AND generation = $2
		  AND step = $3`, c.Run, c.Generation, syncrun.Plan); err != nil {
		return fmt.Errorf("record plan: %w", err)
	}
	if _, err := tx.Exec(ctx, `
		INSERT INTO staging.progress (run_id, generation, step, rows, complete)
		VALUES ($1, $2, $3, $4, true)`, c.Run, c.Generation, syncrun.Plan, changes); err != nil {
		return fmt.Errorf("record plan: %w", err)
	}
	return nil
}

// PlannedChanges is the number that RecordPlan stored; false where it was lost.
func PlannedChanges(ctx context.Context, tx pgx.Tx, c *Claim) (int64, bool, error) {
	var changes int64
	err := tx.QueryRow(ctx, `
		SELECT rows
		FROM staging.progress
		WHERE run_id = $1
		  AND generation = $2
		  AND step = $3`, c.Run, c.Generation, syncrun.Plan).Scan(&changes)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, !Proven, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("read plan: %w", err)
	}
	return changes, true, nil
}
