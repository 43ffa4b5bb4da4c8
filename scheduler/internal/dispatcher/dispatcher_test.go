package dispatcher_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"

	"cleversync/scheduler/internal/dispatcher"
	"cleversync/shared/dispatch"
	"cleversync/shared/postgres/postgrestest"
	"cleversync/shared/queue"
	"cleversync/shared/queue/queuetest"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// backlog adds scheduled runs whose first step nobody was told of.
func backlog(t *testing.T, db postgrestest.Database, n int) {
	t.Helper()
	ids := make([]uuid.UUID, n)
	for i := range ids {
		ids[i] = uuid.Must(uuid.NewV7())
	}
	for _, sql := range []string{
		`INSERT INTO sync.tenants (id, name, region, entitled) SELECT unnest($1::uuid[]), 'School', 'uk', true`,
		`INSERT INTO sync.runs (id, tenant_id, region, district_id, trigger, lane, started_by, config)
		 SELECT t, t, 'uk', 'd', 'scheduled', 'scheduled', 'test', '{}' FROM unnest($1::uuid[]) t`,
		`INSERT INTO sync.run_steps (run_id, name, tenant_id, district_id, lane) SELECT t, 'prepare', t, 'd', 'scheduled' FROM unnest($1::uuid[]) t`,
	} {
		_, err := db.Pool.Exec(t.Context(), sql, ids)
		must(t, err)
	}
}

func newDispatcher(t *testing.T, db postgrestest.Database, redis string, bound, batch int) (*dispatcher.Dispatcher, *queue.Client) {
	t.Helper()
	tasks, err := queue.Open(redis)
	must(t, err)
	t.Cleanup(func() { must(t, tasks.Close()) })
	return dispatcher.New(dispatcher.Config{
		Pool: db.Pool, Queue: tasks, InFlight: bound, Batch: batch, StatementTimeout: 10 * time.Second,
		Dispatch: dispatch.New(dispatch.Config{Pool: db.Pool, Queue: tasks, Log: slog.New(slog.DiscardHandler)}),
	}), tasks
}

// told counts the steps that are marked as told to the queue.
func told(t *testing.T, db postgrestest.Database) (n int) {
	t.Helper()
	must(t, db.Pool.QueryRow(t.Context(), `SELECT count(*) FROM sync.run_steps WHERE dispatched_at IS NOT NULL`).Scan(&n))
	return n
}

func pending(t *testing.T, tasks *queue.Client) (n int) {
	t.Helper()
	depths, err := tasks.Depths(t.Context())
	must(t, err)
	for _, d := range depths {
		n += d.Tasks["pending"]
	}
	return n
}

func TestTick_fillsTheBoundAndNoMore(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	backlog(t, db, 40)
	d, tasks := newDispatcher(t, db, queuetest.New(t), 25, 10)
	for range 2 {
		must(t, d.Tick(t.Context()))
		if n, m := told(t, db), pending(t, tasks); n != 25 || m != 25 {
			t.Errorf("%d are told, %d on the queue, want 25", n, m)
		}
	}
	_, err := db.Pool.Exec(t.Context(), `
		UPDATE sync.run_steps SET state = 'done' WHERE run_id IN (SELECT run_id FROM sync.run_steps WHERE dispatched_at IS NOT NULL LIMIT 20)`)
	must(t, err)
	must(t, d.Tick(t.Context()))
	if n := told(t, db); n != 40 {
		t.Errorf("%d are told after room was made, want all 40", n)
	}
	if n := pending(t, tasks); n != 40 {
		t.Errorf("%d are on the queue, want 40", n)
	}
}

// Without Redis nothing is marked: what is marked waits for a sweep.
func TestTick_withoutRedis(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	backlog(t, db, 3)
	d, _ := newDispatcher(t, db, "redis://127.0.0.1:1", 25, 10)
	if err := d.Tick(t.Context()); err == nil {
		t.Error("it does not say that Redis is away")
	}
	if n := told(t, db); n != 0 {
		t.Errorf("%d are told", n)
	}
}
