package clevertest_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"cleversync/shared/clever/clevertest"

	"github.com/google/go-cmp/cmp"
)

type tokenList struct {
	Data []struct {
		ID, Created string
		Owner       struct{ Type, ID string }
		AccessToken string `json:"access_token"`
		Scopes      []string
	}
	Links            []link
	Error            string
	ErrorDescription string `json:"error_description"`
}

func tokens(t *testing.T, s *clevertest.Server, query, id, password string) (*httptest.ResponseRecorder, tokenList) {
	t.Helper()
	r := httptest.NewRequest("GET", "/oauth/tokens?"+query, nil)
	r.SetBasicAuth(id, password)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w, decode[tokenList](t, w.Body.Bytes())
}

func TestTokens_ListsTheDistrict(t *testing.T) {
	t.Parallel()
	s, err := clevertest.New(clevertest.Config{Students: 10, Seed: 5})
	if err != nil {
		t.Fatal(err)
	}
	district := s.District().ID()
	for query, self := range map[string]string{
		"owner_type=district":                           "/oauth/tokens?owner_type=district",
		"district=" + district:                          "/oauth/tokens?owner_type=district&district=" + district,
		"district=" + district + "&owner_type=district": "/oauth/tokens?owner_type=district&district=" + district,
	} {
		w, got := tokens(t, s, query, s.ClientID(), s.ClientSecret())
		if w.Code != http.StatusOK || w.Header().Get("X-Ratelimit-Limit") != "" {
			t.Errorf("%s: status %d, headers %v", query, w.Code, w.Header())
		}
		if diff := cmp.Diff([]link{{"self", self}}, got.Links); diff != "" {
			t.Errorf("%s: links (-want +got):\n%s", query, diff)
		}
		if len(got.Data) != 1 || got.Data[0].AccessToken != s.Token() || got.Data[0].Owner.ID != district ||
			got.Data[0].Owner.Type != "district" || len(got.Data[0].Scopes) == 0 || len(got.Data[0].AccessToken) != 40 {
			t.Errorf("%s: data %+v", query, got.Data)
		}
	}
	if _, got := tokens(t, s, "district=0123456789abcdef01234567", s.ClientID(), s.ClientSecret()); got.Data == nil || len(got.Data) != 0 {
		t.Errorf("another district: data %+v", got.Data)
	}
}

func TestTokens_Refusals(t *testing.T) {
	t.Parallel()
	s := simulator(t, clevertest.Config{Students: 10, ClientID: "app", ClientSecret: "secret"})
	for _, c := range []struct {
		query, id, password string
		status              int
		code                string
	}{
		{"owner_type=district", "app", "wrong", 401, "invalid_client"},
		{"owner_type=district", "other", "secret", 401, "invalid_client"},
		{"owner_type=district", "", "", 401, "invalid_client"},
		{"owner_type=user", "app", "secret", 400, "invalid_request"},
		{"", "app", "secret", 400, "invalid_request"},
	} {
		w, got := tokens(t, s, c.query, c.id, c.password)
		if w.Code != c.status || got.Error != c.code || got.ErrorDescription == "" {
			t.Errorf("%q as %s: status %d, %+v", c.query, c.id, w.Code, got)
		}
	}
}

func TestTokens_RotationAndDisconnection(t *testing.T) {
	t.Parallel()
	s := simulator(t, clevertest.Config{Students: 10, ClientID: "app", ClientSecret: "secret"})
	status := func(token string) int { return ask(s, "GET", "/v3.1/schools", "Bearer "+token).Code }
	listed := func() (all []string) {
		_, got := tokens(t, s, "owner_type=district", "app", "secret")
		for _, d := range got.Data {
			all = append(all, d.AccessToken)
		}
		return all
	}
	first := s.Token()
	second := s.RotateToken()
	if first == second || status(first) != 401 || status(second) != 200 {
		t.Errorf("after rotation: old %d, new %d", status(first), status(second))
	}
	if diff := cmp.Diff([]string{second}, listed()); diff != "" {
		t.Errorf("token list (-want +got):\n%s", diff)
	}
	s.Disconnect()
	if status(second) != 401 || len(listed()) != 0 {
		t.Errorf("after disconnection: status %d, listed %v", status(second), listed())
	}
	third := s.RotateToken()
	if third == second || status(second) != 401 || status(third) != 200 || len(listed()) != 1 {
		t.Errorf("after reconnection: old %d, new %d, listed %v", status(second), status(third), listed())
	}
}
