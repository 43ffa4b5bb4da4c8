package connect

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/jackc/pgx/v5"

	"cleversync/shared/postgres"
	"cleversync/shared/roster"
	"cleversync/shared/tenant"
)

// confirm is the consent of the person who logged in, and what was consented
// to, in one transaction. It takes the browser's cookie and nothing else.
func (c *Connector) confirm(w http.ResponseWriter, r *http.Request) error {
	login, browser, err := c.login(r)
	if err != nil {
		return err
	}
	if err := r.ParseForm(); err != nil {
		return errBadForm
	}
	if login.State != postgres.LoginConfirming || login.Expired {
		return c.showResult(w, r, login) // somebody was faster, or it is too late
	}
	chosen := choice{whole: r.PostForm.Get("choice") == "whole", schools: distinct(r.PostForm["school"])}
	if login.Purpose == postgres.LoginSchool {
		err = c.selectSchools(r.Context(), login, browser, chosen)
	} else {
		err = c.linkDistrict(r.Context(), login, browser, chosen)
	}
	if problem, ok := errors.AsType[*choiceError](err); ok {
		return c.show(w, r, problem.status, login, chosen, problem.text)
	}
	if refused, ok := errors.AsType[*refusedError](err); ok {
		if _, err := postgres.RefuseLogin(r.Context(), c.Pool, login.ID, browser[:], refused.code); err != nil && !errors.Is(err, postgres.ErrNoLogin) {
			return err
		}
		err = nil
	}
	if err != nil && !errors.Is(err, postgres.ErrNoLogin) {
		return err
	}
	return c.showResult(w, r, login)
}

func (c *Connector) showResult(w http.ResponseWriter, r *http.Request, login postgres.Login) error {
	seeOther(w, r, loginsPath+login.ID.String())
	return nil
}

// choiceError says what the person must choose otherwise; the log-in goes on
// waiting for consent.
type choiceError struct {
	status int
	text   string
}

func (e *choiceError) Error() string { return e.text }

// linkDistrict links the tenant to the district with the grant of all of it.
func (c *Connector) linkDistrict(ctx context.Context, login postgres.Login, browser [32]byte, chosen choice) error {
	options := roster.Options{Whole: true, Classrooms: true}
	if !chosen.whole {
		if err := c.checkSchools(ctx, login, chosen.schools); err != nil {
			return err
		}
		options.Whole, options.Schools = false, chosen.schools
	}
	return pgx.BeginFunc(ctx, c.Pool, func(tx pgx.Tx) error {
		login, err := postgres.ConfirmLogin(ctx, tx, login.ID, browser[:], postgres.LoginConnected)
		if err != nil {
			return err
		}
		wanted, err := relinked(ctx, tx, login, options)
		if err != nil {
			return err
		}
		store := postgres.LinkDistrict
		if login.ByOperator {
			store = postgres.LinkConnection
		}
		linked, err := store(ctx, tx, login.Tenant, wanted)
		if errors.Is(err, postgres.ErrOtherDistrict) {
			return &refusedError{CodeNeedsOperator}
		}
		if err != nil {
			return err
		}
		return postgres.Audit(ctx, tx, record(login, postgres.ConnectionLinked, linked))
	})
}

// checkSchools wants at least one school, all of them of the district, so that
// nobody selects what could not be read.
func (c *Connector) checkSchools(ctx context.Context, login postgres.Login, schools []string) error {
	if len(schools) == 0 {
		return &choiceError{http.StatusUnprocessableEntity, "Choose the whole district or at least one school."}
	}
	ask, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	shared, err := c.Schools(ask, tenant.Connection{District: login.District, Grant: tenant.Grant{Schools: schools}})
	if err != nil {
		c.Log.InfoContext(ctx, "schools of a district not read", "login", login.ID, "error", err)
		return &choiceError{http.StatusServiceUnavailable, "Clever did not answer. Nothing was changed; try again in a moment."}
	}
	if len(shared) != len(schools) {
		return &choiceError{http.StatusUnprocessableEntity, "A school that was chosen is not shared by the district any more. Choose again."}
	}
	return nil
}

