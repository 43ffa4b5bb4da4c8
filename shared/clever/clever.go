// Package clever reads a school district's data from Clever: which districts
// share with us, what state a district is in, and the lists of its people,
// sections, courses, terms and schools, page by page.
//
// ReadPage is the heart: it reads one page of one list and hands over its
// records one by one while the answer still arrives, so that the memory of a
// page is that of its largest record. It holds Clever to what a complete list
// needs (ids that ascend, links that lead on), because whoever is missing from
// a list is archived later on.
//
// The client tries nothing twice; only net/http sends a request again where a
// kept connection turns out to have ended. Every failure becomes a fault.Fault
// of the kind that says whether trying again can help, and the run's steps,
// which survive a restart, do the waiting. The end of the caller's context is
// no fault: it comes back as the context's own error.
//
// Tokens, bodies, names and addresses never get into an error, a log line or
// a metric.
package clever

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Hosts of the real Clever.
const (
	DefaultAPIURL = "https://api.clever.com"
	DefaultURL    = "https://clever.com"
)

// Config says which Clever to talk to and within which bounds. The zero value
// of each bound stands for its default.
type Config struct {
	// APIURL is the base of the data, by default DefaultAPIURL. URL is the base
	// of everything about tokens, by default DefaultURL. Both may be the same.
	// They are https, or http where the host is a loopback address or a name
	// without a dot, such as another container's.
	APIURL, URL string

	// ClientID and ClientSecret are our application's own; they open the list
	// of the districts' tokens.
	ClientID     string
	ClientSecret Secret

	// Budget is asked before every request with a district's token; nil sets
	// no limit of our own.
	Budget Budget
	// Registerer receives the client's metrics; nil keeps none.
	Registerer prometheus.Registerer

	// RequestTimeout bounds a whole request with its body, 2 minutes by default.
	RequestTimeout time.Duration
	// HeaderTimeout bounds the wait for an answer to begin, 30 seconds by default.
	HeaderTimeout time.Duration
	// IdleTimeout bounds the wait for the next bytes of a body, 20 seconds by
	// default. The time that the reader of a page takes itself does not count.
	IdleTimeout time.Duration
	// MaxBody bounds a body in bytes, decompressed; 64 MiB by default.
	MaxBody int64
	// MaxRecord bounds one record of a body in bytes, 4 MiB by default, and
	// with it the memory that a page needs. The largest record is a section;
	// 4 MiB hold one of 150,000 students.
	MaxRecord int64
}

// Client talks to one Clever for any number of districts. It may be used by
// many goroutines at once.
type Client struct {
	api, oauth *url.URL
	id         string
	secret     Secret
	budget     Budget
	metrics    *metrics
	http       *http.Client
	bounds     bounds
}

// bounds are the configured limits of one request.
type bounds struct {
	request, idle     time.Duration
	maxBody, maxValue int64
}

// New makes a client. It reaches for no network; a wrong address is an error
// here, a Clever that is away is one later.
func New(c Config) (*Client, error) {
	api, errAPI := baseURL("the API's URL", cmp.Or(c.APIURL, DefaultAPIURL))
	oauth, errURL := baseURL("Clever's URL", cmp.Or(c.URL, DefaultURL))
	if err := errors.Join(errAPI, errURL, c.checkBounds()); err != nil {
		return nil, fmt.Errorf("clever client: %w", err)
	}
	m, err := newMetrics(c.Registerer)
	if err != nil {
		return nil, fmt.Errorf("clever client: %w", err)
	}
	return &Client{
		api: api, oauth: oauth, id: c.ClientID, secret: c.ClientSecret,
		budget: c.Budget, metrics: m,
		http: newHTTP(cmp.Or(c.HeaderTimeout, 30*time.Second)),
		bounds: bounds{
			request: cmp.Or(c.RequestTimeout, 2*time.Minute), idle: cmp.Or(c.IdleTimeout, 20*time.Second),
			maxBody: cmp.Or(c.MaxBody, 64<<20), maxValue: cmp.Or(c.MaxRecord, 4<<20),
		},
	}, nil
}

// Close lets go of idle connections. Requests under way are not disturbed.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Format prints where the client talks to and nothing else, whatever the verb:
// fmt would otherwise reach the secret through the client's own fields.
func (c *Client) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "clever.Client(%s)", c.api) }

func (c Config) checkBounds() error {
	if min(c.RequestTimeout, c.HeaderTimeout, c.IdleTimeout) < 0 || min(c.MaxBody, c.MaxRecord) < 0 {
		return errors.New("a bound is negative")
	}
	return nil
}

// baseURL reads a base address. Paths are appended to it, so it ends without a
// slash and has neither query nor fragment.
func baseURL(what, raw string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimRight(raw, "/"))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s cannot be read", what)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Hostname() == "":
		return nil, fmt.Errorf("%s must be scheme, host and perhaps a path", what)
	case u.Scheme != "https" && (u.Scheme != "http" || !isPrivate(u.Hostname())):
		return nil, fmt.Errorf("%s must be https, or http on a loopback address or a host name without a dot", what)
	}
	return u, nil
}
