package e2e

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"cleversync/scripts/scratch"
	"cleversync/shared/clever/clevertest"
	"cleversync/shared/dispatch"
	"cleversync/shared/postgres"
	"cleversync/shared/queue"
	"cleversync/shared/roster"
	"cleversync/shared/syncrun"
	"cleversync/shared/tenant"
)

// patience bounds every wait of these tests. It decides nothing: a wait that
// ends by it has failed.
const patience = 2 * time.Minute

// site is a private Postgres and Redis that a group of tests may stop, with the
// programs' own binaries.
type site struct {
	*scratch.Services
	bin      string
	password string
	next     atomic.Int32
}

// newSite starts the services and builds the programs, each with these tags.
func newSite(t *testing.T, tags ...string) *site {
	t.Helper()
	services, err := scratch.Start(t.Context(), scratch.Options{Private: true})
	must(t, err)
	t.Cleanup(func() { must(t, services.Stop()) })
	s := &site{Services: services, bin: t.TempDir(), password: rand.Text()}
	build := exec.CommandContext(t.Context(), "go", "build", "-tags", strings.Join(tags, ","), "-o", s.bin+"/", "cleversync/worker", "cleversync/scheduler")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return s
}

// world is one database with one tenant, a Clever of its own, and the programs
// that work on them.
type world struct {
	t          *testing.T
	site       *site
	owner, app string // database URLs
	redis      string
	pool       *pgxpool.Pool // as owner
	clever     *clevertest.Server
	cleverURL  string
	keys       string
	tenant     uuid.UUID
	dispatcher *dispatch.Dispatcher
}

// students makes every stream of people several pages long.
const students, pageSize = 60, 25

func newWorld(t *testing.T, s *site) *world {
	t.Helper()
	return newWorldOf(t, s, clevertest.Config{Students: students, Seed: 7, RateLimit: -1}, pageSize)
}

// newWorldOf is newWorld with a Clever of one's own, asked for pages of a size.
func newWorldOf(t *testing.T, s *site, simulated clevertest.Config, page int) *world {
	t.Helper()
	w := &world{t: t, site: s, tenant: uuid.Must(uuid.NewV7())}
	w.database()
	w.simulator(simulated)
	w.keys = "test:" + base64.StdEncoding.EncodeToString([]byte(rand.Text() + rand.Text())[:32])
	tasks, err := queue.Open(w.redis)
	must(t, err)
	t.Cleanup(func() { must(t, tasks.Close()) })
	app, err := postgres.Open(t.Context(), postgres.Options{URL: w.app, MaxConns: 4, Name: "e2e"})
	must(t, err)
	t.Cleanup(app.Close)
	w.dispatcher = dispatch.New(dispatch.Config{Pool: app, Queue: tasks, Log: slog.New(slog.DiscardHandler), PageSize: page})
	w.connect(w.tenant)
	return w
}

func (w *world) database() {
	t, ctx := w.t, w.t.Context()
	n := w.site.next.Add(1)
	name := fmt.Sprintf("world_%d", n)
	conn, err := pgx.Connect(ctx, w.site.DatabaseURL)
	must(t, err)
	_, err = conn.Exec(ctx, "CREATE DATABASE "+name)
	must(t, err)
	must(t, conn.Close(ctx))
	base, err := url.Parse(w.site.DatabaseURL)
	must(t, err)
	base.Path = "/" + name
	w.owner = base.String()
	must(t, postgres.Migrate(ctx, w.owner))
	must(t, postgres.AllowLogin(ctx, w.owner, w.site.password))
	base.User = url.UserPassword("cleversync_app", w.site.password)
	w.app = base.String()
	redis, err := url.Parse(w.site.RedisURL)
	must(t, err)
	redis.Path = fmt.Sprintf("/%d", n)
	w.redis = redis.String()
	w.pool, err = pgxpool.New(ctx, w.owner)
	must(t, err)
	t.Cleanup(w.pool.Close)
}

func (w *world) simulator(c clevertest.Config) {
	var err error
	w.clever, err = clevertest.New(c)
	must(w.t, err)
	server := httptest.NewServer(w.clever)
	w.t.Cleanup(server.Close)
	w.t.Cleanup(w.letGo)
	w.cleverURL = server.URL
}