// relinked is the connection that a tenant gets: what it had chosen before
// stays, but for the schools.
func relinked(ctx context.Context, tx pgx.Tx, login postgres.Login, options roster.Options) (tenant.Connection, error) {
	current, err := postgres.LockConnection(ctx, tx, login.Tenant)
	if err != nil {
		return tenant.Connection{}, err
	}
	if mustAskOperator(login, current, login.District) {
		return tenant.Connection{}, &refusedError{CodeNeedsOperator}
	}
	wanted := tenant.Connection{
		District: login.District, Enabled: true, Grant: tenant.Grant{Whole: true}, Options: options, LinkedBy: administrator,
	}
	if current == nil {
		wanted.Confirmed = true // there is nobody whom it could remove
		return wanted, nil
	}
	if current.District != login.District {
		unfinished, err := postgres.FindUnfinished(ctx, tx, login.Tenant)
		if err != nil {
			return tenant.Connection{}, err
		}
		if unfinished != nil {
			return tenant.Connection{}, &choiceError{http.StatusConflict, "A sync with the former district is under way. Wait for its end, or cancel it; then connect."}
		}
		return wanted, nil
	}
	wanted.Enabled = current.Enabled || !current.Connected()
	wanted.Options = current.Options
	wanted.Options.Whole, wanted.Options.Schools = options.Whole, options.Schools
	// Whom another choice of schools removes is held for review: this page does
	// not say how many they are.
	wanted.Confirmed = current.Confirmed && sameSchools(current.Options, options)
	return wanted, nil
}

// administrator is who has linked a district by a log-in. The person's name is
// not ours to keep; the audit log has the log-in and who began it.
const administrator = "district administrator, by log-in at Clever"

// selectSchools selects schools that a log-in has found. They were granted when
// they were found, and must be still.
func (c *Connector) selectSchools(ctx context.Context, login postgres.Login, browser [32]byte, chosen choice) error {
	if len(chosen.schools) == 0 {
		return &choiceError{http.StatusUnprocessableEntity, "Choose at least one school."}
	}
	return pgx.BeginFunc(ctx, c.Pool, func(tx pgx.Tx) error {
		login, err := postgres.ConfirmLogin(ctx, tx, login.ID, browser[:], postgres.LoginSelected)
		if err != nil {
			return err
		}
		current, err := postgres.LockConnection(ctx, tx, login.Tenant)
		switch {
		case err != nil:
			return err
		case !current.Connected():
			return &refusedError{CodeNotConnected}
		case current.District != login.District:
			return &refusedError{CodeOtherDistrict}
		}
		if offered := granted(login.Schools, current.Grant); !subset(chosen.schools, offered) {
			return &choiceError{http.StatusUnprocessableEntity, "Choose among the schools that are shown."}
		}
		selected := roster.Options{Schools: chosen.schools}
		current.Confirmed = current.Confirmed && sameSchools(current.Options, selected)
		current.Options.Whole, current.Options.Schools = false, selected.Schools
		changed, err := postgres.ChangeConnection(ctx, tx, login.Tenant, *current)
		if err != nil {
			return err
		}
		return postgres.Audit(ctx, tx, record(login, postgres.ConnectionChanged, changed))
	})
}

// reject says that this is not the person's district. Its token is forgotten
// where nobody else uses it.
func (c *Connector) reject(w http.ResponseWriter, r *http.Request) error {
	login, browser, err := c.login(r)
	if err != nil {
		return err
	}
	err = pgx.BeginFunc(r.Context(), c.Pool, func(tx pgx.Tx) error {
		refused, err := postgres.RefuseLogin(r.Context(), tx, login.ID, browser[:], CodeRejected)
		if err != nil {
			return err
		}
		if _, err := postgres.ForgetDistrictTokens(r.Context(), tx, refused.District, 1); err != nil {
			return err
		}
		return postgres.Audit(r.Context(), tx, postgres.Act{
			Actor: types[refused.PersonType], Kind: postgres.CleverLoginRejected, Tenant: refused.Tenant,
			Details: map[string]any{"login": refused.ID, "begun_by": refused.StartedBy, "district": refused.District},
		})
	})
	if err != nil && !errors.Is(err, postgres.ErrNoLogin) {
		return err
	}
	return c.showResult(w, r, login)
}

// record is what the audit log keeps of a consent.
func record(login postgres.Login, kind postgres.ActKind, c tenant.Connection) postgres.Act {
	actor := administrator
	if login.Purpose == postgres.LoginSchool {
		actor = types[login.PersonType] + ", by log-in at Clever"
	}
	return postgres.Act{Actor: actor, Kind: kind, Tenant: login.Tenant, Details: map[string]any{
		"login": login.ID, "begun_by": login.StartedBy, "begun_by_operator": login.ByOperator,
		"district": c.District, "enabled": c.Enabled, "grant_whole": c.Grant.Whole, "granted_schools": c.Grant.Schools,
		"options": c.Options, "version": c.Version,
	}}
}

func sameSchools(a, b roster.Options) bool {
	return a.Whole == b.Whole && slices.Equal(a.Schools, b.Schools)
}

func subset(some, of []string) bool {
	return !slices.ContainsFunc(some, func(s string) bool { return !slices.Contains(of, s) })
}

func distinct(names []string) []string { return slices.Compact(slices.Sorted(slices.Values(names))) }
