package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"cleversync/shared/daemon"
	"cleversync/shared/postgres/postgrestest"
	"cleversync/shared/queue/queuetest"
)

func environment(t *testing.T) map[string]string {
	t.Helper()
	return map[string]string{
		"ADDR": "127.0.0.1:0", "DATABASE_URL": postgrestest.New(t).URL, "REDIS_URL": queuetest.New(t),
		"ENCRYPTION_KEYS":  "k:" + base64.StdEncoding.EncodeToString([]byte(rand.Text() + rand.Text())[:32]),
		"CLEVER_CLIENT_ID": "id", "CLEVER_CLIENT_SECRET": "secret",
	}
}

func getenv(environment map[string]string) func(string) string {
	return func(name string) string { return environment[name] }
}

func TestRun_startsAnswersAndStops(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	addr, ended := make(chan string, 1), make(chan error, 1)
	env := environment(t)
	go func() { ended <- run(ctx, getenv(env), func(a string) { addr <- a }) }()
	select {
	case base := <-addr:
		for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
			response, err := http.Get("http://" + base + path)
			if err != nil {
				t.Fatal(err)
			}
			if response.StatusCode != http.StatusOK {
				t.Errorf("%s answers %s", path, response.Status)
			}
			if err := response.Body.Close(); err != nil {
				t.Error(err)
			}
		}
	case err := <-ended:
		t.Fatalf("ended before it listened: %v", err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("did not stop cleanly: %v", err)
	}
}

func TestRun_refusesAnOlderSchemaAndTheOwner(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	env := map[string]string{
		"ADDR": "127.0.0.1:0", "DATABASE_URL": db.OwnerURL, "REDIS_URL": "redis://127.0.0.1:1/0", "ENCRYPTION_KEYS": "k:" + base64.StdEncoding.EncodeToString(make([]byte, 32)),
		"CLEVER_CLIENT_ID": "id", "CLEVER_CLIENT_SECRET": "secret",
	}
	if err := run(t.Context(), getenv(env), nil); err == nil || !strings.Contains(err.Error(), "superuser") {
		t.Errorf("as superuser: %v, want it refused", err)
	}
	env["DATABASE_URL"] = db.URL
	owner, err := pgx.Connect(t.Context(), db.OwnerURL)
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close(context.WithoutCancel(t.Context()))
	if _, err := owner.Exec(t.Context(), `DELETE FROM sync.goose_migrations WHERE version_id > 1`); err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), getenv(env), nil); err == nil || !strings.Contains(err.Error(), "older than") {
		t.Errorf("on an older schema: %v, want it refused with the version", err)
	}
}

func TestConfig_allFaultsAtOnce(t *testing.T) {
	t.Parallel()
	_, err := daemon.Parse[Config](getenv(map[string]string{
		"FETCH_CONCURRENCY": "0", "APPLY_CONCURRENCY": "0", "HEARTBEAT": "40s", "ENCRYPTION_KEYS": "nonsense", "SLICE": "soon", "FETCH_PER_DISTRICT": "31",
	}))
	misuse, ok := errors.AsType[*daemon.Misuse](err)
	if !ok {
		t.Fatalf("error = %v, want every fault", err)
	}
	text := misuse.Error()
	for _, name := range []string{"DATABASE_URL", "REDIS_URL", "CLEVER_CLIENT_ID", "CLEVER_CLIENT_SECRET", "FETCH_CONCURRENCY", "HEARTBEAT", "ENCRYPTION_KEYS", "SLICE", "FETCH_PER_DISTRICT"} {
		if !strings.Contains(text, name) {
			t.Errorf("%s is not reported in %q", name, text)
		}
	}
}

func TestConfig_printsNoSecret(t *testing.T) {
	t.Parallel()
	env := map[string]string{
		"DATABASE_URL": "postgres://u:hunter2@h/d", "REDIS_URL": "redis://:hunter2@h:1/0",
		"ENCRYPTION_KEYS": "k:" + base64.StdEncoding.EncodeToString([]byte("hunter2hunter2hunter2hunter2hunt")), "CLEVER_CLIENT_ID": "id", "CLEVER_CLIENT_SECRET": "hunter2",
	}
	config, err := daemon.Parse[Config](getenv(env))
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"%v", "%+v", "%#v"} {
		if text := fmt.Sprintf(format, config); strings.Contains(text, "hunter2") || strings.Contains(text, "aHVudGVy") {
			t.Errorf("%s shows a secret", format)
		}
	}
}
