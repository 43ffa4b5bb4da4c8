package clevertest_test

import (
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"cleversync/shared/clever/clevertest"

	"github.com/google/go-cmp/cmp"
)

const callback = "http://127.0.0.1:9/callback"

// site is a simulator that listens, with a clock that a test moves.
type site struct {
	*clevertest.Server
	t   *testing.T
	url string
	now time.Time
}

func newSite(t *testing.T, cfg clevertest.Config) *site {
	t.Helper()
	s := &site{t: t, now: time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)}
	cfg.Now = func() time.Time { return s.now }
	cfg.Students, cfg.ClientID, cfg.ClientSecret = 40, "app", "secret"
	sim, err := clevertest.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	listener := httptest.NewServer(sim)
	t.Cleanup(listener.Close)
	s.Server, s.url = sim, listener.URL
	return s
}

// browser is a new one, with no cookies yet.
func (s *site) browser() *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return &http.Client{Jar: jar, Timeout: 10 * time.Second}
}

// authorize is where an app sends a browser; more parameters follow as pairs.
func (s *site) authorize(more ...string) string {
	query := url.Values{"response_type": {"code"}, "client_id": {"app"}, "redirect_uri": {callback}, "state": {"s 1&x"}}
	for i := 0; i < len(more); i += 2 {
		query.Set(more[i], more[i+1])
	}
	return s.url + "/oauth/authorize?" + query.Encode()
}

// logIn logs in and returns the query with which the app is asked.
func (s *site) logIn(browser *http.Client, address string, as clevertest.Login) url.Values {
	s.t.Helper()
	to, err := clevertest.LogIn(s.t.Context(), browser, address, as)
	if err != nil {
		s.t.Fatal(err)
	}
	if at := *to; at.Scheme+"://"+at.Host+at.Path != callback {
		s.t.Fatalf("sent to %s", to)
	}
	return to.Query()
}

// arrivesAtOnce reports whether the browser is sent to the app without a page.
func (s *site) arrivesAtOnce(browser *http.Client, address string) bool {
	s.t.Helper()
	tab := *browser
	tab.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	status, _, header := s.visit(&tab, http.MethodGet, address, nil)
	return status == http.StatusFound && strings.HasPrefix(header.Get("Location"), callback+"?")
}

func (s *site) visit(browser *http.Client, method, address string, form url.Values) (int, string, http.Header) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		s.t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	answer, err := browser.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer.StatusCode, string(text), answer.Header
}

// redeem exchanges a code as a form, with the app's credentials.
func (s *site) redeem(code string) (int, exchanged) {
	s.t.Helper()
	return s.post(url.Values{"code": {code}, "grant_type": {"authorization_code"}, "redirect_uri": {callback}}.Encode(),
		"application/x-www-form-urlencoded", "app", "secret")
}

type exchanged struct {
	AccessToken      string `json:"access_token"`
	TokenType        string `json:"token_type"`
	Error            string `json:"error"`
	ErrorDescription string `json:"error_description"`
}

