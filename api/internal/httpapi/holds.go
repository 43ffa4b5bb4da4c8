package httpapi

import (
	"context"
	"encoding/hex"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"cleversync/shared/dispatch"
	"cleversync/shared/fault"
	"cleversync/shared/postgres"
)

func (a *API) registerHolds() {
	register(a, operation{
		id: "list-holds", method: http.MethodGet, path: "/v1/tenants/{tenant}/holds", tag: "Review",
		scope:   postgres.ScopeTenant,
		summary: "List held changes", description: "What runs have withheld for review, and previews, newest first, at most 100.",
	}, a.listHolds)
	register(a, operation{
		id: "read-hold", method: http.MethodGet, path: "/v1/tenants/{tenant}/holds/{hold}", tag: "Review",
		scope: postgres.ScopeTenant, problems: []code{codeUnknownHold},
		summary: "Read held changes", description: "Why they were withheld, and what became of them.",
	}, a.readHold)
	register(a, operation{
		id: "list-held-changes", method: http.MethodGet, path: "/v1/tenants/{tenant}/holds/{hold}/changes", tag: "Review",
		scope: postgres.ScopeTenant, problems: []code{codeUnknownHold},
		summary:     "List the changes of a hold",
		description: "In their order, page by page: next is the after of the next page. They are gone once nobody can apply them any more.",
	}, a.listHeldChanges)
	register(a, operation{
		id: "download-held-changes", method: http.MethodGet, path: "/v1/tenants/{tenant}/holds/{hold}/changes.csv", tag: "Review",
		scope: postgres.ScopeTenant, problems: []code{codeUnknownHold}, csv: true,
		summary:     "Download the changes of a hold",
		description: "A table of kind, operation, clever_id, name, becomes and person, of all changes. A value that a spreadsheet would take for a formula begins with an apostrophe.",
	}, a.downloadHeldChanges)
	register(a, operation{
		id: "approve-hold", method: http.MethodPost, path: "/v1/tenants/{tenant}/holds/{hold}/approve", tag: "Review",
		scope: postgres.ScopeTenant, status: http.StatusAccepted,
		problems: []code{codeUnknownHold, codeHoldNotOpen, codeRunUnfinished, code(fault.NotEnabled), code(fault.NotConnected), code(fault.NoSchoolSelected)},
		summary:  "Approve held changes",
		description: "Begins a run that applies exactly the changes of this digest. What was changed in School Manager meanwhile is left alone and counted as skipped. " +
			"Of a preview, what it would have done is done.",
	}, a.approveHold)
	register(a, operation{
		id: "reject-hold", method: http.MethodPost, path: "/v1/tenants/{tenant}/holds/{hold}/reject", tag: "Review",
		scope: postgres.ScopeTenant, problems: []code{codeUnknownHold, codeHoldNotOpen},
		summary:     "Reject held changes",
		description: "Nothing is applied. While later runs withhold the very same changes they are rejected without asking again.",
	}, a.rejectHold)
}

// Hold is changes that were planned and kept instead of applied.
type Hold struct {
	ID        uuid.UUID  `json:"id" format:"uuid"`
	Run       uuid.UUID  `json:"run" format:"uuid" doc:"The run that planned them."`
	Purpose   string     `json:"purpose" enum:"review,preview" doc:"Withheld for review, or a preview that a person asked for."`
	State     string     `json:"state" enum:"open,approved,rejected,void,expired" doc:"Void are those that a newer sync has replaced."`
	Digest    string     `json:"digest" example:"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08" doc:"Names the exact changes: a decision is about these and no others."`
	Changes   int64      `json:"changes"`
	Causes    []Cause    `json:"causes" nullable:"false" doc:"Which limits were exceeded."`
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt time.Time  `json:"expires_at" doc:"When nobody can decide about them any more."`
	DecidedAt *time.Time `json:"decided_at,omitempty"`
	DecidedBy string     `json:"decided_by,omitempty"`
	AppliedBy *uuid.UUID `json:"applied_by,omitempty" format:"uuid" doc:"The run that an approval has begun."`
}

// Cause is a limit that was exceeded.
type Cause struct {
	Kind    string `json:"kind" enum:"school,user,student,teacher,classroom,membership,parent,parent_link"`
	School  string `json:"school,omitempty" example:"58da8a43cc70ab00017a1a87" doc:"The school's Clever id; nothing for the whole tenant."`
	Cause   string `json:"cause" enum:"removals,week,updates,creates,unconfirmed" doc:"Too many removals at once, or within seven days; too many names, addresses or roles changed; as many newcomers beside withheld removals; a change of options that nobody has confirmed."`
	Count   int64  `json:"count" doc:"How many changes."`
	Size    int64  `json:"size" doc:"Of how many rows; 0 where that does not matter."`
	Message string `json:"message"`
}

