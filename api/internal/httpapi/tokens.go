package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"cleversync/api/internal/auth"
	"cleversync/shared/postgres"
)

func (a *API) registerTokens() {
	register(a, operation{
		id: "create-token", method: http.MethodPost, path: "/v1/tokens", tag: "Tokens",
		scope: postgres.ScopeOperator, status: http.StatusCreated,
		summary:     "Create a token",
		description: "The answer shows the token once; it is kept nowhere. A token of scope operator may do everything; one of scope tenant reads one tenant, chooses its options and starts its runs.",
	}, a.createToken)
	register(a, operation{
		id: "revoke-token", method: http.MethodDelete, path: "/v1/tokens/{id}", tag: "Tokens",
		scope: postgres.ScopeOperator, status: http.StatusNoContent, problems: []code{codeUnknownToken},
		summary: "Revoke a token", description: "It is refused from now on. Revoking twice changes nothing.",
	}, a.revokeToken)
}

// Token is a new token, shown once.
type Token struct {
	ID        uuid.UUID  `json:"id" format:"uuid" doc:"Names the token when it is to be revoked."`
	Token     string     `json:"token" example:"cs_UbC2n4KQ…" doc:"The token itself. It is not shown again."`
	Name      string     `json:"name"`
	Scope     string     `json:"scope" enum:"operator,tenant" example:"tenant"`
	Tenant    *uuid.UUID `json:"tenant,omitempty" format:"uuid"`
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
}

// NewToken is what a token is created with.
type NewToken struct {
	Name      Name       `json:"name" example:"Riverside's console" doc:"Shown as who did what."`
	Scope     string     `json:"scope" enum:"operator,tenant" example:"tenant"`
	Tenant    *uuid.UUID `json:"tenant,omitempty" format:"uuid" doc:"The tenant of a token of scope tenant."`
	ExpiresAt *time.Time `json:"expires_at,omitempty" example:"2030-01-01T00:00:00Z" doc:"When the token ends by itself; never, where it is not given."`
}

type createTokenInput struct{ Body NewToken }

type createTokenAnswer struct{ Body Token }

func (a *API) createToken(ctx context.Context, in *createTokenInput) (*createTokenAnswer, error) {
	wanted, err := in.token()
	if err != nil {
		return nil, err
	}
	secret := auth.NewToken()
	var stored postgres.Token
	err = a.within(ctx, func(tx pgx.Tx) error {
		if stored, err = postgres.CreateToken(ctx, tx, wanted, auth.Hash(secret)); err != nil {
			return err
		}
		return postgres.Audit(ctx, tx, act(ctx, postgres.TokenCreated, stored.Tenant, map[string]any{"created": stored.ID, "scope": stored.Scope}))
	})
	if errors.Is(err, postgres.ErrNoTenant) {
		return nil, invalid(&huma.ErrorDetail{Location: "body.tenant", Message: "there is no such tenant"})
	}
	if err != nil {
		return nil, err
	}
	answer := Token{
		ID: stored.ID, Token: secret, Name: stored.Name, Scope: string(stored.Scope),
		CreatedAt: stored.CreatedAt, ExpiresAt: optional(stored.ExpiresAt),
	}
	if stored.Scope == postgres.ScopeTenant {
		answer.Tenant = &stored.Tenant
	}
	return &createTokenAnswer{Body: answer}, nil
}

func (in *createTokenInput) token() (postgres.Token, error) {
	var problems []*huma.ErrorDetail
	scope := postgres.Scope(in.Body.Scope)
	if scope == postgres.ScopeTenant && in.Body.Tenant == nil {
		problems = append(problems, &huma.ErrorDetail{Location: "body.tenant", Message: "is required for the scope tenant"})
	}
	if scope == postgres.ScopeOperator && in.Body.Tenant != nil {
		problems = append(problems, &huma.ErrorDetail{Location: "body.tenant", Message: "must not be given for the scope operator"})
	}
	if in.Body.ExpiresAt != nil && !in.Body.ExpiresAt.After(time.Now()) {
		problems = append(problems, &huma.ErrorDetail{Location: "body.expires_at", Message: "must be in the future"})
	}
	if in.Body.ExpiresAt != nil && in.Body.ExpiresAt.UTC().Year() > 9999 {
		problems = append(problems, &huma.ErrorDetail{Location: "body.expires_at", Message: "must be before the year 10000 UTC"})
	}
	if len(problems) > 0 {
		return postgres.Token{}, invalid(problems...)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return postgres.Token{}, fmt.Errorf("make token id: %w", err)
	}
	t := postgres.Token{ID: id, Name: in.Body.Name.trimmed(), Scope: scope}
	t.Tenant = valueOr(in.Body.Tenant, uuid.Nil)
	t.ExpiresAt = valueOr(in.Body.ExpiresAt, time.Time{})
	return t, nil
}

type revokeTokenInput struct {
	ID uuid.UUID `path:"id" format:"uuid" doc:"The id that the token was created with."`
}

func (a *API) revokeToken(ctx context.Context, in *revokeTokenInput) (*struct{}, error) {
	err := a.within(ctx, func(tx pgx.Tx) error {
		tenant, err := postgres.RevokeToken(ctx, tx, in.ID)
		if err != nil {
			return err
		}
		return postgres.Audit(ctx, tx, act(ctx, postgres.TokenRevoked, tenant, map[string]any{"revoked": in.ID}))
	})
	return nil, err
}
