package httpapi

import (
	"context"
	"net/http"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"cleversync/shared/dispatch"
	"cleversync/shared/fault"
	"cleversync/shared/postgres"
)

func (a *API) registerRuns() {
	register(a, operation{
		id: "start-run", method: http.MethodPost, path: "/v1/tenants/{tenant}/runs", tag: "Runs",
		scope: postgres.ScopeTenant, status: http.StatusAccepted,
		answers:  map[int]string{http.StatusOK: "With coalesce: the run that is under way."},
		problems: []code{codeRunUnfinished, code(fault.NotEnabled), code(fault.NotConnected), code(fault.NoSchoolSelected)},
		summary:  "Start a sync",
		description: "The run works by the tenant's settings as they are now. While another is under way it is refused, or, with coalesce, " +
			"that run is given instead; where that run has fetched something already or works by other settings, one run more follows it.",
	}, a.startRun)
	register(a, operation{
		id: "list-runs", method: http.MethodGet, path: "/v1/tenants/{tenant}/runs", tag: "Runs",
		scope:   postgres.ScopeTenant,
		summary: "List a tenant's runs", description: "Newest first.",
	}, a.listRuns)
	register(a, operation{
		id: "read-run", method: http.MethodGet, path: "/v1/tenants/{tenant}/runs/{run}", tag: "Runs",
		scope: postgres.ScopeTenant, problems: []code{codeUnknownRun},
		summary: "Read a run", description: "With its steps and their progress, live while it is under way.",
	}, a.readRun)
	register(a, operation{
		id: "cancel-run", method: http.MethodPost, path: "/v1/tenants/{tenant}/runs/{run}/cancel", tag: "Runs",
		scope: postgres.ScopeTenant, status: http.StatusAccepted, problems: []code{codeUnknownRun, codeRunEnded},
		summary: "Cancel a run", description: "It ends within seconds, at the end of the page that it is at. Nothing is applied afterwards; a run whose changes are being committed at that very moment still completes, and says so.",
	}, a.cancelRun)
	register(a, operation{
		id: "download-issues", method: http.MethodGet, path: "/v1/tenants/{tenant}/runs/{run}/issues.csv", tag: "Runs",
		scope: postgres.ScopeTenant, problems: []code{codeUnknownRun}, csv: true,
		summary:     "Download a run's issues",
		description: "A table of severity, code, kind, clever_id, field, message and action, of 10,000 rows at most; the run itself has the exact numbers. What is only counted (info) is not in it. A value that a spreadsheet would take for a formula begins with an apostrophe.",
	}, a.downloadIssues)
}

type startRunInput struct {
	TenantPath
	Coalesce bool `query:"coalesce" doc:"Join the run that is under way instead of being refused."`
	Preview  bool `query:"preview" doc:"Apply nothing: the plan is kept under holds and can be applied from there while it is the newest."`
}

type startRunAnswer struct {
	Status   int
	Location string `header:"Location"`
	Body     Run
}

func (a *API) startRun(ctx context.Context, in *startRunInput) (*startRunAnswer, error) {
	started, err := a.dispatch.Start(ctx, dispatch.StartRequest{Tenant: in.Tenant, Actor: principal(ctx).Name, Coalesce: in.Coalesce, Preview: in.Preview})
	if err != nil {
		return nil, err
	}
	var run postgres.Run
	err = a.within(ctx, func(tx pgx.Tx) error {
		details := map[string]any{"run": started.Run, "joined": started.Joined, "preview": in.Preview}
		if err := postgres.Audit(ctx, tx, act(ctx, postgres.RunStarted, in.Tenant, details)); err != nil {
			return err
		}
		run, err = postgres.ReadRun(ctx, tx, in.Tenant, started.Run)
		return err
	})
	if err != nil {
		return nil, err
	}
	answer := &startRunAnswer{Status: http.StatusAccepted, Location: runPath(in.Tenant, started.Run), Body: viewRun(run)}
	if started.Joined {
		answer.Status = http.StatusOK
	}
	return answer, nil
}

func runPath(tenant, run uuid.UUID) string {
	return "/v1/tenants/" + tenant.String() + "/runs/" + run.String()
}

type listRunsInput struct {
	TenantPath
	Paging
}

type listRunsAnswer struct{ Body page[Run] }

func (a *API) listRuns(ctx context.Context, in *listRunsInput) (*listRunsAnswer, error) {
	after, err := in.after()
	if err != nil {
		return nil, err
	}
	var runs []postgres.Run
	err = a.within(ctx, func(tx pgx.Tx) error {
		if _, err := postgres.ReadTenant(ctx, tx, in.Tenant); err != nil {
			return err
		}
		runs, err = postgres.ListRuns(ctx, tx, in.Tenant, after, in.Limit+1)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &listRunsAnswer{Body: cut(in.Paging, runs, func(r postgres.Run) uuid.UUID { return r.ID }, viewRun)}, nil
}

// RunPath names a run.
type RunPath struct {
	TenantPath
	Run uuid.UUID `path:"run" format:"uuid" doc:"The run's id."`
}

type readRunAnswer struct{ Body Run }

func (a *API) readRun(ctx context.Context, in *RunPath) (*readRunAnswer, error) {
	var run postgres.Run
	err := a.within(ctx, func(tx pgx.Tx) (err error) {
		if _, err = postgres.ReadTenant(ctx, tx, in.Tenant); err != nil {
			return err
		}
		run, err = postgres.ReadRun(ctx, tx, in.Tenant, in.Run)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &readRunAnswer{Body: viewRun(run)}, nil
}

func (a *API) cancelRun(ctx context.Context, in *RunPath) (*readRunAnswer, error) {
	// The tenant is looked for first: an operator's wrong tenant id is not the
	// same as a wrong run id.
	if _, err := a.readRun(ctx, in); err != nil {
		return nil, err
	}
	if err := a.dispatch.Cancel(ctx, in.Tenant, in.Run, principal(ctx).Name); err != nil {
		return nil, err
	}
	if err := a.within(ctx, func(tx pgx.Tx) error {
		return postgres.Audit(ctx, tx, act(ctx, postgres.RunCancelled, in.Tenant, map[string]any{"run": in.Run}))
	}); err != nil {
		return nil, err
	}
	return a.readRun(ctx, in)
}
