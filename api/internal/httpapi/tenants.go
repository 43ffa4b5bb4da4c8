package httpapi

import (
	"context"
	"fmt"
	"net/http"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"cleversync/shared/postgres"
	"cleversync/shared/tenant"
)

func (a *API) registerTenants() {
	register(a, operation{
		id: "create-tenant", method: http.MethodPost, path: "/v1/tenants", tag: "Tenants",
		scope: postgres.ScopeOperator, status: http.StatusCreated,
		summary:     "Create a tenant",
		description: "A tenant is a School Manager customer installation. It can be synced once it is entitled and connected to a Clever district.",
	}, a.createTenant)
	a.offerRegions("NewTenant")
	register(a, operation{
		id: "list-tenants", method: http.MethodGet, path: "/v1/tenants", tag: "Tenants",
		scope:   postgres.ScopeOperator,
		summary: "List tenants", description: "In the order of their creation.",
	}, a.listTenants)
	register(a, operation{
		id: "read-tenant", method: http.MethodGet, path: "/v1/tenants/{tenant}", tag: "Tenants",
		scope:   postgres.ScopeTenant,
		summary: "Read a tenant",
	}, a.readTenant)
	register(a, operation{
		id: "change-tenant", method: http.MethodPatch, path: "/v1/tenants/{tenant}", tag: "Tenants",
		scope:   postgres.ScopeOperator,
		summary: "Rename a tenant, or turn Clever on or off for it", description: "What is not given stays as it is.",
	}, a.changeTenant)
}

// TenantPath is the parameter that names a tenant.
type TenantPath struct {
	Tenant uuid.UUID `path:"tenant" format:"uuid" doc:"The tenant's id."`
}

type tenantAnswer struct {
	Location string `header:"Location"`
	Body     Tenant
}

// NewTenant is what a tenant is created with.
type NewTenant struct {
	Name     Name   `json:"name" example:"Riverside Unified"`
	Region   string `json:"region" example:"us-nz" doc:"The region in whose nightly window the tenant is synced."`
	Entitled bool   `json:"entitled,omitempty" doc:"Whether Linewize has turned Clever on for the tenant."`
}

type createTenantInput struct{ Body NewTenant }

func (a *API) createTenant(ctx context.Context, in *createTenantInput) (*tenantAnswer, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("make tenant id: %w", err)
	}
	var created tenant.Tenant
	err = a.within(ctx, func(tx pgx.Tx) error {
		created, err = postgres.CreateTenant(ctx, tx, tenant.Tenant{ID: id, Name: in.Body.Name.trimmed(), Region: in.Body.Region, Entitled: in.Body.Entitled})
		if err != nil {
			return err
		}
		return postgres.Audit(ctx, tx, act(ctx, postgres.TenantCreated, id, map[string]any{"region": created.Region, "entitled": created.Entitled}))
	})
	if err != nil {
		return nil, err
	}
	return &tenantAnswer{Location: "/v1/tenants/" + id.String(), Body: viewTenant(created)}, nil
}

type listTenantsInput struct {
	Paging
	Region string `query:"region" maxLength:"50" pattern:"^[a-z0-9-]*$" doc:"Only the tenants of this region."`
}

type listTenantsAnswer struct {
	Body page[Tenant]
}

func (a *API) listTenants(ctx context.Context, in *listTenantsInput) (*listTenantsAnswer, error) {
	after, err := in.after()
	if err != nil {
		return nil, err
	}
	var tenants []tenant.Tenant
	err = a.within(ctx, func(tx pgx.Tx) error {
		tenants, err = postgres.ListTenants(ctx, tx, in.Region, after, in.Limit+1)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &listTenantsAnswer{Body: cut(in.Paging, tenants, func(t tenant.Tenant) uuid.UUID { return t.ID }, viewTenant)}, nil
}

type readTenantAnswer struct{ Body Tenant }

func (a *API) readTenant(ctx context.Context, in *TenantPath) (*readTenantAnswer, error) {
	var t tenant.Tenant
	err := a.within(ctx, func(tx pgx.Tx) (err error) {
		t, err = postgres.ReadTenant(ctx, tx, in.Tenant)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &readTenantAnswer{Body: viewTenant(t)}, nil
}

// TenantChange is what of a tenant changes.
type TenantChange struct {
	Name     *Name `json:"name,omitempty"`
	Entitled *bool `json:"entitled,omitempty"`
}

type changeTenantInput struct {
	TenantPath
	Body TenantChange
}

func (a *API) changeTenant(ctx context.Context, in *changeTenantInput) (*readTenantAnswer, error) {
	change := postgres.TenantChange{Entitled: in.Body.Entitled}
	details := map[string]any{}
	if in.Body.Name != nil {
		name := in.Body.Name.trimmed()
		change.Name = &name
		details["renamed"] = true
	}
	if in.Body.Entitled != nil {
		details["entitled"] = *in.Body.Entitled
	}
	var t tenant.Tenant
	err := a.within(ctx, func(tx pgx.Tx) (err error) {
		if t, err = postgres.ChangeTenant(ctx, tx, in.Tenant, change); err != nil {
			return err
		}
		return postgres.Audit(ctx, tx, act(ctx, postgres.TenantChanged, in.Tenant, details))
	})
	if err != nil {
		return nil, err
	}
	return &readTenantAnswer{Body: viewTenant(t)}, nil
}
