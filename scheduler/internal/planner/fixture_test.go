package planner_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"cleversync/scheduler/internal/planner"
	"cleversync/shared/dispatch"
	"cleversync/shared/postgres"
	"cleversync/shared/postgres/postgrestest"
	"cleversync/shared/queue"
	"cleversync/shared/region"
	"cleversync/shared/syncrun"
)

// world is a database with a clock of its own.
type world struct {
	t *testing.T
	postgrestest.Database
	region region.Region
	now    time.Time
	reg    *prometheus.Registry
}

// noon is in the middle of a window of the region uk, which began the day before.
var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

func newWorld(t *testing.T) *world {
	t.Helper()
	r, err := region.Find(region.Builtin(), "uk")
	must(t, err)
	return &world{t: t, Database: postgrestest.New(t), region: r, now: noon, reg: prometheus.NewRegistry()}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// planner makes a scheduler's planner. It has no Redis: it needs none.
func (w *world) planner(startLimit, batch int) *planner.Planner {
	w.t.Helper()
	nowhere, err := queue.Open("redis://127.0.0.1:1")
	must(w.t, err)
	w.t.Cleanup(func() { _ = nowhere.Close() })
	log := slog.New(slog.DiscardHandler)
	w.reg = prometheus.NewRegistry()
	return planner.New(planner.Config{
		Pool: w.Pool, Log: log, Metrics: planner.NewMetrics(w.reg), Regions: []region.Region{w.region},
		Dispatch:   dispatch.New(dispatch.Config{Pool: w.Pool, Queue: nowhere, Log: log}),
		StartLimit: startLimit, Batch: batch, StatementTimeout: 10 * time.Second,
		Now: func(context.Context) (time.Time, error) { return w.now, nil },
	})
}

// tick lets a planner of usual size do its work at the world's time.
func (w *world) tick() {
	w.t.Helper()
	p := w.planner(500, 250)
	must(w.t, p.Enrol(w.t.Context()))
	must(w.t, p.Tick(w.t.Context()))
}

func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	_, err := w.Pool.Exec(w.t.Context(), sql, args...)
	must(w.t, err)
}

// tenants adds tenants that can be synced, with a completed run that a person
// started and no slot yet.
func (w *world) tenants(n int) []uuid.UUID {
	w.t.Helper()
	ids := make([]uuid.UUID, n)
	for i := range ids {
		ids[i] = uuid.Must(uuid.NewV7())
	}
	w.exec(`INSERT INTO sync.districts (id) VALUES ('d') ON CONFLICT DO NOTHING`)
	w.exec(`INSERT INTO sync.tenants (id, name, region, entitled) SELECT unnest($1::uuid[]), 'School', 'uk', true`, ids)
	w.exec(`
		INSERT INTO sync.connections (tenant_id, district_id, enabled, grant_whole, whole, linked_by, sync_parents, parent_types)
		SELECT unnest($1::uuid[]), 'd', true, true, true, 'test', true, '{Family}'`, ids)
	w.exec(`
		INSERT INTO sync.runs (id, tenant_id, region, district_id, trigger, lane, started_by, config, state, finished_at)
		SELECT gen_random_uuid(), unnest($1::uuid[]), 'uk', 'd', 'manual', 'manual', 'test', '{}', 'completed', now()`, ids)
	return ids
}

// dueTenant adds a tenant and moves the world's time to its slot.
func (w *world) dueTenant() (tenant uuid.UUID, slot time.Time) {
	w.t.Helper()
	tenant = w.tenants(1)[0]
	w.tick()
	slot = w.due(tenant)
	w.now = slot
	return tenant, slot
}

// due is when the tenant's slot comes, zero where it has none.
func (w *world) due(tenant uuid.UUID) time.Time {
	w.t.Helper()
	t, err := postgres.ReadTenant(w.t.Context(), w.Pool, tenant)
	must(w.t, err)
	return t.NextDueAt
}

// scheduled is a run as the planner began it.
type scheduled struct {
	ID     uuid.UUID
	Window string
	State  syncrun.State
}

func (w *world) scheduled(tenant uuid.UUID) []scheduled {
	w.t.Helper()
	rows, err := w.Pool.Query(w.t.Context(), `
		SELECT id, window_key, state
		FROM sync.runs
		WHERE tenant_id = $1
		  AND trigger = 'scheduled'
		ORDER BY id`, tenant)
	must(w.t, err)
	runs, err := pgx.CollectRows(rows, pgx.RowToStructByPos[scheduled])
	must(w.t, err)
	return runs
}

// windows are the windows in which the tenant had a run.
func (w *world) windows(tenant uuid.UUID) []string {
	w.t.Helper()
	var keys []string
	for _, run := range w.scheduled(tenant) {
		keys = append(keys, run.Window)
	}
	return keys
}

// manual begins a run of the tenant as a person does.
func (w *world) manual(tenant uuid.UUID) uuid.UUID {
	w.t.Helper()
	id := uuid.Must(uuid.NewV7())
	must(w.t, pgx.BeginFunc(w.t.Context(), w.Pool, func(tx pgx.Tx) error {
		inserted, err := postgres.InsertRun(w.t.Context(), tx, postgres.NewRun{
			ID: id, Tenant: tenant, Region: "uk", Trigger: syncrun.Manual, StartedBy: "test", Config: syncrun.Config{District: "d"},
		})
		if err == nil && !inserted {
			w.t.Error("the run of a person was not inserted")
		}
		return err
	}))
	return id
}

func (w *world) end(run uuid.UUID) {
	w.t.Helper()
	must(w.t, pgx.BeginFunc(w.t.Context(), w.Pool, func(tx pgx.Tx) error {
		_, err := postgres.EndRun(w.t.Context(), tx, run, postgres.Ending{State: syncrun.Completed})
		return err
	}))
}

// counted is the value of a counter of the planner made last.
func (w *world) counted(name string) float64 {
	w.t.Helper()
	families, err := w.reg.Gather()
	must(w.t, err)
	sum := 0.0
	for _, family := range families {
		if family.GetName() == name {
			for _, m := range family.GetMetric() {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return sum
}
