package clever_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cleversync/shared/clever"
	"cleversync/shared/clever/clevertest"
	"cleversync/shared/fault"
)

const (
	callbackURI = "http://127.0.0.1:9/clever/callback"
	theCode     = "code-that-nobody-may-see"
)

func TestLogInURL(t *testing.T) {
	t.Parallel()
	client := connect(t, "http://127.0.0.1:9")
	got, err := url.Parse(client.LogInURL(clever.LogIn{State: "s&1", RedirectURI: callbackURI, Again: true}))
	if err != nil {
		t.Fatal(err)
	}
	want := url.Values{
		"response_type": {"code"}, "client_id": {"client"}, "redirect_uri": {callbackURI}, "state": {"s&1"},
		"return_unshared": {"true"}, "confirmed": {"false"},
	}
	if diff := cmp.Diff(want, got.Query()); diff != "" || got.Path != "/oauth/authorize" {
		t.Errorf("%s (-want +got):\n%s", got, diff)
	}
	if strings.Contains(client.LogInURL(clever.LogIn{State: "s", RedirectURI: callbackURI}), "confirmed") {
		t.Error("everybody is asked who they are")
	}
	if client.LogInOrigin() != "http://127.0.0.1:9" {
		t.Errorf("origin %s", client.LogInOrigin())
	}
}