func (s *site) post(body, contentType, id, secret string) (int, exchanged) {
	s.t.Helper()
	r := httptest.NewRequestWithContext(s.t.Context(), http.MethodPost, "/oauth/tokens", strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	r.SetBasicAuth(id, secret)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if w.Header().Get("X-Ratelimit-Limit") != "" {
		s.t.Error("clever.com sent rate limit headers")
	}
	return w.Code, decode[exchanged](s.t, w.Body.Bytes())
}

// ssoToken logs a user in and returns the token.
func (s *site) ssoToken(as clevertest.Login) string {
	s.t.Helper()
	_, got := s.redeem(s.logIn(s.browser(), s.authorize(), as).Get("code"))
	if !strings.HasPrefix(got.AccessToken, "il") || got.TokenType != "bearer" {
		s.t.Fatalf("exchange: %+v", got)
	}
	return got.AccessToken
}

// people has one user of each sort who can log in, by what /me calls them.
func people(d *clevertest.District) map[string]clevertest.User {
	found := map[string]clevertest.User{}
	for u := range d.Users() {
		switch {
		case u.Student != nil:
			found["student"] = u
		case u.Teacher != nil:
			found["teacher"] = u
		case u.Staff != nil:
			found["staff"] = u
		case u.Admin != nil:
			found["district_admin"] = u
		}
	}
	return found
}

func TestLogin_EverySortOfPersonByEveryForm(t *testing.T) {
	t.Parallel()
	s := newSite(t, clevertest.Config{Districts: 3, Seed: 3})
	for _, d := range s.Sharings() {
		for sort, u := range people(d.District()) {
			names := map[string]string{"id": u.ID, "e-mail": strings.ToUpper(u.Email)}
			switch {
			case u.Student != nil:
				names["user name"] = u.Student.Username
			case u.Teacher != nil:
				names["user name"] = u.Teacher.Username
			case u.Staff != nil:
				names["user name"] = u.Staff.Username
			}
			for by, name := range names {
				as := d.Login(u.ID)
				address := s.authorize()
				if as.Username = name; sort == "district_admin" {
					address = s.authorize("district_id", d.District().ID()) // their addresses are the same in each district
				}
				check := s.logIn(s.browser(), address, as)
				if check.Get("code") == "" || check.Get("state") != "s 1&x" {
					t.Errorf("%s by %s: %v", sort, by, check)
				}
			}
			_, got := s.redeem(s.logIn(s.browser(), s.authorize(), d.BadgeLogin(u.ID)).Get("code"))
			w := ask(s.Server, "GET", "/v3.1/me", "Bearer "+got.AccessToken)
			want := `{"type":"user","data":{"id":"` + u.ID + `","district":"` + u.District + `","type":"` + sort + `","authorized_by":"district"},` +
				`"links":[{"rel":"self","uri":"/me"},{"rel":"canonical","uri":"/v3.1/users/` + u.ID + `"},{"rel":"district","uri":"/v3.1/districts/` + u.District + `"}]}`
			if diff := cmp.Diff(want, w.Body.String()); diff != "" {
				t.Errorf("/me of %s (-want +got):\n%s", sort, diff)
			}
		}
	}
}

func TestLogin_Refusals(t *testing.T) {
	t.Parallel()
	s := newSite(t, clevertest.Config{Districts: 2})
	d, other := s.Sharings()[0], s.Sharings()[1]
	who := people(d.District())
	var parent clevertest.User
	for parent = range d.District().Contacts() {
		break
	}
	change := func(as clevertest.Login, f func(*clevertest.Login)) clevertest.Login {
		f(&as)
		return as
	}
	for name, c := range map[string]struct {
		as   clevertest.Login
		want string
	}{
		"wrong password":         {change(d.Login(who["teacher"].ID), func(l *clevertest.Login) { l.Password = "Clever" }), "Wrong user name or password"},
		"no user name":           {change(d.Login(who["teacher"].ID), func(l *clevertest.Login) { l.Username = " " }), "Wrong user name or password"},
		"another district":       {change(d.Login(who["teacher"].ID), func(l *clevertest.Login) { l.Search, l.District = "Fairview", other.District().ID() }), "Wrong user name or password"},
		"a contact":              {d.Login(parent.ID), "Wrong user name or password"},
		"a contact's badge":      {d.BadgeLogin(parent.ID), "Nobody has this badge"},
		"an unknown badge":       {d.BadgeLogin("nobody"), "Nobody has this badge"},
		"a teacher as admin":     {change(d.Login(who["teacher"].ID), func(l *clevertest.Login) { l.Method = clevertest.MethodAdmin }), "Wrong user name or password"},
		"an admin of two places": {change(d.Login(who["district_admin"].ID), func(l *clevertest.Login) { l.Username = who["district_admin"].Email }), "Several districts"},
		"a school of nowhere":    {change(d.Login(who["teacher"].ID), func(l *clevertest.Login) { l.Search = "Nowhere" }), "no district"},
	} {
		if to, err := clevertest.LogIn(t.Context(), s.browser(), s.authorize(), c.as); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, %v, want an error with %q", name, to, err, c.want)
		}
	}
}

