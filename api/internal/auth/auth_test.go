package auth_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"cleversync/api/internal/auth"
	"cleversync/shared/postgres"
	"cleversync/shared/postgres/postgrestest"
	"cleversync/shared/tenant"
)

func store(t *testing.T, pool *pgxpool.Pool, token postgres.Token) string {
	t.Helper()
	secret := auth.NewToken()
	if _, err := postgres.CreateToken(t.Context(), pool, token, auth.Hash(secret)); err != nil {
		t.Fatal(err)
	}
	return secret
}

func bearer(t *testing.T, token string) *http.Request {
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	return r
}

func TestAuthenticate(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	owner, err := postgres.CreateTenant(t.Context(), db.Pool, tenant.Tenant{ID: uuid.New(), Name: "School", Region: "uk"})
	if err != nil {
		t.Fatal(err)
	}
	stored := postgres.Token{ID: uuid.New(), Name: "IT", Scope: postgres.ScopeTenant, Tenant: owner.ID, ExpiresAt: time.Now().Add(time.Hour)}
	secret := store(t, db.Pool, stored)
	a := auth.New(db.Pool)

	got, err := a.Authenticate(t.Context(), bearer(t, secret))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(auth.Principal{Token: stored.ID, Name: "IT", Scope: postgres.ScopeTenant, Tenant: owner.ID}, got); diff != "" {
		t.Errorf("principal (-want +got):\n%s", diff)
	}
	if !got.May(owner.ID) || got.May(uuid.New()) || got.May(uuid.Nil) || got.Operator() {
		t.Errorf("%+v may more or less than its tenant", got)
	}
	if _, err := postgres.RevokeToken(t.Context(), db.Pool, stored.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Authenticate(t.Context(), bearer(t, secret)); !errors.Is(err, auth.ErrRefused) {
		t.Errorf("revoked: %v, want ErrRefused at once", err)
	}
}

func TestPrincipal_NobodyMayNothing(t *testing.T) {
	t.Parallel()
	var nobody auth.Principal
	if nobody.Operator() || nobody.May(uuid.Nil) || nobody.May(uuid.New()) {
		t.Error("the zero principal may something")
	}
	operator := auth.Principal{Scope: postgres.ScopeOperator}
	if !operator.Operator() || !operator.May(uuid.New()) {
		t.Error("an operator may not do everything")
	}
}

func TestNewToken_IsLongAndNew(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 1000 {
		token := auth.NewToken()
		if seen[token] || len(token) != 46 || !strings.HasPrefix(token, "cs_") {
			t.Fatalf("token of %d characters, seen before: %t", len(token), seen[token])
		}
		seen[token] = true
	}
}
