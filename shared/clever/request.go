package clever

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"cleversync/shared/fault"
)

// request is one GET before it is sent.
type request struct {
	base *url.URL
	// path with its query, to be appended to base.
	path string
	// authorize sets the header that opens the door.
	authorize func(*http.Request)
	// caller of a request for data; the zero value where our application asks
	// about tokens, or a person about themselves: both are outside every
	// district's budget.
	caller Caller
	// personal says that the token is that of a person who logged in.
	personal bool
}

// data is a request with a district's token.
func (c *Client) data(caller Caller, path string) request {
	return request{base: c.api, path: path, caller: caller, authorize: func(r *http.Request) {
		r.Header.Set("Authorization", "Bearer "+string(caller.Token))
	}}
}

// isOwn tells whether our application asks for itself.
func (r request) isOwn() bool { return !r.counts() && !r.personal }

// counts tells whether the request counts against a district's budget.
func (r request) counts() bool { return r.caller != Caller{} }

// get sends a request, and reads the body of a good answer with read. What goes
// wrong becomes a fault; the caller's own end and the errors that read wants to
// pass on (see passOn) come back as they are.
func (c *Client) get(ctx context.Context, r request, read func(*body) error) error {
	if err := c.takeBudget(ctx, r); err != nil {
		return err
	}
	// The bounds cancel this context of the request's own, so that what ended
	// it can be told from an end of the caller's.
	bounded, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timer := time.AfterFunc(c.bounds.request, func() { cancel(errTooLong) })
	defer timer.Stop()

	e := exchange{endpoint: endpointOf(r.path), status: "failed"}
	err := c.exchange(bounded, cancel, r, &e, read)
	if err != nil && ctx.Err() != nil && fault.Of(err).Code == fault.CleverUnavailable {
		e.status = "cancelled"
		err = fmt.Errorf("read %s of clever: %w", e.endpoint, ctx.Err())
	}
	c.metrics.observe(e)
	return err
}

// exchange is what the metrics say of a request.
type exchange struct {
	endpoint, status string
	waited           time.Duration
}

func (c *Client) exchange(ctx context.Context, cancel context.CancelCauseFunc, r request, e *exchange, read func(*body) error) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.base.String()+r.path, nil)
	if err != nil {
		return fault.New(fault.Internal, "the path of a request to Clever cannot be used")
	}
	r.authorize(req)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "clever-sync")

	began := time.Now()
	resp, err := c.http.Do(req)
	e.waited = time.Since(began)
	if err != nil {
		return unreachable(ctx, e.endpoint, err)
	}
	defer resp.Body.Close()
	e.status = statusLabel(resp.StatusCode)
	allowed := parseAllowances(resp.Header, time.Now())
	c.tellBudget(ctx, r, resp.StatusCode, allowed)
	if err := refusal(resp, r, e.endpoint, allowed.retryAfter()); err != nil {
		return err
	}

	b := newBody(resp, c.bounds, cancel)
	defer b.wire.timer.Stop()
	err = read(b)
	e.waited += b.wire.waited
	if err != nil {
		err = b.explain(ctx, e.endpoint, err)
		if fault.Of(err).Code == fault.CleverUnavailable {
			e.status = "failed"
		}
	}
	return err
}

// takeBudget waits for a place in the district's budget.
func (c *Client) takeBudget(ctx context.Context, r request) error {
	if c.budget == nil || !r.counts() {
		return nil
	}
	began := time.Now()
	err := c.budget.Take(ctx, r.caller.District, r.caller.Manual)
	c.metrics.budget.Observe(time.Since(began).Seconds())
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("wait for the budget of clever: %w", ctx.Err())
	}
	return err
}

// tellBudget passes on what an answer says about the district's rate limit. A
// 429 says that nothing remains, whatever its headers do.
func (c *Client) tellBudget(ctx context.Context, r request, status int, all allowances) {
	if c.budget == nil || !r.counts() {
		return
	}
	a, known := all.tightest()
	if status == http.StatusTooManyRequests {
		a.remaining, a.reset, known = 0, cmp.Or(all.retryAfter(), refusedReset), true
	}
	if known {
		c.budget.Observe(ctx, r.caller.District, int(a.limit), int(a.remaining), a.reset)
	}
}

// Causes with which the bounds end a request.
var (
	errTooLong = errors.New("the request took too long")
	errIdle    = errors.New("no bytes came for too long")
)

// unreachable is the fault of a request that got no answer or lost it. Of a
// url.Error it keeps the cause only, since its text quotes the whole address.
func unreachable(ctx context.Context, endpoint string, err error) *fault.Fault {
	if cause := context.Cause(ctx); errors.Is(cause, errTooLong) || errors.Is(cause, errIdle) {
		err = cause
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return fault.Wrap(err, fault.CleverUnavailable, "Clever's certificate is not trusted (%s)", endpoint)
	}
	return fault.Wrap(err, fault.CleverUnavailable, "no usable answer came for %s", endpoint)
}

// refusal is the fault of an answer without the data that was asked for, nil
// where the body is to be read. Bodies of refusals are not read: they say
// nothing that the status does not, and may quote what was sent.
func refusal(resp *http.Response, r request, endpoint string, retryAfter time.Duration) error {
	switch status := resp.StatusCode; {
	case status == http.StatusOK:
		return nil
	case status == http.StatusTooManyRequests:
		f := fault.New(fault.CleverRateLimited, "Clever allows no more requests for now (%s)", endpoint)
		f.RetryAfter = cmp.Or(retryAfter, refusedReset)
		return f
	case status >= 500:
		return fault.New(fault.CleverUnavailable, "Clever answered %d for %s", status, endpoint)
	case status == http.StatusUnauthorized && r.personal:
		return final(fault.New(fault.CleverBadResponse, "Clever refuses the token of the person who logged in (401 for %s)", endpoint))
	case status == http.StatusUnauthorized && r.isOwn():
		return final(fault.New(fault.CleverBadResponse, "Clever refuses our client id and secret (401 for %s)", endpoint))
	case status == http.StatusUnauthorized:
		return fault.New(fault.CleverTokenRevoked, "Clever refused the district's token (401 for %s)", endpoint)
	case status == http.StatusNotFound && r.personal:
		return fault.New(fault.CleverNotShared, "Clever does not show %s to the person who logged in (404)", endpoint)
	case status == http.StatusNotFound && !r.isOwn():
		return fault.New(fault.CleverNotShared, "Clever does not have %s for this district (404)", endpoint)
	case status >= 400:
		return final(fault.New(fault.CleverBadResponse, "Clever answered %d for %s", status, endpoint))
	default:
		return fault.New(fault.CleverBadResponse, "Clever answered %d for %s, which is no answer to it", status, endpoint)
	}
}

func final(f *fault.Fault) *fault.Fault {
	f.Final = true
	return f
}
