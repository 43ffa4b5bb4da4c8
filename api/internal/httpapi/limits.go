package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"cleversync/shared/postgres"
)

func (a *API) registerLimits() {
	const about = "From which removals and changes on a run withholds them for review. Shares are from 0 to 1, of the rows applied before; share and number must both be exceeded. " +
		"A limit that is not set for the tenant is the fleet's, and where that is not set either, the default."
	register(a, operation{
		id: "read-limits", method: http.MethodGet, path: "/v1/tenants/{tenant}/limits", tag: "Review",
		scope: postgres.ScopeTenant, summary: "Read a tenant's limits", description: about,
	}, a.readLimits)
	register(a, operation{
		id: "set-limit", method: http.MethodPut, path: "/v1/tenants/{tenant}/limits/{name}", tag: "Review",
		scope: postgres.ScopeOperator, summary: "Set a tenant's limit",
		description: about + " A raised limit should have an expiry, after which the former holds again. Runs under way keep what they began with.",
	}, a.setLimit)
	register(a, operation{
		id: "remove-limit", method: http.MethodDelete, path: "/v1/tenants/{tenant}/limits/{name}", tag: "Review",
		scope: postgres.ScopeOperator, status: http.StatusNoContent,
		summary: "Remove a tenant's limit", description: "The fleet's holds again, or the default. Removing twice changes nothing.",
	}, a.removeLimit)
	register(a, operation{
		id: "read-fleet-limits", method: http.MethodGet, path: "/v1/limits", tag: "Review",
		scope: postgres.ScopeOperator, summary: "Read the fleet's limits", description: about,
	}, a.readFleetLimits)
	register(a, operation{
		id: "set-fleet-limit", method: http.MethodPut, path: "/v1/limits/{name}", tag: "Review",
		scope: postgres.ScopeOperator, summary: "Set a limit of the fleet", description: about,
	}, a.setFleetLimit)
	register(a, operation{
		id: "remove-fleet-limit", method: http.MethodDelete, path: "/v1/limits/{name}", tag: "Review",
		scope: postgres.ScopeOperator, status: http.StatusNoContent,
		summary: "Remove a limit of the fleet", description: "The default holds again.",
	}, a.removeFleetLimit)
}

// LimitSettings are what holds now, and what of it was set.
type LimitSettings struct {
	Effective EffectiveLimits `json:"effective" doc:"What the next run works by."`
	Set       []Limit         `json:"set" nullable:"false"`
}

// EffectiveLimits are all limits as they hold now.
type EffectiveLimits struct {
	Removals   float64 `json:"removals" example:"0.1" doc:"Share of removed rows of a kind, at a school or in the tenant, above which they are withheld."`
	Rows       int64   `json:"rows" example:"5" doc:"Number of them that must be exceeded too."`
	Edges      int64   `json:"edges" example:"25" doc:"The same number for memberships and parent links."`
	Week       float64 `json:"week" example:"0.25" doc:"Share of rows removed within seven days."`
	Updates    float64 `json:"updates" example:"0.75" doc:"Share of rows with another name, address, username or role."`
	UpdateRows int64   `json:"update_rows" example:"25" doc:"Number of them that must be exceeded too."`
	Creates    float64 `json:"creates" example:"0.25" doc:"Share of new people from which they wait too while removals are withheld."`
}

