package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"cleversync/api/internal/connect"
	"cleversync/shared/fault"
	"cleversync/shared/postgres"
)

func (a *API) registerLogins() {
	register(a, operation{
		id: "begin-clever-login", method: http.MethodPost, path: "/v1/tenants/{tenant}/clever-logins", tag: "Connection",
		scope: postgres.ScopeTenant, status: http.StatusCreated,
		problems: []code{codeNoConnection, codeTooManyLogins, codePublicAddress, code(fault.NotEnabled)},
		summary:  "Begin a log-in with Clever",
		description: "Gives the address of a page from which a browser goes to Clever's log-in; it is good once, for ten minutes. " +
			"For the purpose district a district administrator logs in, sees the district's name and id, chooses the whole district or schools, and agrees in that browser: " +
			"no token can. For the purpose school anybody at a school logs in, with a Clever Badge too; it finds that school among the granted ones and grants nothing. " +
			"A tenant that is, or was, connected to another district is connected anew only where an operator began the log-in. " +
			"At most 20 log-ins begin in ten minutes for a tenant.",
	}, a.beginLogin)
	register(a, operation{
		id: "read-clever-login", method: http.MethodGet, path: "/v1/tenants/{tenant}/clever-logins/{id}", tag: "Connection",
		scope: postgres.ScopeTenant, problems: []code{codeUnknownLogin},
		summary:     "Read what came of a log-in with Clever",
		description: "It can be asked for until a day after its end.",
	}, a.readLogin)
}

// NewCleverLogin is what a log-in begins with.
type NewCleverLogin struct {
	Purpose string `json:"purpose" enum:"district,school" example:"district" doc:"district connects the tenant to a district; school finds the school of whoever logs in."`
}

type beginLoginInput struct {
	TenantPath
	Body NewCleverLogin
	host string
}

// Resolve keeps the request's Host, which huma would not pass on.
func (in *beginLoginInput) Resolve(ctx huma.Context) []error {
	in.host = ctx.Host()
	return nil
}

// BegunLogin is a log-in with the address at which a browser carries it out.
type BegunLogin struct {
	ID        uuid.UUID `json:"id" format:"uuid"`
	StartURL  string    `json:"start_url" format:"uri" doc:"Open it in the browser of whoever logs in. It is good once."`
	ExpiresAt time.Time `json:"expires_at" doc:"Until when it is good."`
}

type begunLoginAnswer struct {
	Location string `header:"Location"`
	Body     BegunLogin
}

// What a tenant may begin: many more than a person does, few enough not to
// fill the table.
const (
	mostLogins  = 20
	loginWindow = 10 * time.Minute
)

func (a *API) beginLogin(ctx context.Context, in *beginLoginInput) (*begunLoginAnswer, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("make log-in id: %w", err)
	}
	ticket, hash := connect.NewTicket()
	address, err := a.connect.StartURL(ctx, in.host, ticket)
	if err != nil {
		return nil, err
	}
	wanted := postgres.NewLogin{
		ID: id, Tenant: in.Tenant, Purpose: postgres.LoginPurpose(in.Body.Purpose), TicketHash: hash,
		StartedBy: principal(ctx).Name, ByOperator: principal(ctx).Operator(),
	}
	var begun postgres.Login
	err = a.within(ctx, func(tx pgx.Tx) error {
		if err := mayBegin(ctx, tx, wanted); err != nil {
			return err
		}
		if begun, err = postgres.CreateLogin(ctx, tx, wanted); err != nil {
			return err
		}
		return postgres.Audit(ctx, tx, act(ctx, postgres.CleverLoginBegun, in.Tenant, map[string]any{"login": id, "purpose": wanted.Purpose}))
	})
	if err != nil {
		return nil, err
	}
	return &begunLoginAnswer{
		Location: fmt.Sprintf("/v1/tenants/%s/clever-logins/%s", in.Tenant, id),
		Body:     BegunLogin{ID: id, StartURL: address, ExpiresAt: begun.ExpiresAt},
	}, nil
}

