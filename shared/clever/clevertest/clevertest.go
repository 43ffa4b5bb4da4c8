// Package clevertest is a simulator of Clever: both its hosts under one base
// URL, one app and the districts that share with it, answering as the real one
// was recorded to answer.
//
// It exists because no test and no demonstration may depend on a customer's
// district, and because the interesting cases (a revoked token, a school that
// is no longer shared, a dirty row, a million pupils) cannot be ordered from
// the real Clever. Tests use it in process, as an [http.Handler]; the program
// scripts/clever-sim serves it to other programs.
//
// Besides the data it plays Clever's log-in: the pages, the codes and the
// tokens of the authorization-code flow (authorize.go tells it). Everybody in
// a district but its contacts can log in, with the password [Password] or with
// the badge [Badge]; [LogIn] does it through the pages, as a browser would.
// Their forms are plain HTML, posted to the page's own address: q searches a
// school or district (GET); method is password, badge or admin, with username
// and password, or badge; confirm is yes or no, where confirmed=false asks.
//
// A district is either generated or recorded. A generated one is a pure
// function of seed and size: no record is stored, each is computed from its
// place in the list when a page asks for it, so that a million pupils cost a
// few megabytes. A recorded one serves the bodies of a directory (users.json,
// sections.json, districts.json) as they are.
//
// Faults come on request: rules ([FaultRule]) say which requests they meet, at
// which of these they act (by number, or by chance with a seed) and what they
// do ([FaultKinds]). Tests install them with [Server.SetFaults]; what no rule
// can do, an [Override] does. Other programs give the same orders through the
// control endpoint, which is outside of Clever's paths, counts nowhere, and
// answers with JSON, errors too:
//
//	C=http://127.0.0.1:PORT/_control          # with --control-token, add -H "Authorization: Bearer TOKEN"
//	J='Content-Type: application/json'
//	curl $C/faults/kinds                      # every kind with its variants
//	curl -X PUT -H "$J" $C/faults -d '[
//	  {"name": "storm", "meets": {"route": "/users", "query": {"role": "student"}},
//	   "when": {"from": 2, "times": 3}, "fault": {"kind": "rate_limit", "delay": "5s"}},
//	  {"when": {"probability": 0.01, "seed": 7}, "fault": {"kind": "cut", "reset": true}}]'
//	curl $C/faults                            # the rules with what each has done
//	curl -X DELETE $C/faults                  # no faults; what was held back is answered
//	curl $C/requests                          # how many came by route
//	curl $C/districts                         # ids, tokens, states, hidden schools
//	curl -X POST $C/districts/ID/rotate-token # or disconnect
//	curl -X POST -H "$J" $C/districts/ID/hide-school -d '{"school": "ID"}'   # or show-school
//	curl -X POST -H "$J" $C/districts/ID/state -d '{"state": "paused", "last_sync": "2026-12-01T03:00:00.000Z"}'
//	curl -X POST -H "$J" $C/districts/ID/nights -d '{"usual": true}'         # a night passes; events tell of it
//	curl -X POST -H "$J" $C/districts/ID/nights -d '{"night": {"leaves": {"share": 0.09}}}'
//
// Read the package in this order: this file (the server), routes.go (what is
// answered), pages.go (paging), district.go (what is shared right now),
// overlay.go and listing.go (how changes lie over what never changes), then
// generator.go and the files that it names, or recorded.go. How a district
// changes is in edits.go, night.go and plot.go, what apps are told of it in
// difference.go and feed.go. The log-in is in authorize.go (the flow), login.go
// (the pages), accounts.go (who can log in and with what), exchange.go (codes
// for tokens) and sso.go (what a person's token sees); faults are in faults.go
// and faultkinds.go, the control endpoint in control.go.
package clevertest

