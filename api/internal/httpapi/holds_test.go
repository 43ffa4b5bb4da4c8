package httpapi

import (
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"cleversync/shared/postgres"
)

// withheld is a tenant whose last run withheld the removal of one student.
func (w *world) withheld() (tenant uuid.UUID, hold Hold) {
	w.t.Helper()
	tenant = w.connected()
	run := w.start(tenant).ID
	w.exec(`UPDATE sync.run_steps SET state = 'cancelled' WHERE run_id = $1`, run)
	w.exec(`UPDATE sync.runs SET state = 'completed', finished_at = now() WHERE id = $1`, run)
	user, id := uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7())
	w.exec(`
		INSERT INTO school_manager.users (tenant_id, id, clever_id, source, student, teacher, first_name, last_name)
		VALUES ($1, $2, 'u1', 'clever', true, false, '=1+1', 'Ruiz')`, tenant, user)
	w.exec(`
		INSERT INTO sync.holds (id, tenant_id, run_id, purpose, digest, changes, expires_at)
		VALUES ($1, $2, $3, 'review', sha256('x'), 2, now() + interval '14 days')`, id, tenant, run)
	w.exec(`INSERT INTO sync.trips (run_id, tenant_id, kind, school, cause, count, size) VALUES ($1, $2, 'student', 's1', 'removals', 30, 200)`, run, tenant)
	w.exec(`
		INSERT INTO sync.held_changes (hold_id, place, tenant_id, kind, op, change)
		VALUES ($1, 1, $2, 'user', 'archive', jsonb_build_object('clever_id', 'u1', 'id', $3::text)),
		       ($1, 2, $2, 'user', 'create', '{"clever_id": "u2", "first_name": "Ana", "last_name": "Toll"}')`, id, tenant, user)
	w.call("GET", "/v1/tenants/"+tenant.String()+"/holds/"+id.String(), "").into(w.t, 200, &hold)
	return tenant, hold
}

func holdPath(tenant uuid.UUID, h Hold, more string) string {
	return "/v1/tenants/" + tenant.String() + "/holds/" + h.ID.String() + more
}

func decision(h Hold) string { return `{"digest":"` + h.Digest + `"}` }

func TestHolds_ReadAndDownload(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant, h := w.withheld()
	if len(h.Causes) != 1 || h.Causes[0].Message == "" || h.State != "open" || h.Changes != 2 {
		t.Errorf("hold %+v", h)
	}
	h.Causes[0].Message = ""
	var shown Tenant
	if w.call("GET", "/v1/tenants/"+tenant.String(), "").into(t, 200, &shown); !shown.NeedsReview {
		t.Error("the tenant does not show that it needs review")
	}
	var run Run
	if w.call("GET", runPath(tenant, h.Run), "").into(t, 200, &run); run.Hold == nil || *run.Hold != h.ID {
		t.Errorf("the run names hold %v, want %s", run.Hold, h.ID)
	}
	if diff := cmp.Diff([]Cause{{Kind: "student", School: "s1", Cause: "removals", Count: 30, Size: 200}}, h.Causes); diff != "" {
		t.Errorf("causes (-want +got):\n%s", diff)
	}
	var page struct {
		Items []HeldChange
		Next  int64
	}
	w.call("GET", holdPath(tenant, h, "/changes?limit=1"), "").into(t, 200, &page)
	if diff := cmp.Diff([]HeldChange{{Kind: "user", Operation: "archive", CleverID: "u1", Name: "=1+1 Ruiz"}}, page.Items); diff != "" || page.Next != 1 {
		t.Errorf("first page, next %d (-want +got):\n%s", page.Next, diff)
	}
	page.Items, page.Next = nil, 0
	w.call("GET", holdPath(tenant, h, "/changes?limit=1&after=1"), "").into(t, 200, &page)
	if diff := cmp.Diff([]HeldChange{{Kind: "user", Operation: "create", CleverID: "u2", Becomes: "Ana Toll"}}, page.Items); diff != "" || page.Next != 0 {
		t.Errorf("last page, next %d (-want +got):\n%s", page.Next, diff)
	}
	table := w.call("GET", holdPath(tenant, h, "/changes.csv"), "").body
	want := "kind,operation,clever_id,name,becomes,person\r\nuser,archive,u1,'=1+1 Ruiz,,\r\nuser,create,u2,,Ana Toll,\r\n"
	if table != want {
		t.Errorf("table %q, want %q", table, want)
	}
}

