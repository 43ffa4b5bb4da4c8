package syncer_test

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"log/slog"
	"maps"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"cleversync/shared/clever"
	"cleversync/shared/clever/clevertest"
	"cleversync/shared/credential"
	"cleversync/shared/dispatch"
	"cleversync/shared/fault"
	"cleversync/shared/postgres"
	"cleversync/shared/postgres/postgrestest"
	"cleversync/shared/queue"
	"cleversync/shared/queue/queuetest"
	"cleversync/shared/roster"
	"cleversync/shared/seal"
	"cleversync/shared/syncrun"
	"cleversync/shared/tenant"
	"cleversync/worker/internal/syncer"
)

// world is a syncer on a real database and a simulated Clever, with one tenant.
// Steps are performed one after the other in the test's own goroutine, so that
// each story is told exactly.
type world struct {
	t *testing.T
	postgrestest.Database
	clever     *clevertest.Server
	syncer     *syncer.Syncer
	dispatcher *dispatch.Dispatcher
	tenant     uuid.UUID
	tasks      int // performed in the last run
}

const pageSize = 40

var everything = roster.Options{Whole: true, Classrooms: true, Parents: true, ParentTypes: roster.ParentTypes[:4]}

func newWorld(t *testing.T, c clevertest.Config, slice time.Duration) *world {
	t.Helper()
	w := &world{t: t, Database: postgrestest.New(t), tenant: uuid.Must(uuid.NewV7())}
	var err error
	c.RateLimit = -1
	w.clever, err = clevertest.New(c)
	w.must(err)
	server := httptest.NewServer(w.clever)
	t.Cleanup(server.Close)
	client, err := clever.New(clever.Config{
		APIURL: server.URL, URL: server.URL, ClientID: w.clever.ClientID(), ClientSecret: clever.Secret(w.clever.ClientSecret()),
	})
	w.must(err)
	t.Cleanup(client.Close)
	tasks, err := queue.Open(queuetest.New(t))
	w.must(err)
	t.Cleanup(func() { w.must(tasks.Close()) })
	keys, err := seal.ParseKeys("k:" + base64.StdEncoding.EncodeToString([]byte(rand.Text() + rand.Text())[:32]))
	w.must(err)
	log := slog.New(slog.DiscardHandler)
	w.dispatcher = dispatch.New(dispatch.Config{Pool: w.Pool, Queue: tasks, Log: log, PageSize: pageSize})
	w.syncer = syncer.New(syncer.Config{
		Pool: w.Pool, Clever: client, Dispatch: w.dispatcher, Log: log,
		Tokens:  credential.New(credential.Config{Pool: w.Pool, Clever: client, Keys: keys}),
		Metrics: syncer.NewMetrics(prometheus.NewRegistry()),
		Slice:   slice, Bound: 100, StatementTimeout: time.Minute, LockTimeout: 10 * time.Second,
	})
	_, err = postgres.CreateTenant(t.Context(), w.Pool, tenant.Tenant{ID: w.tenant, Name: "School", Region: "uk", Entitled: true})
	w.must(err)
	w.connect(everything)
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) connect(o roster.Options) {
	w.t.Helper()
	_, err := postgres.LinkConnection(w.t.Context(), w.Pool, w.tenant, tenant.Connection{
		District: w.clever.District().ID(), Enabled: true, Confirmed: true, Grant: tenant.Grant{Whole: true}, Options: o, LinkedBy: "test",
	})
	w.must(err)
}

// sync performs a whole run and returns it with the error of the step that
// could not be done, after which the run is failed as a worker would.
func (w *world) sync() (postgres.Run, error) {
	w.t.Helper()
	ctx := w.t.Context()
	started, err := w.dispatcher.Start(ctx, dispatch.StartRequest{Tenant: w.tenant, Actor: "test"})
	w.must(err)
	err = w.perform([]syncrun.Delivery{{Run: started.Run, Step: syncrun.Prepare, Seq: 1, Lane: syncrun.LaneManual}})
	if err != nil {
		w.must(pgx.BeginFunc(ctx, w.Pool, func(tx pgx.Tx) error {
			w.must(postgres.LockRun(ctx, tx, started.Run))
			_, err := postgres.EndRun(ctx, tx, started.Run, postgres.Ending{State: syncrun.Failed, Code: fault.Of(err).Code, Message: "for the test"})
			return err
		}))
	}
	run, readErr := postgres.ReadRun(ctx, w.Pool, w.tenant, started.Run)
	w.must(readErr)
	return run, err
}

