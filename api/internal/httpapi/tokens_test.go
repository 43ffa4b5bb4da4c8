package httpapi

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"cleversync/shared/postgres"
)

func (w *world) createToken(body string) Token {
	w.t.Helper()
	var created Token
	w.call("POST", "/v1/tokens", body).into(w.t, 201, &created)
	return created
}

func TestTokens_CreateUseRevoke(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.newTenant()
	created := w.createToken(fmt.Sprintf(`{"name":"IT","scope":"tenant","tenant":%q,"expires_at":"2999-01-01T00:00:00Z"}`, id))
	if created.Name != "IT" || created.Scope != "tenant" || created.Tenant == nil || *created.Tenant != id ||
		created.ExpiresAt == nil || created.ExpiresAt.Year() != 2999 || !strings.HasPrefix(created.Token, "cs_") || len(created.Token) != 46 {
		t.Errorf("created %+v", created)
	}
	use := request{method: "GET", path: tenantURL(id), token: created.Token}
	if got := w.do(use); got.status != 200 {
		t.Errorf("used: %d %s", got.status, got.body)
	}
	for range 2 {
		if got := w.call("DELETE", "/v1/tokens/"+created.ID.String(), ""); got.status != 204 || got.body != "" {
			t.Errorf("revoked: %d %s", got.status, got.body)
		}
		w.do(use).problem(t, 401, "unauthorized")
	}
	w.call("DELETE", "/v1/tokens/"+uuid.NewString(), "").problem(t, 404, "unknown_token")

	operator := w.createToken(`{"name":"Second operator","scope":"operator"}`)
	if operator.Tenant != nil || operator.ExpiresAt != nil {
		t.Errorf("operator's token %+v", operator)
	}
	if got := w.do(request{method: "GET", path: "/v1/tenants", token: operator.Token}); got.status != 200 {
		t.Errorf("used: %d %s", got.status, got.body)
	}
}

func TestTokens_AreKeptAsHashes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	created := w.createToken(`{"name":"IT","scope":"operator"}`)
	var rows string
	err := w.db.Pool.QueryRow(t.Context(), `
		SELECT string_agg(t::text, ' ') || (SELECT string_agg(a::text, ' ') FROM sync.audit_log a)
		FROM sync.api_tokens t`).Scan(&rows)
	if err != nil {
		t.Fatal(err)
	}
	secret := strings.TrimPrefix(created.Token, "cs_")
	raw, err := base64.RawURLEncoding.DecodeString(secret)
	if err != nil || len(raw) != 32 {
		t.Fatalf("the token has %d random bytes, %v; want 32", len(raw), err)
	}
	if strings.Contains(rows, secret) || strings.Contains(rows, fmt.Sprintf("%x", raw)) || strings.Contains(w.logs.String(), secret) {
		t.Error("the token is in the database or in the log")
	}
}

func TestTokens_BadInput(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.newTenant()
	for body, want := range map[string][]string{
		`{"name":"","scope":"admin"}`:                                                    {"body.name", "body.scope"},
		`{"name":"a","scope":"tenant"}`:                                                  {"body.tenant"},
		`{"name":"a","scope":"tenant","expires_at":"2001-01-01T00:00:00Z"}`:              {"body.expires_at", "body.tenant"},
		`{"name":"a","scope":"operator","tenant":"` + id.String() + `"}`:                 {"body.tenant"},
		`{"name":"a","scope":"tenant","tenant":"` + uuid.NewString() + `"}`:              {"body.tenant"},
		`{"name":"a","scope":"tenant","tenant":"x"}`:                                     {"body.tenant"},
		`{"name":"a","scope":"operator","expires_at":"tomorrow"}`:                        {"body.expires_at"},
		`{"name":"a","scope":"operator","token":"cs_chosen","id":"` + id.String() + `"}`: {"body.id", "body.token"},
	} {
		p := w.call("POST", "/v1/tokens", body).problem(t, 422, "invalid_request")
		if diff := cmp.Diff(want, p.places()); diff != "" {
			t.Errorf("%s: places (-want +got):\n%s", body, diff)
		}
	}
}