// Limit is one that somebody has set.
type Limit struct {
	Name      string     `json:"name" enum:"removals,rows,edges,week,updates,update_rows,creates"`
	Value     float64    `json:"value"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
	SetBy     string     `json:"set_by"`
	SetAt     time.Time  `json:"set_at"`
}

type limitsAnswer struct{ Body LimitSettings }

// limitsOf reads the limits of a tenant, or the fleet's.
func (a *API) limitsOf(ctx context.Context, tx pgx.Tx, tenant uuid.UUID) (LimitSettings, error) {
	effective, err := postgres.EffectiveLimits(ctx, tx, []uuid.UUID{tenant})
	if err != nil {
		return LimitSettings{}, err
	}
	set, err := postgres.ListLimits(ctx, tx, tenant)
	view := LimitSettings{Effective: EffectiveLimits(effective[tenant]), Set: []Limit{}}
	for _, l := range set {
		view.Set = append(view.Set, Limit{Name: l.Name, Value: l.Value, ExpiresAt: optional(l.ExpiresAt), SetBy: l.SetBy, SetAt: l.SetAt})
	}
	return view, err
}

func (a *API) readLimits(ctx context.Context, in *TenantPath) (*limitsAnswer, error) {
	answer := &limitsAnswer{}
	err := a.within(ctx, func(tx pgx.Tx) (err error) {
		if _, err = postgres.ReadTenant(ctx, tx, in.Tenant); err != nil {
			return err
		}
		answer.Body, err = a.limitsOf(ctx, tx, in.Tenant)
		return err
	})
	if err != nil {
		return nil, err
	}
	return answer, nil
}

func (a *API) readFleetLimits(ctx context.Context, _ *struct{}) (*limitsAnswer, error) {
	answer := &limitsAnswer{}
	err := a.within(ctx, func(tx pgx.Tx) (err error) {
		answer.Body, err = a.limitsOf(ctx, tx, uuid.Nil)
		return err
	})
	if err != nil {
		return nil, err
	}
	return answer, nil
}

// LimitPath names a limit.
type LimitPath struct {
	Name string `path:"name" enum:"removals,rows,edges,week,updates,update_rows,creates" doc:"Shares: removals (at once), week (within seven days), updates, creates (beside withheld removals). Numbers: rows, edges (memberships and links), update_rows."`
}

// NewLimit is what a limit is set to.
type NewLimit struct {
	Value     float64    `json:"value" minimum:"0" maximum:"1000000000" example:"0.3"`
	ExpiresAt *time.Time `json:"expires_at,omitempty" example:"2030-01-01T00:00:00Z" doc:"When the limit ends by itself."`
}

type setLimitInput struct {
	TenantPath
	LimitPath
	Body NewLimit
}

type setFleetLimitInput struct {
	LimitPath
	Body NewLimit
}

func (a *API) setLimit(ctx context.Context, in *setLimitInput) (*limitsAnswer, error) {
	return a.storeLimit(ctx, in.Tenant, in.Name, in.Body)
}

func (a *API) setFleetLimit(ctx context.Context, in *setFleetLimitInput) (*limitsAnswer, error) {
	return a.storeLimit(ctx, uuid.Nil, in.Name, in.Body)
}

func (a *API) storeLimit(ctx context.Context, tenant uuid.UUID, name string, wanted NewLimit) (*limitsAnswer, error) {
	l := postgres.SetLimit{Tenant: tenant, Name: name, Value: wanted.Value, SetBy: principal(ctx).Name}
	if wanted.ExpiresAt != nil {
		l.ExpiresAt = *wanted.ExpiresAt
	}
	answer := &limitsAnswer{}
	err := a.within(ctx, func(tx pgx.Tx) (err error) {
		if tenant != uuid.Nil {
			if _, err = postgres.ReadTenant(ctx, tx, tenant); err != nil {
				return err
			}
		}
		if err := postgres.StoreLimit(ctx, tx, l); err != nil {
			return err
		}
		details := map[string]any{"name": name, "value": wanted.Value, "expires_at": wanted.ExpiresAt}
		if err := postgres.Audit(ctx, tx, act(ctx, postgres.LimitSet, tenant, details)); err != nil {
			return err
		}
		answer.Body, err = a.limitsOf(ctx, tx, tenant)
		return err
	})
	if err != nil {
		return nil, err
	}
	return answer, nil
}

type removeLimitInput struct {
	TenantPath
	LimitPath
}

func (a *API) removeLimit(ctx context.Context, in *removeLimitInput) (*struct{}, error) {
	return nil, a.forgetLimit(ctx, in.Tenant, in.Name)
}

func (a *API) removeFleetLimit(ctx context.Context, in *LimitPath) (*struct{}, error) {
	return nil, a.forgetLimit(ctx, uuid.Nil, in.Name)
}

func (a *API) forgetLimit(ctx context.Context, tenant uuid.UUID, name string) error {
	return a.within(ctx, func(tx pgx.Tx) error {
		if tenant != uuid.Nil {
			if _, err := postgres.ReadTenant(ctx, tx, tenant); err != nil {
				return err
			}
		}
		if err := postgres.RemoveLimit(ctx, tx, tenant, name); err != nil {
			return err
		}
		return postgres.Audit(ctx, tx, act(ctx, postgres.LimitRemoved, tenant, map[string]any{"name": name}))
	})
}
