package clevertest

import (
	"bytes"
	"crypto/subtle"
	"net/http"
	"net/url"
)

// The scopes of a district token of an app with Secure Sync, and of all other
// tokens.
const (
	scopes = `["read:district_admins","read:districts","read:resources","read:school_admins","read:schools",` +
		`"read:sections","read:student_contacts","read:students","read:teachers","read:user_id"]`
	basicScopes = `["read:district_admins_basic","read:school_admins_basic","read:students_basic","read:teachers_basic","read:user_id"]`
)

// scopes returns the scopes of the app's district tokens.
func (s *Server) scopes() string {
	if s.cfg.WithoutSecureSync {
		return basicScopes
	}
	return scopes
}

// authentic reports whether the request has the app's credentials, or refuses
// it.
func (s *Server) authentic(w http.ResponseWriter, r *http.Request) bool {
	id, password, _ := r.BasicAuth()
	if same(id, s.cfg.ClientID) && same(password, s.cfg.ClientSecret) {
		return true
	}
	oauthError(w, http.StatusUnauthorized, "invalid_client", "unknown client id or wrong client secret")
	return false
}

// tokens answers GET /oauth/tokens, the list of district tokens. Its items are
// not wrapped twice, and its self link spells owner_type first, whatever was
// sent.
func (s *Server) tokens(w http.ResponseWriter, r *http.Request) {
	if !s.authentic(w, r) {
		return
	}
	query := r.URL.Query()
	owner, district := query.Get("owner_type"), query.Get("district")
	if owner != "district" && (owner != "" || district == "") {
		oauthError(w, http.StatusBadRequest, "invalid_request", "owner_type must be district")
		return
	}
	self := "/oauth/tokens?owner_type=district"
	if district != "" {
		self += "&district=" + url.QueryEscape(district)
	}
	body := []byte(`{"data":[`)
	for _, d := range s.sharings {
		own, st := d.source.districtID(), d.state.Load()
		if !st.shared || (district != "" && district != own) {
			continue
		}
		if !bytes.HasSuffix(body, []byte("[")) {
			body = append(body, ',')
		}
		body = appendToken(body, own, st.token, s.scopes())
	}
	body = append(body, `],"links":[`...)
	body = appendLink(body, "self", self)
	body = append(body, `]}`...)
	oauthJSON(w, http.StatusOK, body)
}

func appendToken(dst []byte, district, token, scopes string) []byte {
	dst = append(dst, `{"id":"62b4e190`...) // and the district's own digits after the time
	dst = append(dst, district[min(8, len(district)):]...)
	dst = append(dst, `","created":"2026-06-23T21:56:32.335Z","owner":{"type":"district"`...)
	dst = field(dst, `,"id":`, district)
	dst = field(dst, `},"access_token":`, token)
	dst = append(dst, `,"scopes":`...)
	dst = append(dst, scopes...)
	return append(dst, '}')
}

func oauthError(w http.ResponseWriter, status int, code, description string) {
	body := field(nil, `{"error":`, code)
	body = field(body, `,"error_description":`, description)
	oauthJSON(w, status, append(body, '}'))
}

// oauthJSON answers as clever.com does: without the headers of api.clever.com,
// the rate limit's among them.
func oauthJSON(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Strict-Transport-Security", "max-age=15552000; includeSubDomains")
	w.WriteHeader(status)
	w.Write(body)
}

func same(a, b string) bool {
	return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}

// tokenInfo answers GET /oauth/tokeninfo for both kinds of token.
func (s *Server) tokenInfo(w http.ResponseWriter, r *http.Request) {
	token, of := bearer(r), s.scopes()
	if s.opened(token) == nil {
		if _, ok := s.pass(token); !ok {
			oauthError(w, http.StatusUnauthorized, "invalid_token", "unknown or expired token")
			return
		}
		of = basicScopes
	}
	body := field(nil, `{"client_id":`, s.cfg.ClientID)
	body = append(append(body, `,"scopes":`...), of...)
	oauthJSON(w, http.StatusOK, append(body, '}'))
}
