package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// DescribeRun stores with a run in what state its district was when it began,
// and of what age its data.
func DescribeRun(ctx context.Context, tx pgx.Tx, c *Claim, districtState string, lastSync time.Time) error {
	_, err := tx.Exec(ctx, `
		UPDATE sync.runs
		SET district_state = $3,
		    last_sync = $4
		WHERE id = $1
		  AND tenant_id = $2`, c.Run, c.Tenant, districtState, nullTime(lastSync))
	if err != nil {
		return fmt.Errorf("describe run %s: %w", c.Run, err)
	}
	return nil
}

// DescribeLike stores with a run that applies kept changes the age of the data
// by which they were planned.
func DescribeLike(ctx context.Context, tx pgx.Tx, c *Claim, hold uuid.UUID) error {
	_, err := tx.Exec(ctx, `
		UPDATE sync.runs r
		SET last_sync = k.last_sync
		FROM sync.holds h
		JOIN sync.runs k
		  ON k.id = h.run_id
		WHERE r.id = $1
		  AND r.tenant_id = $2
		  AND h.id = $3
		  AND h.tenant_id = $2`, c.Run, c.Tenant, hold)
	if err != nil {
		return fmt.Errorf("describe run %s: %w", c.Run, err)
	}
	return nil
}

// maxRereads is how often everything is fetched once more because the
// district's data was renewed meanwhile.
const maxRereads = 1

// Renewed compares the district as it is after a stream has been read with what
// the run knows of it, and stores the newer. The caller's transaction came
// through FencedRun. It answers whether everything is to be fetched once more,
// for which the caller calls Regenerate; a second renewal is only noted, and
// makes plan withhold removals. Where Clever does not say when it was synced,
// nothing can be compared.
func Renewed(ctx context.Context, tx pgx.Tx, c *Claim, districtState string, lastSync time.Time) (bool, error) {
	var again bool
	err := tx.QueryRow(ctx, `
		UPDATE sync.runs r
		SET district_state = $3,
		    last_sync = coalesce($4, r.last_sync),
		    rereads = CASE WHEN n.renewed AND r.rereads < $5 THEN r.rereads + 1 ELSE r.rereads END,
		    torn = r.torn OR n.renewed AND r.rereads >= $5
		FROM (SELECT id, rereads, last_sync IS DISTINCT FROM coalesce($4, last_sync) AS renewed
		      FROM sync.runs
		      WHERE id = $1
		        AND tenant_id = $2) AS n
		WHERE r.id = n.id
		RETURNING n.renewed AND n.rereads < $5`, c.Run, c.Tenant, districtState, nullTime(lastSync), maxRereads).Scan(&again)
	if err != nil {
		return false, fmt.Errorf("compare snapshot of run %s: %w", c.Run, err)
	}
	return again, nil
}

// Snapshot is what a run knows of the moment of the district that it has
// fetched: the district's state, and whether the lists are of two moments.
func Snapshot(ctx context.Context, tx pgx.Tx, c *Claim) (state string, torn bool, err error) {
	err = tx.QueryRow(ctx, `
		SELECT coalesce(district_state, ''), torn
		FROM sync.runs
		WHERE id = $1
		  AND tenant_id = $2`, c.Run, c.Tenant).Scan(&state, &torn)
	if err != nil {
		return "", false, fmt.Errorf("read snapshot of run %s: %w", c.Run, err)
	}
	return state, torn, nil
}