func (w *world) perform(todo []syncrun.Delivery) error {
	w.t.Helper()
	ctx := w.t.Context()
	for w.tasks = 0; len(todo) > 0; w.tasks++ {
		d := todo[0]
		todo = todo[1:]
		c, answer, _, err := postgres.ClaimStep(ctx, w.Pool, postgres.ClaimRequest{
			Delivery: d, Owner: "test", Lease: time.Minute, PerTenant: 10, PerDistrict: 10,
		})
		w.must(err)
		later := func(other syncrun.Delivery) bool { return other.Step == d.Step && other.Seq > d.Seq }
		if answer == postgres.Obsolete && slices.ContainsFunc(todo, later) {
			continue // the fetch was begun anew while this delivery was under way
		}
		if answer != postgres.Taken {
			w.t.Fatalf("claim of %s answers %v", d.Step, answer)
		}
		next, err := w.syncer.Perform(ctx, c)
		if errors.Is(err, syncer.ErrSliceOver) {
			d, err = postgres.YieldStep(ctx, w.Pool, c.Fence)
			next = []syncrun.Delivery{d}
		}
		if err != nil {
			return err
		}
		todo = append(todo, next...)
	}
	return nil
}

// completed is sync for stories in which the run must succeed.
func (w *world) completed() postgres.Run {
	w.t.Helper()
	run, err := w.sync()
	if err != nil || run.State != syncrun.Completed {
		w.t.Fatalf("run is %s: %v, want completed", run.State, err)
	}
	return run
}

// failed is sync for stories in which the run must fail; it gives what people
// are told.
func (w *world) failed(want fault.Code) *fault.Fault {
	w.t.Helper()
	run, err := w.sync()
	if err == nil || fault.Of(err).Code != want {
		w.t.Fatalf("run is %s: %v, want %s", run.State, err, want)
	}
	return fault.Of(err)
}

// active gives the Clever ids of a table's rows that are not archived.
func (w *world) active(table string) map[string]bool {
	w.t.Helper()
	rows, err := w.Pool.Query(w.t.Context(), `
		SELECT clever_id FROM school_manager.`+table+` WHERE tenant_id = $1 AND archived_at IS NULL`, w.tenant)
	w.must(err)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	w.must(err)
	set := map[string]bool{}
	for _, id := range ids {
		set[id] = true
	}
	return set
}

// people are the ids that the simulator shares as students and teachers.
func (w *world) people() map[string]bool {
	ids := map[string]bool{}
	for u := range w.clever.District().Students() {
		ids[u.ID] = true
	}
	for u := range w.clever.District().Teachers() {
		ids[u.ID] = true
	}
	return ids
}

// whole checks that exactly the people and sections that Clever shares are
// there.
func (w *world) whole() {
	w.t.Helper()
	if got, want := w.active("users"), w.people(); !maps.Equal(got, want) {
		w.t.Errorf("%d users, want the %d that Clever shares", len(got), len(want))
	}
	sections := map[string]bool{}
	for s := range w.clever.District().Sections() {
		sections[s.ID] = true
	}
	if got := w.active("classrooms"); !maps.Equal(got, sections) {
		w.t.Errorf("%d classrooms, want the %d sections that Clever shares", len(got), len(sections))
	}
}

// dump is the roster as one text, without what differs from run to run.
func (w *world) dump() (text string) {
	w.t.Helper()
	w.must(w.Pool.QueryRow(w.t.Context(), `
		SELECT coalesce(string_agg(line, E'\n' ORDER BY line), '')
		FROM (SELECT concat_ws('|', 'user', clever_id, hash, archived_at IS NULL) AS line FROM school_manager.users WHERE tenant_id = $1
		      UNION ALL
		      SELECT concat_ws('|', 'classroom', clever_id, hash, name, course_name, term_name, archived_at IS NULL) FROM school_manager.classrooms WHERE tenant_id = $1
		      UNION ALL
		      SELECT concat_ws('|', 'member', c.clever_id, m.user_key, m.role, m.user_id IS NULL, m.archived_at IS NULL)
		      FROM school_manager.classroom_members m JOIN school_manager.classrooms c ON c.tenant_id = m.tenant_id AND c.id = m.classroom_id WHERE m.tenant_id = $1
		      UNION ALL
		      SELECT concat_ws('|', 'parent', clever_id, hash, archived_at IS NULL) FROM school_manager.parents WHERE tenant_id = $1
		      UNION ALL
		      SELECT concat_ws('|', 'link', p.clever_id, l.student_key, l.type, l.student_id IS NULL, l.archived_at IS NULL)
		      FROM school_manager.parent_links l JOIN school_manager.parents p ON p.tenant_id = l.tenant_id AND p.id = l.parent_id WHERE l.tenant_id = $1) AS lines`,
		w.tenant).Scan(&text))
	return text
}

// studentPages are the pages of the list of students.
var studentPages = clevertest.FaultMatch{Route: "/users", Query: map[string]string{"role": "student"}}

// outOfOrder is a page of which the first two records have changed places.
var outOfOrder = clevertest.Fault{Kind: clevertest.FaultRecords, Variant: "out_of_order"}

// order has Clever behave badly at some requests.
func (w *world) order(meets clevertest.FaultMatch, when clevertest.FaultWhen, f clevertest.Fault) {
	w.t.Helper()
	w.must(w.clever.SetFaults(clevertest.FaultRule{Meets: meets, When: when, Fault: f}))
}
