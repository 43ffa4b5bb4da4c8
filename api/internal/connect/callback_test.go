package connect_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"cleversync/shared/clever/clevertest"
)

func TestCallback_ReloadedOrDoubled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l, b := w.begin(w.token, "district"), w.browser()
	back := b.logInAt(b.start(l), adminOf(w.clever.Sharing))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if p := b.open(back); p.status != 303 || !strings.HasSuffix(p.location, "/clever/logins/"+l.ID.String()) {
				t.Errorf("callback: %d to %s", p.status, p.location)
			}
		})
	}
	wg.Wait()
	if n := w.clever.Requests()["/oauth/tokens"]; n != 2 { // the list of the districts' tokens is there, too
		t.Errorf("the code was not exchanged once: %v", w.clever.Requests())
	}
	if got := w.read(l); got.State != "confirming" {
		t.Errorf("%+v", got)
	}
	if p := b.open(l.StartURL); p.status != 303 || !strings.HasSuffix(p.location, l.ID.String()) {
		t.Errorf("the start page once more: %d to %s", p.status, p.location)
	}
}

func TestCallback_AnotherBrowser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l, b := w.begin(w.token, "district"), w.browser()
	back := b.logInAt(b.start(l), adminOf(w.clever.Sharing))
	stranger := w.browser()
	if p := stranger.open(back); p.status != 403 || strings.Contains(p.text, "Riverside") {
		t.Errorf("without a cookie: %d %s", p.status, p.text)
	}
	other := w.begin(w.token, "district")
	stranger.start(other)
	if p := stranger.open(back); p.status != 403 {
		t.Errorf("with the cookie of another log-in: %d", p.status)
	}
	forged, err := url.Parse(back)
	w.must(err)
	query := forged.Query()
	query.Set("state", "forged")
	forged.RawQuery = query.Encode()
	if p := b.open(forged.String()); p.status != 403 {
		t.Errorf("with a forged state: %d", p.status)
	}
	if n := w.clever.Requests()["/oauth/tokens"]; n != 0 {
		t.Errorf("a code was exchanged %d times", n)
	}
	if got := b.land(back); !strings.Contains(got.text, "Is this your district?") {
		t.Errorf("the right browser cannot go on: %s", got.text)
	}
}

func TestCallback_TooLate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l, b := w.begin(w.token, "district"), w.browser()
	back := b.logInAt(b.start(l), adminOf(w.clever.Sharing))
	w.exec(`UPDATE sync.clever_logins SET expires_at = now() - interval '1 second'`)
	if p := b.land(back); !strings.Contains(p.text, "not finished in time") || w.read(l).Code != "expired" {
		t.Errorf("%+v\n%s", w.read(l), p.text)
	}
	// Consent, too late.
	l, b = w.begin(w.token, "district"), w.browser()
	b.through(l, adminOf(w.clever.Sharing))
	w.exec(`UPDATE sync.clever_logins SET expires_at = now() - interval '1 second'`)
	b.confirm(l, whole)
	if w.connection() != nil || w.read(l).Code != "expired" {
		t.Errorf("consented too late: %+v", w.read(l))
	}
	// A ticket, too late and unknown.
	l = w.begin(w.token, "district")
	w.exec(`UPDATE sync.clever_logins SET expires_at = now() - interval '1 second'`)
	for _, address := range []string{l.StartURL, "/clever/start?ticket=x", "/clever/start"} {
		if p := b.open(address); p.status != 404 || !strings.Contains(p.text, "unknown_ticket") {
			t.Errorf("%s: %d", address, p.status)
		}
	}
}

func TestCallback_CodeThatWasUsed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l, b := w.begin(w.token, "district"), w.browser()
	back := b.logInAt(b.start(l), adminOf(w.clever.Sharing))
	at, err := url.Parse(back)
	w.must(err)
	query := at.Query()
	query.Set("code", "used-by-another")
	at.RawQuery = query.Encode()
	b.land(at.String())
	if got := w.read(l); got.Code != "code_expired" {
		t.Errorf("%+v", got)
	}
}

func TestCallback_RefusedAtClever(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for text, want := range map[string]string{
		"access_denied": "refused_at_clever", "unauthorized-user": "unauthorized_at_clever", "<script>": "refused_at_clever",
	} {
		l, b := w.begin(w.token, "district"), w.browser()
		at, err := url.Parse(b.start(l))
		w.must(err)
		p := b.land("/clever/callback?" + url.Values{"error": {text}, "state": {at.Query().Get("state")}}.Encode())
		if got := w.read(l); got.Code != want || strings.Contains(p.text, "<script>") {
			t.Errorf("%s: %+v\n%s", text, got, p.text)
		}
	}
	if p := w.browser().open("/clever/callback?error=unauthorized-user"); p.status != 403 || !strings.Contains(p.text, "unauthorized_at_clever") {
		t.Errorf("without a state: %d %s", p.status, p.text)
	}
}