// TestLogin_SearchFindsSchools of districts that do not share, too.
func TestLogin_SearchFindsSchools(t *testing.T) {
	t.Parallel()
	s := newSite(t, clevertest.Config{Districts: 2, Unshared: 1})
	for _, d := range s.Sharings() {
		for school := range d.District().Schools() {
			as := d.Login(people(d.District())["teacher"].ID)
			as.Search = strings.ToLower(school.Name)
			to, err := clevertest.LogIn(t.Context(), s.browser(), s.authorize("return_unshared", "true"), as)
			if err != nil {
				t.Fatal(err)
			}
			if shares := d != s.Sharings()[2]; to.Query().Has("code") != shares {
				t.Errorf("%s in district %s: sent to %s", school.Name, as.District, to)
			}
		}
	}
}

func TestLogin_Unshared(t *testing.T) {
	t.Parallel()
	s := newSite(t, clevertest.Config{Unshared: 1})
	d := s.Sharings()[1]
	as := d.Login(people(d.District())["student"].ID)
	if got := s.logIn(s.browser(), s.authorize("return_unshared", "true"), as); got.Get("error") != "unauthorized-user" || got.Get("state") != "s 1&x" || got.Has("code") {
		t.Errorf("with return_unshared: %v", got)
	}
	if to, err := clevertest.LogIn(t.Context(), s.browser(), s.authorize(), as); err == nil || !strings.Contains(err.Error(), "does not share") {
		t.Errorf("without: %v, %v", to, err)
	}
	d.RotateToken()
	if got := s.logIn(s.browser(), s.authorize(), as); got.Get("code") == "" {
		t.Errorf("once it shares: %v", got)
	}
	var school string
	for of := range s.District().Schools() {
		school = of.ID
		break
	}
	s.HideSchool(school)
	for u := range s.District().Students() { // of the other schools
		s.logIn(s.browser(), s.authorize(), s.Login(u.ID))
		break
	}
	s.ShowSchool(school)
	for u := range s.District().Students() {
		if u.Student.School != school || len(u.Student.Schools) > 1 {
			continue
		}
		s.HideSchool(school)
		if got := s.logIn(s.browser(), s.authorize("return_unshared", "true"), s.Login(u.ID)); got.Get("error") != "unauthorized-user" {
			t.Errorf("of a school that is not shared: %v", got)
		}
		break
	}
}

func TestLogin_Session(t *testing.T) {
	t.Parallel()
	s := newSite(t, clevertest.Config{Districts: 2})
	teacher := people(s.District())["teacher"]
	browser := s.browser()
	s.logIn(browser, s.authorize(), s.Login(teacher.ID))
	if !s.arrivesAtOnce(browser, s.authorize()) || !s.arrivesAtOnce(browser, s.authorize("district_id", s.District().ID())) {
		t.Error("with a session: a page")
	}
	if s.arrivesAtOnce(browser, s.authorize("district_id", s.Sharings()[1].District().ID())) {
		t.Error("a session serves for another district")
	}
	if s.arrivesAtOnce(browser, s.authorize("confirmed", "false")) {
		t.Error("confirmed=false did not ask")
	}
	if got := s.logIn(browser, s.authorize("confirmed", "false"), clevertest.Login{}); got.Get("code") == "" {
		t.Errorf("after saying yes: %v", got)
	}
	s.visit(browser, http.MethodPost, s.authorize("confirmed", "false"), url.Values{"confirm": {"no"}})
	if s.arrivesAtOnce(browser, s.authorize()) {
		t.Error("after saying no there is a session still")
	}
	s.logIn(browser, s.authorize(), s.Login(teacher.ID))
	address, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	stolen := s.browser()
	stolen.Jar.SetCookies(address, browser.Jar.Cookies(address))
	if !s.arrivesAtOnce(stolen, s.authorize()) {
		t.Error("the cookie is not the session")
	}
	s.visit(browser, http.MethodGet, s.url+"/logout", nil)
	if s.arrivesAtOnce(browser, s.authorize()) || s.arrivesAtOnce(stolen, s.authorize()) {
		t.Error("after the log-out there is a session still")
	}
	s.logIn(browser, s.authorize(), s.Login(teacher.ID))
	s.now = s.now.Add(2*time.Hour - time.Second)
	if !s.arrivesAtOnce(browser, s.authorize()) {
		t.Error("the session ended early")
	}
	s.now = s.now.Add(time.Second)
	if s.arrivesAtOnce(browser, s.authorize()) {
		t.Error("the session did not end")
	}
}

