package httpapi

import (
	"context"
	"encoding/csv"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/jackc/pgx/v5"

	"cleversync/shared/postgres"
)

// HeldChange is one change that waits for a decision.
type HeldChange struct {
	Kind      string `json:"kind" enum:"school,user,classroom,membership,parent,parent_link"`
	Operation string `json:"operation" enum:"create,update,archive,restore" doc:"What is done where it is approved."`
	CleverID  string `json:"clever_id" doc:"Of a membership or link that of the person."`
	Name      string `json:"name,omitempty" doc:"The name in School Manager; of a membership the classroom's, of a link the parent's."`
	Becomes   string `json:"becomes,omitempty" doc:"The name after a create or an update."`
	Person    string `json:"person,omitempty" doc:"Who is a member, or linked."`
}

func viewHeldChange(c postgres.HeldChange) HeldChange {
	return HeldChange{Kind: string(c.Kind), Operation: c.Op, CleverID: c.ID, Name: c.Name, Becomes: c.Becomes, Person: c.Person}
}

type listHeldChangesInput struct {
	HoldPath
	After int64 `query:"after" minimum:"0" doc:"The next of the page before."`
	Limit int   `query:"limit" minimum:"1" maximum:"1000" default:"100"`
}

type listHeldChangesAnswer struct {
	Body struct {
		Items []HeldChange `json:"items" nullable:"false"`
		Next  int64        `json:"next,omitempty" doc:"Where the next page begins; nothing on the last one."`
	}
}

func (a *API) listHeldChanges(ctx context.Context, in *listHeldChangesInput) (*listHeldChangesAnswer, error) {
	changes, err := a.heldChanges(ctx, &in.HoldPath, in.After, in.Limit+1)
	if err != nil {
		return nil, err
	}
	answer := &listHeldChangesAnswer{}
	answer.Body.Items = []HeldChange{}
	for i, c := range changes {
		if i == in.Limit {
			answer.Body.Next = changes[i-1].Place
			break
		}
		answer.Body.Items = append(answer.Body.Items, viewHeldChange(c))
	}
	return answer, nil
}

func (a *API) heldChanges(ctx context.Context, in *HoldPath, after int64, limit int) (changes []postgres.HeldChange, err error) {
	err = a.within(ctx, func(tx pgx.Tx) (err error) {
		if _, err = postgres.ReadTenant(ctx, tx, in.Tenant); err != nil {
			return err
		}
		if _, err = postgres.ReadHold(ctx, tx, in.Tenant, in.Hold); err != nil {
			return err
		}
		changes, err = postgres.ListHeldChanges(ctx, tx, in.Tenant, in.Hold, after, limit)
		return err
	})
	return changes, err
}

// changesAtOnce bounds the memory of a download and the time of each statement:
// no transaction stays open for as long as somebody's download takes.
const changesAtOnce = 5000

func (a *API) downloadHeldChanges(ctx context.Context, in *HoldPath) (*huma.StreamResponse, error) {
	first, err := a.heldChanges(ctx, in, 0, changesAtOnce)
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(out huma.Context) {
		out.SetHeader("Content-Type", "text/csv; charset=utf-8")
		out.SetHeader("Content-Disposition", fmt.Sprintf(`attachment; filename="clever-held-%s.csv"`, in.Hold))
		out.SetStatus(http.StatusOK)
		table := csv.NewWriter(out.BodyWriter())
		table.UseCRLF = true
		// An error of the writer means that the caller has gone; it keeps it and
		// writes no more.
		_ = table.Write([]string{"kind", "operation", "clever_id", "name", "becomes", "person"})
		for page := first; len(page) > 0; {
			for _, c := range page {
				_ = table.Write(heldRow(c))
			}
			if page, err = a.heldChanges(ctx, in, page[len(page)-1].Place, changesAtOnce); err != nil {
				a.log.WarnContext(ctx, "download of held changes cut short", "tenant", in.Tenant, "error", err)
				panic(http.ErrAbortHandler) // a table that ends early must not look whole
			}
		}
		table.Flush()
	}}, nil
}

func heldRow(c postgres.HeldChange) []string {
	cells := []string{string(c.Kind), c.Op, c.ID, c.Name, c.Becomes, c.Person}
	for i, cell := range cells {
		cells[i] = harmless(cell)
	}
	return cells
}
