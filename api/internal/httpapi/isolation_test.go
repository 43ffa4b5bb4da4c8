package httpapi

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"cleversync/api/internal/auth"
	"cleversync/shared/postgres"
	"cleversync/shared/roster"
	"cleversync/shared/tenant"
)

// neighbours is a world with two tenants of one district, each with a run, and
// the first one's token.
type neighbours struct {
	*world
	mine, other       uuid.UUID
	myRun, otherRun   uuid.UUID
	token, otherToken string
	// holds are changes that wait for a decision, by tenant.
	holds map[uuid.UUID]uuid.UUID
}

func newNeighbours(t *testing.T) neighbours {
	t.Helper()
	w := newWorld(t)
	n := neighbours{world: w, mine: w.connected(), other: w.connected()}
	n.myRun, n.otherRun = w.start(n.mine).ID, w.start(n.other).ID
	n.holds = map[uuid.UUID]uuid.UUID{}
	n.hold(n.mine, n.myRun)
	n.hold(n.other, n.otherRun)
	n.token = w.storeToken(postgres.Token{Name: "Mine", Scope: postgres.ScopeTenant, Tenant: n.mine})
	n.otherToken = w.storeToken(postgres.Token{Name: "Other", Scope: postgres.ScopeTenant, Tenant: n.other})
	return n
}

// hold lets changes wait for a decision, in the place of older ones. Their
// digest is that of the examples.
func (n neighbours) hold(tenant, run uuid.UUID) {
	n.t.Helper()
	id := uuid.Must(uuid.NewV7())
	n.exec(`UPDATE sync.holds SET state = 'void' WHERE tenant_id = $1 AND state = 'open'`, tenant)
	n.exec(`
		INSERT INTO sync.holds (id, tenant_id, run_id, purpose, digest, changes, expires_at)
		VALUES ($1, $2, $3, 'review', '\x9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08', 1, now() + interval '1 day')`, id, tenant, run)
	n.exec(`
		INSERT INTO sync.held_changes (hold_id, place, tenant_id, kind, op, change)
		VALUES ($1, 1, $2, 'user', 'archive', '{"clever_id": "u1"}')`, id, tenant)
	n.holds[tenant] = id
}

// requestOf makes a request that the operation would take.
func (n neighbours) requestOf(op *huma.Operation, tenant, run uuid.UUID, token string) request {
	path := strings.NewReplacer("{tenant}", tenant.String(), "{run}", run.String(), "{id}", uuid.NewString(),
		"{hold}", n.holds[tenant].String(), "{name}", "week").Replace(op.Path)
	r := request{method: op.Method, path: path, token: token}
	if op.RequestBody != nil {
		r.body = example(n.api.OpenAPI().Components.Schemas, op.RequestBody.Content["application/json"].Schema)
	}
	return r
}

// TestIsolation asks every operation that the API has, those to come included,
// for what belongs to another tenant.
func TestIsolation(t *testing.T) {
	t.Parallel()
	n := newNeighbours(t)
	stranger := uuid.New()
	ofTenants := 0
	for _, op := range operations(n.api.OpenAPI()) {
		before := n.everything()
		if !strings.Contains(op.Path, "{tenant}") {
			got := n.do(n.requestOf(op, n.other, n.otherRun, n.token))
			got.problem(t, 403, "forbidden")
			n.unchanged(op, before)
			continue
		}
		ofTenants++
		theirs := n.do(n.requestOf(op, n.other, n.otherRun, n.token))
		nobodys := n.do(n.requestOf(op, stranger, n.otherRun, n.token))
		if theirs.status != 403 && theirs.status != 404 {
			t.Errorf("%s of another tenant: %d %s, want 403 or 404", op.OperationID, theirs.status, theirs.body)
		}
		if diff := cmp.Diff(nobodys.body, theirs.body); diff != "" || nobodys.status != theirs.status {
			t.Errorf("%s tells whether a tenant exists (-nobody's +another's):\n%s", op.OperationID, diff)
		}
		if strings.Contains(op.Path, "{run}") {
			n.do(n.requestOf(op, n.mine, n.otherRun, n.token)).problem(t, 404, "unknown_run")
		}
		if strings.Contains(op.Path, "{hold}") {
			r := n.requestOf(op, n.mine, n.myRun, n.token)
			r.path = strings.ReplaceAll(r.path, n.holds[n.mine].String(), n.holds[n.other].String())
			n.do(r).problem(t, 404, "unknown_hold")
		}
		n.unchanged(op, before)
	}
	if ofTenants < 10 {
		t.Errorf("%d operations of a tenant were tried, want at least 10", ofTenants)
	}
}