// TestCallback_BegunAtClever comes from the portal of a district: with a code
// that nobody here has asked for.
func TestCallback_BegunAtClever(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	portal := func(b *browser, as clevertest.Login) string { return b.logInAt(w.site+w.clever.Portal(), as) }
	b := w.browser()
	teacher := w.clever.Login(first(w.clever.District().Teachers()))
	p := b.open(portal(b, teacher))
	if p.status != 303 || !strings.HasPrefix(p.location, w.site+"/oauth/authorize?") {
		t.Fatalf("from the portal: %d to %s", p.status, p.location)
	}
	p = b.land(b.logInAt(p.location, teacher)) // at once: the session at Clever is there
	for _, want := range []string{w.clever.District().ID(), w.clever.District().State().Name, "a teacher", "not connected", "Configuration > Authentication > Clever"} {
		if !strings.Contains(p.text, want) {
			t.Errorf("the page lacks %q:\n%s", want, p.text)
		}
	}
	w.connect(w.clever.Sharing)
	b = w.browser()
	p = b.land(b.logInAt(b.open(portal(b, teacher)).location, teacher))
	if !strings.Contains(p.text, "This district is connected") {
		t.Errorf("once connected:\n%s", p.text)
	}
}

// TestCallback_BegunAtCleverMeanwhile comes from Clever's portal while a log-in
// of ours is under way: that one goes on, once.
func TestCallback_BegunAtCleverMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l, b := w.begin(w.token, "district"), w.browser()
	old := b.start(l)
	admin := adminOf(w.clever.Sharing)
	stateless := b.logInAt(w.site+w.clever.Portal(), admin)
	p := b.open(stateless)
	if p.status != 303 || !strings.HasPrefix(p.location, w.site+"/oauth/authorize?") || p.location == old {
		t.Fatalf("restarted: %d to %s", p.status, p.location)
	}
	if again := b.open(stateless); again.status != 403 || !strings.Contains(again.text, "refused_at_clever") {
		t.Errorf("restarted twice: %d to %s", again.status, again.location)
	}
	b.land(b.logInAt(p.location, admin))
	if got := w.read(l); got.State != "confirming" {
		t.Errorf("%+v", got)
	}
}

// TestPages_KeepSecrets looks at everything that could tell a secret.
func TestPages_KeepSecrets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l, b := w.begin(w.token, "district"), w.browser()
	authorize := b.start(l)
	back := b.logInAt(authorize, adminOf(w.clever.Sharing))
	page := b.land(back)
	w.clever.SetOverride(func(rw http.ResponseWriter, r *http.Request) bool { // errors that quote what was sent
		rw.WriteHeader(500)
		_, _ = rw.Write([]byte(r.Header.Get("Authorization")))
		return true
	})
	b.confirm(l, url.Values{"choice": {"schools"}, "school": {"x"}})
	at, err := url.Parse(back)
	w.must(err)
	site, err := url.Parse(w.api.URL)
	w.must(err)
	secrets := []string{ticketOf(l), at.Query().Get("state"), at.Query().Get("code"), w.clever.Token(), w.clever.ClientSecret()}
	for _, cookie := range b.client.Jar.Cookies(site) {
		secrets = append(secrets, cookie.Value)
	}
	var stored string
	w.must(w.Pool.QueryRow(t.Context(), `
		SELECT (SELECT string_agg(l::text, ' ') FROM sync.clever_logins l) || (SELECT string_agg(a::text, ' ') FROM sync.audit_log a)
		  || (SELECT string_agg(d::text, ' ') FROM sync.districts d)`).Scan(&stored))
	var person clevertest.User
	for u := range w.clever.District().Admins() {
		person = u
		break
	}
	for _, secret := range append(secrets, person.Name.Last, person.Email) {
		if secret == "" || strings.Contains(w.logs.String(), secret) || strings.Contains(stored, secret) {
			t.Errorf("%q is in the log or the database", secret)
		}
	}
	for _, secret := range secrets {
		if strings.Contains(page.text, secret) {
			t.Errorf("%q is on the page", secret)
		}
	}
	for name, want := range map[string]string{"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"} {
		if got := page.header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if policy := page.header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q", policy)
	}
}

func TestPages_LimitFailures(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l, b := w.begin(w.token, "district"), w.browser()
	b.through(l, adminOf(w.clever.Sharing))
	stranger := w.browser()
	var last page
	for range 12 {
		last = stranger.open("/clever/start?ticket=guessed")
	}
	if last.status != 429 || last.header.Get("Retry-After") == "" {
		t.Errorf("after many failures: %d", last.status)
	}
	if p := b.open("/clever/logins/" + l.ID.String()); p.status != 200 {
		t.Errorf("who was good a moment ago is held up, too: %d", p.status)
	}
}
