package clevertest_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"cleversync/shared/clever/clevertest"

	"github.com/google/go-cmp/cmp"
)

func TestExchange_ByFormAndByJSON(t *testing.T) {
	t.Parallel()
	s := newSite(t, clevertest.Config{})
	as := s.Login(people(s.District())["teacher"].ID)
	bodies := map[string]func(code string) string{
		"application/x-www-form-urlencoded": func(code string) string {
			return url.Values{"code": {code}, "grant_type": {"authorization_code"}, "redirect_uri": {callback}}.Encode()
		},
		"application/json; charset=utf-8": func(code string) string {
			return `{"code":"` + code + `","grant_type":"authorization_code","redirect_uri":"` + callback + `"}`
		},
	}
	for kind, body := range bodies {
		sent := body(s.logIn(s.browser(), s.authorize(), as).Get("code"))
		status, got := s.post(sent, kind, "app", "secret")
		if status != http.StatusOK || !strings.HasPrefix(got.AccessToken, "il") || got.TokenType != "bearer" {
			t.Errorf("%s: status %d, %+v", kind, status, got)
		}
		status, got = s.post(sent, kind, "app", "secret")
		want := exchanged{Error: "invalid_grant", ErrorDescription: "Invalid grant: invalid code"}
		if diff := cmp.Diff(want, got); status != http.StatusBadRequest || diff != "" {
			t.Errorf("%s, a second time: status %d (-want +got):\n%s", kind, status, diff)
		}
	}
}

func TestExchange_Refusals(t *testing.T) {
	t.Parallel()
	s := newSite(t, clevertest.Config{})
	as := s.Login(people(s.District())["student"].ID)
	code := func() string { return s.logIn(s.browser(), s.authorize(), as).Get("code") }
	form := func(code, grant, redirect string) string {
		return url.Values{"code": {code}, "grant_type": {grant}, "redirect_uri": {redirect}}.Encode()
	}
	const grant, asForm = "authorization_code", "application/x-www-form-urlencoded"
	for name, c := range map[string]struct {
		body, kind, secret string
		status             int
		want               string
	}{
		"wrong secret":         {form(code(), grant, callback), asForm, "wrong", 401, "invalid_client"},
		"another redirect URI": {form(code(), grant, callback+"/"), asForm, "secret", 400, "invalid_grant"},
		"no redirect URI":      {form(code(), grant, ""), asForm, "secret", 400, "invalid_grant"},
		"an invented code":     {form("invented", grant, callback), asForm, "secret", 400, "invalid_grant"},
		"no code":              {form("", grant, callback), asForm, "secret", 400, "invalid_grant"},
		"another grant":        {form(code(), "password", callback), asForm, "secret", 400, "unsupported_grant_type"},
		"a form called JSON":   {form(code(), grant, callback), "application/json", "secret", 400, "invalid_request"},
		"no form":              {"%zz", asForm, "secret", 400, "invalid_request"},
		"a huge form":          {"code=" + strings.Repeat("x", 1<<17), asForm, "secret", 400, "invalid_request"},
	} {
		if status, got := s.post(c.body, c.kind, "app", c.secret); status != c.status || got.Error != c.want || got.ErrorDescription == "" || got.AccessToken != "" {
			t.Errorf("%s: status %d, %+v, want %d %s", name, status, got, c.status, c.want)
		}
	}
}

func TestExchange_ACodeLastsAMinute(t *testing.T) {
	t.Parallel()
	s := newSite(t, clevertest.Config{})
	as := s.Login(people(s.District())["student"].ID)
	first, second := s.logIn(s.browser(), s.authorize(), as).Get("code"), s.logIn(s.browser(), s.authorize(), as).Get("code")
	s.now = s.now.Add(time.Minute - time.Second)
	if status, got := s.redeem(first); status != http.StatusOK {
		t.Errorf("after 59 seconds: status %d, %+v", status, got)
	}
	s.now = s.now.Add(time.Second)
	if status, got := s.redeem(second); status != http.StatusBadRequest || got.Error != "invalid_grant" {
		t.Errorf("after 60 seconds: status %d, %+v", status, got)
	}
}

func TestTokenInfo(t *testing.T) {
	t.Parallel()
	s := newSite(t, clevertest.Config{})
	personal := s.ssoToken(s.Login(people(s.District())["student"].ID))
	type info struct {
		ClientID string `json:"client_id"`
		Scopes   []string
	}
	scopes := func(token string, status int) []string {
		w := ask(s.Server, "GET", "/oauth/tokeninfo", "Bearer "+token)
		got := decode[info](t, w.Body.Bytes())
		if w.Code != status || status == http.StatusOK && got.ClientID != "app" {
			t.Errorf("token info: status %d, %s", w.Code, w.Body)
		}
		return got.Scopes
	}
	_, listed := tokens(t, s.Server, "owner_type=district", "app", "secret")
	if diff := cmp.Diff(listed.Data[0].Scopes, scopes(s.Token(), http.StatusOK)); diff != "" {
		t.Errorf("of the district's token (-listed +got):\n%s", diff)
	}
	want := []string{"read:district_admins_basic", "read:school_admins_basic", "read:students_basic", "read:teachers_basic", "read:user_id"}
	if diff := cmp.Diff(want, scopes(personal, http.StatusOK)); diff != "" {
		t.Errorf("of a person's token (-want +got):\n%s", diff)
	}
	scopes("nonsense", http.StatusUnauthorized)
	scopes("", http.StatusUnauthorized)
}
