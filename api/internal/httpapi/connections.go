package httpapi

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"cleversync/shared/dispatch"
	"cleversync/shared/postgres"
	"cleversync/shared/tenant"
)

func (a *API) registerConnections() {
	register(a, operation{
		id: "link-connection", method: http.MethodPut, path: "/v1/tenants/{tenant}/connection", tag: "Connection",
		scope: postgres.ScopeOperator, problems: []code{codeRunUnfinished},
		summary: "Connect a tenant to a Clever district",
		description: "Links the tenant to a district and grants it schools of that district, or replaces the link that there is: " +
			"what is not given takes its default. The district cannot be changed while a run is under way. " +
			"Turning enabled off stops a run under way; people stay as they are.",
	}, a.linkConnection)
	register(a, operation{
		id: "read-connection", method: http.MethodGet, path: "/v1/tenants/{tenant}/connection", tag: "Connection",
		scope: postgres.ScopeTenant, problems: []code{codeNoConnection},
		summary: "Read a tenant's connection",
	}, a.readConnection)
	register(a, operation{
		id: "change-connection", method: http.MethodPatch, path: "/v1/tenants/{tenant}/connection", tag: "Connection",
		scope: postgres.ScopeTenant, problems: []code{codeNoConnection, codeForbidden},
		summary: "Choose schools and options",
		description: "What is not given stays as it is. The schools must be among the granted ones. Selecting the whole district clears the schools, " +
			"and selecting schools clears the whole district, unless both are given. The next run works by what is chosen here; a run under way keeps what it began with. " +
			"Turning enabled off stops a run under way; people stay as they are. District and grant are changed by linking anew, which takes an operator.",
	}, a.changeConnection)
	register(a, operation{
		id: "disconnect", method: http.MethodDelete, path: "/v1/tenants/{tenant}/connection", tag: "Connection",
		scope: postgres.ScopeTenant, status: http.StatusNoContent,
		summary: "Disconnect a tenant from its district",
		description: "Nothing is synced any more: a run under way stops and none begins. People stay as they are. " +
			"The district's stored token is forgotten where no other tenant uses it. The same district can be connected again by a log-in with Clever; another one takes an operator. " +
			"Disconnecting what is not connected changes nothing.",
	}, a.disconnect)
}

type linkConnectionInput struct {
	TenantPath
	Body ConnectionLink
}

type connectionAnswer struct{ Body Connection }

func (a *API) linkConnection(ctx context.Context, in *linkConnectionInput) (*connectionAnswer, error) {
	wanted := in.Body.connection(principal(ctx).Name)
	if problems := checkConnection(wanted); len(problems) > 0 {
		return nil, invalid(problems...)
	}
	var linked tenant.Connection
	err := a.within(ctx, func(tx pgx.Tx) error {
		current, err := mayRelink(ctx, tx, in.Tenant, wanted.District)
		if err != nil {
			return err
		}
		wanted.Confirmed = wanted.Confirmed || current == nil ||
			current.Confirmed && current.District == wanted.District && sameChoice(current.Options, wanted.Options)
		if linked, err = postgres.LinkConnection(ctx, tx, in.Tenant, wanted); err != nil {
			return err
		}
		return postgres.Audit(ctx, tx, act(ctx, postgres.ConnectionLinked, in.Tenant, audited(linked)))
	})
	if err != nil {
		return nil, err
	}
	if err := a.stopIfDisabled(ctx, in.Tenant, linked); err != nil {
		return nil, err
	}
	return &connectionAnswer{Body: viewConnection(linked)}, nil
}

// mayRelink refuses to change the district under a run: it would go on with
// the old one while the tenant shows the new. The connection stays locked, so
// none can begin meanwhile. It gives the connection that there is.
func mayRelink(ctx context.Context, tx pgx.Tx, id uuid.UUID, district string) (*tenant.Connection, error) {
	if _, err := postgres.ReadTenant(ctx, tx, id); err != nil {
		return nil, err
	}
	current, err := postgres.LockConnection(ctx, tx, id)
	if err != nil || current == nil || current.District == district {
		return current, err
	}
	unfinished, err := postgres.FindUnfinished(ctx, tx, id)
	if err != nil || unfinished == nil {
		return current, err
	}
	return nil, &dispatch.UnfinishedError{Run: unfinished.ID}
}

