package sweeper_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/hibiken/asynq"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"cleversync/scheduler/internal/dispatcher"
	"cleversync/scheduler/internal/sweeper"
	"cleversync/shared/dispatch"
	"cleversync/shared/postgres"
	"cleversync/shared/postgres/postgrestest"
	"cleversync/shared/queue"
	"cleversync/shared/queue/queuetest"
	"cleversync/shared/roster"
	"cleversync/shared/syncrun"
	"cleversync/shared/tenant"
)

const lease = time.Minute

// world is a sweeper on a real Postgres and Redis, with one tenant that has a
// manual run. Its clock stands still unless a test moves it, and leases may be
// judged from the start.
type world struct {
	t *testing.T
	postgrestest.Database
	url         string
	redis       *redis.Client
	queue       *queue.Client
	dispatch    *dispatch.Dispatcher
	sweeper     *sweeper.Sweeper
	reg         *prometheus.Registry
	clock       time.Time
	up          time.Duration // of the database
	away        error         // what asking the database says, where it is away
	tenant, run uuid.UUID
}

func newWorld(t *testing.T) *world {
	t.Helper()
	url := queuetest.New(t)
	w := &world{t: t, Database: postgrestest.New(t), clock: time.Now(), up: 24 * time.Hour, tenant: uuid.Must(uuid.NewV7())}
	options, err := redis.ParseURL(url)
	must(t, err)
	w.redis = redis.NewClient(options)
	t.Cleanup(func() { must(t, w.redis.Close()) })
	w.url = url
	w.use(url)
	w.tick()
	w.clock = w.clock.Add(lease)
	_, err = postgres.CreateTenant(t.Context(), w.Pool, tenant.Tenant{ID: w.tenant, Name: "School", Region: "uk", Entitled: true})
	must(t, err)
	_, err = postgres.LinkConnection(t.Context(), w.Pool, w.tenant, tenant.Connection{
		District: "d", Enabled: true, Grant: tenant.Grant{Whole: true}, Options: roster.Options{Whole: true}, LinkedBy: "test",
	})
	must(t, err)
	w.run = w.start()
	return w
}

// use makes the sweeper work with the Redis at that address.
func (w *world) use(url string) {
	w.t.Helper()
	tasks, err := queue.Open(url)
	must(w.t, err)
	w.t.Cleanup(func() { must(w.t, tasks.Close()) })
	log := slog.New(slog.DiscardHandler)
	w.queue, w.reg = tasks, prometheus.NewRegistry()
	w.dispatch = dispatch.New(dispatch.Config{Pool: w.Pool, Queue: tasks, Log: log})
	move := dispatcher.New(dispatcher.Config{
		Pool: w.Pool, Queue: tasks, Dispatch: w.dispatch, InFlight: 100, Batch: 10, StatementTimeout: 10 * time.Second,
	})
	w.sweeper = sweeper.New(sweeper.Config{
		Pool: w.Pool, Queue: tasks, Dispatch: w.dispatch, Log: log, Metrics: sweeper.NewMetrics(w.reg), Kick: move.Tick,
		Lease: lease, SilentAfter: time.Minute, InFlight: 100, Batch: 3, Batches: 5, StatementTimeout: 10 * time.Second,
		Clock:  func() time.Time { return w.clock },
		Uptime: func(context.Context) (time.Time, time.Duration, error) { return w.clock, w.up, w.away },
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) tick() {
	w.t.Helper()
	must(w.t, w.sweeper.Tick(w.t.Context()))
}

func (w *world) start() uuid.UUID {
	w.t.Helper()
	started, err := w.dispatch.Start(w.t.Context(), dispatch.StartRequest{Tenant: w.tenant, Actor: "test"})
	must(w.t, err)
	return started.Run
}

func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	_, err := w.Pool.Exec(w.t.Context(), sql, args...)
	must(w.t, err)
}

// silence makes it long ago that the queue was told of anything.
func (w *world) silence() {
	w.t.Helper()
	w.exec(`UPDATE sync.run_steps SET dispatched_at = dispatched_at - interval '1 hour', not_before = not_before - interval '1 hour'`)
}

// claim takes the newest delivery of a step of the run, as a worker does.
func (w *world) claim(step syncrun.Step) *postgres.Claim {
	w.t.Helper()
	d := syncrun.Delivery{Run: w.run, Step: step, Seq: w.step(step).Seq}
	claim, answer, wait, err := postgres.ClaimStep(w.t.Context(), w.Pool, postgres.ClaimRequest{
		Delivery: d, Owner: "test", Lease: time.Hour, PerTenant: 10, PerDistrict: 10,
	})
	must(w.t, err)
	if answer != postgres.Taken {
		w.t.Fatalf("claim of %s: answer %v, wait %v", d.ID(), answer, wait)
	}
	return claim
}

// lapse lets the leases of all running steps run out.
func (w *world) lapse() {
	w.t.Helper()
	w.exec(`UPDATE sync.run_steps SET lease_until = clock_timestamp() - interval '1 second' WHERE state = 'running'`)
}

// end ends the run under way.
func (w *world) end(state syncrun.State) {
	w.t.Helper()
	must(w.t, pgx.BeginFunc(w.t.Context(), w.Pool, func(tx pgx.Tx) error {
		_, err := postgres.EndRun(w.t.Context(), tx, w.run, postgres.Ending{State: state})
		return err
	}))
}

// step is what the tests look at of a step.
type step struct {
	State   syncrun.StepState
	Seq     int
	Crashes int
	Told    bool
}

func (w *world) step(name syncrun.Step) step {
	w.t.Helper()
	var s step
	must(w.t, w.Pool.QueryRow(w.t.Context(), `
		SELECT state, seq, crashes, dispatched_at IS NOT NULL
		FROM sync.run_steps
		WHERE run_id = $1
		  AND name = $2`, w.run, name).Scan(&s.State, &s.Seq, &s.Crashes, &s.Told))
	return s
}

// state gives a run's state and code.
func (w *world) state(run uuid.UUID) (state syncrun.State, code string) {
	w.t.Helper()
	must(w.t, w.Pool.QueryRow(w.t.Context(), `SELECT state, coalesce(code, '') FROM sync.runs WHERE id = $1`, run).Scan(&state, &code))
	return state, code
}

// pending gives the ids of the tasks that workers would get.
func (w *world) pending() []string {
	w.t.Helper()
	inspector := asynq.NewInspectorFromRedisClient(w.redis)
	ids := []string{}
	for _, name := range queue.Queues() {
		tasks, err := inspector.ListPendingTasks(name)
		if errors.Is(err, asynq.ErrQueueNotFound) {
			continue // nothing was put on it
		}
		must(w.t, err)
		for _, task := range tasks {
			ids = append(ids, task.ID)
		}
	}
	return ids
}

func (w *world) flush() {
	w.t.Helper()
	must(w.t, w.redis.FlushDB(context.WithoutCancel(w.t.Context())).Err())
}

// counted is the value of a counter, over all its labels.
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
