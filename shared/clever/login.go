package clever

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"golang.org/x/oauth2"

	"cleversync/shared/fault"
)

// LogIn is a log-in that a browser is sent to Clever for.
type LogIn struct {
	// State comes back with the answer, and with no other.
	State string
	// RedirectURI is where Clever sends the browser then. It must equal one
	// that Clever knows of our application, letter for letter.
	RedirectURI string
	// Again lets Clever ask who is there, instead of going on with whoever
	// logged in last: that one was the wrong person.
	Again bool
}

// LogInURL is Clever's address for a log-in. A district that does not share
// with us comes back too, so that we can say what to do.
func (c *Client) LogInURL(l LogIn) string {
	options := []oauth2.AuthCodeOption{oauth2.SetAuthURLParam("return_unshared", "true")}
	if l.Again {
		options = append(options, oauth2.SetAuthURLParam("confirmed", "false"))
	}
	return c.oauthConfig(l.RedirectURI).AuthCodeURL(l.State, options...)
}

// LogInOrigin is the scheme and host of every LogInURL.
func (c *Client) LogInOrigin() string { return c.oauth.Scheme + "://" + c.oauth.Host }

func (c *Client) oauthConfig(redirectURI string) *oauth2.Config {
	base := c.oauth.String()
	return &oauth2.Config{
		ClientID: c.id, ClientSecret: string(c.secret), RedirectURL: redirectURI,
		Endpoint: oauth2.Endpoint{
			AuthURL: base + "/oauth/authorize", TokenURL: base + "/oauth/tokens", AuthStyle: oauth2.AuthStyleInHeader,
		},
	}
}

// ErrCodeSpent says that a log-in's code was exchanged before, or is older than
// the minute for which Clever keeps it.
var ErrCodeSpent = errors.New("the code of the log-in was used or is too old")

// Exchange makes the token of the person who logged in of the code that the
// browser brought. A code that Clever takes no longer is a fault that wraps
// ErrCodeSpent. A code is good once, so Exchange is never tried again with the
// same one: whether Clever took it is not known after a failure.
func (c *Client) Exchange(ctx context.Context, code, redirectURI string) (Secret, error) {
	const endpoint = "/oauth/tokens (code)"
	bounded, cancel := context.WithTimeoutCause(ctx, c.bounds.request, errTooLong)
	defer cancel()
	sent := &watched{by: c.http.Transport}
	browser := &http.Client{Transport: sent, CheckRedirect: c.http.CheckRedirect}

	began := time.Now()
	token, err := c.oauthConfig(redirectURI).Exchange(context.WithValue(bounded, oauth2.HTTPClient, browser), code)
	c.metrics.observe(exchange{endpoint: endpoint, status: sent.label(), waited: time.Since(began)})
	if err == nil {
		return Secret(token.AccessToken), nil
	}
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	return "", sent.explain(bounded, endpoint, err)
}

// watched remembers what became of the one request that passes through it.
type watched struct {
	by     http.RoundTripper
	status int
	wait   time.Duration // that the answer asks for
	cut    error         // what ended the body before its end
}

// RoundTrip sends the request.
func (w *watched) RoundTrip(r *http.Request) (*http.Response, error) {
	r.Header.Set("User-Agent", "clever-sync")
	r.Header.Set("Accept", "application/json")
	resp, err := w.by.RoundTrip(r)
	if err == nil {
		w.status = resp.StatusCode
		w.wait = parseAllowances(resp.Header, time.Now()).retryAfter()
		resp.Body = watchedBody{resp.Body, w}
	}
	return resp, err
}

// watchedBody notes why a body ended early: the library only tells that it did.
type watchedBody struct {
	io.ReadCloser
	by *watched
}

// Read gives bytes of the body.
func (b watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		b.by.cut = err
	}
	return n, err
}

func (w *watched) label() string {
	if w.status == 0 || w.cut != nil {
		return "failed"
	}
	return statusLabel(w.status)
}

// explain makes a fault of the library's error, of which nothing is kept: its
// texts quote the body, which may quote the code or hold a token.
func (w *watched) explain(ctx context.Context, endpoint string, err error) error {
	refused, isRefusal := errors.AsType[*oauth2.RetrieveError](err)
	switch {
	case w.status == 0:
		return unreachable(ctx, endpoint, err)
	case w.cut != nil:
		return unreachable(ctx, endpoint, w.cut)
	case isRefusal && w.status < 500 && w.status != http.StatusUnauthorized && w.status != http.StatusTooManyRequests &&
		(refused.ErrorCode == "invalid_grant" || w.status == http.StatusBadRequest):
		f := fault.Wrap(ErrCodeSpent, fault.CleverBadResponse, "Clever does not take the code of this log-in (%d for %s)", w.status, endpoint)
		return final(f)
	case isRefusal && w.status == http.StatusUnauthorized:
		return final(fault.New(fault.CleverBadResponse, "Clever refuses our client id and secret (401 for %s)", endpoint))
	case isRefusal && w.status == http.StatusTooManyRequests:
		f := fault.New(fault.CleverRateLimited, "Clever allows no more requests for now (%s)", endpoint)
		f.RetryAfter = w.wait
		return f
	case isRefusal && w.status >= 500:
		return fault.New(fault.CleverUnavailable, "Clever answered %d for %s", w.status, endpoint)
	case isRefusal && w.status != http.StatusOK:
		return final(fault.New(fault.CleverBadResponse, "Clever answered %d for %s", w.status, endpoint))
	case isRefusal:
		return final(fault.New(fault.CleverBadResponse, "Clever answered with an error instead of a token for %s", endpoint))
	}
	return fault.New(fault.CleverBadResponse, "the answer for %s is no token", endpoint)
}
