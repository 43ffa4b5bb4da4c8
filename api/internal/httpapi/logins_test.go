package httpapi

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"cleversync/api/internal/connect"
	"cleversync/shared/postgres"
	"cleversync/shared/roster"
)

// begun is a log-in that the API has begun.
type begun struct {
	BegunLogin
	path   string
	ticket string
}

func loginsPath(id uuid.UUID) string { return tenantURL(id) + "/clever-logins" }

func (w *world) begin(id uuid.UUID, token, purpose string) begun {
	w.t.Helper()
	var b begun
	got := w.do(request{method: "POST", path: loginsPath(id), token: token, body: `{"purpose":"` + purpose + `"}`})
	got.into(w.t, 201, &b.BegunLogin)
	b.path = got.header.Get("Location")
	address, err := url.Parse(b.StartURL)
	if err != nil {
		w.t.Fatal(err)
	}
	b.ticket = address.Query().Get("ticket")
	return b
}

func TestBeginLogin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.newTenant()
	token := w.storeToken(postgres.Token{Name: "IT", Scope: postgres.ScopeTenant, Tenant: id})
	b := w.begin(id, token, "district")
	if !strings.HasPrefix(b.StartURL, "https://sync.example.org/clever/start?ticket=") || len(b.ticket) < 30 || b.path != loginsPath(id)+"/"+b.ID.String() {
		t.Errorf("begun %+v at %s", b.BegunLogin, b.path)
	}
	var got CleverLogin
	w.do(request{method: "GET", path: b.path, token: token}).into(t, 200, &got)
	want := CleverLogin{ID: b.ID, Purpose: "district", State: "waiting", ExpiresAt: b.ExpiresAt, Schools: []string{}}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(CleverLogin{}, "CreatedAt")); diff != "" {
		t.Errorf("read (-want +got):\n%s", diff)
	}
	var details string
	if err := w.db.Pool.QueryRow(t.Context(), `SELECT actor || ' ' || details::text FROM sync.audit_log WHERE act = 'clever_login_begun'`).Scan(&details); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(details, "IT ") || !strings.Contains(details, b.ID.String()) || strings.Contains(details+w.logs.String(), b.ticket) {
		t.Errorf("audited as %s", details)
	}
	w.exec(`UPDATE sync.clever_logins SET expires_at = now() - interval '1 second'`)
	w.do(request{method: "GET", path: b.path, token: token}).into(t, 200, &got)
	if got.State != "refused" || got.Code != "expired" || got.Meaning == "" || got.Action == "" {
		t.Errorf("after its time: %+v", got)
	}
}

func TestBeginLogin_Refused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.newTenant()
	token := w.storeToken(postgres.Token{Name: "IT", Scope: postgres.ScopeTenant, Tenant: id})
	begin := func(body string) reply {
		return w.do(request{method: "POST", path: loginsPath(id), token: token, body: body})
	}
	begin(`{"purpose":"identify"}`).problem(t, 422, "invalid_request")
	begin(`{"purpose":"school"}`).problem(t, 404, "no_connection")
	w.call("GET", loginsPath(id)+"/"+uuid.NewString(), "").problem(t, 404, "unknown_login")
	w.call("PATCH", tenantURL(id), `{"entitled":false}`)
	begin(`{"purpose":"district"}`).problem(t, 422, "not_enabled")
	w.call("PATCH", tenantURL(id), `{"entitled":true}`)
	for range mostLogins {
		w.begin(id, token, "district")
	}
	if got := begin(`{"purpose":"district"}`); got.header.Get("Retry-After") == "" {
		t.Errorf("no Retry-After: %s", got.body)
	} else {
		got.problem(t, 429, "too_many_logins")
	}
	w.api.connect.PublicURL = ""
	begin(`{"purpose":"district"}`).problem(t, 503, "public_address_unknown")
}

