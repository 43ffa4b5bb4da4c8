package httpapi

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

func TestTenants_CreateReadChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.call("POST", "/v1/tenants", `{"name":"  Te Kura o Ōtautahi ","region":"us-nz"}`)
	var created Tenant
	got.into(t, 201, &created)
	want := Tenant{ID: created.ID, Name: "Te Kura o Ōtautahi", Region: "us-nz", CreatedAt: created.CreatedAt}
	if diff := cmp.Diff(want, created); diff != "" || created.CreatedAt.IsZero() {
		t.Errorf("created (-want +got):\n%s", diff)
	}
	if location := got.header.Get("Location"); location != tenantURL(created.ID) {
		t.Errorf("location %q, want %q", location, tenantURL(created.ID))
	}

	var changed, read Tenant
	w.call("PATCH", tenantURL(created.ID), `{"entitled":true}`).into(t, 200, &changed)
	want.Entitled = true
	if diff := cmp.Diff(want, changed); diff != "" {
		t.Errorf("entitled (-want +got):\n%s", diff)
	}
	w.call("PATCH", tenantURL(created.ID), `{"name":"New name"}`).into(t, 200, &changed)
	want.Name = "New name"
	w.call("GET", tenantURL(created.ID), "").into(t, 200, &read)
	if diff := cmp.Diff(want, read); diff != "" {
		t.Errorf("read (-want +got):\n%s", diff)
	}
}

func TestTenants_Unknown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, r := range []request{
		{method: "GET", path: tenantURL(uuid.New())},
		{method: "PATCH", path: tenantURL(uuid.New()), body: `{"entitled":true}`},
		{method: "GET", path: connectionPath(uuid.New())},
		{method: "PUT", path: connectionPath(uuid.New()), body: `{"district_id":"d","grant":{}}`},
		{method: "PATCH", path: connectionPath(uuid.New()), body: `{}`},
		{method: "POST", path: runsPath(uuid.New())},
		{method: "GET", path: runsPath(uuid.New())},
		{method: "GET", path: runsPath(uuid.New()) + "/" + uuid.NewString()},
		{method: "POST", path: runsPath(uuid.New()) + "/" + uuid.NewString() + "/cancel"},
		{method: "GET", path: runsPath(uuid.New()) + "/" + uuid.NewString() + "/issues.csv"},
	} {
		r.token = w.operator
		w.do(r).problem(t, 404, "unknown_tenant")
	}
}

func TestTenants_ListInPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var all []uuid.UUID
	for i := range 5 {
		region := []string{"uk", "au"}[i%2]
		var created Tenant
		w.call("POST", "/v1/tenants", `{"name":"School","region":"`+region+`"}`).into(t, 201, &created)
		all = append(all, created.ID)
	}
	if diff := cmp.Diff([][]uuid.UUID{all[0:2], all[2:4], all[4:5]}, w.pages("/v1/tenants?limit=2")); diff != "" {
		t.Errorf("all (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([][]uuid.UUID{{all[1], all[3]}}, w.pages("/v1/tenants?limit=2&region=au")); diff != "" {
		t.Errorf("of one region (-want +got):\n%s", diff)
	}
	w.call("GET", "/v1/tenants?cursor=nonsense", "").problem(t, 422, "invalid_request")
	w.call("GET", "/v1/tenants?limit=0", "").problem(t, 422, "invalid_request")
	w.call("GET", "/v1/tenants?limit=201", "").problem(t, 422, "invalid_request")
}

// pages follows a list to its end and gives the ids of each page.
func (w *world) pages(path string) [][]uuid.UUID {
	w.t.Helper()
	var pages [][]uuid.UUID
	cursor := ""
	for range 10 {
		var p page[struct {
			ID uuid.UUID `json:"id"`
		}]
		w.call("GET", path+cursor, "").into(w.t, 200, &p)
		var ids []uuid.UUID
		for _, item := range p.Items {
			ids = append(ids, item.ID)
		}
		pages = append(pages, ids)
		if p.NextCursor == "" {
			return pages
		}
		cursor = "&cursor=" + url.QueryEscape(p.NextCursor)
	}
	w.t.Fatalf("%s has no end", path)
	return nil
}

