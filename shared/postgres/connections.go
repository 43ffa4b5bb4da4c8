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

const connectionColumns = `district_id, (SELECT d.name FROM sync.districts d WHERE d.id = district_id), enabled, grant_whole, granted_schools,
	whole, schools, sync_classrooms, unique_class_names, sync_parents, parent_types, match_users_by_name, confirmed, version, linked_by, updated_at, disconnected_at`

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

// ErrOtherDistrict says that the tenant is, or was, connected to another
// district than the one it was to be linked to.
var ErrOtherDistrict = errors.New("the tenant belongs to another district")

// LinkConnection links the tenant to c's district or replaces what it had, and
// gives the connection as stored. The district's row is made where it is not
// known yet. Only an operator's request, or a log-in that an operator began and
// that proves the district's consent, may come here.
func LinkConnection(ctx context.Context, q Querier, id uuid.UUID, c tenant.Connection) (tenant.Connection, error) {
	return link(ctx, q, id, c, ``)
}

// LinkDistrict is LinkConnection for whoever has the district's consent and is
// no operator: where the tenant has or had another district, whoever stored
// that and however shortly before, it changes nothing and is ErrOtherDistrict.
func LinkDistrict(ctx context.Context, q Querier, id uuid.UUID, c tenant.Connection) (tenant.Connection, error) {
	linked, err := link(ctx, q, id, c, `WHERE c.district_id = excluded.district_id`)
	if errors.Is(err, pgx.ErrNoRows) {
		return tenant.Connection{}, ErrOtherDistrict
	}
	return linked, err
}

func link(ctx context.Context, q Querier, id uuid.UUID, c tenant.Connection, only string) (tenant.Connection, error) {
	if err := KnowDistrict(ctx, q, c.District); err != nil {
		return tenant.Connection{}, err
	}
	rows, err := q.Query(ctx, `
		INSERT INTO sync.connections AS c (tenant_id, district_id, enabled, grant_whole, granted_schools, whole, schools,
		  sync_classrooms, unique_class_names, sync_parents, parent_types, match_users_by_name, confirmed, linked_by)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
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
		    confirmed = excluded.confirmed,
		    match_users_by_name = excluded.match_users_by_name,
		    version = c.version + 1,
		    linked_by = excluded.linked_by,
		    linked_at = now(),
		    disconnected_at = NULL,
		    updated_at = now()
		`+only+`
		RETURNING `+connectionColumns,
		id, c.District, c.Enabled, c.Grant.Whole, list(c.Grant.Schools), c.Options.Whole, list(c.Options.Schools),
		c.Options.Classrooms, c.Options.UniqueClassNames, c.Options.Parents, list(c.Options.ParentTypes),
		c.Options.MatchByName, c.Confirmed, c.LinkedBy)
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
		    confirmed = $9,
		    match_users_by_name = $10,
		    version = version + 1,
		    updated_at = now()
		WHERE tenant_id = $1
		  AND disconnected_at IS NULL
		RETURNING `+connectionColumns,
		id, c.Enabled, c.Options.Whole, list(c.Options.Schools),
		c.Options.Classrooms, c.Options.UniqueClassNames, c.Options.Parents, list(c.Options.ParentTypes),
		c.Confirmed, c.Options.MatchByName)
	return oneConnection(rows, err, "change", id)
}

// Disconnect ends a tenant's connection: nothing is synced any more. The row
// stays with all that was chosen, so that the same district can be linked again
// as it was, and another one by an operator only. False says that there was
// nothing to end. It runs as the tenant's role too.
func Disconnect(ctx context.Context, q Querier, id uuid.UUID) (bool, error) {
	tag, err := q.Exec(ctx, `
		UPDATE sync.connections
		SET enabled = false,
		    disconnected_at = now(),
		    version = version + 1,
		    updated_at = now()
		WHERE tenant_id = $1
		  AND disconnected_at IS NULL`, id)
	if err != nil {
		return false, fmt.Errorf("disconnect %s: %w", id, err)
	}
	return tag.RowsAffected() == 1, nil
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
	var name *string // null where the tenant's own role may not see the district's row
	var disconnected *time.Time
	err := row.Scan(&c.District, &name, &c.Enabled, &c.Grant.Whole, &c.Grant.Schools, &c.Options.Whole, &c.Options.Schools,
		&c.Options.Classrooms, &c.Options.UniqueClassNames, &c.Options.Parents, &c.Options.ParentTypes, &c.Options.MatchByName,
		&c.Confirmed, &c.Version, &c.LinkedBy, &c.UpdatedAt, &disconnected)
	if name != nil {
		c.DistrictName = *name
	}
	c.DisconnectedAt = timeOf(disconnected)
	return c, err
}

// list makes an empty array of nil: the columns refuse null.
func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// DistrictConnected tells whether any tenant is connected to a district.
func DistrictConnected(ctx context.Context, q Querier, district string) (bool, error) {
	var connected bool
	err := q.QueryRow(ctx, `
		SELECT EXISTS (SELECT 1
		               FROM sync.connections
		               WHERE district_id = $1
		                 AND disconnected_at IS NULL)`, district).Scan(&connected)
	if err != nil {
		return false, fmt.Errorf("look who is connected to district %s: %w", district, err)
	}
	return connected, nil
}
