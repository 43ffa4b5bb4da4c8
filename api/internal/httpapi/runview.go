package httpapi

import (
	"strings"
	"time"

	"github.com/google/uuid"

	"cleversync/shared/fault"
	"cleversync/shared/postgres"
	"cleversync/shared/roster"
	"cleversync/shared/syncrun"
)

// Run is one sync as the API shows it.
type Run struct {
	ID         uuid.UUID  `json:"id" format:"uuid"`
	Tenant     uuid.UUID  `json:"tenant" format:"uuid"`
	Trigger    string     `json:"trigger" enum:"manual,scheduled"`
	StartedBy  string     `json:"started_by"`
	State      string     `json:"state" enum:"queued,running,completed,failed,cancelled"`
	Status     string     `json:"status" enum:"Queued,Running,Completed,Failed,Cancelled" doc:"The state as people are shown it."`
	Code       string     `json:"code,omitempty" example:"clever_unavailable" doc:"Why a failed run failed."`
	Message    string     `json:"message,omitempty" doc:"The same for people."`
	Action     string     `json:"action,omitempty" doc:"What can be done about it."`
	Reference  string     `json:"reference,omitempty" doc:"Finds the log line of an internal error."`
	Window     string     `json:"window,omitempty" example:"au/2026-11-24" doc:"The nightly window of a scheduled run."`
	Generation int        `json:"generation" doc:"How often the fetch was begun, 1 where nothing had to be repeated."`
	DistrictID string     `json:"district_id"`
	LastSync   *time.Time `json:"last_sync,omitempty" doc:"How old the district's data at Clever was."`
	CreatedAt  time.Time  `json:"created_at"`
	StartedAt  *time.Time `json:"started_at,omitempty"`
	FinishedAt *time.Time `json:"finished_at,omitempty"`
	Duration   *float64   `json:"duration_seconds,omitempty" doc:"From its creation to its end."`
	Preview    bool       `json:"preview,omitempty" doc:"Whether nothing was to be applied."`
	Hold       *uuid.UUID `json:"hold,omitempty" format:"uuid" doc:"The changes that were withheld for review, or a preview's: see holds."`
	Applies    *uuid.UUID `json:"applies,omitempty" format:"uuid" doc:"The held changes that the run applies."`
	Records    int64      `json:"records" doc:"Records received from Clever so far."`
	Pages      int64      `json:"pages" doc:"Pages received from Clever so far."`
	Synced     Synced     `json:"synced"`
	Counts     AllCounts  `json:"counts"`
	Written    int64      `json:"rows_written" doc:"Rows of School Manager that were really written."`
	Issues     []Issue    `json:"issues" nullable:"false" doc:"What is worth a look, by code."`
	Steps      []Step     `json:"steps" nullable:"false"`
}

// Synced is how many of each kind School Manager has after the run.
type Synced struct {
	Users       int64 `json:"users"`
	Classrooms  int64 `json:"classrooms"`
	Parents     int64 `json:"parents"`
	Memberships int64 `json:"memberships"`
	ParentLinks int64 `json:"parent_links"`
}

// AllCounts are the counts of every kind.
type AllCounts struct {
	School     Counts `json:"school"`
	User       Counts `json:"user"`
	Classroom  Counts `json:"classroom"`
	Membership Counts `json:"membership"`
	Parent     Counts `json:"parent"`
	ParentLink Counts `json:"parent_link"`
}

// Counts are what became of the rows of one kind.
type Counts struct {
	Unchanged int64 `json:"unchanged"`
	Added     int64 `json:"added"`
	Updated   int64 `json:"updated"`
	Archived  int64 `json:"archived"`
	Restored  int64 `json:"restored"`
	Held      int64 `json:"held"`
	Skipped   int64 `json:"skipped"`
}

// Issue is how often something came up.
type Issue struct {
	Code     string `json:"code" example:"parent_without_email"`
	Severity string `json:"severity" enum:"error,warning,info" doc:"An error left the record out, a warning kept it, info is counted only."`
	Count    int64  `json:"count"`
	Message  string `json:"message"`
	Action   string `json:"action"`
}

