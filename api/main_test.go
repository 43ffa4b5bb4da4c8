package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"cleversync/shared/postgres/postgrestest"
	"cleversync/shared/queue/queuetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// program is the api running as in production, but for its port.
type program struct {
	t    *testing.T
	base string
	logs *journal
	stop func() error
}

func environment(values map[string]string) func(string) string {
	return func(name string) string { return values[name] }
}

// begin runs the program until the test stops it or ends.
func begin(t *testing.T, env map[string]string) *program {
	t.Helper()
	env["ADDR"] = "127.0.0.1:0"
	ctx, cancel := context.WithCancel(t.Context())
	p := &program{t: t, logs: &journal{}}
	listening, ended := make(chan string, 1), make(chan error, 1)
	go func() {
		ended <- run(ctx, environment(env), p.logs, func(addr string) { listening <- addr })
	}()
	select {
	case addr := <-listening:
		p.base = "http://" + addr
	case err := <-ended:
		t.Fatalf("run: %v", err)
	}
	p.stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() { p.stop() })
	return p
}

// get asks as whoever has the token, "" for nobody.
func (p *program) get(path, token string) (status int, body string) {
	p.t.Helper()
	return p.send("GET", path, token)
}

func (p *program) send(method, path, token string) (status int, body string) {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), method, p.base+path, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	if token != "" {
		r.SetBasicAuth("", token)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// await asks until the answer has the status; the test's own time limit ends it.
func (p *program) await(path string, status int) {
	p.t.Helper()
	for p.t.Context().Err() == nil {
		if got, _ := p.get(path, ""); got == status {
			return
		}
	}
}

func TestRun_ServesAndStops(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	env := valid()
	env["DATABASE_URL"], env["REDIS_URL"] = db.URL, queuetest.New(t)
	p := begin(t, env)
	p.await("/readyz", 200)
	p.await("/docs", 200)
	if status, body := p.get("/healthz", ""); status != 200 {
		t.Errorf("healthz: %d %s", status, body)
	}
	if status, body := p.get("/metrics", ""); status != 200 || !strings.Contains(body, "cleversync_api_requests_total{") ||
		!strings.Contains(body, "cleversync_postgres_connections_max 10") {
		t.Errorf("metrics: %d", status)
	}

	var stdout bytes.Buffer
	if err := command(t.Context(), []string{"create-token", "-name", "First"}, environment(env), &stdout, io.Discard); err != nil {
		t.Fatal(err)
	}
	token := strings.TrimSpace(stdout.String())
	if status, body := p.get("/v1/tenants", token); status != 200 || strings.Count(stdout.String(), "\n") != 1 {
		t.Errorf("with the printed token: %d %s", status, body)
	}
	p.looksAtQueues(token)

	if err := p.stop(); err != nil {
		t.Errorf("stopped: %v", err)
	}
	for line := range strings.Lines(p.logs.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("log line is no JSON: %s", line)
		}
	}
	if password, _ := mustParse(t, db.URL).User.Password(); strings.Contains(p.logs.String(), password) || strings.Contains(p.logs.String(), token) {
		t.Error("the log has a secret")
	}
}

// looksAtQueues asks asynq's dashboard itself: it must be there, for operators,
// for reading only.
func (p *program) looksAtQueues(token string) {
	p.t.Helper()
	if status, _ := p.get("/queues", ""); status != 401 {
		p.t.Errorf("queues for anybody: %d", status)
	}
	for _, path := range []string{"/queues", "/queues/", "/queues/queues/fetch"} {
		if status, body := p.get(path, token); status != 200 || !strings.Contains(body, "<html") {
			p.t.Errorf("%s: %d %s", path, status, body)
		}
	}
	if status, body := p.get("/queues/api/queues", token); status != 200 || !strings.Contains(body, `"queues"`) {
		p.t.Errorf("the dashboard's data: %d %s", status, body)
	}
	if status, _ := p.send("POST", "/queues/api/queues/fetch:pause", token); status != 405 {
		p.t.Errorf("pausing a queue: %d, want it refused", status)
	}
}

func TestRun_RefusesTheWrongDatabase(t *testing.T) {
	t.Parallel()
	redis := queuetest.New(t)
	older := postgrestest.New(t)
	owner, err := pgx.Connect(t.Context(), older.OwnerURL)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := owner.Exec(t.Context(), `DELETE FROM sync.goose_migrations WHERE version_id = (SELECT max(version_id) FROM sync.goose_migrations)`); err != nil {
		t.Fatal(err)
	}
	owner.Close(t.Context())
	missing := mustParse(t, older.URL)
	missing.Path = "/no_such_database"
	stranger := mustParse(t, older.URL)
	stranger.User = url.UserPassword("cleversync_app", "wrong")
	cases := map[string]struct{ database, want string }{
		"older schema": {older.URL, "which this build needs"},
		"superuser":    {older.OwnerURL, "superuser or bypasses row level security"},
		"no database":  {missing.String(), "no_such_database"},
		"wrong login":  {stranger.String(), "password authentication failed"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := valid()
			env["ADDR"], env["DATABASE_URL"], env["REDIS_URL"] = "127.0.0.1:0", c.database, redis
			err := run(t.Context(), environment(env), io.Discard, nil)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("run: %v, want an error with %q", err, c.want)
			}
			if err := createToken(t.Context(), []string{"-name", "x"}, environment(env), io.Discard); err == nil {
				t.Error("a token was made")
			}
		})
	}
}

// TestRun_WaitsForTheDatabase starts the program before its database: it lives
// and says what it waits for, and serves once the database is there.
func TestRun_WaitsForTheDatabase(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	behind := mustParse(t, db.URL)
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	there := mustParse(t, db.URL)
	there.Host = listener.Addr().String()
	listener.Close()

	env := valid()
	env["DATABASE_URL"], env["REDIS_URL"] = there.String(), "redis://127.0.0.1:1/0"
	p := begin(t, env)
	if status, _ := p.get("/healthz", ""); status != 200 {
		t.Errorf("healthz: %d", status)
	}
	if status, body := p.get("/readyz", ""); status != 503 || !strings.Contains(body, `"postgres":"failed"`) {
		t.Errorf("readyz: %d %s", status, body)
	}
	if status, body := p.get("/v1/tenants", "cs_x"); status != 503 || !strings.Contains(body, `"code":"unavailable"`) {
		t.Errorf("tenants: %d %s", status, body)
	}
	stop := forward(t, there.Host, behind.Host)
	p.await("/readyz", 200)
	p.await("/docs", 200)
	if status, _ := p.get("/v1/tenants", "cs_x"); status != 401 {
		t.Errorf("tenants: %d, want it to look for the token", status)
	}
	if err := p.stop(); err != nil {
		t.Errorf("stopped: %v", err)
	}
	stop()
}

// forward passes connections on until it is stopped.
func forward(t *testing.T, from, to string) (stop func()) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", from)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			here, err := listener.Accept()
			if err != nil {
				return
			}
			there, err := new(net.Dialer).DialContext(t.Context(), "tcp", to)
			if err != nil {
				here.Close()
				continue
			}
			wg.Go(func() { defer there.Close(); io.Copy(there, here) })
			wg.Go(func() { defer here.Close(); io.Copy(here, there) })
		}
	})
	return func() {
		listener.Close()
		wg.Wait()
	}
}

func mustParse(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// journal is a log that can be read while it is written.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.String()
}
