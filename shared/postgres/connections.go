package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"cleversync/shared/tenant"
)

const connectionColumns = `district_id, enabled, grant_whole, granted_schools, whole, schools,
	sync_classrooms, unique_class_names, sync_parents, parent_types, match_users_by_name, version, linked_by, updated_at`

// ReadConnection gives the tenant's link to a district, or nil where it has
// none.
func ReadConnection(ctx context.Context, q Querier, id uuid.UUID) (*tenant.Connection, error) {
	return readConnection(ctx, q, id, "")
}

// LockConnection is ReadConnection that keeps the row until the transaction
// ends. Whoever changes a connection and whoever begins a run by it holds this
// lock, so that no run begins by a connection that is just being replaced.
// Apply never holds it, however long it works.
func LockConnection(ctx context.Context, q Querier, id uuid.UUID) (*tenant.Connection, error) {
	return readConnection(ctx, q, id, " FOR NO KEY UPDATE")
}

// TryLockConnection takes the lock of LockConnection without waiting. False
// means that somebody else has it. Of a tenant without a connection there is
// nothing to lock, which is true too.
func TryLockConnection(ctx context.Context, q Querier, id uuid.UUID) (bool, error) {
	c, err := readConnection(ctx, q, id, " FOR NO KEY UPDATE SKIP LOCKED")
	if err != nil || c != nil {
		return c != nil, err
	}
	c, err = ReadConnection(ctx, q, id)
	return c == nil, err
}

func readConnection(ctx context.Context, q Querier, id uuid.UUID, lock string) (*tenant.Connection, error) {
	rows, err := q.Query(ctx, `
		SELECT `+connectionColumns+`
		FROM sync.connections
		WHERE tenant_id = $1`+lock, id)
	if err != nil {
		return nil, fmt.Errorf("read connection of %s: %w", id, err)
	}
	c, err := pgx.CollectExactlyOneRow(rows, scanConnection)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read connection of %s: %w", id, err)
	}
	return &c, nil
}

// LinkConnection links the tenant to c's district or replaces what it had, and
// gives the connection as stored. The district's row is made where it is not
// known yet. Only an operator's request, or one that proves the district's
// consent, may come here.
func LinkConnection(ctx context.Context, q Querier, id uuid.UUID, c tenant.Connection) (tenant.Connection, error) {
	if _, err := q.Exec(ctx, `
		INSERT INTO sync.districts (id)
		VALUES ($1)
		ON CONFLICT (id) DO NOTHING`, c.District); err != nil {
		return tenant.Connection{}, fmt.Errorf("know district %s: %w", c.District, err)
	}
	rows, err := q.Query(ctx, `
		INSERT INTO sync.connections AS c (tenant_id, district_id, enabled, grant_whole, granted_schools, whole, schools,
		  sync_classrooms, unique_class_names, sync_parents, parent_types, match_users_by_name, linked_by)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
		ON CONFLICT (tenant_id) DO UPDATE
		SET district_id = excluded.district_id,
		    enabled = excluded.enabled,
		    grant_whole = excluded.grant_whole,
		    granted_schools = excluded.granted_schools,
		    whole = excluded.whole,
		    schools = excluded.schools,
		    sync_classrooms = excluded.sync_classrooms,
		    unique_class_names = excluded.unique_class_names,
		    sync_parents = excluded.sync_parents,
		    parent_types = excluded.parent_types,
		    match_users_by_name = excluded.match_users_by_name,
		    version = c.version + 1,
		    linked_by = excluded.linked_by,
		    linked_at = now(),
		    updated_at = now()
		RETURNING `+connectionColumns,
		id, c.District, c.Enabled, c.Grant.Whole, list(c.Grant.Schools), c.Options.Whole, list(c.Options.Schools),
		c.Options.Classrooms, c.Options.UniqueClassNames, c.Options.Parents, list(c.Options.ParentTypes),
		c.Options.MatchByName, c.LinkedBy)
	return oneConnection(rows, err, "link", id)
}

// ChangeConnection stores a connection's switch, schools and options, never
// its district or grant, and gives it as it is then. It runs as the tenant's
// role too, which may write these columns alone.
func ChangeConnection(ctx context.Context, q Querier, id uuid.UUID, c tenant.Connection) (tenant.Connection, error) {
	rows, err := q.Query(ctx, `
		UPDATE sync.connections
		SET enabled = $2,
		    whole = $3,
		    schools = $4,
		    sync_classrooms = $5,
		    unique_class_names = $6,
		    sync_parents = $7,
		    parent_types = $8,
		    match_users_by_name = $9,
		    version = version + 1,
		    updated_at = now()
		WHERE tenant_id = $1
		RETURNING `+connectionColumns,
		id, c.Enabled, c.Options.Whole, list(c.Options.Schools),
		c.Options.Classrooms, c.Options.UniqueClassNames, c.Options.Parents, list(c.Options.ParentTypes),
		c.Options.MatchByName)
	return oneConnection(rows, err, "change", id)
}

func oneConnection(rows pgx.Rows, err error, doing string, id uuid.UUID) (tenant.Connection, error) {
	if err != nil {
		return tenant.Connection{}, fmt.Errorf("%s connection of %s: %w", doing, id, err)
	}
	c, err := pgx.CollectExactlyOneRow(rows, scanConnection)
	if err != nil {
		return tenant.Connection{}, fmt.Errorf("%s connection of %s: %w", doing, id, err)
	}
	return c, nil
}

// scanConnection is the one place that knows which column is which field.
func scanConnection(row pgx.CollectableRow) (tenant.Connection, error) {
	var c tenant.Connection
	err := row.Scan(&c.District, &c.Enabled, &c.Grant.Whole, &c.Grant.Schools, &c.Options.Whole, &c.Options.Schools,
		&c.Options.Classrooms, &c.Options.UniqueClassNames, &c.Options.Parents, &c.Options.ParentTypes, &c.Options.MatchByName,
		&c.Version, &c.LinkedBy, &c.UpdatedAt)
	return c, err
}

// list makes an empty array of nil: the columns refuse null.
func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}