func TestListSchools(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.newTenant()
	path := tenantURL(id) + "/schools"
	w.call("GET", path, "").problem(t, 404, "no_connection")
	district := w.clever.District()
	var ids, names []string
	for s := range district.Schools() {
		ids, names = append(ids, s.ID), append(names, s.Name)
	}
	w.link(id, `{"district_id":"`+district.ID()+`","grant":{"whole":true},"schools":["`+ids[0]+`"]}`)
	list := func(query string) Schools {
		var got Schools
		w.call("GET", path+query, "").into(t, 200, &got)
		return got
	}
	all := list("")
	if len(all.Items) != len(ids) || all.Total != len(ids) || !slices.IsSortedFunc(all.Items, func(a, b School) int { return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)) }) {
		t.Errorf("all: %+v, want the %d schools in the order of their names", all, len(ids))
	}
	for _, s := range all.Items {
		if s.Selected != (s.ID == ids[0]) || s.Name == "" {
			t.Errorf("%+v", s)
		}
	}
	if got := list("?search=" + url.QueryEscape(strings.ToUpper(names[1]))); got.Total != 1 || got.Items[0].ID != ids[1] {
		t.Errorf("search of a name: %+v", got)
	}
	if got := list("?search=no-such-school"); got.Total != 0 || len(got.Items) != 0 {
		t.Errorf("search of none: %+v", got)
	}
	if got := list("?limit=1"); len(got.Items) != 1 || got.Total != len(ids) {
		t.Errorf("limited: %+v", got)
	}
	w.link(id, `{"district_id":"`+district.ID()+`","grant":{"schools":["`+ids[1]+`"]}}`)
	if got := list(""); got.Total != 1 || got.Items[0].ID != ids[1] {
		t.Errorf("with one granted: %+v", got)
	}
	w.link(id, `{"district_id":"d-unknown","grant":{"whole":true}}`)
	w.call("GET", path, "").problem(t, 502, "clever_token_revoked")
}

func TestSearch_CaseAccentsAndWords(t *testing.T) {
	t.Parallel()
	schools := []roster.SourceSchool{{Name: "École Élémentaire Saint-Denis"}, {Name: "Straße 9 High"}}
	for text, want := range map[string]bool{"ecole": true, "ÉCOLE denis": true, "éléme": true, "strasse": false, "x": false, "": true} {
		var found bool
		for _, s := range connect.Search(schools[:1], text) {
			found = found || s.Name == schools[0].Name
		}
		if found != want {
			t.Errorf("%q finds it: %t, want %t", text, found, want)
		}
	}
	if got := connect.Search(schools, "STRASSE 9"); len(got) != 1 {
		t.Errorf("found %v", got)
	}
}

func TestDisconnect(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id, neighbour := w.connected(), w.connected()
	token := w.storeToken(postgres.Token{Name: "IT", Scope: postgres.ScopeTenant, Tenant: id})
	w.exec(`UPDATE sync.districts SET token = 'sealed', token_version = 1, name = 'Riverside' WHERE id = 'd1'`)
	run := w.start(id)
	disconnect := func(id uuid.UUID) {
		t.Helper()
		if got := w.do(request{method: "DELETE", path: connectionPath(id), token: w.operator}); got.status != 204 {
			t.Fatalf("disconnect: %d %s", got.status, got.body)
		}
	}
	if got := w.do(request{method: "DELETE", path: connectionPath(id), token: token}); got.status != 204 {
		t.Fatalf("disconnect: %d %s", got.status, got.body)
	}
	disconnect(id)
	w.call("GET", runsPath(id)+"/"+run.ID.String(), "").into(t, 200, &run)
	if run.State != "cancelled" {
		t.Errorf("the run under way is %s, want cancelled", run.State)
	}
	var c Connection
	w.do(request{method: "GET", path: connectionPath(id), token: token}).into(t, 200, &c)
	if c.Enabled || c.DisconnectedAt == nil || c.DistrictID != "d1" || c.DistrictName != "Riverside" || !c.WholeDistrict {
		t.Errorf("disconnected: %+v", c)
	}
	w.call("POST", runsPath(id), "").problem(t, 422, "not_connected")
	w.call("PATCH", connectionPath(id), `{"enabled":true}`).problem(t, 404, "no_connection")
	w.do(request{method: "PATCH", path: connectionPath(id), token: token, body: `{"enabled":true}`}).problem(t, 404, "no_connection")
	w.call("GET", tenantURL(id)+"/schools", "").problem(t, 404, "no_connection")

	stored := func() (there bool) {
		if err := w.db.Pool.QueryRow(t.Context(), `SELECT token IS NOT NULL FROM sync.districts WHERE id = 'd1'`).Scan(&there); err != nil {
			t.Fatal(err)
		}
		return there
	}
	if !stored() {
		t.Error("the token is forgotten although another tenant uses it")
	}
	disconnect(neighbour)
	if stored() {
		t.Error("the token is kept although nobody uses it")
	}
	never := w.newTenant()
	disconnect(never)
	w.link(id, `{"district_id":"d2","grant":{"whole":true}}`)
	var again Connection
	w.call("GET", connectionPath(id), "").into(t, 200, &again)
	if again.DisconnectedAt != nil || again.DistrictID != "d2" {
		t.Errorf("linked anew by an operator: %+v", again)
	}
	var acts int
	if err := w.db.Pool.QueryRow(t.Context(), `SELECT count(*) FROM sync.audit_log WHERE act = 'connection_ended'`).Scan(&acts); err != nil || acts != 2 {
		t.Errorf("%d acts in the log, %v; want 2", acts, err)
	}
}