// Step is how far a step has come.
type Step struct {
	Name       string     `json:"name" example:"fetch-students"`
	State      string     `json:"state" enum:"ready,running,waiting,done,failed,cancelled"`
	Attempt    int        `json:"attempt" doc:"Failures since it last got on."`
	Reason     string     `json:"reason,omitempty" doc:"Why it waits."`
	NotBefore  *time.Time `json:"not_before,omitempty" doc:"Until when it waits."`
	LastError  string     `json:"last_error,omitempty"`
	Pages      int64      `json:"pages"`
	Records    int64      `json:"records"`
	Bytes      int64      `json:"bytes"`
	StartedAt  *time.Time `json:"started_at,omitempty"`
	FinishedAt *time.Time `json:"finished_at,omitempty"`
}

func viewRun(r postgres.Run) Run {
	view := Run{
		ID: r.ID, Tenant: r.Tenant, Trigger: string(r.Trigger), StartedBy: r.StartedBy,
		State: string(r.State), Status: status(r.State),
		Code: string(r.Code), Message: r.Message, Reference: r.Reference,
		Window: r.WindowKey, Generation: r.Generation, DistrictID: r.District,
		LastSync: optional(r.LastSync), CreatedAt: r.CreatedAt, StartedAt: optional(r.StartedAt), FinishedAt: optional(r.FinishedAt),
		Records: r.Records, Pages: r.Pages, Preview: r.Preview, Hold: optionalID(r.Hold), Applies: optionalID(r.Applies),
		Synced: viewSynced(r.Counts),
		Issues: []Issue{}, Steps: []Step{},
	}
	view.Counts, view.Written = viewCounts(r.Counts)
	if r.Code != "" {
		view.Action = fault.Explain(r.Code).Action
	}
	if !r.FinishedAt.IsZero() {
		seconds := r.FinishedAt.Sub(r.CreatedAt).Seconds()
		view.Duration = &seconds
	}
	for _, issue := range r.Issues {
		text := roster.TextOf(issue.Code)
		view.Issues = append(view.Issues, Issue{
			Code: string(issue.Code), Severity: string(issue.Severity), Count: issue.Count,
			Message: text.Message, Action: text.Action,
		})
	}
	for _, s := range r.Steps {
		view.Steps = append(view.Steps, viewStep(s))
	}
	return view
}

// status is the state as the product's page names it.
func status(s syncrun.State) string {
	return strings.ToUpper(string(s[:1])) + string(s[1:])
}

func viewSynced(counts map[roster.Kind]postgres.Counts) Synced {
	return Synced{
		Users:       counts[roster.KindUser].Synced(),
		Classrooms:  counts[roster.KindClassroom].Synced(),
		Parents:     counts[roster.KindParent].Synced(),
		Memberships: counts[roster.KindMembership].Synced(),
		ParentLinks: counts[roster.KindLink].Synced(),
	}
}

func viewCounts(counts map[roster.Kind]postgres.Counts) (all AllCounts, written int64) {
	of := func(kind roster.Kind) Counts {
		c := counts[kind]
		written += c.Written
		return Counts{
			Unchanged: c.Unchanged, Added: c.Added, Updated: c.Updated, Archived: c.Archived,
			Restored: c.Restored, Held: c.Held, Skipped: c.Skipped,
		}
	}
	all = AllCounts{
		School: of(roster.KindSchool), User: of(roster.KindUser), Classroom: of(roster.KindClassroom),
		Membership: of(roster.KindMembership), Parent: of(roster.KindParent), ParentLink: of(roster.KindLink),
	}
	return all, written
}

func viewStep(s postgres.StepProgress) Step {
	return Step{
		Name: string(s.Name), State: string(s.State), Attempt: s.Attempt,
		Reason: s.Reason, NotBefore: optional(s.NotBefore), LastError: s.LastError,
		Pages: s.Pages, Records: s.Records, Bytes: s.Bytes,
		StartedAt: optional(s.StartedAt), FinishedAt: optional(s.FinishedAt),
	}
}
