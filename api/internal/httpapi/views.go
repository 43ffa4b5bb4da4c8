package httpapi

import (
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"cleversync/shared/tenant"
)

// Tenant is a tenant as the API shows it.
type Tenant struct {
	ID           uuid.UUID  `json:"id" format:"uuid"`
	Name         string     `json:"name" example:"Riverside Unified"`
	Region       string     `json:"region" example:"us-nz" doc:"The region whose nightly window the tenant is synced in."`
	Entitled     bool       `json:"entitled" doc:"Whether Linewize has turned Clever on for the tenant."`
	NextDueAt    *time.Time `json:"next_due_at,omitempty" doc:"When the next nightly sync is due; absent until a sync that a person started has completed."`
	NeedsReview  bool       `json:"needs_review" doc:"Whether changes were withheld and wait for a person: see holds."`
	PreviewsOnly bool       `json:"previews_only" doc:"Whether nightly syncs apply nothing, after an undo, until somebody resumes them."`
	CreatedAt    time.Time  `json:"created_at"`
}

func viewTenant(t tenant.Tenant) Tenant {
	return Tenant{
		ID: t.ID, Name: t.Name, Region: t.Region, Entitled: t.Entitled,
		NextDueAt: optional(t.NextDueAt), NeedsReview: t.NeedsReview, PreviewsOnly: t.PreviewsOnly, CreatedAt: t.CreatedAt,
	}
}

// optional makes an absent value of the zero time.
func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// optionalID makes an absent value of the zero id.
func optionalID(id uuid.UUID) *uuid.UUID {
	if id == uuid.Nil {
		return nil
	}
	return &id
}

// Page is one page of a list.
type page[T any] struct {
	Items []T `json:"items" nullable:"false"`
	// NextCursor is absent on the last page.
	NextCursor string `json:"next_cursor,omitempty" doc:"Give it as cursor to get the next page; absent on the last."`
}

// Paging are the parameters of every list.
type Paging struct {
	Cursor string `query:"cursor" maxLength:"36" doc:"The next_cursor of the page before."`
	Limit  int    `query:"limit" default:"50" minimum:"1" maximum:"200" doc:"How many items a page has at most."`
}

// after is the id behind which the page begins, zero for the first.
func (p Paging) after() (uuid.UUID, error) {
	if p.Cursor == "" {
		return uuid.Nil, nil
	}
	id, err := uuid.Parse(p.Cursor)
	if err != nil {
		return uuid.Nil, invalid(&huma.ErrorDetail{Location: "query.cursor", Message: "is not a cursor that a page gave"})
	}
	return id, nil
}

// cut makes a page of what was asked with one item more than the page has, by
// which it is known whether another page follows.
func cut[S, T any](p Paging, all []S, id func(S) uuid.UUID, view func(S) T) page[T] {
	items := page[T]{Items: make([]T, 0, min(len(all), p.Limit))}
	for i, item := range all {
		if i == p.Limit {
			items.NextCursor = id(all[i-1]).String()
			break
		}
		items.Items = append(items.Items, view(item))
	}
	return items
}
