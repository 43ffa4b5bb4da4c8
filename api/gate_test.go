package main

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"cleversync/shared/postgres"
	"cleversync/shared/postgres/postgrestest"
)

func TestGate_OpensForTheRightDatabaseOnly(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	owners, err := postgres.Open(t.Context(), postgres.Options{URL: db.OwnerURL, MaxConns: 1, Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer owners.Close()
	answering := func(status int) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
	}
	g := &gate{closed: answering(503), open: answering(200)}
	ask := func() int {
		recorder := httptest.NewRecorder()
		g.ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), "GET", "/", nil))
		return recorder.Code
	}
	log := slog.New(slog.DiscardHandler)
	if got := ask(); got != 503 {
		t.Errorf("before the check: %d", got)
	}
	if err := g.openFor(t.Context(), log, owners); err == nil || ask() != 503 {
		t.Errorf("for a superuser's login: %v, then %d; want it refused and closed", err, ask())
	}
	if err := g.openFor(t.Context(), log, db.Pool); err != nil || ask() != 200 {
		t.Errorf("for ours: %v, then %d; want it open", err, ask())
	}
}
