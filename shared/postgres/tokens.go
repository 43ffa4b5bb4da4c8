package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// ErrNoToken says that no such token is stored, or none that is valid still.
var ErrNoToken = errors.New("no such token")

// Scope is what a token may do.
type Scope string

// The scopes.
const (
	// ScopeOperator may do everything, for every tenant.
	ScopeOperator Scope = "operator"
	// ScopeTenant may read one tenant, choose its options and start its runs.
	ScopeTenant Scope = "tenant"
)

// Token is what is known of a token of the API. The token itself is kept
// nowhere; its SHA-256 finds it.
type Token struct {
	ID    uuid.UUID
	Name  string
	Scope Scope
	// Tenant is that of a token of ScopeTenant, zero otherwise.
	Tenant    uuid.UUID
	CreatedAt time.Time
	ExpiresAt time.Time // zero = never
}

// CreateToken stores a token by its hash and gives it as stored. ErrNoTenant
// says that the tenant it is for does not exist.
func CreateToken(ctx context.Context, q Querier, t Token, hash []byte) (Token, error) {
	rows, err := q.Query(ctx, `
		INSERT INTO sync.api_tokens (id, hash, name, scope, tenant_id, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6)
		RETURNING id, name, scope, tenant_id, created_at, expires_at`,
		t.ID, hash, t.Name, t.Scope, nullID(t.Tenant), nullTime(t.ExpiresAt))
	if err != nil {
		return Token{}, fmt.Errorf("create token: %w", err)
	}
	stored, err := pgx.CollectExactlyOneRow(rows, scanToken)
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.Code == foreignKeyViolation {
		return Token{}, ErrNoTenant
	}
	if err != nil {
		return Token{}, fmt.Errorf("create token: %w", err)
	}
	return stored, nil
}

const foreignKeyViolation = "23503"

// FindToken gives the token with this hash, or ErrNoToken where there is none
// or it was revoked or has expired, by the clock of the database.
func FindToken(ctx context.Context, q Querier, hash []byte) (Token, error) {
	rows, err := q.Query(ctx, `
		SELECT id, name, scope, tenant_id, created_at, expires_at
		FROM sync.api_tokens
		WHERE hash = $1
		  AND revoked_at IS NULL
		  AND (expires_at IS NULL OR expires_at > now())`, hash)
	if err != nil {
		return Token{}, fmt.Errorf("find token: %w", err)
	}
	t, err := pgx.CollectExactlyOneRow(rows, scanToken)
	if errors.Is(err, pgx.ErrNoRows) {
		return Token{}, ErrNoToken
	}
	if err != nil {
		return Token{}, fmt.Errorf("find token: %w", err)
	}
	return t, nil
}

// RevokeToken ends a token's life at once and gives the tenant that it was
// for. Revoking twice changes nothing.
func RevokeToken(ctx context.Context, q Querier, id uuid.UUID) (uuid.UUID, error) {
	var tenant *uuid.UUID
	err := q.QueryRow(ctx, `
		UPDATE sync.api_tokens
		SET revoked_at = coalesce(revoked_at, now())
		WHERE id = $1
		RETURNING tenant_id`, id).Scan(&tenant)
	if errors.Is(err, pgx.ErrNoRows) {
		return uuid.Nil, ErrNoToken
	}
	if err != nil {
		return uuid.Nil, fmt.Errorf("revoke token %s: %w", id, err)
	}
	return idOf(tenant), nil
}

func scanToken(row pgx.CollectableRow) (Token, error) {
	var t Token
	var tenant *uuid.UUID
	var expires *time.Time
	if err := row.Scan(&t.ID, &t.Name, &t.Scope, &tenant, &t.CreatedAt, &expires); err != nil {
		return Token{}, err
	}
	t.Tenant, t.ExpiresAt = idOf(tenant), timeOf(expires)
	return t, nil
}

// idOf makes the zero id of a null, and nullID the other way round.
func idOf(id *uuid.UUID) uuid.UUID {
	if id == nil {
		return uuid.Nil
	}
	return *id
}

func nullID(id uuid.UUID) *uuid.UUID {
	if id == uuid.Nil {
		return nil
	}
	return &id
}

func nullTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
