package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"cleversync/shared/roster"
)

// HoldState is what became of kept changes.
type HoldState string

// The states. Void are those that a newer sync has replaced.
const (
	HoldOpen     HoldState = "open"
	HoldApproved HoldState = "approved"
	HoldRejected HoldState = "rejected"
	HoldVoid     HoldState = "void"
	HoldExpired  HoldState = "expired"
)

// Hold is changes that were planned and kept instead of applied.
type Hold struct {
	ID, Tenant, Run uuid.UUID
	// Purpose is review, where the breaker withheld them, or preview.
	Purpose              string
	State                HoldState
	Digest               []byte
	Changes              int64
	CreatedAt, ExpiresAt time.Time
	DecidedAt            time.Time
	DecidedBy            string
	// AppliedBy is the run that an approval has begun.
	AppliedBy uuid.UUID
}

// ErrNoHold says that the tenant has no such kept changes.
var ErrNoHold = errors.New("no such hold")

// ErrNotOpen says that kept changes can no longer be decided about: they are
// decided, replaced by a newer sync, or too old, or they are not those of the
// given digest.
var ErrNotOpen = errors.New("the held changes are not open for a decision")

const holdColumns = `id, tenant_id, run_id, purpose,
	CASE WHEN state = 'open' AND expires_at <= now() THEN 'expired' ELSE state END,
	digest, changes, created_at, expires_at, decided_at, coalesce(decided_by, ''), applied_by`

func scanHold(row pgx.CollectableRow) (Hold, error) {
	var h Hold
	var decided *time.Time
	var applied *uuid.UUID
	err := row.Scan(&h.ID, &h.Tenant, &h.Run, &h.Purpose, &h.State, &h.Digest, &h.Changes,
		&h.CreatedAt, &h.ExpiresAt, &decided, &h.DecidedBy, &applied)
	h.DecidedAt = timeOf(decided)
	h.AppliedBy = idOf(applied)
	return h, err
}

// ListHolds gives the tenant's kept changes, newest first.
func ListHolds(ctx context.Context, q Querier, tenant uuid.UUID, limit int) ([]Hold, error) {
	rows, err := q.Query(ctx, `
		SELECT `+holdColumns+`
		FROM sync.holds
		WHERE tenant_id = $1
		ORDER BY id DESC
		LIMIT $2`, tenant, limit)
	if err != nil {
		return nil, fmt.Errorf("list holds of %s: %w", tenant, err)
	}
	holds, err := pgx.CollectRows(rows, scanHold)
	if err != nil {
		return nil, fmt.Errorf("list holds of %s: %w", tenant, err)
	}
	return holds, nil
}

// ReadHold gives one of the tenant's kept changes, or ErrNoHold.
func ReadHold(ctx context.Context, q Querier, tenant, hold uuid.UUID) (Hold, error) {
	rows, err := q.Query(ctx, `
		SELECT `+holdColumns+`
		FROM sync.holds
		WHERE tenant_id = $1
		  AND id = $2`, tenant, hold)
	if err != nil {
		return Hold{}, fmt.Errorf("read hold %s: %w", hold, err)
	}
	h, err := pgx.CollectExactlyOneRow(rows, scanHold)
	if errors.Is(err, pgx.ErrNoRows) {
		return Hold{}, ErrNoHold
	}
	if err != nil {
		return Hold{}, fmt.Errorf("read hold %s: %w", hold, err)
	}
	return h, nil
}

// Decision is what a person decides about kept changes.
type Decision struct {
	Tenant, Hold uuid.UUID
	// Digest names the exact changes that the person has seen.
	Digest []byte
	Actor  string
	// Run is the one that applies them; zero rejects them.
	Run uuid.UUID
}

// DecideHold approves or rejects. It succeeds once, and only for the changes
// of that digest while no newer sync has replaced them; else ErrNotOpen, or
// ErrNoHold.
func DecideHold(ctx context.Context, q Querier, d Decision) error {
	state := HoldApproved
	if d.Run == uuid.Nil {
		state = HoldRejected
	}
	tag, err := q.Exec(ctx, `
		UPDATE sync.holds
		SET state = $5,
		    decided_at = now(),
		    decided_by = $4,
		    applied_by = $6
		WHERE tenant_id = $1
		  AND id = $2
		  AND digest = $3
		  AND state = 'open'
		  AND expires_at > now()`, d.Tenant, d.Hold, d.Digest, d.Actor, state, nullID(d.Run))
	if err != nil {
		return fmt.Errorf("decide about hold %s: %w", d.Hold, err)
	}
	if tag.RowsAffected() == 1 {
		return nil
	}
	if _, err := ReadHold(ctx, q, d.Tenant, d.Hold); err != nil {
		return err
	}
	return ErrNotOpen
}

// HeldChange is one kept change, for the person who decides.
type HeldChange struct {
	Place int64
	Kind  roster.Kind
	Op    string
	// ID is the Clever id; of a membership or link that of the person.
	ID string
	// Name is what people know the row by, Becomes what an update or a create
	// makes of it. Of a membership the classroom's, of a link the parent's, with
	// the person's in Person.
	Name, Becomes, Person string
}

