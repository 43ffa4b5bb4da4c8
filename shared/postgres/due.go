package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"cleversync/shared/syncrun"
	"cleversync/shared/tenant"
)

// LockUnplanned gives up to limit tenants of a region that have no slot yet
// but may have one from now on: entitled, enabled, and with a completed run
// that a person started, no preview, since the first sync begins by hand only. They stay
// locked until the transaction ends; those that somebody else holds are left
// for later.
func LockUnplanned(ctx context.Context, tx pgx.Tx, region string, limit int) ([]uuid.UUID, error) {
	rows, err := tx.Query(ctx, `
		SELECT t.id
		FROM sync.tenants t
		JOIN sync.connections c
		  ON c.tenant_id = t.id
		WHERE t.region = $1
		  AND t.next_due_at IS NULL
		  AND t.entitled
		  AND c.enabled
		  AND EXISTS (SELECT 1
		              FROM sync.runs r
		              WHERE r.tenant_id = t.id
		                AND r.trigger = 'manual'
		                AND r.state = 'completed'
		                AND NOT r.config @> '{"preview": true}')
		LIMIT $2
		FOR NO KEY UPDATE OF t SKIP LOCKED`, region, limit)
	if err != nil {
		return nil, fmt.Errorf("look for unplanned tenants of %s: %w", region, err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, fmt.Errorf("look for unplanned tenants of %s: %w", region, err)
	}
	return ids, nil
}

// PlanFirst gives tenants their first slots.
func PlanFirst(ctx context.Context, tx pgx.Tx, tenants []uuid.UUID, slots []time.Time) error {
	_, err := tx.Exec(ctx, `
		UPDATE sync.tenants t
		SET next_due_at = p.slot
		FROM unnest($1::uuid[], $2::timestamptz[]) AS p (tenant_id, slot)
		WHERE t.id = p.tenant_id
		  AND t.next_due_at IS NULL`, tenants, slots)
	if err != nil {
		return fmt.Errorf("plan first slots: %w", err)
	}
	return nil
}

// DueTenant is a tenant whose slot has come.
type DueTenant struct {
	tenant.Tenant
	// Connected tells whether it is linked to a district at all.
	Connected bool
	// Busy says that a run of it is under way, so that its slot waits. Such a
	// tenant is given only if its slot is older than a whole window.
	Busy bool
}

// LockDue gives up to limit tenants of a region whose slot has come at now,
// the oldest first, and keeps them locked until the transaction ends. Those
// that somebody else holds are left to him. Those with a run under way are left
// out, so that they do not stand before others, until their slot is older than
// length: then the next one has come and this one is missed.
func LockDue(ctx context.Context, tx pgx.Tx, region string, now time.Time, length time.Duration, limit int) ([]DueTenant, error) {
	rows, err := tx.Query(ctx, `
		SELECT t.id, t.name, t.region, t.entitled, t.next_due_at, t.created_at, t.previews_only,
		       EXISTS (SELECT 1 FROM sync.connections c WHERE c.tenant_id = t.id OFFSET 0),
		       `+isBusy+`
		FROM sync.tenants t
		WHERE t.region = $1
		  AND t.next_due_at <= $2
		  AND (t.next_due_at <= $3 OR NOT `+isBusy+`)
		ORDER BY t.next_due_at
		LIMIT $4
		FOR NO KEY UPDATE OF t SKIP LOCKED`, region, now, now.Add(-length), limit)
	if err != nil {
		return nil, fmt.Errorf("look for due tenants of %s: %w", region, err)
	}
	due, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (DueTenant, error) {
		var d DueTenant
		return d, row.Scan(&d.ID, &d.Name, &d.Region, &d.Entitled, &d.NextDueAt, &d.CreatedAt, &d.PreviewsOnly, &d.Connected, &d.Busy)
	})
	if err != nil {
		return nil, fmt.Errorf("look for due tenants of %s: %w", region, err)
	}
	return due, nil
}

// isBusy tells whether tenant t has a run under way. OFFSET 0 keeps Postgres
// from making a list of all runs under way first (measured with 30,000 of them:
// seven times the cost of looking up the few tenants that come), and from
// sorting all due tenants for it.
const isBusy = `EXISTS (SELECT 1 FROM sync.runs r WHERE r.tenant_id = t.id AND r.state IN ('queued', 'running') OFFSET 0)`

