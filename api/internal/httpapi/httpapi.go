// Package httpapi is the JSON API: tenants, their connections, and their runs,
// for operators, for a tenant's own people, and for other services.
//
// The way of a request: New's handler bounds and measures it and refuses what
// another web site made a browser send; admit finds out who asks and whether
// they may (see package auth); huma checks parameters and body against the
// operation's types; the operation works in one transaction that, for a
// tenant's token, can see that tenant alone; and whatever goes wrong becomes
// one kind of answer, a Problem.
package httpapi

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"cleversync/api/internal/auth"
	"cleversync/api/internal/connect"
	"cleversync/shared/dispatch"
	"cleversync/shared/postgres"
	"cleversync/shared/region"
)

// Config is what the API works with.
type Config struct {
	Pool     *pgxpool.Pool
	Dispatch *dispatch.Dispatcher
	Log      *slog.Logger
	Metrics  prometheus.Registerer
	// Regions are those that this deployment serves.
	Regions []region.Region
	// Connect is "Log in with Clever"; its pages are mounted at /clever.
	Connect *connect.Connector
	// Health answers /healthz, /readyz and /metrics.
	Health http.Handler
	// Queues is the dashboard of the queues, mounted for operators at /queues.
	Queues http.Handler
}

// healthPaths are what Health answers.
var healthPaths = []string{"/healthz", "/readyz", "/metrics"}

// API answers requests. It holds nothing that must be closed.
type API struct {
	pool     *pgxpool.Pool
	dispatch *dispatch.Dispatcher
	log      *slog.Logger
	connect  *connect.Connector
	regions  []region.Region
	auth     *auth.Authenticator
	huma     huma.API
	problems *huma.Schema
	handler  http.Handler
}

// New makes the API with everything that it serves.
func New(c Config) (*API, error) {
	a := &API{
		pool:     c.Pool,
		dispatch: c.Dispatch,
		log:      c.Log,
		connect:  c.Connect,
		regions:  c.Regions,
		auth:     auth.New(c.Pool),
	}
	mux := http.NewServeMux()
	a.huma = humago.New(mux, a.description())
	a.problems = problemSchema(a.huma.OpenAPI().Components.Schemas)
	a.huma.UseMiddleware(a.admit)
	a.registerTenants()
	a.registerConnections()
	a.registerLogins()
	a.offerCodes()
	a.registerSchools()
	a.registerRuns()
	a.registerUndo()
	a.registerHolds()
	a.registerLimits()
	a.registerTokens()

	if err := a.serveDocs(mux); err != nil {
		return nil, err
	}
	a.serveQueues(mux, c.Queues)
	c.Connect.Register(mux)
	for _, path := range healthPaths {
		mux.Handle(path, c.Health)
	}
	a.handler = a.around(mux, c.Metrics)
	return a, nil
}

// ServeHTTP answers a request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.handler.ServeHTTP(w, r) }

// OpenAPI is the description of every operation.
func (a *API) OpenAPI() *huma.OpenAPI { return a.huma.OpenAPI() }

// within runs fn in one transaction as whoever asks. For a tenant's token that
// is the database role which sees the rows of that token's tenant alone: it is
// the wall behind the check in admit, and fn's own WHERE is a third.
func (a *API) within(ctx context.Context, fn func(tx pgx.Tx) error) error {
	who := principal(ctx)
	if who.Operator() {
		return pgx.BeginFunc(ctx, a.pool, fn)
	}
	return postgres.Tenant(ctx, a.pool, who.Tenant.String(), fn)
}

// act is the audit record of what whoever asks did.
func act(ctx context.Context, kind postgres.ActKind, tenant uuid.UUID, details map[string]any) postgres.Act {
	who := principal(ctx)
	if details == nil {
		details = map[string]any{}
	}
	details["token"] = who.Token
	return postgres.Act{Actor: who.Name, Kind: kind, Tenant: tenant, Details: details}
}
