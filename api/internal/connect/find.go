package connect

import (
	"context"
	"errors"
	"slices"

	"cleversync/shared/clever"
	"cleversync/shared/fault"
	"cleversync/shared/postgres"
	"cleversync/shared/tenant"
)

// answer is what Clever sent the browser back with.
type answer struct{ code, refusal, redirectURI string }

// find tells what comes of a log-in. It never fails: what goes wrong is a
// refusal with a code, and the log-in can be tried again.
func (c *Connector) find(ctx context.Context, login postgres.Login, a answer) postgres.LoginFinding {
	if a.refusal != "" || a.code == "" {
		return refuse(postgres.LoginFinding{}, codeOfError(a.refusal))
	}
	found, err := c.identify(ctx, login, a)
	if err == nil {
		return found
	}
	code := codeOf(ctx, err)
	log := c.Log.InfoContext
	if code == CodeInternal || code == CodeBadResponse {
		log = c.Log.ErrorContext
	}
	log(ctx, "log-in at clever failed", "login", login.ID, "code", code, "error", err)
	return refuse(found, code)
}

func (c *Connector) identify(ctx context.Context, login postgres.Login, a answer) (postgres.LoginFinding, error) {
	token, err := c.Clever.Exchange(ctx, a.code, a.redirectURI)
	if err != nil {
		return postgres.LoginFinding{}, err
	}
	person, err := c.Clever.Me(ctx, token)
	if err != nil {
		return postgres.LoginFinding{}, err
	}
	found := postgres.LoginFinding{PersonType: typeOf(person), District: person.District}
	switch login.Purpose {
	case postgres.LoginDistrict:
		return c.findDistrict(ctx, login, person, found)
	case postgres.LoginSchool:
		return c.findSchools(ctx, login, person, token, found)
	}
	found.State = postgres.LoginIdentified
	if d, err := c.Clever.PersonDistrict(ctx, token, person.District); err == nil {
		found.DistrictName = d.Name
	} else {
		c.Log.InfoContext(ctx, "name of a district not read", "login", login.ID, "error", err)
	}
	return found, nil
}

// findDistrict lets an administrator's district be consented to. Its token is
// fetched from Clever now, server to server: that it is there proves that the
// district shares with us, which the person's word alone does not.
func (c *Connector) findDistrict(ctx context.Context, login postgres.Login, who clever.Person, found postgres.LoginFinding) (postgres.LoginFinding, error) {
	if !who.DistrictAdmin() {
		return refuse(found, CodeNotAdmin), nil
	}
	current, err := postgres.ReadConnection(ctx, c.Pool, login.Tenant)
	if err != nil {
		return found, err
	}
	if mustAskOperator(login, current, who.District) {
		return refuse(found, CodeNeedsOperator), nil
	}
	if err := c.Tokens.Learn(ctx, who.District); err != nil {
		return found, err
	}
	var district clever.District
	err = c.Tokens.Ask(ctx, who.District, true, func(caller clever.Caller) (err error) {
		district, err = c.Clever.District(ctx, caller)
		return err
	})
	if err != nil {
		return found, err
	}
	if err := postgres.NameDistrict(ctx, c.Pool, district.ID, district.Name); err != nil {
		return found, err
	}
	found.State, found.DistrictName = postgres.LoginConfirming, district.Name
	return found, nil
}

// mustAskOperator tells whether linking this district would change the one that
// the tenant has, or had before it was disconnected.
func mustAskOperator(login postgres.Login, current *tenant.Connection, district string) bool {
	return !login.ByOperator && current != nil && current.District != district
}

// findSchools finds the granted schools where the person is. It grants nothing:
// anybody at a school may come here.
func (c *Connector) findSchools(ctx context.Context, login postgres.Login, who clever.Person, token clever.Secret, found postgres.LoginFinding) (postgres.LoginFinding, error) {
	current, err := postgres.ReadConnection(ctx, c.Pool, login.Tenant)
	switch {
	case err != nil:
		return found, err
	case !current.Connected():
		return refuse(found, CodeNotConnected), nil
	case current.District != who.District:
		return refuse(found, CodeOtherDistrict), nil
	}
	found.DistrictName = current.DistrictName
	at, err := c.Clever.PersonSchools(ctx, token, who.ID)
	if err != nil && fault.Of(err).Code != fault.CleverNotShared {
		return found, err
	}
	found.Schools = granted(at, current.Grant)
	if len(found.Schools) == 0 {
		return refuse(found, CodeNoSchool), nil
	}
	found.State = postgres.LoginConfirming
	return found, nil
}

// granted are those of the schools that a tenant may select.
func granted(schools []string, grant tenant.Grant) []string {
	if grant.Whole {
		return schools
	}
	return slices.DeleteFunc(slices.Clone(schools), func(id string) bool { return !slices.Contains(grant.Schools, id) })
}

func refuse(f postgres.LoginFinding, code string) postgres.LoginFinding {
	f.State, f.Code = postgres.LoginRefused, code
	return f
}

// typeOf is the person's role, in one of Clever's own words.
func typeOf(p clever.Person) string {
	if slices.Contains([]string{"student", "teacher", "staff", "district_admin", "contact"}, p.Type) {
		return p.Type
	}
	return "other"
}

// codeOf is the code of what went wrong with Clever.
func codeOf(ctx context.Context, err error) string {
	if errors.Is(err, clever.ErrCodeSpent) {
		return CodeSpent
	}
	if ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded) {
		return CodeUnavailable
	}
	switch code := fault.Of(err).Code; code {
	case fault.CleverTokenRevoked, fault.CleverNotShared:
		return CodeNotShared
	case fault.CleverUnavailable, fault.CleverBadResponse, fault.CleverRateLimited:
		return string(code)
	}
	return CodeInternal
}