// LockConnections is LockConnection for many tenants at once, without waiting:
// a connection that somebody is just changing is left out.
func LockConnections(ctx context.Context, tx pgx.Tx, tenants []uuid.UUID) (map[uuid.UUID]*tenant.Connection, error) {
	rows, err := tx.Query(ctx, `
		SELECT `+connectionColumns+`, tenant_id
		FROM sync.connections
		WHERE tenant_id = ANY ($1)
		FOR NO KEY UPDATE SKIP LOCKED`, tenants)
	if err != nil {
		return nil, fmt.Errorf("lock connections: %w", err)
	}
	connections := map[uuid.UUID]*tenant.Connection{}
	for rows.Next() {
		var id uuid.UUID
		c, err := scanConnection(withLast{rows, &id})
		if err != nil {
			rows.Close()
			return nil, fmt.Errorf("lock connections: %w", err)
		}
		connections[id] = &c
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("lock connections: %w", err)
	}
	return connections, nil
}

// withLast scans a row that has one column more than its scanner knows.
type withLast struct {
	pgx.CollectableRow
	last any
}

func (r withLast) Scan(dest ...any) error { return r.CollectableRow.Scan(append(dest, r.last)...) }

// InsertScheduledRuns inserts runs with their first steps in one statement and
// tells how many there were. A tenant that has a run under way, or has had its
// run of the window, gets none. Their steps wait for the dispatcher.
func InsertScheduledRuns(ctx context.Context, tx pgx.Tx, runs []NewRun) (int, error) {
	tag, err := tx.Exec(ctx, `
		WITH begun AS (
		  INSERT INTO sync.runs (id, tenant_id, region, district_id, trigger, lane, started_by, window_key, config)
		  SELECT n.id, n.tenant_id, n.region, n.config ->> 'district', 'scheduled', 'scheduled', n.started_by, n.window_key, n.config
		  FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::jsonb[])
		    AS n (id, tenant_id, region, window_key, started_by, config)
		  ON CONFLICT DO NOTHING
		  RETURNING id, tenant_id, district_id, lane)
		INSERT INTO sync.run_steps (run_id, name, tenant_id, district_id, lane)
		SELECT id, 'prepare', tenant_id, district_id, lane
		FROM begun`,
		column(runs, func(r NewRun) uuid.UUID { return r.ID }),
		column(runs, func(r NewRun) uuid.UUID { return r.Tenant }),
		column(runs, func(r NewRun) string { return r.Region }),
		column(runs, func(r NewRun) string { return r.WindowKey }),
		column(runs, func(r NewRun) string { return r.StartedBy }),
		column(runs, func(r NewRun) syncrun.Config { return r.Config }))
	if err != nil {
		return 0, fmt.Errorf("insert %d scheduled runs: %w", len(runs), err)
	}
	return int(tag.RowsAffected()), nil
}

// DueMove says where a due tenant goes: to Next where the window has its run,
// otherwise to Keep.
type DueMove struct {
	Tenant     uuid.UUID
	WindowKey  string
	Keep, Next time.Time
}

// MoveDue moves slots on. It comes after the runs were inserted, as a statement
// of its own, so that it sees them, and those that others have inserted.
func MoveDue(ctx context.Context, tx pgx.Tx, moves []DueMove) error {
	_, err := tx.Exec(ctx, `
		UPDATE sync.tenants t
		SET next_due_at = d.due
		FROM (SELECT m.tenant_id,
		             CASE WHEN EXISTS (SELECT 1
		                               FROM sync.runs r
		                               WHERE r.tenant_id = m.tenant_id
		                                 AND r.window_key = m.window_key)
		             THEN m.next
		             ELSE m.keep
		             END AS due
		      FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::timestamptz[])
		        AS m (tenant_id, window_key, keep, next)) d
		WHERE t.id = d.tenant_id
		  AND t.next_due_at <> d.due`,
		column(moves, func(m DueMove) uuid.UUID { return m.Tenant }),
		column(moves, func(m DueMove) string { return m.WindowKey }),
		column(moves, func(m DueMove) time.Time { return m.Keep }),
		column(moves, func(m DueMove) time.Time { return m.Next }))
	if err != nil {
		return fmt.Errorf("move %d slots on: %w", len(moves), err)
	}
	return nil
}

// column takes one value of each row, for unnest to put them together again.
func column[Row, Value any](rows []Row, of func(Row) Value) []Value {
	values := make([]Value, len(rows))
	for i, row := range rows {
		values[i] = of(row)
	}
	return values
}
