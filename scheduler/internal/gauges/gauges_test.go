package gauges_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"cleversync/scheduler/internal/gauges"
	"cleversync/shared/postgres"
	"cleversync/shared/postgres/postgrestest"
	"cleversync/shared/queue"
	"cleversync/shared/queue/queuetest"
	"cleversync/shared/syncrun"
)

// scheduler is one of several that share a Postgres and a Redis.
type scheduler struct {
	t   *testing.T
	reg *prometheus.Registry
	*gauges.Exporter
}

func newScheduler(t *testing.T, db postgrestest.Database, tasks *queue.Client) *scheduler {
	t.Helper()
	s := &scheduler{t: t, reg: prometheus.NewRegistry()}
	s.Exporter = gauges.New(s.reg, gauges.Config{
		Pool: db.Pool, Queue: tasks, Regions: []string{"uk"}, Patience: time.Minute, StatementTimeout: 10 * time.Second,
	})
	t.Cleanup(func() { s.Close(t.Context()) })
	return s
}

func newQueue(t *testing.T, url string) *queue.Client {
	t.Helper()
	tasks, err := queue.Open(url)
	must(t, err)
	t.Cleanup(func() { must(t, tasks.Close()) })
	return tasks
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (s *scheduler) tick() {
	s.t.Helper()
	must(s.t, s.Tick(s.t.Context()))
}

// values gives the metrics of that name by their labels.
func (s *scheduler) values(name string) map[string]float64 {
	s.t.Helper()
	families, err := s.reg.Gather()
	must(s.t, err)
	values := map[string]float64{}
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, m := range family.GetMetric() {
			labels := ""
			for _, l := range m.GetLabel() {
				labels += l.GetValue() + " "
			}
			values[labels] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return values
}

// run adds a run of a new tenant and gives its id.
func run(t *testing.T, db postgrestest.Database, trigger syncrun.Trigger) uuid.UUID {
	t.Helper()
	id := uuid.Must(uuid.NewV7())
	_, err := db.Pool.Exec(t.Context(), `INSERT INTO sync.tenants (id, name, region) VALUES ($1, 'School', 'uk')`, id)
	must(t, err)
	must(t, pgx.BeginFunc(t.Context(), db.Pool, func(tx pgx.Tx) error {
		_, err := postgres.InsertRun(t.Context(), tx, postgres.NewRun{ID: id, Tenant: id, Region: "uk", Trigger: trigger, StartedBy: "test", Config: syncrun.Config{District: "d"}})
		return err
	}))
	return id
}

func end(t *testing.T, db postgrestest.Database, run uuid.UUID, e postgres.Ending) {
	t.Helper()
	must(t, pgx.BeginFunc(t.Context(), db.Pool, func(tx pgx.Tx) error {
		_, err := postgres.EndRun(t.Context(), tx, run, e)
		return err
	}))
}

// However many schedulers, each fact is exported once; when the exporter goes,
// another takes over.
func TestTick_oneExportsAtATime(t *testing.T) {
	t.Parallel()
	db, tasks := postgrestest.New(t), newQueue(t, queuetest.New(t))
	one, two := newScheduler(t, db, tasks), newScheduler(t, db, tasks)
	names := []string{"cleversync_queue_tasks", "cleversync_queue_oldest_task_seconds", "cleversync_steps", "cleversync_due_lag_seconds", "cleversync_staging_bytes", "cleversync_backlog_oldest_seconds"}
	check := func(s *scheduler, exports bool) {
		t.Helper()
		for _, name := range names {
			if got := len(s.values(name)) > 0; got != exports {
				t.Errorf("%s is exported: %v, want %v", name, got, exports)
			}
		}
		if got := s.values("cleversync_scheduler_exporting")[""] == 1; got != exports {
			t.Errorf("it says that it exports: %v, want %v", got, exports)
		}
	}
	one.tick()
	two.tick()
	check(one, true)
	check(two, false)
	one.Close(t.Context())
	two.tick()
	one.tick()
	check(one, false)
	check(two, true)
}

func TestTick_facts(t *testing.T) {
	t.Parallel()
	db, tasks := postgrestest.New(t), newQueue(t, queuetest.New(t))
	id := run(t, db, syncrun.Scheduled)
	must(t, tasks.Enqueue(t.Context(), syncrun.Delivery{Run: id, Step: syncrun.Prepare}))
	s := newScheduler(t, db, tasks)
	s.tick()
	if got := s.values("cleversync_queue_tasks")["fetch pending "]; got != 1 {
		t.Errorf("%v tasks are pending", got)
	}
	if got := s.values("cleversync_queue_oldest_task_seconds")["fetch "]; got <= 0 || got > 60 {
		t.Errorf("the oldest task is %v seconds old", got)
	}
	want := map[string]float64{"backlog ": 1, "dispatched ": 0, "running ": 0, "waiting ": 0}
	if diff := cmp.Diff(want, s.values("cleversync_steps")); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
}

func TestTick_countsEachEndedRunOnce(t *testing.T) {
	t.Parallel()
	db, tasks := postgrestest.New(t), newQueue(t, queuetest.New(t))
	end(t, db, run(t, db, syncrun.Manual), postgres.Ending{State: syncrun.Completed}) // before it looked
	s := newScheduler(t, db, tasks)
	s.tick()
	first := map[string]float64{}
	if diff := cmp.Diff(first, s.values("cleversync_runs_total")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for range 2 {
		end(t, db, run(t, db, syncrun.Scheduled), postgres.Ending{State: syncrun.Completed})
		end(t, db, run(t, db, syncrun.Manual), postgres.Ending{State: syncrun.Failed, Code: "internal"})
		s.tick()
		s.tick()
	}
	end(t, db, run(t, db, syncrun.Manual), postgres.Ending{State: syncrun.Cancelled})
	// A run whose transaction commits later than one that ended after it.
	late := run(t, db, syncrun.Scheduled)
	must(t, pgx.BeginFunc(t.Context(), db.Pool, func(tx pgx.Tx) error {
		_, err := postgres.EndRun(t.Context(), tx, late, postgres.Ending{State: syncrun.Completed})
		end(t, db, run(t, db, syncrun.Scheduled), postgres.Ending{State: syncrun.Completed})
		s.tick()
		return err
	}))
	s.tick()
	want := map[string]float64{"completed uk scheduled ": 4, "failed uk manual ": 2, "cancelled uk manual ": 1}
	if diff := cmp.Diff(want, s.values("cleversync_runs_total")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What cannot be read is not exported as it was; the rest is.
func TestTick_withoutRedis(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	s := newScheduler(t, db, newQueue(t, queuetest.New(t)))
	s.tick()
	s.Queue = newQueue(t, "redis://127.0.0.1:1")
	if err := s.Tick(t.Context()); err == nil {
		t.Error("it does not say that Redis is away")
	}
	if got := s.values("cleversync_queue_tasks"); len(got) > 0 {
		t.Errorf("it exports %v", got)
	}
	if got := s.values("cleversync_steps"); len(got) != 4 {
		t.Errorf("of Postgres it exports %v", got)
	}
}
