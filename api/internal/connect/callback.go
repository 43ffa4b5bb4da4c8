package connect

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/google/uuid"

	"cleversync/shared/clever"
	"cleversync/shared/postgres"
)

// callback is where Clever sends a browser back to. State and cookie must
// belong together, and only the first request with them exchanges the code: the
// same once more (a reload, a browser that tries twice) leads to what came of
// the first, and any other browser is told nothing.
func (c *Connector) callback(w http.ResponseWriter, r *http.Request) error {
	if r.Method != http.MethodGet {
		return errBadForm // HEAD must not use anything up
	}
	base, err := c.baseOf(r)
	if err != nil {
		return err
	}
	query := r.URL.Query()
	if query.Get("state") == "" {
		return c.fromClever(w, r, base)
	}
	browser, ok := browserOf(r, base)
	if err := c.slow(r, browser); err != nil {
		return err
	}
	if !ok {
		c.attempts.Failed(r.RemoteAddr, browser)
		return errOtherBrowser
	}
	state := hashOf(query.Get("state"))
	login, err := postgres.UseState(r.Context(), c.Pool, state[:], browser[:])
	if errors.Is(err, postgres.ErrNoLogin) {
		return c.cameBefore(w, r, state, browser)
	}
	if err != nil {
		return err
	}
	if err := c.finish(r, login, state, base); err != nil {
		return err
	}
	seeOther(w, r, loginsPath+login.ID.String())
	return nil
}

// cameBefore is the callback that uses nothing up.
func (c *Connector) cameBefore(w http.ResponseWriter, r *http.Request, state, browser [32]byte) error {
	login, err := postgres.LoginOfState(r.Context(), c.Pool, state[:], browser[:])
	if errors.Is(err, postgres.ErrNoLogin) {
		c.attempts.Failed(r.RemoteAddr, browser)
		return errOtherBrowser
	}
	if err != nil {
		return err
	}
	seeOther(w, r, loginsPath+login.ID.String())
	return nil
}

// finish asks Clever who logged in, outside every transaction, and stores what
// came of it. Should the process end in between, the log-in can be tried again.
func (c *Connector) finish(r *http.Request, login postgres.Login, state [32]byte, base string) error {
	query := r.URL.Query()
	ask, cancel := asking(r)
	defer cancel()
	finding := c.find(ask, login, answer{code: query.Get("code"), refusal: query.Get("error"), redirectURI: base + callbackPath})
	store, cancel := storing(r)
	defer cancel()
	// False means that it is being tried again already: then this answer is
	// worth nothing any more.
	_, err := postgres.DecideLogin(store, c.Pool, login.ID, state[:], finding)
	return err
}

// fromClever is a log-in that began at Clever, in its portal, by a badge or by
// an instant log-in. Nobody here asked for it, so its code is worth nothing:
// another's could have been put into this browser. Where a log-in of ours is
// under way in this browser that one begins anew, else one that tells the
// person what to do. Clever's own session makes either instant.
func (c *Connector) fromClever(w http.ResponseWriter, r *http.Request, base string) error {
	if refusal := r.URL.Query().Get("error"); refusal != "" {
		return &refusedError{codeOfError(refusal)}
	}
	if r.URL.Query().Get("code") == "" {
		return errBadForm
	}
	if wait := c.strangers.Take(r.RemoteAddr); wait > 0 {
		return &tooOftenError{wait}
	}
	state := newSecret()
	goOn := func() error {
		seeOther(w, r, c.Clever.LogInURL(clever.LogIn{State: state, RedirectURI: base + callbackPath}))
		return nil
	}
	stateHash := hashOf(state)
	if browser, ok := browserOf(r, base); ok {
		_, err := postgres.RestartUnderway(r.Context(), c.Pool, browser[:], stateHash[:])
		if err == nil {
			return goOn()
		}
		if !errors.Is(err, postgres.ErrNoLogin) {
			return err
		}
		underway, err := postgres.Underway(r.Context(), c.Pool, browser[:])
		if err != nil {
			return err
		}
		if underway { // restarted once already, and Clever comes without the state again
			return &refusedError{CodeRefusedThere}
		}
	}
	cookie := newSecret()
	if err := c.welcome(r.Context(), hashOf(cookie), stateHash); err != nil {
		return err
	}
	setCookie(w, base, cookie)
	return goOn()
}

// welcome stores a stranger's log-in.
func (c *Connector) welcome(ctx context.Context, browser, state [32]byte) error {
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("make log-in id: %w", err)
	}
	return postgres.CreateStrangersLogin(ctx, c.Pool, id, browser[:], state[:])
}
