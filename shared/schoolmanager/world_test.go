package schoolmanager_test

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"cleversync/shared/postgres"
	"cleversync/shared/postgres/postgrestest"
	"cleversync/shared/roster"
	"cleversync/shared/schoolmanager"
	"cleversync/shared/syncrun"
)

// world is one tenant in a database of the test's own, as the role of the
// programs sees it.
type world struct {
	t      testing.TB
	pool   *pgxpool.Pool
	tenant uuid.UUID

	// limits of the breaker; it is as good as off unless a test is about it.
	limits      roster.Limits
	unconfirmed bool

	// from tells under which Clever id a row of the roster was seen first, or of
	// a local user its own id (rows).
	from map[string]string

	// Between the parts of a run, for whoever writes from outside.
	fetched, planned func(run uuid.UUID)
}

// unlimited is a breaker that never trips.
var unlimited = roster.Limits{Removals: 1e9, Week: 1e9, Updates: 1e9, Creates: 1e9}

func newWorld(t testing.TB) *world {
	t.Helper()
	return newTenant(t, postgrestest.New(t).Pool)
}

func newTenant(t testing.TB, pool *pgxpool.Pool) *world {
	t.Helper()
	w := &world{t: t, pool: pool, tenant: uuid.Must(uuid.NewV7()), limits: unlimited, from: map[string]string{}}
	w.exec(`INSERT INTO sync.tenants (id, name, region) VALUES ($1, 'Test', 'uk')`, w.tenant)
	return w
}

// outcome is what one run came to.
type outcome struct {
	run     uuid.UUID
	planned schoolmanager.Planned
	counts  map[roster.Kind]schoolmanager.Counts
	issues  map[roster.IssueCode]int64
	// kept is the number of changes that wait for a person.
	kept int64
	err  error
}

// run syncs the tenant with the district once, in the way the worker does.
func (w *world) run(d *district, o roster.Options) outcome {
	w.t.Helper()
	run := w.begin()
	w.stage(run, d.fetch(o))
	if w.fetched != nil {
		w.fetched(run)
	}
	return w.finish(w.input(run, o, d.state))
}

// finish plans and applies what is staged or kept.
func (w *world) finish(in schoolmanager.PlanInput) outcome {
	w.t.Helper()
	out := outcome{run: in.Run}
	out.err = w.inTx(func(ctx context.Context, tx pgx.Tx) (err error) {
		out.planned, err = schoolmanager.Plan(ctx, tx, in)
		return err
	})
	if out.err != nil {
		w.end(out.run, syncrun.Failed)
		return out
	}
	out.issues = map[roster.IssueCode]int64{}
	for _, i := range out.planned.Issues {
		out.issues[i.Code] = i.Count
	}
	if w.planned != nil {
		w.planned(out.run)
	}
	out.counts = map[roster.Kind]schoolmanager.Counts{}
	out.err = w.inTx(func(ctx context.Context, tx pgx.Tx) error {
		counts, err := schoolmanager.Apply(ctx, tx, schoolmanager.ApplyInput{Run: out.run, Tenant: w.tenant, Changes: out.planned.Changes})
		for _, c := range counts {
			out.counts[c.Kind] = c
		}
		if err != nil {
			return err
		}
		out.kept, err = schoolmanager.Keep(ctx, tx, schoolmanager.KeepInput{Run: out.run, Tenant: w.tenant})
		return err
	})
	w.end(out.run, syncrun.Completed)
	return out
}

// mustRun is run where nothing may fail.
func (w *world) mustRun(d *district, o roster.Options) outcome {
	w.t.Helper()
	out := w.run(d, o)
	if out.err != nil {
		w.t.Fatalf("run: %v", out.err)
	}
	return out
}

func (w *world) input(run uuid.UUID, o roster.Options, state string) schoolmanager.PlanInput {
	return schoolmanager.PlanInput{
		Run: run, Tenant: w.tenant, Generation: 1, Options: o, DistrictState: state, Limits: w.limits, Unconfirmed: w.unconfirmed,
	}
}

func (w *world) begin() uuid.UUID {
	w.t.Helper()
	run := uuid.Must(uuid.NewV7())
	w.exec(`
		INSERT INTO sync.runs (id, tenant_id, region, district_id, trigger, lane, started_by, state, config)
		VALUES ($1, $2, 'uk', 'district', 'manual', 'manual', 'test', 'running', '{}')`, run, w.tenant)
	return run
}

func (w *world) end(run uuid.UUID, state syncrun.State) {
	w.t.Helper()
	w.exec(`
		UPDATE sync.runs
		SET state = $2,
		    code = CASE $2 WHEN 'failed' THEN 'internal' END,
		    finished_at = clock_timestamp()
		WHERE id = $1`, run, state)
	if err := postgres.ClearStaging(w.t.Context(), w.pool, run); err != nil {
		w.t.Fatal(err)
	}
}