func TestLogin_StartsAtClever(t *testing.T) {
	t.Parallel()
	s := newSite(t, clevertest.Config{Districts: 2, RedirectURIs: []string{callback, "https://app.example.org/other"}})
	for _, d := range s.Sharings() {
		student := people(d.District())["student"]
		portal := decode[struct {
			PortalURL string `json:"portal_url"`
		}](t, decode[answer](t, ask(s.Server, "GET", "/v3.1/districts/"+d.District().ID(), "Bearer "+d.Token()).Body.Bytes()).Data).PortalURL
		for _, address := range []string{
			s.url + "/oauth/instant-login?client_id=app&district_id=" + d.District().ID(),
			s.url + strings.TrimPrefix(portal, "https://clever.com"),
		} {
			as := d.Login(student.ID)
			as.Search, as.District = "", "" // the page is the district's own
			got := s.logIn(s.browser(), address, as)
			if got.Get("code") == "" || got.Has("state") {
				t.Errorf("%s: %v", address, got)
			}
			if status, token := s.redeem(got.Get("code")); status != http.StatusOK {
				t.Errorf("%s: exchange %d %+v", address, status, token)
			}
		}
	}
	for address, want := range map[string]int{
		"/in/nowhere": 404, "/oauth/instant-login?client_id=app&district_id=nowhere": 404, "/oauth/instant-login?client_id=other": 400,
	} {
		if status, _, _ := s.visit(s.browser(), http.MethodGet, s.url+address, nil); status != want {
			t.Errorf("%s: status %d, want %d", address, status, want)
		}
	}
}

func TestAuthorize_Refusals(t *testing.T) {
	t.Parallel()
	s := newSite(t, clevertest.Config{})
	for _, c := range []struct{ name, value string }{
		{"client_id", "other"}, {"redirect_uri", "https://elsewhere.example.org/"}, {"redirect_uri", "http://127.0.0.1.example.org/"}, {"redirect_uri", ""},
	} {
		status, text, header := s.visit(s.browser(), http.MethodGet, s.authorize(c.name, c.value), nil)
		if status != http.StatusBadRequest || header.Get("Location") != "" || !strings.Contains(text, c.name) {
			t.Errorf("%s=%s: status %d, %s", c.name, c.value, status, text)
		}
	}
	for _, uri := range []string{"http://localhost:8080/cb", "http://[::1]/cb", "http://127.9.9.9/cb?a=b"} {
		if status, _, _ := s.visit(s.browser(), http.MethodGet, s.authorize("redirect_uri", uri), nil); status != http.StatusOK {
			t.Errorf("redirect URI %s with none registered: status %d", uri, status)
		}
	}
	if got := s.logIn(s.browser(), s.authorize("response_type", "token"), clevertest.Login{}); got.Get("error") != "unsupported_response_type" {
		t.Errorf("response_type=token: %v", got)
	}
	if err := s.SetRedirectURIs(callback + "?kept=1"); err != nil {
		t.Fatal(err)
	}
	if status, _, _ := s.visit(s.browser(), http.MethodGet, s.authorize(), nil); status != http.StatusBadRequest {
		t.Errorf("a redirect URI without its query: status %d", status)
	}
	teacher := people(s.District())["teacher"]
	if got := s.logIn(s.browser(), s.authorize("redirect_uri", callback+"?kept=1"), s.Login(teacher.ID)); got.Get("kept") != "1" || got.Get("code") == "" {
		t.Errorf("a redirect URI with a query: %v", got)
	}
	for _, uri := range []string{"", "/callback", "https://app.example.org/#x"} {
		if err := s.SetRedirectURIs(uri); err == nil {
			t.Errorf("registered %q", uri)
		}
	}
}

// TestLogIn_StopsWithItsContext and does not follow pages for ever.
func TestLogIn_StopsWithItsContext(t *testing.T) {
	t.Parallel()
	s := newSite(t, clevertest.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if to, err := clevertest.LogIn(ctx, s.browser(), s.authorize(), clevertest.Login{}); err == nil {
		t.Errorf("sent to %v", to)
	}
}