func viewHold(h postgres.Hold, trips []postgres.Trip) Hold {
	view := Hold{
		ID: h.ID, Run: h.Run, Purpose: h.Purpose, State: string(h.State), Digest: hex.EncodeToString(h.Digest), Changes: h.Changes,
		Causes: []Cause{}, CreatedAt: h.CreatedAt, ExpiresAt: h.ExpiresAt, DecidedAt: optional(h.DecidedAt), DecidedBy: h.DecidedBy,
		AppliedBy: optionalID(h.AppliedBy),
	}
	for _, t := range trips {
		view.Causes = append(view.Causes, Cause{
			Kind: t.Kind, School: t.School, Cause: t.Cause, Count: t.Count, Size: t.Size, Message: tripMessage(t.Cause),
		})
	}
	return view
}

// tripMessage says in words what a limit is about.
func tripMessage(cause string) string {
	switch cause {
	case "removals":
		return "Clever no longer has so many of them that the list may be wrong. They stay until somebody has looked."
	case "week":
		return "Too many of them have gone within seven days. The last ones stay until somebody has looked."
	case "updates":
		return "Too many of them have another name, address or role. They stay as they were until somebody has looked."
	case "creates":
		return "As many newcomers came while others vanished: they may be the same people under new ids, so they wait too."
	default:
		return "A change of schools or options would remove them, and nobody has confirmed it."
	}
}

type listHoldsAnswer struct {
	Body struct {
		Items []Hold `json:"items" nullable:"false"`
	}
}

// mostHolds bounds a list: holds come at most once a night.
const mostHolds = 100

func (a *API) listHolds(ctx context.Context, in *TenantPath) (*listHoldsAnswer, error) {
	answer := &listHoldsAnswer{}
	answer.Body.Items = []Hold{}
	err := a.within(ctx, func(tx pgx.Tx) error {
		if _, err := postgres.ReadTenant(ctx, tx, in.Tenant); err != nil {
			return err
		}
		holds, err := postgres.ListHolds(ctx, tx, in.Tenant, mostHolds)
		if err != nil {
			return err
		}
		for _, h := range holds {
			trips, err := postgres.ListTrips(ctx, tx, in.Tenant, h.Run)
			if err != nil {
				return err
			}
			answer.Body.Items = append(answer.Body.Items, viewHold(h, trips))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return answer, nil
}

// HoldPath names held changes.
type HoldPath struct {
	TenantPath
	Hold uuid.UUID `path:"hold" format:"uuid" doc:"The held changes' id."`
}

type readHoldAnswer struct{ Body Hold }

func (a *API) readHold(ctx context.Context, in *HoldPath) (*readHoldAnswer, error) {
	answer := &readHoldAnswer{}
	err := a.within(ctx, func(tx pgx.Tx) error {
		if _, err := postgres.ReadTenant(ctx, tx, in.Tenant); err != nil {
			return err
		}
		h, err := postgres.ReadHold(ctx, tx, in.Tenant, in.Hold)
		if err != nil {
			return err
		}
		trips, err := postgres.ListTrips(ctx, tx, in.Tenant, h.Run)
		answer.Body = viewHold(h, trips)
		return err
	})
	if err != nil {
		return nil, err
	}
	return answer, nil
}

// HoldDecision names the changes that are decided about.
type HoldDecision struct {
	Digest string `json:"digest" example:"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08" minLength:"64" maxLength:"64" pattern:"^[0-9a-f]{64}$" doc:"The digest of the changes that were looked at."`
}

type decideHoldInput struct {
	HoldPath
	Body HoldDecision
}

func (in *decideHoldInput) digest() []byte {
	digest, _ := hex.DecodeString(in.Body.Digest) // the pattern has been checked
	return digest
}

func (a *API) approveHold(ctx context.Context, in *decideHoldInput) (*startRunAnswer, error) {
	if _, err := a.readHold(ctx, &in.HoldPath); err != nil {
		return nil, err
	}
	started, err := a.dispatch.Approve(ctx, dispatch.Approval{Tenant: in.Tenant, Hold: in.Hold, Digest: in.digest(), Actor: principal(ctx).Name})
	if err != nil {
		return nil, err
	}
	var run postgres.Run
	err = a.within(ctx, func(tx pgx.Tx) error {
		details := map[string]any{"hold": in.Hold, "digest": in.Body.Digest, "run": started}
		if err := postgres.Audit(ctx, tx, act(ctx, postgres.HoldWasApproved, in.Tenant, details)); err != nil {
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

func (a *API) rejectHold(ctx context.Context, in *decideHoldInput) (*readHoldAnswer, error) {
	err := a.within(ctx, func(tx pgx.Tx) error {
		if _, err := postgres.ReadTenant(ctx, tx, in.Tenant); err != nil {
			return err
		}
		err := postgres.DecideHold(ctx, tx, postgres.Decision{Tenant: in.Tenant, Hold: in.Hold, Digest: in.digest(), Actor: principal(ctx).Name})
		if err != nil {
			return err
		}
		details := map[string]any{"hold": in.Hold, "digest": in.Body.Digest}
		return postgres.Audit(ctx, tx, act(ctx, postgres.HoldWasRejected, in.Tenant, details))
	})
	if err != nil {
		return nil, err
	}
	return a.readHold(ctx, &in.HoldPath)
}
