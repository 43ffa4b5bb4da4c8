package httpapi

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"cleversync/api/internal/auth"
	"cleversync/api/internal/connect"
	"cleversync/shared/clever"
	"cleversync/shared/clever/clevertest"
	"cleversync/shared/credential"
	"cleversync/shared/daemon"
	"cleversync/shared/dispatch"
	"cleversync/shared/postgres"
	"cleversync/shared/postgres/postgrestest"
	"cleversync/shared/queue"
	"cleversync/shared/queue/queuetest"
	"cleversync/shared/region"
	"cleversync/shared/seal"
)

// world is an API over a database and a queue of the test's own.
type world struct {
	t        *testing.T
	db       postgrestest.Database
	api      *API
	metrics  *prometheus.Registry
	logs     *journal
	operator string
	clever   *clevertest.Server
}

// newWorld makes the API with the real Postgres and Redis, and one operator's
// token.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, db: postgrestest.New(t), metrics: prometheus.NewRegistry(), logs: &journal{}}
	deliveries, err := queue.Open(queuetest.New(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { deliveries.Close() })
	log := daemon.Logger(w.logs, slog.LevelDebug, "api")
	if w.clever, err = clevertest.New(clevertest.Config{Students: 40}); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(w.clever)
	t.Cleanup(server.Close)
	client, err := clever.New(clever.Config{
		APIURL: server.URL, URL: server.URL, ClientID: w.clever.ClientID(), ClientSecret: clever.Secret(w.clever.ClientSecret()),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	keys, err := seal.ParseKeys("k:" + base64.StdEncoding.EncodeToString(make([]byte, 32)))
	if err != nil {
		t.Fatal(err)
	}
	logins, err := connect.New(connect.Config{
		Pool: w.db.Pool, Clever: client, Log: log, PublicURL: "https://sync.example.org",
		Tokens: credential.New(credential.Config{Pool: w.db.Pool, Clever: client, Keys: keys}),
	})
	if err != nil {
		t.Fatal(err)
	}
	w.api, err = New(Config{
		Pool: w.db.Pool, Log: log, Metrics: w.metrics, Regions: region.Builtin(),
		Dispatch: dispatch.New(dispatch.Config{Pool: w.db.Pool, Queue: deliveries, Log: log}),
		Connect:  logins,
		Health:   http.NotFoundHandler(),
		Queues:   http.HandlerFunc(queuesStandIn),
	})
	if err != nil {
		t.Fatal(err)
	}
	w.operator = w.storeToken(postgres.Token{Name: "Operator", Scope: postgres.ScopeOperator})
	return w
}

// queuesStandIn is a dashboard that greets, or fails where the test asks.
func queuesStandIn(rw http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/queues/panic" {
		panic("the dashboard broke")
	}
	fmt.Fprint(rw, "the queues")
}

// storeToken stores a token without the API's help.
func (w *world) storeToken(t postgres.Token) string {
	w.t.Helper()
	t.ID = uuid.New()
	secret := auth.NewToken()
	if _, err := postgres.CreateToken(w.t.Context(), w.db.Pool, t, auth.Hash(secret)); err != nil {
		w.t.Fatal(err)
	}
	return secret
}

// request is one call of the API.
type request struct {
	method, path, token, body string
	header                    http.Header
	from                      string
}

// reply is what the API answered.
type reply struct {
	status int
	header http.Header
	body   string
}

// do sends a request, and fails the test where the answer is not one that the
// description of the API announces.
func (w *world) do(r request) reply {
	w.t.Helper()
	req := httptest.NewRequestWithContext(w.t.Context(), r.method, r.path, strings.NewReader(r.body))
	if r.token != "" {
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	if r.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, values := range r.header {
		req.Header[name] = values
	}
	if r.from != "" {
		req.RemoteAddr = r.from
	}
	recorder := httptest.NewRecorder()
	w.api.ServeHTTP(recorder, req)
	got := reply{status: recorder.Code, header: recorder.Header(), body: recorder.Body.String()}
	w.checkDocumented(req, got)
	return got
}

// call is do as an operator.
func (w *world) call(method, path, body string) reply {
	w.t.Helper()
	return w.do(request{method: method, path: path, body: body, token: w.operator})
}

// into reads a JSON answer of the wanted status.
func (r reply) into(t *testing.T, status int, v any) {
	t.Helper()
	if r.status != status {
		t.Fatalf("status %d, want %d: %s", r.status, status, r.body)
	}
	if err := json.Unmarshal([]byte(r.body), v); err != nil {
		t.Fatalf("answer %q: %v", r.body, err)
	}
}

// problem reads an answer that must be a problem of this status and code.
func (r reply) problem(t *testing.T, status int, code string) Problem {
	t.Helper()
	var p Problem
	r.into(t, status, &p)
	if got := r.header.Get("Content-Type"); got != problemType {
		t.Errorf("content type %q, want %q", got, problemType)
	}
	if p.Code != code || p.Status != status || p.Title == "" || p.Detail == "" {
		t.Errorf("problem %+v, want code %s and status %d with title and detail", p, code, status)
	}
	return p
}

// places gives where a problem's faults are.
func (p Problem) places() []string {
	var places []string
	for _, e := range p.Errors {
		places = append(places, e.Location)
	}
	return distinct(places)
}

// newTenant makes an entitled tenant through the API.
func (w *world) newTenant() uuid.UUID {
	w.t.Helper()
	var created Tenant
	w.call("POST", "/v1/tenants", `{"name":"School","region":"uk","entitled":true}`).into(w.t, 201, &created)
	return created.ID
}

// connected makes a tenant whose connection is enabled and whole.
func (w *world) connected() uuid.UUID {
	w.t.Helper()
	id := w.newTenant()
	w.link(id, `{"district_id":"d1","grant":{"whole":true},"enabled":true,"whole_district":true}`)
	return id
}

func (w *world) link(id uuid.UUID, body string) Connection {
	w.t.Helper()
	var c Connection
	w.call("PUT", connectionPath(id), body).into(w.t, 200, &c)
	return c
}

// start begins a run of the tenant.
func (w *world) start(id uuid.UUID) Run {
	w.t.Helper()
	var run Run
	w.call("POST", runsPath(id), "").into(w.t, 202, &run)
	return run
}

func tenantURL(id uuid.UUID) string      { return "/v1/tenants/" + id.String() }
func connectionPath(id uuid.UUID) string { return tenantURL(id) + "/connection" }
func runsPath(id uuid.UUID) string       { return tenantURL(id) + "/runs" }

// exec runs a statement as the role of the programs.
func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	if _, err := w.db.Pool.Exec(w.t.Context(), sql, args...); err != nil {
		w.t.Fatal(err)
	}
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
