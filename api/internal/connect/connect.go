// Package connect is "Log in with Clever": the pages by which the administrator
// of a district connects it to a tenant, and by which anybody at a school tells
// which school that is.
//
// Our application's secret opens every district that shares with it, so the
// log-in must prove two things: that the district wants this (its administrator
// logs in at Clever and consents here), and for which tenant (whoever holds that
// tenant's token begins it). The way, with what each step binds:
//
//	API       a tenant's token begins a log-in and gets the address of the
//	          start page, with a ticket that is good once
//	start     the page shows which tenant it is about; its button uses the
//	          ticket up, binds the log-in to the browser by a cookie, makes a
//	          state and goes to Clever
//	callback  state and cookie must belong together, and the state is good once;
//	          then Clever is asked who it is
//	result    the same browser sees what was found, and consents or refuses
//
// Only the browser that logged in can consent, and no token of the API can:
// whoever begins a log-in may send its address to anybody, and would otherwise
// take the district of whoever logs in there.
//
// The pages work without a script. No name of a person is kept; of tickets,
// states and cookies the database has the hash alone; and neither they nor
// Clever's codes and tokens get into an error, a log or an address that a page
// leads to.
package connect

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"cleversync/api/internal/auth"
	"cleversync/shared/clever"
	"cleversync/shared/credential"
)

// Config is what the pages work with.
type Config struct {
	Pool   *pgxpool.Pool
	Clever *clever.Client
	Tokens *credential.Store
	Log    *slog.Logger
	// PublicURL is where browsers reach us: scheme and host. Empty, it is taken
	// from requests that come from this very machine, and from no others.
	PublicURL string
}

// Connector serves the pages and gives the API what it needs of them. It holds
// nothing that must be closed.
type Connector struct {
	Config
	pages     pages
	attempts  *auth.Attempts
	strangers *auth.Limit
}

// New makes a Connector.
func New(c Config) (*Connector, error) {
	pages, err := parsePages()
	if err != nil {
		return nil, fmt.Errorf("parse the pages: %w", err)
	}
	return &Connector{
		Config: c, pages: pages,
		attempts: auth.NewAttempts(),
		// Of a school's many people behind one address several may come from
		// Clever's own portal at once.
		strangers: auth.NewLimit(time.Second, 60),
	}, nil
}

// The addresses. The callback is known to Clever, letter for letter.
const (
	startPath    = "/clever/start"
	callbackPath = "/clever/callback"
	loginsPath   = "/clever/logins/"
)

// Register puts the pages on a mux.
func (c *Connector) Register(mux *http.ServeMux) {
	mux.HandleFunc("GET "+startPath, c.page(c.showStart))
	mux.HandleFunc("POST "+startPath, c.page(c.start))
	mux.HandleFunc("GET "+callbackPath, c.page(c.callback))
	mux.HandleFunc("GET "+loginsPath+"{id}", c.page(c.showLogin))
	mux.HandleFunc("POST "+loginsPath+"{id}/confirm", c.page(c.confirm))
	mux.HandleFunc("POST "+loginsPath+"{id}/reject", c.page(c.reject))
	mux.HandleFunc("POST "+loginsPath+"{id}/restart", c.page(c.restart))
	mux.HandleFunc("GET /clever/style.css", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/css; charset=utf-8")
		w.Header().Set("Cache-Control", "no-cache")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(c.pages.style))
	})
}

// Bounds of a request: a form with the ids of two thousand schools, and the
// time that Clever gets in all; the rest of the request's own time is for the
// answer.
const (
	maxForm = 256 << 10
	askFor  = 14 * time.Second
)

// page makes a handler of a function that answers or gives an error, and sets
// what is the same for all pages.
func (c *Connector) page(serve func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Referrer-Policy", "no-referrer")
		w.Header().Set("X-Frame-Options", "DENY")
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		if err := serve(w, r); err != nil {
			c.fail(w, r, err)
		}
	}
}

// asking is a context for questions to Clever. A browser that goes away does
// not end it: the code that it brought is used up, so the answer must be kept.
func asking(r *http.Request) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(r.Context()), askFor)
}

// storing is a context for keeping what came of such questions.
func storing(r *http.Request) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(r.Context()), storeFor)
}

const storeFor = 5 * time.Second
