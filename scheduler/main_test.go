package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"cleversync/shared/daemon"
	"cleversync/shared/postgres/postgrestest"
	"cleversync/shared/queue"
	"cleversync/shared/queue/queuetest"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// environment is that of a scheduler in a hurry.
func environment(database, redis string, more map[string]string) func(string) string {
	vars := map[string]string{
		"ADDR": "127.0.0.1:0", "LOG_LEVEL": "ERROR", "DATABASE_URL": database, "REDIS_URL": redis, "DATABASE_MAX_CONNS": "5",
		"PLAN_INTERVAL": "20ms", "DISPATCH_INTERVAL": "20ms", "SWEEP_INTERVAL": "20ms", "PRUNE_INTERVAL": "20ms", "GAUGE_INTERVAL": "20ms",
		"LEASE": "2s", "REGIONS": "uk",
	}
	for name, value := range more {
		vars[name] = value
	}
	return func(name string) string { return vars[name] }
}

// start runs the program until the test or the returned stop ends it, and gives
// its base address.
func start(t *testing.T, getenv func(string) string) (base string, stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	addr, ended := make(chan string, 1), make(chan error, 1)
	go func() { ended <- run(ctx, getenv, func(a string) { addr <- a }) }()
	t.Cleanup(cancel)
	stop = func() error {
		cancel()
		return <-ended
	}
	select {
	case a := <-addr:
		return "http://" + a, stop
	case err := <-ended:
		t.Fatalf("the program ended: %v", err)
		return "", nil
	}
}

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	must(t, err)
	resp, err := http.DefaultClient.Do(req)
	must(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	must(t, err)
	return resp.StatusCode, string(text)
}

