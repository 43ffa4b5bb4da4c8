package connect

import (
	"errors"
	"net/http"

	"cleversync/shared/clever"
	"cleversync/shared/postgres"
)

// startView is what the start page shows.
type startView struct {
	Tenant, StartedBy, Ticket string
	School                    bool
}

// showStart shows which tenant a log-in is for. It changes nothing, so that a
// link's preview in a mail or a chat does no harm.
func (c *Connector) showStart(w http.ResponseWriter, r *http.Request) error {
	base, err := c.baseOf(r)
	if err != nil {
		return err
	}
	ticket := r.URL.Query().Get("ticket")
	hash := hashOf(ticket)
	if err := c.slow(r, hash); err != nil {
		return err
	}
	login, err := postgres.FindTicket(r.Context(), c.Pool, hash[:])
	if errors.Is(err, postgres.ErrNoLogin) {
		return c.startedBefore(w, r, base, hash)
	}
	if err != nil {
		return err
	}
	c.attempts.Good(hash)
	tenant, err := postgres.ReadTenant(r.Context(), c.Pool, login.Tenant)
	if err != nil {
		return err
	}
	return c.render(w, http.StatusOK, view{
		Template: "start", Title: "Log in with Clever", LeadsToClever: true,
		Data: startView{Tenant: tenant.Name, StartedBy: login.StartedBy, Ticket: ticket, School: login.Purpose == postgres.LoginSchool},
	})
}

// startedBefore leads the browser that used a ticket to what came of it, and
// tells any other nothing.
func (c *Connector) startedBefore(w http.ResponseWriter, r *http.Request, base string, ticket [32]byte) error {
	if browser, ok := browserOf(r, base); ok {
		login, err := postgres.LoginOfTicket(r.Context(), c.Pool, ticket[:], browser[:])
		if err == nil {
			seeOther(w, r, loginsPath+login.ID.String())
			return nil
		}
		if !errors.Is(err, postgres.ErrNoLogin) {
			return err
		}
	}
	c.attempts.Failed(r.RemoteAddr, ticket)
	return errUnknownTicket
}

// start uses a ticket up, binds its log-in to this browser, and goes to Clever.
func (c *Connector) start(w http.ResponseWriter, r *http.Request) error {
	base, err := c.baseOf(r)
	if err != nil {
		return err
	}
	if err := r.ParseForm(); err != nil {
		return errBadForm
	}
	ticket := hashOf(r.PostForm.Get("ticket"))
	if err := c.slow(r, ticket); err != nil {
		return err
	}
	cookie, state := newSecret(), newSecret()
	browser, stateHash := hashOf(cookie), hashOf(state)
	_, err = postgres.StartLogin(r.Context(), c.Pool, ticket[:], browser[:], stateHash[:])
	if errors.Is(err, postgres.ErrNoLogin) {
		return c.startedBefore(w, r, base, ticket)
	}
	if err != nil {
		return err
	}
	c.attempts.Good(browser)
	setCookie(w, base, cookie)
	seeOther(w, r, c.Clever.LogInURL(clever.LogIn{State: state, RedirectURI: base + callbackPath}))
	return nil
}

// restart sends the browser to Clever once more, for the same log-in.
func (c *Connector) restart(w http.ResponseWriter, r *http.Request) error {
	login, browser, err := c.login(r)
	if err != nil {
		return err
	}
	base, err := c.baseOf(r)
	if err != nil {
		return err
	}
	again := Explain(CodeOf(login)).another || login.State == postgres.LoginConfirming
	state := newSecret()
	hash := hashOf(state)
	_, err = postgres.RestartLogin(r.Context(), c.Pool, login.ID, browser[:], hash[:])
	if errors.Is(err, postgres.ErrNoLogin) { // too late, or done
		seeOther(w, r, loginsPath+login.ID.String())
		return nil
	}
	if err != nil {
		return err
	}
	seeOther(w, r, c.Clever.LogInURL(clever.LogIn{State: state, RedirectURI: base + callbackPath, Again: again}))
	return nil
}

// slow refuses an address that has failed too often.
func (c *Connector) slow(r *http.Request, secret [32]byte) error {
	if wait := c.attempts.Wait(r.RemoteAddr, secret); wait > 0 {
		return &tooOftenError{wait}
	}
	return nil
}

func seeOther(w http.ResponseWriter, r *http.Request, address string) {
	http.Redirect(w, r, address, http.StatusSeeOther)
}
