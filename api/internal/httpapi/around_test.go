package httpapi

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"cleversync/shared/daemon"
	"cleversync/shared/postgres"
	"cleversync/shared/region"
)

func TestHeaders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for path, policy := range map[string]string{
		"/v1/tenants": "default-src 'none'; frame-ancestors 'none'", "/nothing": "default-src 'none'; frame-ancestors 'none'",
		"/docs": docsPolicy, "/queues": queuesPolicy, "/queues/x/y": queuesPolicy,
	} {
		got := w.call("GET", path, "")
		if diff := cmp.Diff(policy, got.header.Get("Content-Security-Policy")); diff != "" {
			t.Errorf("policy of %s (-want +got):\n%s", path, diff)
		}
		if got.header.Get("X-Content-Type-Options") != "nosniff" || got.header.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: headers %v", path, got.header)
		}
	}
	if strings.Contains(docsPolicy, "unsafe") || strings.Contains(docsPolicy, "script-src") {
		t.Errorf("the docs' policy allows script: %s", docsPolicy)
	}
	if got := w.call("GET", "/v1/tenants", "").header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control %q, want no-store", got)
	}
}

func TestQueues_ForOperatorsOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.storeToken(postgres.Token{Name: "IT", Scope: postgres.ScopeTenant, Tenant: w.newTenant()})
	for _, path := range []string{"/queues", "/queues/", "/queues/api/queues"} {
		got := w.do(request{method: "GET", path: path})
		got.problem(t, 401, "unauthorized")
		if challenge := got.header.Get("WWW-Authenticate"); !strings.HasPrefix(challenge, "Basic realm=") {
			t.Errorf("challenge %q: a browser would not ask", challenge)
		}
		w.do(request{method: "GET", path: path, token: tenant}).problem(t, 403, "forbidden")
		if got := w.call("GET", path, ""); got.status != 200 || got.body != "the queues" {
			t.Errorf("%s as operator: %d %s", path, got.status, got.body)
		}
	}
}

func TestCrossOrigin_IsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.connected()
	post := func(header http.Header) reply {
		return w.do(request{method: "POST", path: runsPath(id), token: w.operator, header: header})
	}
	post(http.Header{"Sec-Fetch-Site": {"cross-site"}}).problem(t, 403, "cross_origin")
	post(http.Header{"Origin": {"https://evil.example"}}).problem(t, 403, "cross_origin")
	if got := post(http.Header{"Sec-Fetch-Site": {"same-origin"}}); got.status != 202 {
		t.Errorf("same origin: %d %s", got.status, got.body)
	}
}

func TestFailures_AreFoundByReferenceOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.connected()
	run := w.start(id)
	owner, err := postgres.Open(t.Context(), postgres.Options{URL: w.db.OwnerURL, MaxConns: 1, Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close()
	if _, err := owner.Exec(t.Context(), `ALTER TABLE sync.run_issues RENAME TO run_issues_gone`); err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string]reply{
		"a broken table": w.call("GET", runsPath(id)+"/"+run.ID.String()+"/issues.csv", ""),
		"a panic":        w.call("GET", "/queues/panic", ""),
	} {
		p := got.problem(t, 500, "internal")
		if p.Reference == "" || !strings.Contains(w.logs.String(), p.Reference) {
			t.Errorf("%s: reference %q is not in the log", name, p.Reference)
		}
		for _, inside := range []string{"run_issues", "relation", "SQLSTATE", "broke", "goroutine", ".go:"} {
			if strings.Contains(got.body, inside) {
				t.Errorf("%s: the answer shows %q: %s", name, inside, got.body)
			}
		}
	}
	if !strings.Contains(w.logs.String(), "run_issues") || !strings.Contains(w.logs.String(), "the dashboard broke") {
		t.Error("the log does not say what happened")
	}
}