// mayBegin tells why a log-in may not begin now, or nil.
func mayBegin(ctx context.Context, tx pgx.Tx, l postgres.NewLogin) error {
	t, err := postgres.ReadTenant(ctx, tx, l.Tenant)
	if err != nil {
		return err
	}
	if !t.Entitled && !l.ByOperator {
		return fault.New(fault.NotEnabled, "Clever sync is not turned on for this tenant by Linewize")
	}
	begun, err := postgres.CountLogins(ctx, tx, l.Tenant, loginWindow)
	if err != nil {
		return err
	}
	if begun >= mostLogins {
		p := newProblem(codeTooManyLogins, "")
		p.retryAfter = loginWindow
		return p
	}
	if l.Purpose != postgres.LoginSchool {
		return nil
	}
	c, err := postgres.ReadConnection(ctx, tx, l.Tenant)
	if err == nil && !c.Connected() {
		return newProblem(codeNoConnection, "")
	}
	return err
}

// LoginPath is the parameters that name a log-in.
type LoginPath struct {
	TenantPath
	ID uuid.UUID `path:"id" format:"uuid" doc:"The log-in's id."`
}

// CleverLogin is what came of a log-in.
type CleverLogin struct {
	ID        uuid.UUID `json:"id" format:"uuid"`
	Purpose   string    `json:"purpose" enum:"district,school"`
	State     string    `json:"state" enum:"waiting,started,asking,confirming,connected,selected,refused" doc:"waiting for a browser; started: it is at Clever; asking: Clever is asked who it is; confirming: the person must agree in that browser; connected: the district is; selected: the schools found are; refused: code says why."`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at" doc:"Until when the next step must be done."`
	District  string    `json:"district_id,omitempty" example:"4fd43cc56d11340000000005" doc:"The Clever id of the district of whoever logged in."`
	Name      string    `json:"district_name,omitempty" example:"Riverside Unified" doc:"The district's name."`
	Person    string    `json:"person_type,omitempty" enum:"student,teacher,staff,contact,district_admin,other" doc:"The role of whoever logged in."`
	Schools   []string  `json:"schools" nullable:"false" example:"[\"58da8a43cc70ab00017a1a87\"]" doc:"For the purpose school: the granted schools where the person is, by their Clever ids."`
	Code      string    `json:"code,omitempty" doc:"Why the log-in did not lead on, for programs: codes are never renamed."`
	Meaning   string    `json:"meaning,omitempty" doc:"The same for people."`
	Action    string    `json:"action,omitempty" doc:"What can be done about it."`
}

type readLoginAnswer struct{ Body CleverLogin }

func (a *API) readLogin(ctx context.Context, in *LoginPath) (*readLoginAnswer, error) {
	var l postgres.Login
	err := a.within(ctx, func(tx pgx.Tx) (err error) {
		if _, err = postgres.ReadTenant(ctx, tx, in.Tenant); err != nil {
			return err
		}
		l, err = postgres.ReadLogin(ctx, tx, in.Tenant, in.ID)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &readLoginAnswer{Body: viewLogin(l)}, nil
}

// viewLogin shows a log-in to whoever began it. The schools of a district whose
// administrator has not agreed yet are not theirs to see.
func viewLogin(l postgres.Login) CleverLogin {
	v := CleverLogin{
		ID: l.ID, Purpose: string(l.Purpose), State: string(l.State), CreatedAt: l.CreatedAt, ExpiresAt: l.ExpiresAt,
		District: l.District, Name: l.DistrictName, Person: l.PersonType, Schools: l.Schools,
	}
	if why := connect.CodeOf(l); why != "" {
		reason := connect.Explain(why)
		v.State = string(postgres.LoginRefused)
		v.Code, v.Meaning, v.Action = reason.Code, reason.Meaning, reason.Action
	}
	return v
}

// offerCodes lets the description name every code of a log-in.
func (a *API) offerCodes() {
	field := a.huma.OpenAPI().Components.Schemas.Map()["CleverLogin"].Properties["code"]
	for _, c := range connect.Codes() {
		field.Enum = append(field.Enum, c)
	}
	field.PrecomputeMessages()
}