import (
	"cmp"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Config says which Clever to simulate. Its zero value is useful: 1,000
// students, seed 0, credentials derived from the seed, Clever's own rate limit.
type Config struct {
	// Students is the size of the generated district, 1 to 10,000,000;
	// 0 means 1,000. All else follows from it: about as many contacts,
	// one teacher per 15 students, 0.3 sections per student, one school per
	// 700 (two at least).
	Students int
	// Seed picks the district: the same seed and size give the same bytes.
	Seed uint64
	// Broken adds records with values of the wrong type (see [Breakage]),
	// which the real Clever was not seen to send but a client must survive:
	// one in 100 students, contacts and sections.
	Broken bool
	// Dir, if set, serves the recorded bodies of this directory instead of a
	// generated district; Students, Seed and Broken then shape no record.
	Dir string
	// DistrictName names the generated district; "#DEMO Springfield USD" by
	// default. Further districts have names of their own.
	DistrictName string
	// Districts is how many districts share with the app, by default one. All
	// are generated, of the same size, and the seed of each is one more than
	// that of the one before. With Dir there is only the recorded one.
	Districts int
	// Unshared is how many further districts, of the same size, are customers
	// of Clever that do not share with the app, by default none: their people
	// can log in at Clever, and are refused. [Sharing.RotateToken] lets such a
	// district share.
	Unshared int

	// Token is the token of the first district; by default, and for the
	// others, 40 hex digits derived from the district's seed.
	Token string
	// ClientID and ClientSecret are the app's credentials at the token list;
	// by default derived from the seed.
	ClientID, ClientSecret string
	// RedirectURIs are those that the app has registered. Clever sends a
	// browser to no other, compared as text, and log-ins that start at Clever
	// arrive at the first. With none registered, every http address of the
	// loopback interface counts as registered, and log-ins that start at
	// Clever are refused. See [Server.SetRedirectURIs].
	RedirectURIs []string
	// WithoutSecureSync makes the app one that Clever shares no rosters with:
	// its district tokens open only /districts, and log-ins work.
	WithoutSecureSync bool

	// RateLimit is the number of requests per token and window of 60 seconds;
	// 0 means Clever's 1,200. A negative one switches the limit off, and the
	// x-ratelimit headers with it.
	RateLimit int
	// Gzip compresses answers for clients that ask for it. Off by default:
	// the recordings show no content-encoding.
	Gzip bool
	// Latency holds every answer back, as a network would.
	Latency time.Duration
	// Control serves the control endpoint, to everybody who can reach it or, with
	// a ControlToken, to who sends that as bearer token.
	Control      bool
	ControlToken string
	// NoEvents leaves events switched off for the app, as they are at Clever
	// until somebody enables them in the app's settings: the feed then answers,
	// and is empty. (What Clever answers then is not known.)
	NoEvents bool
	// Logger, if set, gets one debug line per request, without its token.
	Logger *slog.Logger
	// Now is the clock by which codes, sessions, tokens and rate windows end;
	// [time.Now] by default. Where it is given, the districts go by it too: it
	// dates what changes, and events are kept for 30 days by it. Without it
	// their clock stands still at the last sync and moves with each night, so
	// that no test depends on the real one.
	Now func() time.Time
}

// Server is one simulated Clever with one app and the districts that share
// with it. It may be used by any number of goroutines, its hooks too: each
// request sees a district as it stood when the request arrived.
type Server struct {
	// Sharing is that of the first district, mostly the only one.
	*Sharing

	cfg      Config
	sharings []*Sharing
	mux      *http.ServeMux // for everybody but the bearers of SSO tokens
	personal *http.ServeMux // for them
	limiter  *limiter

	redirects atomic.Pointer[[]string]
	sessions  *vault[identity]
	codes     *vault[grant]
	passes    *vault[grant] // SSO tokens

	override atomic.Pointer[Override]
	faults   atomic.Pointer[faultSet]
	silent   atomic.Bool // the app has not switched events on
	requests tally
	control  http.Handler // nil where it is switched off
}

// Sharing is what one district shares with the app. Its methods change it, as
// the district's own administrator or the nightly sync into Clever would.
type Sharing struct {
	source source
	seed   uint64
	front  front
	clock  func() time.Time // nil where it moves with the nights
	silent *atomic.Bool     // the server's
	change sync.Mutex       // held while a hook derives the next state
	state  atomic.Pointer[state]
}

// New builds the simulator; it fails on a size out of bounds and on a
// directory that cannot be read or holds something other than Clever's bodies.
func New(cfg Config) (*Server, error) {
	cfg.Students = cmp.Or(cfg.Students, 1000)
	cfg.Districts = cmp.Or(cfg.Districts, 1)
	cfg.DistrictName = cmp.Or(cfg.DistrictName, districtName(0))
	cfg.RateLimit = cmp.Or(cfg.RateLimit, 1200)
	cfg.Token = cmp.Or(cfg.Token, secret(cfg.Seed, "token 0"))
	cfg.ClientID = cmp.Or(cfg.ClientID, secret(cfg.Seed, "client id")[:20])
	cfg.ClientSecret = cmp.Or(cfg.ClientSecret, secret(cfg.Seed, "client secret"))
	switch {
	case cfg.Latency < 0:
		return nil, fmt.Errorf("negative latency: %s", cfg.Latency)
	case cfg.Districts < 1 || cfg.Unshared < 0 || cfg.Districts+cfg.Unshared > maxDistricts:
		return nil, fmt.Errorf("%d districts and %d unshared: want 1 to %d", cfg.Districts, cfg.Unshared, maxDistricts)
	case cfg.Districts+cfg.Unshared > 1 && cfg.Dir != "":
		return nil, fmt.Errorf("%d districts: a directory holds one", cfg.Districts+cfg.Unshared)
	}
	s := &Server{
		cfg: cfg, limiter: newLimiter(cfg.RateLimit),
		sessions: newVault[identity]("", sessionLife), codes: newVault[grant]("", codeLife), passes: newVault[grant]("il", passLife),
	}
	if err := s.SetRedirectURIs(cfg.RedirectURIs...); err != nil {
		return nil, err
	}
	s.silent.Store(cfg.NoEvents)
	for n := range cfg.Districts + cfg.Unshared {
		sharing, err := newSharing(cfg.numbered(n), &s.silent)
		if err != nil {
			return nil, err
		}
		if n >= cfg.Districts {
			sharing.Disconnect()
		}
		s.sharings = append(s.sharings, sharing)
	}
	s.Sharing = s.sharings[0]
	s.mux, s.personal = s.routes(), s.personalRoutes()
	if cfg.Control {
		s.control = s.controls()
	}
	return s, nil
}

// numbered is the configuration of the nth district.
func (c Config) numbered(n int) Config {
	if n > 0 {
		c.Seed += uint64(n)
		c.DistrictName = districtName(n)
		c.Token = secret(c.Seed, "token 0")
	}
	return c
}

func newSharing(cfg Config, silent *atomic.Bool) (*Sharing, error) {
	src, err := newSource(cfg)
	if err != nil {
		return nil, err
	}
	info, err := readDistrict(src.district())
	if err != nil {
		return nil, err
	}
	front, err := readFront(src.district())
	if err != nil {
		return nil, err
	}
	d := &Sharing{source: src, seed: cfg.Seed, front: front, clock: cfg.Now, silent: silent}
	st := &state{info: info, original: info, token: cfg.Token, shared: true, at: lastSync(info)}
	st.synced = st.view()
	d.state.Store(st)
	return d, nil
}

func newSource(cfg Config) (source, error) {
	switch {
	case cfg.Dir != "":
		return load(cfg.Dir)
	case cfg.Students < 0 || cfg.Students > maxStudents:
		return nil, fmt.Errorf("a district of %d students: want 1 to %d", cfg.Students, maxStudents)
	default:
		return newGenerator(cfg), nil
	}
}

// secret derives 40 hex digits, the shape of a district token, so that tests
// and demonstrations need not invent credentials.
func secret(seed uint64, purpose string) string {
	sum := sha1.Sum(fmt.Appendf(nil, "clevertest %d %s", seed, purpose))
	return hex.EncodeToString(sum[:])
}

// instant is the time by which codes, sessions, tokens and rate windows end.
func (s *Server) instant() time.Time {
	if s.cfg.Now != nil {
		return s.cfg.Now()
	}
	return time.Now()
}

// ServeHTTP counts the request, holds it back by the latency, offers it to the
// override and to the rules of faults, and answers it. The control endpoint
// stands beside all that.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.control != nil && strings.HasPrefix(r.URL.Path, controlPath) {
		s.control.ServeHTTP(w, r)
		return
	}
	route := s.route(r)
	s.requests.add(route)
	if s.cfg.Logger != nil {
		s.cfg.Logger.DebugContext(r.Context(), "request", "method", r.Method, "path", r.URL.Path)
	}
	if s.cfg.Latency > 0 {
		select {
		case <-time.After(s.cfg.Latency):
		case <-r.Context().Done():
			return
		}
	}
	if f := s.override.Load(); f != nil && (*f)(w, r) {
		return
	}
	if f := s.faults.Load(); f != nil && f.meet(s, w, r, route) {
		return
	}
	s.Answer(w, r)
}