func TestHolds_Decide(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant, h := w.withheld()
	other := Hold{ID: h.ID, Digest: hex.EncodeToString(make([]byte, 32))}
	w.call("POST", holdPath(tenant, h, "/approve"), decision(other)).problem(t, 409, "hold_not_open")
	w.call("POST", holdPath(tenant, h, "/approve"), `{"digest":"short"}`).problem(t, 422, "invalid_request")
	w.call("POST", holdPath(tenant, Hold{ID: uuid.New()}, "/reject"), decision(h)).problem(t, 404, "unknown_hold")

	mine := w.storeToken(postgres.Token{Name: "Mine", Scope: postgres.ScopeTenant, Tenant: tenant})
	var run Run
	w.do(request{method: "POST", path: holdPath(tenant, h, "/approve"), body: decision(h), token: mine}).into(t, 202, &run)
	w.call("POST", holdPath(tenant, h, "/approve"), decision(h)).problem(t, 409, "run_unfinished")
	var read Hold
	w.call("GET", holdPath(tenant, h, ""), "").into(t, 200, &read)
	if read.State != "approved" || read.DecidedBy != "Mine" || read.AppliedBy == nil || *read.AppliedBy != run.ID || read.DecidedAt == nil {
		t.Errorf("approved: %+v", read)
	}
	if acts := w.acts(tenant); !strings.Contains(acts, "hold_approved") {
		t.Errorf("acts %s", acts)
	}

	tenant, h = w.withheld()
	mine = w.storeToken(postgres.Token{Name: "Mine", Scope: postgres.ScopeTenant, Tenant: tenant})
	w.do(request{method: "POST", path: holdPath(tenant, h, "/reject"), body: decision(h), token: mine}).into(t, 200, &read)
	if read.State != "rejected" || read.DecidedBy != "Mine" {
		t.Errorf("rejected: %+v", read)
	}
	w.call("POST", holdPath(tenant, h, "/approve"), decision(h)).problem(t, 409, "hold_not_open")
	if acts := w.acts(tenant); !strings.Contains(acts, "hold_rejected") {
		t.Errorf("acts %s", acts)
	}
}

// acts are what the audit log has of a tenant.
func (w *world) acts(tenant uuid.UUID) string {
	w.t.Helper()
	var acts string
	err := w.db.Pool.QueryRow(w.t.Context(), `
		SELECT coalesce(string_agg(act || ' by ' || actor, ', ' ORDER BY id), '')
		FROM sync.audit_log
		WHERE tenant_id = $1`, tenant).Scan(&acts)
	if err != nil {
		w.t.Fatal(err)
	}
	return acts
}

// TestLimits_TenantsBeforeTheFleets: and an expired one is none.
func TestLimits_TenantsBeforeTheFleets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.newTenant()
	mine := w.storeToken(postgres.Token{Name: "Mine", Scope: postgres.ScopeTenant, Tenant: id})
	path := "/v1/tenants/" + id.String() + "/limits"
	read := func() EffectiveLimits {
		var l LimitSettings
		w.do(request{method: "GET", path: path, token: mine}).into(t, 200, &l)
		return l.Effective
	}
	want := EffectiveLimits{Removals: 0.1, Rows: 5, Edges: 25, Week: 0.25, Updates: 0.75, UpdateRows: 25, Creates: 0.25}
	step := func(method, at, body string, change func()) {
		t.Helper()
		if got := w.call(method, at, body); got.status >= 300 {
			t.Fatalf("%s %s: %d %s", method, at, got.status, got.body)
		}
		change()
		if diff := cmp.Diff(want, read()); diff != "" {
			t.Errorf("after %s %s (-want +got):\n%s", method, at, diff)
		}
	}
	step("PUT", "/v1/limits/removals", `{"value":0.2}`, func() { want.Removals = 0.2 })
	step("PUT", path+"/removals", `{"value":0.3}`, func() { want.Removals = 0.3 })
	step("PUT", path+"/rows", `{"value":9}`, func() { want.Rows = 9 })
	step("PUT", path+"/removals", `{"value":0.9,"expires_at":"`+time.Now().Add(-time.Minute).Format(time.RFC3339)+`"}`, func() { want.Removals = 0.2 })
	step("DELETE", path+"/rows", "", func() { want.Rows = 5 })
	step("DELETE", "/v1/limits/removals", "", func() { want.Removals = 0.1 })
	w.call("PUT", path+"/speed", `{"value":1}`).problem(t, 422, "invalid_request")
	w.call("PUT", path+"/rows", `{"value":-1}`).problem(t, 422, "invalid_request")
	w.do(request{method: "PUT", path: path + "/rows", body: `{"value":1}`, token: mine}).problem(t, 403, "forbidden")
	if acts := w.acts(id); strings.Count(acts, "limit_set") != 3 || !strings.Contains(acts, "limit_removed") {
		t.Errorf("acts %s", acts)
	}
}
