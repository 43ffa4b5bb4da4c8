package clevertest

import (
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// The authorization-code flow, from the browser's side. There are three ways
// in: the app's own /oauth/authorize, an instant log-in link, and a district's
// portal. Each is read into a visit; then somebody logs in, or has a session
// already; then the browser is sent back to the app with a code (arrive).

// visit is a browser's wish to get into the app, checked.
type visit struct {
	redirect       string // one of the app's
	state          url.Values
	district       *Sharing // whose log-in page is wanted; nil: let the person search
	confirm        bool     // ask who has a session whether it is still they
	returnUnshared bool     // tell the app of a refusal, instead of the person
}

// refusal is why there is no visit: a page for the person, or where the
// browser is sent instead.
type refusal struct {
	status   int
	text     string
	redirect string
}

// entrance reads a request into a visit.
type entrance func(*http.Request) (visit, *refusal)

// routeLogin adds what clever.com answers. Forms are posted to the address of
// the page that they stand on, so that what the app asked for stays with them.
func (s *Server) routeLogin(mux *http.ServeMux) {
	for path, read := range map[string]entrance{
		"/oauth/authorize": s.authorization, "/oauth/instant-login": s.instantLogin, "/in/{shortname}": s.portal,
	} {
		mux.HandleFunc("GET "+path, s.entered(read, s.welcome))
		mux.HandleFunc("POST "+path, s.entered(read, s.logIn))
	}
	mux.HandleFunc("GET /logout", s.logOut)
	mux.HandleFunc("GET /oauth/tokens", s.tokens)
	mux.HandleFunc("POST /oauth/tokens", s.exchange)
	mux.HandleFunc("GET /oauth/tokeninfo", s.tokenInfo)
}

func (s *Server) entered(read entrance, then func(http.ResponseWriter, *http.Request, visit)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		e, no := read(r)
		switch {
		case no == nil:
			then(w, r, e)
		case no.redirect != "":
			http.Redirect(w, r, no.redirect, http.StatusFound)
		default:
			show(w, no.status, &view{Title: "This did not work", Problem: no.text})
		}
	}
}

// SetRedirectURIs registers the app's redirect URIs instead of those before.
// It is for tests that know the app's address only once the app listens, which
// needs the simulator's first. It fails on what is no absolute URL.
func (s *Server) SetRedirectURIs(uris ...string) error {
	for _, uri := range uris {
		if err := checkRedirect(uri); err != nil {
			return err
		}
	}
	own := slices.Clone(uris)
	s.redirects.Store(&own)
	return nil
}

// registered reports whether the browser may be sent there.
func (s *Server) registered(uri string) bool {
	own := *s.redirects.Load()
	if len(own) > 0 {
		return slices.Contains(own, uri)
	}
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "http" || u.User != nil || u.Fragment != "" {
		return false
	}
	return u.Hostname() == "localhost" || net.ParseIP(u.Hostname()).IsLoopback()
}

// authorization reads what the app asks for at /oauth/authorize. Of an unknown
// client or redirect URI only the person is told: nobody is sent to an address
// that the app has not registered.
func (s *Server) authorization(r *http.Request) (visit, *refusal) {
	query := r.URL.Query()
	e := visit{
		redirect: query.Get("redirect_uri"),
		confirm:  query.Get("confirmed") == "false", returnUnshared: query.Get("return_unshared") == "true",
		state: url.Values{},
	}
	if query.Has("state") {
		e.state.Set("state", query.Get("state"))
	}
	switch {
	case query.Get("client_id") != s.cfg.ClientID:
		return e, &refusal{status: http.StatusBadRequest, text: "There is no app with this client_id."}
	case !s.registered(e.redirect):
		return e, &refusal{status: http.StatusBadRequest, text: "The redirect_uri is none that the app has registered."}
	case query.Get("response_type") != "code":
		return e, &refusal{redirect: e.back("error", "unsupported_response_type")}
	}
	return s.at(e, query.Get("district_id"))
}

// instantLogin reads a link that a district puts on its own pages.
func (s *Server) instantLogin(r *http.Request) (visit, *refusal) {
	query := r.URL.Query()
	if query.Get("client_id") != s.cfg.ClientID {
		return visit{}, &refusal{status: http.StatusBadRequest, text: "There is no app with this client_id."}
	}
	e, no := s.fromClever()
	if no != nil {
		return e, no
	}
	return s.at(e, query.Get("district_id"))
}

// portal reads a district's portal, whose only app this is: its icon is
// clicked at once.
func (s *Server) portal(r *http.Request) (visit, *refusal) {
	e, no := s.fromClever()
	if no != nil {
		return e, no
	}
	for _, d := range s.sharings {
		if d.front.shortname() == r.PathValue("shortname") {
			e.district = d
			return e, nil
		}
	}
	return e, &refusal{status: http.StatusNotFound, text: "There is no portal here."}
}

// fromClever is a log-in that starts at Clever: it arrives at the app's first
// redirect URI and has no state.
func (s *Server) fromClever() (visit, *refusal) {
	own := *s.redirects.Load()
	if len(own) == 0 {
		return visit{}, &refusal{status: http.StatusBadRequest, text: "The app has registered no redirect URI."}
	}
	return visit{redirect: own[0]}, nil
}

// at adds the district that the request names, if any.
func (s *Server) at(e visit, district string) (visit, *refusal) {
	if district == "" {
		return e, nil
	}
	for _, d := range s.sharings {
		if d.source.districtID() == district {
			e.district = d
			return e, nil
		}
	}
	return e, &refusal{status: http.StatusNotFound, text: "There is no district with this id."}
}

// back returns the redirect URI with an answer, and the state as it came.
func (e visit) back(key, value string) string {
	answer := url.Values{key: {value}}
	for name, sent := range e.state {
		answer[name] = sent
	}
	separator := "?"
	if strings.Contains(e.redirect, "?") {
		separator = "&"
	}
	return e.redirect + separator + answer.Encode()
}

// arrive sends the browser of somebody who is logged in to the app, with a
// code; or says that their district, or their school, does not share with it.
func (s *Server) arrive(w http.ResponseWriter, r *http.Request, e visit, who identity) {
	d := who.at.District()
	_, _, shared := who.user(d)
	switch {
	case d.shared && shared:
		code := s.codes.keep(s.instant(), grant{who, d.departed, e.redirect})
		http.Redirect(w, r, e.back("code", code), http.StatusFound)
	case e.returnUnshared:
		http.Redirect(w, r, e.back("error", "unauthorized-user"), http.StatusFound)
	default:
		show(w, http.StatusForbidden, &view{
			Title: "You do not have access", Person: d.name(who),
			Problem: "Your district does not share this app with you. Ask its Clever administrator.",
		})
	}
}