// ListHeldChanges gives up to limit changes after a place, in their order. It
// holds personal data: for the eyes of the tenant's own people.
func ListHeldChanges(ctx context.Context, q Querier, tenant, hold uuid.UUID, after int64, limit int) ([]HeldChange, error) {
	rows, err := q.Query(ctx, `
		WITH named AS (
		  SELECT place, kind, op, change,
		         coalesce(change ->> 'clever_id', change ->> 'user_key', change ->> 'student_key', '') AS clever_id,
		         CASE kind WHEN 'school' THEN change ->> 'id' END::uuid AS school_id,
		         CASE kind WHEN 'user' THEN change ->> 'id' ELSE coalesce(change ->> 'user_before', change ->> 'student_before') END::uuid AS user_id,
		         CASE kind WHEN 'classroom' THEN change ->> 'id' ELSE change ->> 'classroom_id' END::uuid AS classroom_id,
		         CASE kind WHEN 'parent' THEN change ->> 'id' ELSE change ->> 'parent_id' END::uuid AS parent_id
		  FROM sync.held_changes
		  WHERE tenant_id = $1
		    AND hold_id = $2
		    AND place > $3
		  ORDER BY place
		  LIMIT $4
		)
		SELECT n.place, n.kind, n.op, n.clever_id,
		       coalesce(s.name, c.name, p.name, nullif(concat_ws(' ', nullif(u.first_name, ''), nullif(u.last_name, '')), ''), ''),
		       CASE WHEN n.op IN ('create', 'update') THEN
		         coalesce(n.change ->> 'name', nullif(concat_ws(' ', nullif(n.change ->> 'first_name', ''), nullif(n.change ->> 'last_name', '')), ''), '')
		       ELSE '' END,
		       CASE WHEN n.kind IN ('membership', 'parent_link') THEN concat_ws(' ', nullif(u.first_name, ''), nullif(u.last_name, '')) ELSE '' END
		FROM named n
		LEFT JOIN school_manager.schools s ON s.tenant_id = $1 AND s.id = n.school_id
		LEFT JOIN school_manager.users u ON u.tenant_id = $1 AND u.id = n.user_id
		LEFT JOIN school_manager.classrooms c ON c.tenant_id = $1 AND c.id = n.classroom_id
		LEFT JOIN school_manager.parents p ON p.tenant_id = $1 AND p.id = n.parent_id
		ORDER BY n.place`, tenant, hold, after, limit)
	if err != nil {
		return nil, fmt.Errorf("list changes of hold %s: %w", hold, err)
	}
	changes, err := pgx.CollectRows(rows, pgx.RowToStructByPos[HeldChange])
	if err != nil {
		return nil, fmt.Errorf("list changes of hold %s: %w", hold, err)
	}
	return changes, nil
}

// Trip is a limit of the breaker that a run exceeded.
type Trip struct {
	Kind, School, Cause string
	Count, Size         int64
}

// ListTrips gives why a run withheld changes.
func ListTrips(ctx context.Context, q Querier, tenant, run uuid.UUID) ([]Trip, error) {
	rows, err := q.Query(ctx, `
		SELECT kind, school, cause, count, size
		FROM sync.trips
		WHERE tenant_id = $1
		  AND run_id = $2
		ORDER BY kind, school, cause`, tenant, run)
	if err != nil {
		return nil, fmt.Errorf("list trips of run %s: %w", run, err)
	}
	trips, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Trip])
	if err != nil {
		return nil, fmt.Errorf("list trips of run %s: %w", run, err)
	}
	return trips, nil
}

// JournalLife is how long what runs have overwritten is kept.
const JournalLife = 30 * 24 * time.Hour

// DeleteJournal deletes up to limit entries of the journal that are too old to
// undo anything, and tells how many went.
func DeleteJournal(ctx context.Context, q Querier, limit int) (int, error) {
	tag, err := q.Exec(ctx, `
		DELETE FROM sync.journal
		WHERE ctid = ANY (ARRAY(SELECT ctid
		                        FROM sync.journal
		                        WHERE at < now() - $1::interval
		                        LIMIT $2))`, JournalLife, limit)
	if err != nil {
		return 0, fmt.Errorf("delete old journal: %w", err)
	}
	return int(tag.RowsAffected()), nil
}

// ExpireHolds closes what nobody has decided about in time, and tells how many.
func ExpireHolds(ctx context.Context, q Querier) (int, error) {
	tag, err := q.Exec(ctx, `
		UPDATE sync.holds
		SET state = 'expired'
		WHERE state = 'open'
		  AND expires_at <= now()`)
	if err != nil {
		return 0, fmt.Errorf("expire holds: %w", err)
	}
	return int(tag.RowsAffected()), nil
}

// DeleteHeldChanges deletes up to limit changes that nobody can apply any more,
// with the personal data in them, and tells how many went.
func DeleteHeldChanges(ctx context.Context, q Querier, limit int) (int, error) {
	tag, err := q.Exec(ctx, `
		DELETE FROM sync.held_changes
		WHERE (hold_id, place) IN (SELECT c.hold_id, c.place
		                           FROM sync.holds h
		                           JOIN sync.held_changes c ON c.hold_id = h.id
		                           LEFT JOIN sync.runs r ON r.id = h.applied_by
		                           WHERE h.state IN ('rejected', 'void', 'expired')
		                              OR h.state = 'approved' AND coalesce(r.state, 'failed') NOT IN ('queued', 'running')
		                           LIMIT $1)`, limit)
	if err != nil {
		return 0, fmt.Errorf("delete held changes: %w", err)
	}
	return int(tag.RowsAffected()), nil
}