func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	pool, err := postgres.Open(t.Context(), postgres.Options{URL: "postgres://nobody:secret@127.0.0.1:1/none", MaxConns: 2, Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	api, err := New(Config{
		Pool: pool, Log: daemon.Logger(&journal{}, slog.LevelInfo, "api"), Metrics: prometheus.NewRegistry(),
		Regions: region.Builtin(), Health: http.NotFoundHandler(), Queues: http.NotFoundHandler(),
	})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/v1/tenants", nil)
	r.Header.Set("Authorization", "Bearer cs_x")
	recorder := httptest.NewRecorder()
	api.ServeHTTP(recorder, r)
	got := reply{status: recorder.Code, header: recorder.Header(), body: recorder.Body.String()}
	got.problem(t, 503, "unavailable")
	if got.header.Get("Retry-After") == "" || strings.Contains(got.body, "127.0.0.1") || strings.Contains(got.body, "secret") {
		t.Errorf("%v %s", got.header, got.body)
	}
}

func TestClosed(t *testing.T) {
	t.Parallel()
	health := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	for path, status := range map[string]int{"/healthz": 418, "/readyz": 418, "/metrics": 418, "/v1/tenants": 503, "/docs": 503, "/": 503} {
		recorder := httptest.NewRecorder()
		Closed(health).ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), "GET", path, nil))
		if recorder.Code != status {
			t.Errorf("%s: %d, want %d", path, recorder.Code, status)
		}
	}
}

func TestMetrics_HaveBoundedLabels(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.call("GET", tenantURL(uuid.New()), "")
	w.call("GET", tenantURL(uuid.New()), "")
	w.call("GET", "/v1/"+uuid.NewString(), "")
	w.call("BREW", "/v1/tenants", "")
	w.call("GET", "/queues/deep/"+uuid.NewString(), "")
	w.call("GET", "/queues/panic", "")
	got := map[string]float64{}
	families, err := w.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != "cleversync_api_requests_total" {
			continue
		}
		for _, m := range family.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetValue())
			}
			got[strings.Join(labels, " ")] = m.GetCounter().GetValue()
		}
	}
	want := map[string]float64{
		"GET /v1/tenants/{tenant} 404": 2, "GET none 404": 1, "other none 405": 1, "GET /queues/ 200": 1, "GET /queues/ 500": 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestAudit_KeepsEveryAct(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.connected()
	w.call("PATCH", tenantURL(id), `{"name":"New"}`)
	token := w.createToken(`{"name":"IT","scope":"tenant","tenant":"` + id.String() + `"}`)
	as := func(method, path, body string) reply {
		return w.do(request{method: method, path: path, body: body, token: token.Token})
	}
	as("PATCH", connectionPath(id), `{"options":{"sync_classroom_data":false}}`)
	var run Run
	as("POST", runsPath(id), "").into(t, 202, &run)
	as("POST", runsPath(id)+"/"+run.ID.String()+"/cancel", "")
	w.call("DELETE", "/v1/tokens/"+token.ID.String(), "")

	// What is refused or only read leaves no trace.
	as("PATCH", connectionPath(id), `{"enabled":false}`).problem(t, 401, "unauthorized")
	w.call("PUT", connectionPath(id), `{}`)
	w.call("GET", tenantURL(id), "")

	rows, err := w.db.Pool.Query(t.Context(), `SELECT actor, act, tenant_id, details FROM sync.audit_log ORDER BY id`)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for rows.Next() {
		var actor, kind string
		var tenant *uuid.UUID
		var details map[string]any
		if err := rows.Scan(&actor, &kind, &tenant, &details); err != nil {
			t.Fatal(err)
		}
		if tenant == nil || *tenant != id || details["token"] == nil {
			text, _ := json.Marshal(details)
			t.Errorf("%s: tenant %v, details %s", kind, tenant, text)
		}
		got = append(got, actor+": "+kind)
	}
	want := []string{
		"Operator: tenant_created", "Operator: connection_linked", "Operator: tenant_changed", "Operator: token_created",
		"IT: connection_changed", "IT: run_started", "IT: run_cancelled", "Operator: token_revoked",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("acts (-want +got):\n%s", diff)
	}
}
