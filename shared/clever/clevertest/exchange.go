package clevertest

import (
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"net/url"
)

// grant is what a code or an SSO token stands for: a person, for as long as
// their district does not leave the app.
type grant struct {
	identity
	departed int    // how often the district had left the app when it was given
	redirect string // where the code was sent
}

// void reports whether the district has left the app since.
func (g grant) void(d *District) bool { return !d.shared || d.departed != g.departed }

// grantKey finds, in the context of a request for data, the grant of an SSO
// token.
type grantKey struct{}

// pass returns the grant of an SSO token.
func (s *Server) pass(token string) (grant, bool) {
	g, ok := s.passes.find(s.instant(), token)
	if !ok || g.void(g.at.District()) {
		return grant{}, false
	}
	return g, true
}

// exchangeRequest is the body of POST /oauth/tokens.
type exchangeRequest struct {
	Code        string `json:"code"`
	GrantType   string `json:"grant_type"`
	RedirectURI string `json:"redirect_uri"`
}

// exchange answers POST /oauth/tokens: a code for an SSO token. A code is void
// after one try, also where the try fails for its redirect URI.
func (s *Server) exchange(w http.ResponseWriter, r *http.Request) {
	if !s.authentic(w, r) {
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	ask, err := readExchange(r)
	switch {
	case err != nil:
		oauthError(w, http.StatusBadRequest, "invalid_request", "Invalid request: "+err.Error())
		return
	case ask.GrantType != "authorization_code":
		oauthError(w, http.StatusBadRequest, "unsupported_grant_type", "Unsupported grant type: want authorization_code")
		return
	}
	g, ok := s.codes.take(s.instant(), ask.Code)
	switch {
	case !ok || g.void(g.at.District()):
		oauthError(w, http.StatusBadRequest, "invalid_grant", "Invalid grant: invalid code")
	case ask.RedirectURI != g.redirect:
		oauthError(w, http.StatusBadRequest, "invalid_grant", "Invalid grant: redirect_uri is not that of the code")
	default:
		body := field(nil, `{"access_token":`, s.passes.keep(s.instant(), g))
		oauthJSON(w, http.StatusOK, append(body, `,"token_type":"bearer"}`...))
	}
}

// readExchange reads JSON where the request says that it is, else a form.
func readExchange(r *http.Request) (exchangeRequest, error) {
	var ask exchangeRequest
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err == nil && kind == "application/json" {
		if err := json.NewDecoder(r.Body).Decode(&ask); err != nil {
			return ask, errors.New("the body is not the JSON of a code exchange")
		}
		return ask, nil
	}
	if err := r.ParseForm(); err != nil {
		return ask, errors.New("the body is no form")
	}
	form := r.PostForm
	return exchangeRequest{form.Get("code"), form.Get("grant_type"), form.Get("redirect_uri")}, nil
}

// checkRedirect refuses what no browser can be sent to.
func checkRedirect(uri string) error {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme == "" || u.Host == "" || u.Fragment != "" {
		return errors.New("redirect URI " + uri + ": want an absolute URL without a fragment")
	}
	return nil
}
