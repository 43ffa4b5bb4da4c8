package clevertest

import (
	"bytes"
	"crypto/subtle"
	"net/http"
	"net/url"
)

// scopes are those of an app with Secure Sync.
const scopes = `["read:district_admins","read:districts","read:resources","read:school_admins","read:schools",` +
	`"read:sections","read:student_contacts","read:students","read:teachers","read:user_id"]`

// tokens answers GET /oauth/tokens, the list of district tokens. Its items are
// not wrapped twice, and its self link spells owner_type first, whatever was
// sent.
func (s *Server) tokens(w http.ResponseWriter, r *http.Request) {
	id, password, _ := r.BasicAuth()
	if !same(id, s.cfg.ClientID) || !same(password, s.cfg.ClientSecret) {
		oauthError(w, http.StatusUnauthorized, "invalid_client", "unknown client id or wrong client secret")
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
		body = appendToken(body, own, st.token)
	}
	body = append(body, `],"links":[`...)
	body = appendLink(body, "self", self)
	body = append(body, `]}`...)
	oauthJSON(w, http.StatusOK, body)
}

func appendToken(dst []byte, district, token string) []byte {
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