func TestRun_answersAndStops(t *testing.T) {
	t.Parallel()
	base, stop := start(t, environment(postgrestest.New(t).URL, queuetest.New(t), nil))
	for path, want := range map[string]string{"/healthz": `"ok"`, "/readyz": `"ready"`, "/metrics": "cleversync_build_info"} {
		if status, body := get(t, base+path); status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	must(t, stop())
}

// A run begins in Postgres, so a scheduler is of use without Redis.
func TestRun_readyWithoutRedis(t *testing.T) {
	t.Parallel()
	base, stop := start(t, environment(postgrestest.New(t).URL, "redis://127.0.0.1:1", nil))
	for _, path := range []string{"/healthz", "/readyz"} {
		if status, body := get(t, base+path); status != http.StatusOK {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	must(t, stop())
}

// Without Postgres it starts, waits, and says so.
func TestRun_waitsForPostgres(t *testing.T) {
	t.Parallel()
	base, stop := start(t, environment("postgres://app:secret@127.0.0.1:1/none", queuetest.New(t), nil))
	if status, body := get(t, base+"/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(body, "postgres") || strings.Contains(body, "secret") {
		t.Errorf("readyz: %d %s", status, body)
	}
	if status, body := get(t, base+"/healthz"); status != http.StatusOK {
		t.Errorf("healthz: %d %s", status, body)
	}
	must(t, stop())
}

func TestRun_refuses(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	old := postgrestest.New(t)
	owner, err := pgx.Connect(t.Context(), old.OwnerURL)
	must(t, err)
	defer owner.Close(t.Context())
	_, err = owner.Exec(t.Context(), `DELETE FROM sync.goose_migrations WHERE version_id = (SELECT max(version_id) FROM sync.goose_migrations)`)
	must(t, err)
	for name, c := range map[string]struct{ url, says string }{
		"an older schema":  {old.URL, "is older than"},
		"a superuser":      {db.OwnerURL, "superuser"},
		"a wrong password": {strings.Replace(db.URL, "cleversync_app:", "cleversync_app:x", 1), "reach postgres"},
	} {
		t.Run(name, func(t *testing.T) {
			err := run(t.Context(), environment(c.url, "redis://127.0.0.1:1", nil), nil)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want an error that says %q", err, c.says)
			}
		})
	}
}

// Two whole programs: what is due reaches the queue, each tenant once.
func TestRun_scheduledRunsReachTheQueue(t *testing.T) {
	t.Parallel()
	db, redis := postgrestest.New(t), queuetest.New(t)
	const tenants = 30
	ids := make([]uuid.UUID, tenants)
	for i := range ids {
		ids[i] = uuid.Must(uuid.NewV7())
	}
	for _, sql := range []string{
		`INSERT INTO sync.districts (id) SELECT 'd' WHERE $1::uuid[] IS NOT NULL`,
		`INSERT INTO sync.tenants (id, name, region, entitled, next_due_at) SELECT unnest($1::uuid[]), 'School', 'uk', true, clock_timestamp()`,
		`INSERT INTO sync.connections (tenant_id, district_id, enabled, grant_whole, whole, linked_by) SELECT unnest($1::uuid[]), 'd', true, true, true, 'test'`,
	} {
		_, err := db.Pool.Exec(t.Context(), sql, ids)
		must(t, err)
	}
	_, stopOne := start(t, environment(db.URL, redis, nil))
	_, stopTwo := start(t, environment(db.URL, redis, nil))
	tasks, err := queue.Open(redis)
	must(t, err)
	defer tasks.Close()
	pending := func() (n int) {
		t.Helper()
		depths, err := tasks.Depths(t.Context())
		must(t, err)
		for _, d := range depths {
			n += d.Tasks["pending"]
		}
		return n
	}
	for pending() < tenants {
		must(t, t.Context().Err())
	}
	must(t, stopOne())
	must(t, stopTwo())
	var runs, windows int
	must(t, db.Pool.QueryRow(t.Context(), `SELECT count(*), count(DISTINCT (tenant_id, window_key)) FROM sync.runs`).Scan(&runs, &windows))
	if n := pending(); runs != tenants || windows != tenants || n != tenants {
		t.Errorf("%d runs of %d windows, %d tasks, want %d of each", runs, windows, n, tenants)
	}
}

func TestConfig_defaultsAreGood(t *testing.T) {
	t.Parallel()
	c, err := daemon.Parse[Config](func(name string) string {
		return map[string]string{"DATABASE_URL": "postgres://x", "REDIS_URL": "redis://x"}[name]
	})
	must(t, err)
	if len(c.regions) != 3 || c.Lease != 45*time.Second {
		t.Errorf("got %+v", c)
	}
}

func TestConfig_allFaultsAtOnce(t *testing.T) {
	t.Parallel()
	_, err := daemon.Parse[Config](func(name string) string {
		return map[string]string{
			"REGIONS": "uk,mars", "REGION_WINDOWS": "au=8h,18h,24h", "PLAN_INTERVAL": "0s", "LEASE": "2s", "SWEEP_INTERVAL": "5s",
			"START_LIMIT": "0", "IN_FLIGHT": "many", "DATABASE_MAX_CONNS": "1", "PAGE_SIZE": "20000", "STATEMENT_TIMEOUT": "1h", "TRUNCATE_ABOVE": "-1",
		}[name]
	})
	misuse, ok := errors.AsType[*daemon.Misuse](err)
	if !ok {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{
		"DATABASE_URL: is required", "REDIS_URL: is required", `unknown region "mars"`, "which is not served", "PLAN_INTERVAL: must be positive",
		"SWEEP_INTERVAL: must be less than LEASE", "START_LIMIT: must be at least 1", "IN_FLIGHT: cannot be read", "DATABASE_MAX_CONNS: must be at least",
		"PAGE_SIZE: must be at most", "STATEMENT_TIMEOUT: must be at most", "TRUNCATE_ABOVE: must not be negative",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no fault says %q in: %v", want, err)
		}
	}
	if len(misuse.Faults) != 11 {
		t.Errorf("%d faults, want 11: %v", len(misuse.Faults), err)
	}
}
