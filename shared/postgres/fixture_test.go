package postgres_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"cleversync/shared/postgres"
	"cleversync/shared/postgres/postgrestest"
	"cleversync/shared/roster"
	"cleversync/shared/syncrun"
	"cleversync/shared/tenant"
)

// world is a database with one tenant and one run of it.
type world struct {
	t *testing.T
	postgrestest.Database
	tenant, run uuid.UUID
	config      syncrun.Config
}

// newWorld begins a manual run of a new tenant. Its options ask for everything.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, Database: postgrestest.New(t), config: syncrun.Config{
		District: "district-1", PageSize: 100, Mapping: 1,
		Options: roster.Options{Whole: true, Schools: []string{}, Classrooms: true, Parents: true, ParentTypes: []string{"Family"}},
	}}
	w.tenant, w.run = w.newRun()
	return w
}

// newRun adds a tenant of the same district with a manual run.
func (w *world) newRun() (tenantID, run uuid.UUID) {
	w.t.Helper()
	ctx := w.t.Context()
	tenantID, run = newUUID(w.t), newUUID(w.t)
	_, err := postgres.CreateTenant(ctx, w.Pool, tenant.Tenant{ID: tenantID, Name: "School", Region: "uk", Entitled: true})
	must(w.t, err)
	_, err = postgres.LinkConnection(ctx, w.Pool, tenantID, tenant.Connection{
		District: w.config.District, Enabled: true, Grant: tenant.Grant{Whole: true}, Options: w.config.Options, LinkedBy: "test",
	})
	must(w.t, err)
	must(w.t, pgx.BeginFunc(ctx, w.Pool, func(tx pgx.Tx) error {
		inserted, err := postgres.InsertRun(ctx, tx, postgres.NewRun{
			ID: run, Tenant: tenantID, Region: "uk", Trigger: syncrun.Manual, StartedBy: "test", Config: w.config,
		})
		if err == nil && !inserted {
			w.t.Error("the run was not inserted")
		}
		return err
	}))
	return tenantID, run
}

// request is a claim of the run's step by its first delivery.
func (w *world) request(step syncrun.Step) postgres.ClaimRequest {
	return postgres.ClaimRequest{
		Delivery: syncrun.Delivery{Run: w.run, Step: step, Seq: 1},
		Owner:    "test", Lease: time.Minute, PerTenant: 10, PerDistrict: 10,
	}
}

// claim takes a step or fails the test.
func (w *world) claim(step syncrun.Step) *postgres.Claim {
	w.t.Helper()
	return w.take(w.request(step))
}

func (w *world) take(r postgres.ClaimRequest) *postgres.Claim {
	w.t.Helper()
	claim, answer, wait, err := postgres.ClaimStep(w.t.Context(), w.Pool, r)
	must(w.t, err)
	if answer != postgres.Taken {
		w.t.Fatalf("claim of %s: answer %v, wait %v, want it taken", r.Step, answer, wait)
	}
	return claim
}

// end ends a claimed step and gives what follows.
func (w *world) end(c *postgres.Claim) []syncrun.Delivery {
	w.t.Helper()
	var next []syncrun.Delivery
	must(w.t, c.FencedRun(w.t.Context(), w.Pool, func(tx pgx.Tx) (err error) {
		next, err = postgres.EndStep(w.t.Context(), tx, c, 100)
		return err
	}))
	return next
}

// exec runs a statement as the programs' role.
func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	_, err := w.Pool.Exec(w.t.Context(), sql, args...)
	must(w.t, err)
}

// steps gives the state of every step of the run.
func (w *world) steps() map[syncrun.Step]syncrun.StepState {
	w.t.Helper()
	rows, err := w.Pool.Query(w.t.Context(), `SELECT name, state FROM sync.run_steps WHERE run_id = $1`, w.run)
	must(w.t, err)
	states := map[syncrun.Step]syncrun.StepState{}
	var name syncrun.Step
	var state syncrun.StepState
	_, err = pgx.ForEachRow(rows, []any{&name, &state}, func() error {
		states[name] = state
		return nil
	})
	must(w.t, err)
	return states
}

func newUUID(t *testing.T) uuid.UUID {
	t.Helper()
	id, err := uuid.NewV7()
	must(t, err)
	return id
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
