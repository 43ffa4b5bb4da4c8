package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"cleversync/shared/tenant"
)

// ErrNoTenant says that there is no such tenant, or none that the caller may
// see: the two are not told apart on purpose.
var ErrNoTenant = errors.New("no such tenant")

const tenantColumns = `id, name, region, entitled, next_due_at, created_at,
	EXISTS (SELECT
	        FROM sync.holds h
	        WHERE h.tenant_id = tenants.id
	          AND h.purpose = 'review'
	          AND h.state = 'open'
	          AND h.expires_at > now()),
	previews_only`

// CreateTenant stores a new tenant under the id that the caller made, and
// gives it back as stored.
func CreateTenant(ctx context.Context, q Querier, t tenant.Tenant) (tenant.Tenant, error) {
	rows, err := q.Query(ctx, `
		INSERT INTO sync.tenants (id, name, region, entitled)
		VALUES ($1, $2, $3, $4)
		RETURNING `+tenantColumns, t.ID, t.Name, t.Region, t.Entitled)
	return oneTenant(rows, err, "create tenant", t.ID)
}

// ReadTenant gives a tenant, or ErrNoTenant.
func ReadTenant(ctx context.Context, q Querier, id uuid.UUID) (tenant.Tenant, error) {
	rows, err := q.Query(ctx, `
		SELECT `+tenantColumns+`
		FROM sync.tenants
		WHERE id = $1`, id)
	return oneTenant(rows, err, "read tenant", id)
}

// TenantChange is what of a tenant changes; nil leaves a value as it is.
type TenantChange struct {
	Name     *string
	Entitled *bool
}

// ChangeTenant changes a tenant and gives it as it is then, or ErrNoTenant.
func ChangeTenant(ctx context.Context, q Querier, id uuid.UUID, change TenantChange) (tenant.Tenant, error) {
	rows, err := q.Query(ctx, `
		UPDATE sync.tenants
		SET name = coalesce($2, name),
		    entitled = coalesce($3, entitled)
		WHERE id = $1
		RETURNING `+tenantColumns, id, change.Name, change.Entitled)
	return oneTenant(rows, err, "change tenant", id)
}

// ListTenants gives up to limit tenants in the order of their ids, which is
// that of their creation. An empty region means all; the zero id begins at the
// first, otherwise the page begins after that id.
func ListTenants(ctx context.Context, q Querier, region string, after uuid.UUID, limit int) ([]tenant.Tenant, error) {
	rows, err := q.Query(ctx, `
		SELECT `+tenantColumns+`
		FROM sync.tenants
		WHERE ($1 = '' OR region = $1)
		  AND id > $2
		ORDER BY id
		LIMIT $3`, region, after, limit)
	if err != nil {
		return nil, fmt.Errorf("list tenants: %w", err)
	}
	tenants, err := pgx.CollectRows(rows, scanTenant)
	if err != nil {
		return nil, fmt.Errorf("list tenants: %w", err)
	}
	return tenants, nil
}

func oneTenant(rows pgx.Rows, err error, doing string, id uuid.UUID) (tenant.Tenant, error) {
	if err != nil {
		return tenant.Tenant{}, fmt.Errorf("%s %s: %w", doing, id, err)
	}
	t, err := pgx.CollectExactlyOneRow(rows, scanTenant)
	if errors.Is(err, pgx.ErrNoRows) {
		return tenant.Tenant{}, ErrNoTenant
	}
	if err != nil {
		return tenant.Tenant{}, fmt.Errorf("%s %s: %w", doing, id, err)
	}
	return t, nil
}

// SetPreviewsOnly lets the tenant's nightly runs apply nothing, or lets them
// apply again.
func SetPreviewsOnly(ctx context.Context, q Querier, id uuid.UUID, only bool) error {
	tag, err := q.Exec(ctx, `
		UPDATE sync.tenants
		SET previews_only = $2
		WHERE id = $1`, id, only)
	if err != nil {
		return fmt.Errorf("set previews of tenant %s: %w", id, err)
	}
	if tag.RowsAffected() == 0 {
		return ErrNoTenant
	}
	return nil
}

func scanTenant(row pgx.CollectableRow) (tenant.Tenant, error) {
	var t tenant.Tenant
	var due *time.Time
	if err := row.Scan(&t.ID, &t.Name, &t.Region, &t.Entitled, &due, &t.CreatedAt, &t.NeedsReview, &t.PreviewsOnly); err != nil {
		return tenant.Tenant{}, err
	}
	t.NextDueAt = timeOf(due)
	return t, nil
}

// timeOf makes the zero time of a null.
func timeOf(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}