// connect makes a tenant that shares the whole district.
func (w *world) connect(id uuid.UUID) {
	options := roster.Options{Whole: true, Classrooms: true, Parents: true, ParentTypes: roster.ParentTypes[:4]}
	ctx := w.t.Context()
	w.as(func(tx pgx.Tx) {
		_, err := postgres.CreateTenant(ctx, tx, tenant.Tenant{ID: id, Name: "School", Region: "uk", Entitled: true})
		must(w.t, err)
		_, err = postgres.LinkConnection(ctx, tx, id, tenant.Connection{
			District: w.clever.District().ID(), Enabled: true, Confirmed: true, Grant: tenant.Grant{Whole: true}, Options: options, LinkedBy: "test",
		})
		must(w.t, err)
	})
}

// as runs fn as the programs' role.
func (w *world) as(fn func(tx pgx.Tx)) {
	must(w.t, pgx.BeginFunc(w.t.Context(), w.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(w.t.Context(), `SET LOCAL ROLE cleversync_sync`); err != nil {
			return err
		}
		fn(tx)
		return nil
	}))
}

// program is one running worker or scheduler.
type program struct {
	*exec.Cmd
	log    string
	exited chan struct{}
}

// start runs a program with short leases. It is killed when the test ends.
func (w *world) start(name string, extra ...string) *program {
	w.t.Helper()
	log, err := os.CreateTemp(w.t.TempDir(), name+"-*.log")
	must(w.t, err)
	p := &program{Cmd: exec.Command(filepath.Join(w.site.bin, name)), log: log.Name(), exited: make(chan struct{})}
	p.Env = append([]string{
		"ADDR=127.0.0.1:0", "DATABASE_URL=" + w.app, "REDIS_URL=" + w.redis, "ENCRYPTION_KEYS=" + w.keys,
		"CLEVER_API_URL=" + w.cleverURL, "CLEVER_URL=" + w.cleverURL,
		"CLEVER_CLIENT_ID=" + w.clever.ClientID(), "CLEVER_CLIENT_SECRET=" + w.clever.ClientSecret(),
		"LEASE=2s", "HEARTBEAT=500ms", "POLL=100ms", "RETRY_FIRST=50ms", "RETRY_LONGEST=500ms", "SHUTDOWN_TIMEOUT=10s",
		"SWEEP_INTERVAL=200ms", "DISPATCH_INTERVAL=100ms", "SILENT_AFTER=2s", "PRUNE_INTERVAL=500ms", "PLAN_INTERVAL=500ms",
	}, extra...)
	p.Stdout, p.Stderr = log, log
	must(w.t, p.Start())
	go func() {
		defer close(p.exited)
		_ = p.Wait() // how it ended is the test's own doing
		_ = log.Close()
	}()
	w.t.Cleanup(func() {
		_ = p.Process.Kill() // it may have ended
		<-p.exited
		if w.t.Failed() {
			text, _ := os.ReadFile(p.log)
			w.t.Logf("%s log:\n%s", name, text)
		}
	})
	return p
}

// kill ends a program as a power cut would.
func (p *program) kill(t *testing.T) {
	t.Helper()
	must(t, p.Process.Kill())
	<-p.exited
}

func (w *world) begin() uuid.UUID {
	w.t.Helper()
	s, err := w.dispatcher.Start(w.t.Context(), dispatch.StartRequest{Tenant: w.tenant, Actor: "test"})
	must(w.t, err)
	return s.Run
}

// outcome waits for a run's end.
func (w *world) outcome(run uuid.UUID) syncrun.State {
	w.t.Helper()
	var state syncrun.State
	w.until("the run has ended", func(ctx context.Context) (bool, error) {
		err := w.pool.QueryRow(ctx, `SELECT state FROM sync.runs WHERE id = $1`, run).Scan(&state)
		return state.Final(), err
	})
	return state
}

// until asks again and again until the answer is yes. An error is a no: the
// database may be away on purpose.
func (w *world) until(what string, ask func(context.Context) (bool, error)) {
	w.t.Helper()
	w.within(patience, what, ask)
}

// within is until with a patience of its own.
func (w *world) within(patience time.Duration, what string, ask func(context.Context) (bool, error)) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		yes, err := ask(ctx)
		if err == nil && yes {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			w.t.Fatalf("waited in vain until %s (last error: %v)", what, err)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// says tells whether the program's log has a text.
func (p *program) says(text string) (bool, error) {
	log, err := os.ReadFile(p.log)
	return strings.Contains(string(log), text), err
}