func TestRequests_BadInput(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.newTenant()
	cases := map[string]struct {
		method, path, body string
		status             int
		code               string
		places             []string
	}{
		"all faults at once": {"POST", "/v1/tenants", `{"name":" ","region":"mars","colour":"red"}`, 422, "invalid_request",
			[]string{"body.colour", "body.name", "body.region"}},
		"nothing given":       {"POST", "/v1/tenants", `{}`, 422, "invalid_request", []string{"body"}},
		"no body":             {"POST", "/v1/tenants", ``, 400, "malformed_request", nil},
		"no JSON":             {"POST", "/v1/tenants", `{"name":`, 400, "malformed_request", []string{"body"}},
		"two documents":       {"POST", "/v1/tenants", `{"name":"a","region":"uk"}{}`, 400, "malformed_request", []string{"body"}},
		"wrong types":         {"POST", "/v1/tenants", `{"name":1,"region":true}`, 422, "invalid_request", []string{"body.name", "body.region"}},
		"name too long":       {"POST", "/v1/tenants", `{"name":"` + strings.Repeat("ä", 201) + `","region":"uk"}`, 422, "invalid_request", []string{"body.name"}},
		"name with a NUL":     {"POST", "/v1/tenants", `{"name":"a\u0000b","region":"uk"}`, 422, "invalid_request", []string{"body.name"}},
		"name of wide spaces": {"POST", "/v1/tenants", `{"name":"\u00a0\u3000\u2003","region":"uk"}`, 422, "invalid_request", []string{"body.name"}},
		"name with a newline": {"POST", "/v1/tenants", `{"name":"a\nb","region":"uk"}`, 422, "invalid_request", []string{"body.name"}},
		"body too large":      {"POST", "/v1/tenants", `{"name":"` + strings.Repeat("a", 1<<20) + `"}`, 413, "request_too_large", nil},
		"unknown parameter":   {"GET", "/v1/tenants?page=2", ``, 422, "invalid_request", []string{"query.page"}},
		"id is none":          {"GET", "/v1/tenants/17", ``, 422, "invalid_request", []string{"path.tenant"}},
		"run is none":         {"GET", runsPath(id) + "/17", ``, 422, "invalid_request", []string{"path.run"}},
		"token id is none":    {"DELETE", "/v1/tokens/17", ``, 422, "invalid_request", []string{"path.id"}},
		"bad coalesce":        {"POST", runsPath(id) + "?coalesce=perhaps", ``, 422, "invalid_request", []string{"query.coalesce"}},
		"change to a blank":   {"PATCH", tenantURL(id), `{"name":""}`, 422, "invalid_request", []string{"body.name"}},
		"no such address":     {"GET", "/v1/nothing", ``, 404, "not_found", nil},
		"no such method":      {"PUT", tenantURL(id), `{}`, 405, "method_not_allowed", nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := w.call(c.method, c.path, c.body).problem(t, c.status, c.code)
			if diff := cmp.Diff(c.places, p.places()); diff != "" {
				t.Errorf("places (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRequests_OtherMediaType(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, mediaType := range []string{"text/plain", "application/x-www-form-urlencoded", "application/xml"} {
		got := w.do(request{method: "POST", path: "/v1/tenants", token: w.operator, body: `{"name":"a","region":"uk"}`,
			header: map[string][]string{"Content-Type": {mediaType}}})
		got.problem(t, 415, "unsupported_media_type")
	}
}

func TestRequests_SayNothingOfWhatWasSent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.call("POST", "/v1/tokens", `{"name":"a","scope":"operator","secret":"do-not-repeat"}`)
	got.problem(t, 422, "invalid_request")
	if strings.Contains(got.body, "do-not-repeat") {
		t.Errorf("the answer repeats what was sent: %s", got.body)
	}
}
