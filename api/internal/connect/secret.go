package connect

import (
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"strings"
)

// newSecret makes a ticket, a state or a cookie: 26 letters and digits with 128
// random bits at least.
func newSecret() string { return rand.Text() + rand.Text() }

// hashOf is what is kept of a secret.
func hashOf(secret string) [32]byte { return sha256.Sum256([]byte(secret)) }

// NewTicket makes a ticket for a start page, and the hash to store.
func NewTicket() (ticket string, hash []byte) {
	ticket = newSecret()
	sum := hashOf(ticket)
	return ticket, sum[:]
}

// The cookie that binds a log-in to a browser. Each start of a log-in makes a
// new one, so that nobody can have put it there beforehand; the prefix makes
// browsers refuse it from any host but our own. It wants the path "/". Over
// plain HTTP, on the developer's own machine, there is neither.
const (
	cookieName       = "cleversync-login"
	secureCookieName = "__Host-" + cookieName
)

func setCookie(w http.ResponseWriter, base, value string) {
	cookie := &http.Cookie{Name: cookieName, Value: value, Path: "/clever", HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: cookieFor}
	if strings.HasPrefix(base, "https:") {
		cookie.Name, cookie.Path, cookie.Secure = secureCookieName, "/", true
	}
	http.SetCookie(w, cookie)
}

// cookieFor is longer than any log-in, in seconds.
const cookieFor = 2 * 60 * 60

// browserOf is the hash of the browser's cookie; false where it has none.
func browserOf(r *http.Request, base string) ([32]byte, bool) {
	name := cookieName
	if strings.HasPrefix(base, "https:") {
		name = secureCookieName
	}
	cookie, err := r.Cookie(name)
	if err != nil || cookie.Value == "" {
		return [32]byte{}, false
	}
	return hashOf(cookie.Value), true
}
