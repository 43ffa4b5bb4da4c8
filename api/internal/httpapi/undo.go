package httpapi

import (
	"context"
	"net/http"

	"github.com/jackc/pgx/v5"

	"cleversync/shared/dispatch"
	"cleversync/shared/fault"
	"cleversync/shared/postgres"
)

func (a *API) registerUndo() {
	register(a, operation{
		id: "undo-run", method: http.MethodPost, path: "/v1/tenants/{tenant}/runs/{run}/undo", tag: "Runs",
		scope: postgres.ScopeTenant, status: http.StatusAccepted,
		problems: []code{codeUnknownRun, codeNotUndoable, codeRunUnfinished, code(fault.NotEnabled), code(fault.NotConnected), code(fault.NoSchoolSelected)},
		summary:  "Undo the newest applied run",
		description: "Begins a run that gives every row back as it was before; what the run created is archived. Rows changed by hand since are left alone and counted as skipped. " +
			"Until somebody resumes them, nightly syncs are previews then: the same data would come again.",
	}, a.undoRun)
	register(a, operation{
		id: "resume-schedule", method: http.MethodPost, path: "/v1/tenants/{tenant}/schedule/resume", tag: "Tenants",
		scope:   postgres.ScopeTenant,
		summary: "Let nightly syncs apply again", description: "After an undo. Resuming twice changes nothing.",
	}, a.resumeSchedule)
}

type undoRunInput struct {
	RunPath
	RemovalsOnly bool `query:"removals_only" doc:"Bring back what the run removed and leave the rest."`
}

func (a *API) undoRun(ctx context.Context, in *undoRunInput) (*startRunAnswer, error) {
	if _, err := a.readRun(ctx, &in.RunPath); err != nil {
		return nil, err
	}
	started, err := a.dispatch.Undo(ctx, dispatch.UndoRequest{Tenant: in.Tenant, Run: in.Run, RemovalsOnly: in.RemovalsOnly, Actor: principal(ctx).Name})
	if err != nil {
		return nil, err
	}
	var run postgres.Run
	err = a.within(ctx, func(tx pgx.Tx) error {
		details := map[string]any{"undone": in.Run, "removals_only": in.RemovalsOnly, "run": started}
		if err := postgres.Audit(ctx, tx, act(ctx, postgres.RunUndone, in.Tenant, details)); err != nil {
			return err
		}
		run, err = postgres.ReadRun(ctx, tx, in.Tenant, started)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &startRunAnswer{Status: http.StatusAccepted, Location: runPath(in.Tenant, started), Body: viewRun(run)}, nil
}

func (a *API) resumeSchedule(ctx context.Context, in *TenantPath) (*readTenantAnswer, error) {
	answer := &readTenantAnswer{}
	err := a.within(ctx, func(tx pgx.Tx) error {
		if err := postgres.SetPreviewsOnly(ctx, tx, in.Tenant, false); err != nil {
			return err
		}
		if err := postgres.Audit(ctx, tx, act(ctx, postgres.ScheduleResumed, in.Tenant, nil)); err != nil {
			return err
		}
		t, err := postgres.ReadTenant(ctx, tx, in.Tenant)
		answer.Body = viewTenant(t)
		return err
	})
	if err != nil {
		return nil, err
	}
	return answer, nil
}