func (a *API) readConnection(ctx context.Context, in *TenantPath) (*connectionAnswer, error) {
	var c *tenant.Connection
	err := a.within(ctx, func(tx pgx.Tx) (err error) {
		if _, err = postgres.ReadTenant(ctx, tx, in.Tenant); err != nil {
			return err
		}
		c, err = postgres.ReadConnection(ctx, tx, in.Tenant)
		return err
	})
	if err != nil {
		return nil, err
	}
	if c == nil {
		return nil, newProblem(codeNoConnection, "")
	}
	return &connectionAnswer{Body: viewConnection(*c)}, nil
}

type changeConnectionInput struct {
	TenantPath
	Body ConnectionChange
}

func (a *API) changeConnection(ctx context.Context, in *changeConnectionInput) (*connectionAnswer, error) {
	if err := in.Body.mayLink(principal(ctx)); err != nil {
		return nil, err
	}
	var changed tenant.Connection
	err := a.within(ctx, func(tx pgx.Tx) error {
		if _, err := postgres.ReadTenant(ctx, tx, in.Tenant); err != nil {
			return err
		}
		current, err := postgres.LockConnection(ctx, tx, in.Tenant)
		if err != nil {
			return err
		}
		if !current.Connected() {
			return newProblem(codeNoConnection, "")
		}
		wanted := in.Body.applyTo(*current)
		if err := permit(principal(ctx), wanted); err != nil {
			return err
		}
		if changed, err = postgres.ChangeConnection(ctx, tx, in.Tenant, wanted); err != nil {
			return err
		}
		return postgres.Audit(ctx, tx, act(ctx, postgres.ConnectionChanged, in.Tenant, audited(changed)))
	})
	if err != nil {
		return nil, err
	}
	if err := a.stopIfDisabled(ctx, in.Tenant, changed); err != nil {
		return nil, err
	}
	return &connectionAnswer{Body: viewConnection(changed)}, nil
}

// stopIfDisabled cancels the run under way of a tenant whose connection is off.
// Nobody can begin another meanwhile: the connection is stored already.
func (a *API) stopIfDisabled(ctx context.Context, id uuid.UUID, c tenant.Connection) error {
	if c.Enabled {
		return nil
	}
	return a.stop(ctx, id)
}

// stop cancels the run under way of a tenant that can begin no other.
func (a *API) stop(ctx context.Context, id uuid.UUID) error {
	unfinished, err := postgres.FindUnfinished(ctx, a.pool, id)
	if err != nil || unfinished == nil {
		return err
	}
	err = a.dispatch.Cancel(ctx, id, unfinished.ID, principal(ctx).Name)
	if errors.Is(err, dispatch.ErrRunEnded) || errors.Is(err, dispatch.ErrNoRun) {
		return nil
	}
	return err
}

// disconnect ends the connection in one transaction, then stops what works by
// it. Whoever asks again does the second part again.
func (a *API) disconnect(ctx context.Context, in *TenantPath) (*struct{}, error) {
	var c *tenant.Connection
	err := a.within(ctx, func(tx pgx.Tx) error {
		if _, err := postgres.ReadTenant(ctx, tx, in.Tenant); err != nil {
			return err
		}
		var err error
		if c, err = postgres.ReadConnection(ctx, tx, in.Tenant); err != nil || c == nil {
			return err
		}
		ended, err := postgres.Disconnect(ctx, tx, in.Tenant)
		if err != nil || !ended {
			return err
		}
		return postgres.Audit(ctx, tx, act(ctx, postgres.ConnectionEnded, in.Tenant, map[string]any{"district": c.District}))
	})
	if err != nil || c == nil {
		return nil, err
	}
	if err := a.stop(ctx, in.Tenant); err != nil {
		return nil, err
	}
	_, err = postgres.ForgetDistrictTokens(ctx, a.pool, c.District, 1)
	return nil, err
}

// audited is what the audit log keeps of a connection: who may find out later
// why a tenant's people came or went needs exactly this.
func audited(c tenant.Connection) map[string]any {
	return map[string]any{
		"district": c.District, "enabled": c.Enabled, "grant_whole": c.Grant.Whole, "granted_schools": c.Grant.Schools,
		"options": c.Options, "version": c.Version,
	}
}

// distinct sorts names and takes each once, so that equal choices are equal.
func distinct(names []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(names)))
}