// TestIsolation_OwnTenant is the control: what is refused above is refused
// because it is another tenant's.
func TestIsolation_OwnTenant(t *testing.T) {
	t.Parallel()
	n := newNeighbours(t)
	for _, op := range operations(n.api.OpenAPI()) {
		if op.Metadata[metadataScope] != postgres.ScopeTenant {
			continue
		}
		n.link(n.other, `{"district_id":"d1","grant":{"whole":true},"enabled":true,"whole_district":true}`) // one of them disconnects
		r := n.requestOf(op, n.other, n.otherRun, n.otherToken)
		if strings.Contains(op.Path, "/clever-logins/") {
			r.path = n.begin(n.other, n.otherToken, "district").path
		}
		got := n.do(r)
		if got.status == 401 || got.status == 403 || got.status == 404 {
			t.Errorf("%s of the own tenant: %d %s", op.OperationID, got.status, got.body)
		}
	}
}

// everything is the content of all tables that a request could change.
func (n neighbours) everything() map[string]string {
	n.t.Helper()
	content := map[string]string{}
	for _, table := range []string{"tenants", "districts", "connections", "runs", "run_steps", "run_signals", "run_counts",
		"run_issue_counts", "run_issues", "api_tokens", "audit_log", "holds", "held_changes", "limits", "removals", "trips", "journal", "clever_logins"} {
		var rows string
		err := n.db.Pool.QueryRow(n.t.Context(), fmt.Sprintf(
			`SELECT coalesce(string_agg(t::text, E'\n' ORDER BY t::text), '') FROM sync.%s t`, table)).Scan(&rows)
		if err != nil {
			n.t.Fatal(err)
		}
		content[table] = rows
	}
	return content
}

func (n neighbours) unchanged(op *huma.Operation, before map[string]string) {
	n.t.Helper()
	if diff := cmp.Diff(before, n.everything()); diff != "" {
		n.t.Errorf("%s was refused and yet changed something:\n%s", op.OperationID, diff)
	}
}

// TestWithin_RowLevelSecurity looks behind the first wall: a transaction of a
// tenant's request sees and changes that tenant alone, whatever it asks.
func TestWithin_RowLevelSecurity(t *testing.T) {
	t.Parallel()
	n := newNeighbours(t)
	ctx := context.WithValue(t.Context(), contextKey{}, auth.Principal{Name: "Mine", Scope: postgres.ScopeTenant, Tenant: n.mine})
	err := n.api.within(ctx, func(tx pgx.Tx) error {
		if _, err := postgres.ReadTenant(ctx, tx, n.other); !errors.Is(err, postgres.ErrNoTenant) {
			t.Errorf("read another tenant: %v, want ErrNoTenant", err)
		}
		if _, err := postgres.ReadRun(ctx, tx, n.other, n.otherRun); !errors.Is(err, postgres.ErrNoRun) {
			t.Errorf("read another's run: %v, want ErrNoRun", err)
		}
		if c, err := postgres.LockConnection(ctx, tx, n.other); c != nil || err != nil {
			t.Errorf("lock another's connection: %v, %v, want none", c, err)
		}
		if _, err := postgres.ChangeConnection(ctx, tx, n.other, tenant.Connection{Options: roster.Options{}}); err == nil {
			t.Error("another's connection was changed")
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestWithin_ForbidsTheTenantsRole tries what the role of a tenant's requests
// must not do even to its own tenant.
func TestWithin_ForbidsTheTenantsRole(t *testing.T) {
	t.Parallel()
	n := newNeighbours(t)
	ctx := context.WithValue(t.Context(), contextKey{}, auth.Principal{Name: "Mine", Scope: postgres.ScopeTenant, Tenant: n.mine})
	forbidden := map[string]string{
		"district":         `UPDATE sync.connections SET district_id = 'd2'`,
		"grant":            `UPDATE sync.connections SET grant_whole = true`,
		"entitlement":      `UPDATE sync.tenants SET entitled = true`,
		"token":            `SELECT token FROM sync.districts`,
		"api tokens":       `SELECT hash FROM sync.api_tokens`,
		"audit log":        `SELECT details FROM sync.audit_log`,
		"run":              `UPDATE sync.runs SET state = 'cancelled'`,
		"connected again":  `UPDATE sync.connections SET disconnected_at = NULL, district_id = district_id`,
		"log-ins":          `UPDATE sync.clever_logins SET state = 'connected'`,
		"tickets":          `SELECT ticket_hash FROM sync.clever_logins`,
		"as an operator":   `INSERT INTO sync.clever_logins (id, tenant_id, purpose, state, started_by, by_operator, expires_at) VALUES (gen_random_uuid(), '` + n.mine.String() + `', 'district', 'waiting', 'a', true, now())`,
		"another's log-in": `INSERT INTO sync.clever_logins (id, tenant_id, purpose, state, started_by, by_operator, expires_at) VALUES (gen_random_uuid(), '` + n.other.String() + `', 'district', 'waiting', 'a', false, now())`,
		"another's record": `INSERT INTO sync.audit_log (id, actor, act, tenant_id) VALUES (gen_random_uuid(), 'a', 'b', '` + n.other.String() + `')`,
	}
	for _, name := range slices.Sorted(maps.Keys(forbidden)) {
		err := n.api.within(ctx, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, forbidden[name])
			return err
		})
		if err == nil || !strings.Contains(err.Error(), "42501") {
			t.Errorf("%s: %v, want it not permitted", name, err)
		}
	}
}