// Answer answers as Clever does, whatever override or fault is set: they call
// it to change a genuine answer instead of making one up.
func (s *Server) Answer(w http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.URL.Path, "/v3.") && r.URL.Path != "/userinfo" {
		s.mux.ServeHTTP(w, r)
		return
	}
	token := bearer(r)
	apiHeaders(w.Header())
	if !s.limiter.take(w.Header(), token, s.instant()) {
		w.WriteHeader(http.StatusTooManyRequests)
		return
	}
	if d := s.opened(token); d != nil {
		s.mux.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), districtKey{}, d)))
		return
	}
	if g, ok := s.pass(token); ok {
		s.personal.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), grantKey{}, g)))
		return
	}
	message(w, http.StatusUnauthorized, "unauthorized: missing or invalid bearer token")
}

// districtKey finds, in the context of a request for data, the district that
// its token opens.
type districtKey struct{}

// opened returns the district that a token opens as it is now, nil where it
// opens none.
func (s *Server) opened(token string) *District {
	if token == "" {
		return nil
	}
	for _, d := range s.sharings {
		if st := d.state.Load(); st.shared && st.token == token {
			return &District{d.source, st}
		}
	}
	return nil
}

// Sharings returns what each district shares, in the order of their seeds, and
// so those that do not share ([Config.Unshared]) last.
func (s *Server) Sharings() []*Sharing { return slices.Clone(s.sharings) }

// bearer returns the request's bearer token, "" where it has none.
func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}
