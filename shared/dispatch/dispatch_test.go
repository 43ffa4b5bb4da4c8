package dispatch_test

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"cleversync/shared/dispatch"
	"cleversync/shared/fault"
	"cleversync/shared/postgres"
	"cleversync/shared/postgres/postgrestest"
	"cleversync/shared/queue"
	"cleversync/shared/queue/queuetest"
	"cleversync/shared/roster"
	"cleversync/shared/syncrun"
	"cleversync/shared/tenant"
)

// world is a dispatcher on real services with one tenant that can be synced.
type world struct {
	t *testing.T
	postgrestest.Database
	queue      *queue.Client
	dispatcher *dispatch.Dispatcher
	tenant     uuid.UUID
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, Database: postgrestest.New(t), tenant: uuid.Must(uuid.NewV7())}
	var err error
	w.queue, err = queue.Open(queuetest.New(t))
	w.must(err)
	t.Cleanup(func() {
		if err := w.queue.Close(); err != nil {
			t.Error(err)
		}
	})
	w.dispatcher = dispatch.New(dispatch.Config{Pool: w.Pool, Queue: w.queue, Log: slog.New(slog.DiscardHandler)})
	_, err = postgres.CreateTenant(t.Context(), w.Pool, tenant.Tenant{ID: w.tenant, Name: "School", Region: "uk", Entitled: true})
	w.must(err)
	w.connect(roster.Options{Whole: true})
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) connect(options roster.Options) {
	w.t.Helper()
	_, err := postgres.LinkConnection(w.t.Context(), w.Pool, w.tenant, tenant.Connection{
		District: "d", Enabled: true, Grant: tenant.Grant{Whole: true}, Options: options, LinkedBy: "test",
	})
	w.must(err)
}

func (w *world) start(coalesce bool) (dispatch.Started, error) {
	return w.dispatcher.Start(w.t.Context(), dispatch.StartRequest{Tenant: w.tenant, Actor: "test", Coalesce: coalesce})
}

func (w *world) started() uuid.UUID {
	w.t.Helper()
	s, err := w.start(false)
	w.must(err)
	return s.Run
}

// claim takes the run's first step, as a worker does.
func (w *world) claim(run uuid.UUID) *postgres.Claim {
	w.t.Helper()
	c, answer, _, err := postgres.ClaimStep(w.t.Context(), w.Pool, postgres.ClaimRequest{
		Delivery: syncrun.Delivery{Run: run, Step: syncrun.Prepare, Seq: 1},
		Owner:    "test", Lease: time.Minute, PerTenant: 1, PerDistrict: 1,
	})
	w.must(err)
	if answer != postgres.Taken {
		w.t.Fatalf("claim answers %v", answer)
	}
	return c
}

func (w *world) state(run uuid.UUID) (s syncrun.State) {
	w.t.Helper()
	w.must(w.Pool.QueryRow(w.t.Context(), `SELECT state FROM sync.runs WHERE id = $1`, run).Scan(&s))
	return s
}

func TestStart_isInPostgresAndOnTheQueue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	run := w.started()
	if got := w.state(run); got != syncrun.Queued {
		t.Errorf("run is %s, want queued", got)
	}
	where, err := w.queue.Find(syncrun.Delivery{Run: run, Step: syncrun.Prepare, Seq: 1, Lane: syncrun.LaneManual})
	if err != nil || where != queue.Coming {
		t.Errorf("delivery: %v, %v, want it coming", where, err)
	}
}

// Without Redis a run begins all the same; its first step is left unmarked, so
// that the dispatcher tells the queue later.
func TestStart_withoutRedis(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	away, err := queue.Open("redis://127.0.0.1:1/0")
	w.must(err)
	defer away.Close()
	d := dispatch.New(dispatch.Config{Pool: w.Pool, Queue: away, Log: slog.New(slog.DiscardHandler)})
	s, err := d.Start(t.Context(), dispatch.StartRequest{Tenant: w.tenant, Actor: "test"})
	w.must(err)
	marked, err := postgres.MarkReady(t.Context(), w.Pool, 10, 10)
	w.must(err)
	if len(marked) != 1 || marked[0].Run != s.Run {
		t.Errorf("the dispatcher finds %v, want the run's first step", marked)
	}
}

func TestStart_refused(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, setup string
		want        fault.Code
	}{
		{"not entitled", `UPDATE sync.tenants SET entitled = false`, fault.NotEnabled},
		{"not enabled", `UPDATE sync.connections SET enabled = false`, fault.NotEnabled},
		{"not connected", `DELETE FROM sync.connections`, fault.NotConnected},
		{"no school", `UPDATE sync.connections SET whole = false`, fault.NoSchoolSelected},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			_, err := w.Pool.Exec(t.Context(), test.setup)
			w.must(err)
			_, err = w.start(false)
			if f, ok := errors.AsType[*fault.Fault](err); !ok || f.Code != test.want {
				t.Errorf("start: %v, want %s", err, test.want)
			}
			var runs int
			w.must(w.Pool.QueryRow(t.Context(), `SELECT count(*) FROM sync.runs`).Scan(&runs))
			if runs != 0 {
				t.Errorf("%d runs came of it", runs)
			}
		})
	}
	w := newWorld(t)
	w.tenant = uuid.Must(uuid.NewV7())
	if _, err := w.start(false); !errors.Is(err, postgres.ErrNoTenant) {
		t.Errorf("unknown tenant: %v, want ErrNoTenant", err)
	}
}

func TestStart_secondIsRefusedWithTheFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	run := w.started()
	_, err := w.start(false)
	if open, ok := errors.AsType[*dispatch.UnfinishedError](err); !ok || open.Run != run {
		t.Errorf("second start: %v, want the run under way", err)
	}
}

func TestStart_coalesceJoinsWhatHasNotBegun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	run := w.started()
	s, err := w.start(true)
	w.must(err)
	if !s.Joined || s.Run != run {
		t.Errorf("started %+v, want it joined to %s", s, run)
	}
	if got := w.signals(run); got != 0 {
		t.Errorf("%d signals, want none: the run serves both", got)
	}
}

func (w *world) signals(run uuid.UUID) (n int) {
	w.t.Helper()
	w.must(w.Pool.QueryRow(w.t.Context(), `SELECT count(*) FROM sync.run_signals WHERE run_id = $1 AND signal = 'rerun'`, run).Scan(&n))
	return n
}

// end fails the run, as a worker ends one, with the rerun in the same
// transaction.
func (w *world) end(run uuid.UUID, e postgres.Ending) (next []syncrun.Delivery) {
	w.t.Helper()
	w.must(pgx.BeginFunc(w.t.Context(), w.Pool, func(tx pgx.Tx) (err error) {
		w.must(postgres.LockRun(w.t.Context(), tx, run))
		if _, err = postgres.EndRun(w.t.Context(), tx, run, e); err != nil {
			return err
		}
		next, err = w.dispatcher.Rerun(w.t.Context(), tx, run)
		return err
	}))
	return next
}

// A wish that comes while a run works, or by other settings, is served by one
// run more, however often it is made.
func TestStart_coalesceFollowsWhatHasBegun(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]func(*world, uuid.UUID){
		"begun":          func(w *world, run uuid.UUID) { w.claim(run) },
		"other settings": func(w *world, _ uuid.UUID) { w.connect(roster.Options{Whole: true, Classrooms: true}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			run := w.started()
			begin(w, run)
			for range 2 {
				s, err := w.start(true)
				w.must(err)
				if !s.Joined || s.Run != run {
					t.Errorf("started %+v, want the run under way", s)
				}
			}
			next := w.end(run, postgres.Ending{State: syncrun.Failed, Code: fault.Internal, Message: "for the test"})
			if len(next) != 1 || next[0].Run == run || next[0].Step != syncrun.Prepare {
				t.Fatalf("after it follow %v, want one new run", next)
			}
			if again := w.end(next[0].Run, postgres.Ending{State: syncrun.Failed, Code: fault.Internal, Message: "for the test"}); len(again) != 0 {
				t.Errorf("the wish was served twice: %v", again)
			}
		})
	}
}

func TestRerun_notAfterCancelOrDisconnect(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	run := w.started()
	w.claim(run)
	if _, err := w.start(true); err != nil {
		t.Fatal(err)
	}
	if next := w.end(run, postgres.Ending{State: syncrun.Cancelled}); len(next) != 0 {
		t.Errorf("after a cancel follow %v, want nothing", next)
	}

	run = w.started()
	w.claim(run)
	if _, err := w.start(true); err != nil {
		t.Fatal(err)
	}
	_, err := w.Pool.Exec(t.Context(), `DELETE FROM sync.connections`)
	w.must(err)
	if next := w.end(run, postgres.Ending{State: syncrun.Failed, Code: fault.Internal, Message: "for the test"}); len(next) != 0 {
		t.Errorf("after a disconnect follow %v, want nothing", next)
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	idle := w.started()
	w.must(w.dispatcher.Cancel(t.Context(), w.tenant, idle, "test"))
	if got := w.state(idle); got != syncrun.Cancelled {
		t.Errorf("a run that nobody works on is %s, want cancelled at once", got)
	}
	if err := w.dispatcher.Cancel(t.Context(), w.tenant, idle, "test"); !errors.Is(err, dispatch.ErrRunEnded) {
		t.Errorf("cancelled again: %v, want ErrRunEnded", err)
	}

	busy := w.started()
	c := w.claim(busy)
	w.must(w.dispatcher.Cancel(t.Context(), w.tenant, busy, "test"))
	if got := w.state(busy); got != syncrun.Running {
		t.Errorf("a run that is worked on is %s, want its step to end it", got)
	}
	pulse, err := c.Beat(t.Context(), w.Pool, time.Minute)
	if err != nil || !pulse.Cancelled {
		t.Errorf("the step's beat: %+v, %v, want the cancel seen", pulse, err)
	}

	other := uuid.Must(uuid.NewV7())
	if err := w.dispatcher.Cancel(t.Context(), other, busy, "test"); !errors.Is(err, dispatch.ErrNoRun) {
		t.Errorf("another tenant's run: %v, want ErrNoRun", err)
	}
}