func TestExchange_Faults(t *testing.T) {
	t.Parallel()
	reply := func(status int, kind, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			_ = r.ParseForm()
			w.Header().Set("Content-Type", kind)
			w.Header().Set("X-Ratelimit-Remaining", "0")
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status)
			_, _ = w.Write([]byte(strings.ReplaceAll(body, "CODE", r.PostForm.Get("code"))))
		}
	}
	const plain, page = "application/json", "text/html; charset=utf-8"
	for name, c := range map[string]struct {
		serve http.HandlerFunc
		code  fault.Code
		spent bool
	}{
		"spent":             {reply(400, plain, `{"error":"invalid_grant","error_description":"Invalid grant: invalid code CODE"}`), fault.CleverBadResponse, true},
		"spent, in HTML":    {reply(400, page, `<b>CODE</b>`), fault.CleverBadResponse, true},
		"spent, with 403":   {reply(403, plain, `{"error":"invalid_grant"}`), fault.CleverBadResponse, true},
		"our secret":        {reply(401, plain, `{"error":"invalid_client CODE"}`), fault.CleverBadResponse, false},
		"limited":           {reply(429, plain, ``), fault.CleverRateLimited, false},
		"down":              {reply(503, page, `CODE`), fault.CleverUnavailable, false},
		"redirect":          {reply(302, page, `CODE`), fault.CleverBadResponse, false},
		"HTML":              {reply(200, page, `<b>CODE</b>`), fault.CleverBadResponse, false},
		"no token":          {reply(200, plain, `{"token_type":"bearer","x":"CODE"}`), fault.CleverBadResponse, false},
		"an error with 200": {reply(200, plain, `{"error":"server_error","error_description":"CODE"}`), fault.CleverBadResponse, false},
		"cut off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte(`{"access_token":"` + theCode))
		}, fault.CleverUnavailable, false},
		"gone": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, fault.CleverUnavailable, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			token, err := serve(t, c.serve).Exchange(t.Context(), theCode, callbackURI)
			wantFault(t, err, c.code)
			if errors.Is(err, clever.ErrCodeSpent) != c.spent || token != "" {
				t.Errorf("%v: spent %t, want %t", err, errors.Is(err, clever.ErrCodeSpent), c.spent)
			}
			for _, secret := range []string{theCode, "secret-of-the-client", "invalid_client", "<b>"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("the error quotes %q: %v", secret, err)
				}
			}
		})
	}
}

func TestExchange_TakesNoLongerThanItsBound(t *testing.T) {
	t.Parallel()
	hang := func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(`{"access_token":`))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}
	client := serve(t, hang, func(c *clever.Config) { c.RequestTimeout = 50 * time.Millisecond })
	_, err := client.Exchange(t.Context(), theCode, callbackURI)
	wantFault(t, err, fault.CleverUnavailable)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := client.Exchange(ctx, theCode, callbackURI); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestPerson_AtTheSimulator goes the whole way with each role.
func TestPerson_AtTheSimulator(t *testing.T) {
	t.Parallel()
	sim, err := clevertest.New(clevertest.Config{Students: 40})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	client := connect(t, server.URL, func(c *clever.Config) {
		c.ClientID, c.ClientSecret = sim.ClientID(), clever.Secret(sim.ClientSecret())
		c.Budget = noBudget{t}
	})
	d := sim.District()
	for u := range d.Users() {
		want := clever.Person{ID: u.ID, District: d.ID()}
		var schools []string
		switch {
		case u.Admin != nil:
			want.Type = "district_admin"
		case u.Student != nil:
			want.Type, schools = "student", u.Student.Schools
		default:
			continue
		}
		back, err := clevertest.LogIn(t.Context(), http.DefaultClient, client.LogInURL(clever.LogIn{State: "s", RedirectURI: callbackURI}), sim.Login(u.ID))
		if err != nil {
			t.Fatal(err)
		}
		token, err := client.Exchange(t.Context(), back.Query().Get("code"), callbackURI)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.Exchange(t.Context(), back.Query().Get("code"), callbackURI); !errors.Is(err, clever.ErrCodeSpent) {
			t.Errorf("the same code again: %v", err)
		}
		got, err := client.Me(t.Context(), token)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
		at, err := client.PersonSchools(t.Context(), token, got.ID)
		if diff := cmp.Diff(schools, at); diff != "" || err != nil {
			t.Errorf("schools of a %s: %v (-want +got):\n%s", want.Type, err, diff)
		}
		if _, err := client.PersonSchools(t.Context(), token, "5f0000000000000000000a03"); fault.Of(err).Code != fault.CleverNotShared {
			t.Errorf("another person's schools: %v", err)
		}
		if found, err := client.PersonDistrict(t.Context(), token, d.ID()); err != nil || found.Name != d.State().Name {
			t.Errorf("district: %+v, %v", found, err)
		}
		if want.Type == "student" {
			break
		}
	}
}

// noBudget fails the test when a district's budget is used.
type noBudget struct{ t *testing.T }

func (b noBudget) Take(context.Context, string, bool) error {
	b.t.Error("the budget of a district is used for a person's token")
	return nil
}

func (b noBudget) Observe(context.Context, string, int, int, time.Duration) {
	b.t.Error("a person's window is taken for the district's")
}

func TestPerson_Answers(t *testing.T) {
	t.Parallel()
	const me = `{"type":"user","data":{"id":"legacy","district":"` + district + `","type":"teacher"},
		"links":[{"rel":"self","uri":"/me"},{"rel":"canonical","uri":"/v3.0/users/u1"}]}`
	got, err := serve(t, answer(me)).Me(t.Context(), "il-token")
	if diff := cmp.Diff(clever.Person{ID: "u1", District: district, Type: "teacher"}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	short := `{"data":{"id":"u1","district":"` + district + `","type":"staff"}}`
	if got, err := serve(t, answer(short)).Me(t.Context(), "il-token"); err != nil || got.ID != "u1" || got.DistrictAdmin() {
		t.Errorf("without links: %+v, %v", got, err)
	}
	roles := `{"data":{"id":"u1","roles":{"staff":{"schools":["s2","s1"]},"teacher":{"school":"s3","schools":["s3","s1"]},"contact":{}}}}`
	at, err := serve(t, answer(roles)).PersonSchools(t.Context(), "il-token", "u1")
	if diff := cmp.Diff([]string{"s1", "s2", "s3"}, at); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for name, c := range map[string]struct {
		serve http.HandlerFunc
		code  fault.Code
	}{
		"no district":    {answer(`{"data":{"id":"u1","type":"district_admin"}}`), fault.CleverBadResponse},
		"no id":          {answer(`{"data":{"district":"d"}}`), fault.CleverBadResponse},
		"a list":         {answer(`{"data":[]}`), fault.CleverBadResponse},
		"HTML":           {answer(`<pre>Cannot GET</pre>`), fault.CleverBadResponse},
		"HTML with 404":  {refuse(404, "Content-Type", "text/html"), fault.CleverNotShared},
		"a void token":   {refuse(401), fault.CleverBadResponse},
		"too many":       {refuse(429), fault.CleverRateLimited},
		"Clever is down": {refuse(502), fault.CleverUnavailable},
	} {
		client := serve(t, c.serve)
		for _, ask := range []func() error{
			func() error { _, err := client.Me(t.Context(), "il-token"); return err },
			func() error { _, err := client.PersonSchools(t.Context(), "il-token", "u2"); return err },
			func() error { _, err := client.PersonDistrict(t.Context(), "il-token", "d2"); return err },
		} {
			if err := ask(); fault.Of(err).Code != c.code || strings.Contains(err.Error(), "il-token") {
				t.Errorf("%s: %v, want %s", name, err, c.code)
			}
		}
	}
}