func TestAuth_WaysToSignIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	expired := w.storeToken(postgres.Token{Name: "Old", Scope: postgres.ScopeOperator, ExpiresAt: time.Now().Add(-time.Second)})
	basic := func(user, password string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
	}
	for name, c := range map[string]struct {
		authorization string
		status        int
	}{
		"bearer":                 {"Bearer " + w.operator, 200},
		"bearer, lower case":     {"bearer " + w.operator, 200},
		"basic":                  {basic("anybody", w.operator), 200},
		"basic without a user":   {basic("", w.operator), 200},
		"nothing":                {"", 401},
		"another scheme":         {"Digest " + w.operator, 401},
		"the token as user":      {basic(w.operator, ""), 401},
		"expired":                {"Bearer " + expired, 401},
		"unknown":                {"Bearer cs_" + strings.Repeat("A", 43), 401},
		"not one of ours":        {"Bearer hunter2", 401},
		"cut":                    {"Bearer " + w.operator[:45], 401},
		"other case":             {"Bearer " + strings.ToUpper(w.operator), 401},
		"its hash":               {"Bearer cs_" + fmt.Sprintf("%x", w.operator), 401},
		"with a NUL and quote":   {"Bearer cs_\x00'", 401},
		"two tokens in one line": {"Bearer " + w.operator + " " + w.operator, 401},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := w.do(request{method: "GET", path: "/v1/tenants", header: http.Header{"Authorization": {c.authorization}},
				from: "198.51.100." + strconv.Itoa(len(name)) + ":1000"})
			if got.status != c.status {
				t.Fatalf("status %d, want %d: %s", got.status, c.status, got.body)
			}
			if c.status == 401 {
				got.problem(t, 401, "unauthorized")
				if challenge := got.header.Get("WWW-Authenticate"); !strings.HasPrefix(challenge, "Bearer ") {
					t.Errorf("challenge %q", challenge)
				}
			}
		})
	}
}

func TestAuth_GuessingIsLimited(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	good := w.storeToken(postgres.Token{Name: "Good", Scope: postgres.ScopeOperator})
	later := w.storeToken(postgres.Token{Name: "Later", Scope: postgres.ScopeOperator})
	try := func(token, from string) reply {
		return w.do(request{method: "GET", path: "/v1/tenants", token: token, from: from})
	}
	const here, elsewhere = "[2001:db8:0:1::1]:1000", "[2001:db8:0:2::1]:1000"
	if got := try(good, elsewhere); got.status != 200 {
		t.Fatalf("good token: %d", got.status)
	}
	for i := range 10 {
		try([]string{"cs_guess", "guess"}[i%2], here).problem(t, 401, "unauthorized")
	}
	for _, neighbour := range []string{here, "[2001:db8:0:1::2]:2000"} {
		got := try("cs_guess", neighbour)
		got.problem(t, 429, "too_many_attempts")
		if seconds, err := strconv.Atoi(got.header.Get("Retry-After")); err != nil || seconds < 1 || seconds > 6 {
			t.Errorf("Retry-After %q, want 1 to 6 seconds", got.header.Get("Retry-After"))
		}
	}
	try(later, here).problem(t, 429, "too_many_attempts")
	if got := try(good, here); got.status != 200 {
		t.Errorf("a token that was good lately: %d, want it not locked out by its neighbours", got.status)
	}
	if got := try(later, elsewhere); got.status != 200 {
		t.Errorf("from another address: %d, want 200", got.status)
	}
	if got := w.do(request{method: "GET", path: "/v1/tenants", from: here}); got.status != 401 {
		t.Errorf("without a token: %d, want 401", got.status)
	}
}
