package postgres

import (
	"context"
	"fmt"

	"github.com/google/uuid"
)

// ActKind names what a person did, for ever.
type ActKind string

// The acts.
const (
	TenantCreated       ActKind = "tenant_created"
	TenantChanged       ActKind = "tenant_changed"
	ConnectionLinked    ActKind = "connection_linked"
	ConnectionChanged   ActKind = "connection_changed"
	RunStarted          ActKind = "run_started"
	RunCancelled        ActKind = "run_cancelled"
	HoldWasApproved     ActKind = "hold_approved"
	HoldWasRejected     ActKind = "hold_rejected"
	LimitSet            ActKind = "limit_set"
	LimitRemoved        ActKind = "limit_removed"
	RunUndone           ActKind = "run_undone"
	ScheduleResumed     ActKind = "schedule_resumed"
	TokenCreated        ActKind = "token_created"
	TokenRevoked        ActKind = "token_revoked"
	ConnectionEnded     ActKind = "connection_ended"
	CleverLoginBegun    ActKind = "clever_login_begun"
	CleverLoginRejected ActKind = "clever_login_rejected"
)

// Act is one thing that a person, or a service in a person's place, did.
type Act struct {
	Actor string
	Kind  ActKind
	// Tenant is whom it concerned, zero where it was no tenant.
	Tenant uuid.UUID
	// Details name settings and ids, never a pupil's data or a secret.
	Details map[string]any
}

// Audit keeps an act. Callers do it in the transaction of the act itself, so
// that neither exists without the other.
func Audit(ctx context.Context, q Querier, act Act) error {
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("make audit id: %w", err)
	}
	details := act.Details
	if details == nil {
		details = map[string]any{}
	}
	if _, err := q.Exec(ctx, `
		INSERT INTO sync.audit_log (id, actor, act, tenant_id, details)
		VALUES ($1, $2, $3, $4, $5)`, id, act.Actor, act.Kind, nullID(act.Tenant), details); err != nil {
		return fmt.Errorf("audit %s: %w", act.Kind, err)
	}
	return nil
}