// stage writes a snapshot into staging as the fetch does, unchanged records
// without their content.
func (w *world) stage(run uuid.UUID, s *snapshot) {
	w.t.Helper()
	for step, f := range s.steps {
		err := w.inTx(func(ctx context.Context, tx pgx.Tx) error {
			claim := &postgres.Claim{Fence: postgres.Fence{Run: run, Step: step}, Generation: 1}
			if err := postgres.StageIssues(ctx, tx, claim, f.issues); err != nil {
				return err
			}
			rows, err := w.stageStep(ctx, tx, claim, s)
			if err != nil {
				return err
			}
			_, err = tx.Exec(ctx, `
				WITH step AS (
				  INSERT INTO sync.run_steps (run_id, name, tenant_id, district_id, lane, state, records)
				  VALUES ($1, $2, $3, 'district', 'manual', 'done', $4)
				)
				INSERT INTO staging.progress (run_id, generation, step, records, rows, issues, blind, total, complete)
				VALUES ($1, 1, $2, $4, $5, $6, $7, $8, $9)`,
				run, step, w.tenant, f.records, rows, len(f.issues), f.blind, f.total, !f.incomplete)
			return err
		})
		if err != nil {
			w.t.Fatalf("stage %s: %v", step, err)
		}
	}
}

func (w *world) stageStep(ctx context.Context, tx pgx.Tx, c *postgres.Claim, s *snapshot) (int, error) {
	var err error
	elide := func(kind roster.Kind, ids []string) map[string]roster.Hash {
		var hashes map[string]roster.Hash
		hashes, err = schoolmanager.Hashes(ctx, tx, w.tenant, kind, ids)
		return hashes
	}
	switch c.Step {
	case syncrun.FetchStudents, syncrun.FetchTeachers:
		rows := s.users[c.Step]
		known := elide(roster.KindUser, idsOf(rows, func(u roster.User) string { return u.ID }))
		for i := range rows {
			rows[i].Hash = rows[i].Record.Hash()
			rows[i].Elided = known[rows[i].Record.ID] == rows[i].Hash
		}
		if err == nil {
			err = postgres.StageUsers(ctx, tx, c, rows)
		}
		return len(rows), err
	case syncrun.FetchSections:
		known := elide(roster.KindClassroom, idsOf(s.classrooms, func(r roster.Classroom) string { return r.ID }))
		for i := range s.classrooms {
			s.classrooms[i].Hash = s.classrooms[i].Record.Hash()
			s.classrooms[i].Elided = known[s.classrooms[i].Record.ID] == s.classrooms[i].Hash
		}
		if err == nil {
			err = postgres.StageClassrooms(ctx, tx, c, s.classrooms)
		}
		return len(s.classrooms), err
	case syncrun.FetchContacts:
		for i := range s.parents {
			s.parents[i].Hash = s.parents[i].Record.Hash()
		}
		return len(s.parents), postgres.StageParents(ctx, tx, c, s.parents)
	case syncrun.FetchSchools:
		for i := range s.schools {
			s.schools[i].Hash = s.schools[i].Record.Hash()
		}
		return len(s.schools), postgres.StageSchools(ctx, tx, c, s.schools)
	case syncrun.FetchCourses:
		return len(s.courses), postgres.StageCourses(ctx, tx, c, s.courses)
	}
	return len(s.terms), postgres.StageTerms(ctx, tx, c, s.terms)
}

func idsOf[T any](rows []postgres.Staged[T], id func(T) string) []string {
	ids := make([]string, len(rows))
	for i, r := range rows {
		ids[i] = id(r.Record)
	}
	return ids
}

func (w *world) inTx(fn func(context.Context, pgx.Tx) error) error {
	ctx := w.t.Context()
	return pgx.BeginFunc(ctx, w.pool, func(tx pgx.Tx) error { return fn(ctx, tx) })
}

// exec runs a statement from outside the sync.
func (w *world) exec(statement string, args ...any) int64 {
	w.t.Helper()
	tag, err := w.pool.Exec(w.t.Context(), statement, args...)
	if err != nil {
		w.t.Fatalf("%s: %v", statement, err)
	}
	return tag.RowsAffected()
}

// touch is exec that must concern exactly one row.
func (w *world) touch(statement string, args ...any) {
	w.t.Helper()
	if n := w.exec(statement, args...); n != 1 {
		w.t.Fatalf("%s: %d rows", statement, n)
	}
}

func one[T any](w *world, statement string, args ...any) T {
	w.t.Helper()
	var value T
	if err := w.pool.QueryRow(w.t.Context(), statement, args...).Scan(&value); err != nil {
		w.t.Fatalf("%s: %v", statement, err)
	}
	return value
}

// list gives the rows of a statement that selects one text.
func list(w *world, statement string, args ...any) []string {
	w.t.Helper()
	rows, err := w.pool.Query(w.t.Context(), statement, args...)
	if err != nil {
		w.t.Fatalf("%s: %v", statement, err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		w.t.Fatalf("%s: %v", statement, err)
	}
	return all
}
