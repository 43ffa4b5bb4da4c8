package postgres_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"cleversync/shared/postgres"
	"cleversync/shared/roster"
	"cleversync/shared/syncrun"
)

// stagePage stages some courses as one page that ends the stream or not.
func (w *world) stagePage(c *postgres.Claim, from, to *string, last bool, ids ...string) error {
	rows := make([]postgres.Staged[roster.Course], len(ids))
	for i, id := range ids {
		rows[i] = postgres.Staged[roster.Course]{List: "district", Record: roster.Course{ID: id}}
	}
	ctx := w.t.Context()
	return c.Fenced(ctx, w.Pool, func(tx pgx.Tx) error {
		if err := postgres.StageCourses(ctx, tx, c, rows); err != nil {
			return err
		}
		return postgres.MoveProgress(ctx, tx, c, postgres.PageMove{
			From: from, To: to, Pages: 1, Records: int64(len(ids)), Rows: int64(len(ids)), Complete: last,
		})
	})
}

func (w *world) begin(c *postgres.Claim) (p postgres.Progress) {
	w.t.Helper()
	must(w.t, c.Fenced(w.t.Context(), w.Pool, func(tx pgx.Tx) (err error) {
		p, err = postgres.BeginProgress(w.t.Context(), tx, c)
		return err
	}))
	return p
}

func ptr(s string) *string { return &s }

func TestMoveProgress_pageAndCursorMoveTogether(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.end(w.claim(syncrun.Prepare))
	c := w.claim(syncrun.FetchCourses)
	w.begin(c)
	must(t, w.stagePage(c, nil, ptr("after b"), false, "a", "b"))

	// The same page again: its cursor has moved on, so nothing of it may stay.
	if err := w.stagePage(c, nil, ptr("after b"), false, "x"); !errors.Is(err, postgres.ErrLostProgress) {
		t.Errorf("a page from an old cursor: %v, want ErrLostProgress", err)
	}
	must(t, w.stagePage(c, ptr("after b"), nil, true, "c"))
	ids, err := postgres.StagedIDs(t.Context(), w.Pool, c, syncrun.FetchCourses)
	must(t, err)
	if diff := cmp.Diff([]string{"a", "b", "c"}, ids); diff != "" {
		t.Errorf("staged (-want +got):\n%s", diff)
	}
	if p := w.begin(c); !p.Complete {
		t.Errorf("progress = %+v, want complete", p)
	}
}

// What Postgres' crash does to UNLOGGED tables in the middle of a stream.
func TestBeginProgress_afterALossTheStreamStartsAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.end(w.claim(syncrun.Prepare))
	c := w.claim(syncrun.FetchCourses)
	w.begin(c)
	must(t, w.stagePage(c, nil, ptr("after b"), false, "a", "b"))
	w.exec(`DELETE FROM staging.progress`)
	if err := w.stagePage(c, ptr("after b"), nil, true, "c"); !errors.Is(err, postgres.ErrLostProgress) {
		t.Errorf("a page after the loss: %v, want ErrLostProgress", err)
	}
	if p := w.begin(c); p.Cursor != nil || p.Complete {
		t.Errorf("progress = %+v, want the start", p)
	}
	must(t, w.stagePage(c, nil, nil, true, "a", "b"))
}

// wholeRun stages every stream of the run and stands before plan.
func (w *world) wholeRun() *postgres.Claim {
	w.t.Helper()
	w.end(w.claim(syncrun.Prepare))
	for _, step := range append(w.config.Fetches(), syncrun.FetchContacts) {
		c := w.claim(step)
		w.begin(c)
		if step == syncrun.FetchCourses {
			must(w.t, w.stagePage(c, nil, nil, true, "a", "b"))
		} else {
			must(w.t, w.stagePage(c, nil, nil, true))
		}
		w.end(c)
	}
	return w.claim(syncrun.Plan)
}

// Its control is the build tag "unproven", with which it fails.
func TestStagedWhole_noticesEveryLoss(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, loss string
		want       bool
	}{
		{"nothing lost", `SELECT 1`, true},
		{"everything, as after a crash", `TRUNCATE staging.progress, staging.courses`, false},
		{"rows alone", `DELETE FROM staging.courses WHERE clever_id = 'a'`, false},
		{"a progress row alone", `DELETE FROM staging.progress WHERE step = 'fetch-terms'`, false},
		{"a stream that is not complete", `UPDATE staging.progress SET complete = false WHERE step = 'fetch-terms'`, false},
		{"issues alone", `UPDATE staging.progress SET issues = 1 WHERE step = 'fetch-terms'`, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			plan := w.wholeRun()
			w.exec(test.loss)
			var got bool
			must(t, plan.FencedRun(t.Context(), w.Pool, func(tx pgx.Tx) (err error) {
				got, err = postgres.StagedWhole(t.Context(), tx, plan)
				return err
			}))
			if got != test.want {
				t.Errorf("whole = %v, want %v", got, test.want)
			}
		})
	}
}

func TestRegenerate_beginsTheFetchAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	plan := w.wholeRun()
	var next []syncrun.Delivery
	must(t, plan.FencedRun(t.Context(), w.Pool, func(tx pgx.Tx) (err error) {
		next, err = postgres.Regenerate(t.Context(), tx, plan, 100)
		return err
	}))
	if len(next) != len(w.config.Fetches()) {
		t.Errorf("%d steps begin anew, want %d", len(next), len(w.config.Fetches()))
	}
	want := map[syncrun.Step]syncrun.StepState{syncrun.Prepare: syncrun.StepDone}
	for _, step := range w.config.Fetches() {
		want[step] = syncrun.StepReady
	}
	if diff := cmp.Diff(want, w.steps()); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	r := w.request(syncrun.FetchCourses)
	r.Seq = 2
	c := w.take(r)
	if c.Generation != 2 || c.Attempt != 0 {
		t.Errorf("generation %d, attempt %d, want 2 and none burned", c.Generation, c.Attempt)
	}
	if p := w.begin(c); p.Complete {
		t.Error("the new generation begins complete")
	}
}

func TestRegenerate_isBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	plan := w.wholeRun()
	w.exec(`UPDATE sync.runs SET generation = 5`)
	err := plan.FencedRun(t.Context(), w.Pool, func(tx pgx.Tx) error {
		_, err := postgres.Regenerate(t.Context(), tx, plan, 100)
		return err
	})
	if !errors.Is(err, postgres.ErrTooManyGenerations) {
		t.Errorf("the sixth generation: %v, want ErrTooManyGenerations", err)
	}
}

func TestClearStaging_leavesOtherRunsAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := *w
	other.tenant, other.run = w.newRun()
	for _, each := range []*world{w, &other} {
		each.wholeRun()
	}
	must(t, postgres.ClearStaging(t.Context(), w.Pool, w.run))
	count := func(run any) (n int) {
		must(t, w.Pool.QueryRow(t.Context(), `
			SELECT (SELECT count(*) FROM staging.courses WHERE run_id = $1) + (SELECT count(*) FROM staging.progress WHERE run_id = $1)`, run).Scan(&n))
		return n
	}
	if got := count(w.run); got != 0 {
		t.Errorf("%d rows of the run are left", got)
	}
	if got := count(other.run); got == 0 {
		t.Error("another run's rows are gone")
	}
}
