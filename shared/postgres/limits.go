package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"cleversync/shared/roster"
)

// SetLimit is a limit of the breaker that somebody has set.
type SetLimit struct {
	// Tenant is zero for the whole fleet.
	Tenant uuid.UUID
	Name   string
	Value  float64
	// ExpiresAt is when the limit ends by itself, zero for never: a limit that
	// was raised for one night should not stay raised.
	ExpiresAt time.Time
	SetBy     string
	SetAt     time.Time
}

// EffectiveLimits gives the limits that hold for each tenant now: its own,
// else the fleet's, else the default.
func EffectiveLimits(ctx context.Context, q Querier, tenants []uuid.UUID) (map[uuid.UUID]roster.Limits, error) {
	limits := make(map[uuid.UUID]roster.Limits, len(tenants))
	for _, id := range tenants {
		limits[id] = roster.DefaultLimits()
	}
	rows, err := q.Query(ctx, `
		SELECT w.tenant_id, l.name, l.value
		FROM unnest($1::uuid[]) AS w (tenant_id)
		JOIN sync.limits l
		  ON l.tenant_id = w.tenant_id
		  OR l.tenant_id IS NULL
		WHERE l.expires_at IS NULL
		   OR l.expires_at > now()
		ORDER BY l.tenant_id NULLS FIRST`, tenants)
	if err != nil {
		return nil, fmt.Errorf("read limits: %w", err)
	}
	var id uuid.UUID
	var name string
	var value float64
	_, err = pgx.ForEachRow(rows, []any{&id, &name, &value}, func() error {
		of := limits[id]
		if !of.Set(name, value) {
			return fmt.Errorf("unknown limit %q", name)
		}
		limits[id] = of
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read limits: %w", err)
	}
	return limits, nil
}

// ListLimits gives what was set for a tenant, or for the fleet where tenant is
// zero, expired ones included.
func ListLimits(ctx context.Context, q Querier, tenant uuid.UUID) ([]SetLimit, error) {
	rows, err := q.Query(ctx, `
		SELECT coalesce(tenant_id, $2), name, value, expires_at, set_by, set_at
		FROM sync.limits
		WHERE tenant_id IS NOT DISTINCT FROM $1
		ORDER BY name`, nullID(tenant), uuid.Nil)
	if err != nil {
		return nil, fmt.Errorf("list limits: %w", err)
	}
	limits, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (SetLimit, error) {
		var l SetLimit
		var expires *time.Time
		err := row.Scan(&l.Tenant, &l.Name, &l.Value, &expires, &l.SetBy, &l.SetAt)
		l.ExpiresAt = timeOf(expires)
		return l, err
	})
	if err != nil {
		return nil, fmt.Errorf("list limits: %w", err)
	}
	return limits, nil
}

// StoreLimit sets a limit, or replaces the one of that name.
func StoreLimit(ctx context.Context, q Querier, l SetLimit) error {
	_, err := q.Exec(ctx, `
		INSERT INTO sync.limits (tenant_id, name, value, expires_at, set_by)
		VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (tenant_id, name) DO UPDATE
		SET value = excluded.value,
		    expires_at = excluded.expires_at,
		    set_by = excluded.set_by,
		    set_at = now()`, nullID(l.Tenant), l.Name, l.Value, nullTime(l.ExpiresAt), l.SetBy)
	if err != nil {
		return fmt.Errorf("set limit %s: %w", l.Name, err)
	}
	return nil
}

// RemoveLimit gives a limit back to the fleet's, or to the default. Removing
// what is not set changes nothing.
func RemoveLimit(ctx context.Context, q Querier, tenant uuid.UUID, name string) error {
	_, err := q.Exec(ctx, `
		DELETE FROM sync.limits
		WHERE tenant_id IS NOT DISTINCT FROM $1
		  AND name = $2`, nullID(tenant), name)
	if err != nil {
		return fmt.Errorf("remove limit %s: %w", name, err)
	}
	return nil
}
