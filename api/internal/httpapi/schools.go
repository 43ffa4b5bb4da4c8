package httpapi

import (
	"context"
	"net/http"
	"slices"

	"github.com/jackc/pgx/v5"

	"cleversync/api/internal/connect"
	"cleversync/shared/fault"
	"cleversync/shared/postgres"
	"cleversync/shared/roster"
	"cleversync/shared/tenant"
)

func (a *API) registerSchools() {
	register(a, operation{
		id: "list-schools", method: http.MethodGet, path: "/v1/tenants/{tenant}/schools", tag: "Connection",
		scope: postgres.ScopeTenant,
		problems: []code{codeNoConnection, code(fault.CleverTokenRevoked), code(fault.CleverNotShared), code(fault.CleverRateLimited),
			code(fault.CleverUnavailable), code(fault.CleverBadResponse), code(fault.SnapshotIncomplete)},
		summary: "Search the schools that a tenant may select",
		description: "The granted schools, or all of the district where that is granted, in the order of their names, as Clever lists them now. " +
			"Case and accents do not matter to the search.",
	}, a.listSchools)
}

type listSchoolsInput struct {
	TenantPath
	Search string `query:"search" maxLength:"100" doc:"Only schools whose name has each of these words somewhere."`
	Limit  int    `query:"limit" default:"200" minimum:"1" maximum:"2000" doc:"How many schools to give at most."`
}

// School is a school as Clever lists it.
type School struct {
	ID       string `json:"id" example:"58da8a43cc70ab00017a1a87" doc:"The school's Clever id."`
	Name     string `json:"name" example:"Riverside High"`
	Number   string `json:"number,omitempty" example:"1021" doc:"The district's number for it."`
	Selected bool   `json:"selected" doc:"Whether the school is synced."`
}

// Schools are those that a search has found.
type Schools struct {
	Items []School `json:"items" nullable:"false"`
	Total int      `json:"total" example:"2" doc:"How many schools match, shown here or not."`
}

type listSchoolsAnswer struct{ Body Schools }

func (a *API) listSchools(ctx context.Context, in *listSchoolsInput) (*listSchoolsAnswer, error) {
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
	if !c.Connected() {
		return nil, newProblem(codeNoConnection, "")
	}
	ask, cancel := context.WithTimeout(ctx, askClever)
	defer cancel()
	all, err := a.connect.Schools(ask, *c)
	if err != nil && ask.Err() != nil && ctx.Err() == nil {
		err = fault.New(fault.CleverUnavailable, "Clever did not answer within %s", askClever)
	}
	if err != nil {
		return nil, err
	}
	found := connect.Search(all, in.Search)
	answer := Schools{Items: []School{}, Total: len(found)}
	for _, s := range found[:min(len(found), in.Limit)] {
		answer.Items = append(answer.Items, viewSchool(s, c.Options))
	}
	return &listSchoolsAnswer{Body: answer}, nil
}

func viewSchool(s roster.SourceSchool, o roster.Options) School {
	return School{ID: s.ID, Name: s.Name, Number: s.Number, Selected: o.Whole || slices.Contains(o.Schools, s.ID)}
}
