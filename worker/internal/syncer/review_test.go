package syncer_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"cleversync/shared/clever/clevertest"
	"cleversync/shared/dispatch"
	"cleversync/shared/postgres"
	"cleversync/shared/roster"
	"cleversync/shared/syncrun"
)

// leaveMany stops sharing n students.
func (w *world) leaveMany(n int) {
	w.t.Helper()
	var ids []string
	for u := range w.clever.District().Students() {
		if len(ids) < n {
			ids = append(ids, u.ID)
		}
	}
	w.must(w.clever.Edit(func(e *clevertest.Edits) { e.Remove(ids...) }))
}

// held is the tenant's newest kept changes.
func (w *world) held() postgres.Hold {
	w.t.Helper()
	holds, err := postgres.ListHolds(w.t.Context(), w.Pool, w.tenant, 1)
	w.must(err)
	if len(holds) == 0 {
		w.t.Fatal("nothing is held")
	}
	return holds[0]
}

// approve begins the run that applies what is held.
func (w *world) approve(h postgres.Hold) uuid.UUID {
	w.t.Helper()
	run, err := w.dispatcher.Approve(w.t.Context(), dispatch.Approval{Tenant: w.tenant, Hold: h.ID, Digest: h.Digest, Actor: "test"})
	w.must(err)
	return run
}

func (w *world) read(run uuid.UUID) postgres.Run {
	w.t.Helper()
	r, err := postgres.ReadRun(w.t.Context(), w.Pool, w.tenant, run)
	w.must(err)
	return r
}

func begin(run uuid.UUID) []syncrun.Delivery {
	return []syncrun.Delivery{{Run: run, Step: syncrun.Prepare, Seq: 1, Lane: syncrun.LaneManual}}
}

// TestRun_manyLeave: they stay until a person approves, and the run that then
// removes them asks Clever nothing.
func TestRun_manyLeave(t *testing.T) {
	t.Parallel()
	w := newWorld(t, district(), time.Hour)
	first := w.completed()
	before := w.dump()
	w.leaveMany(30)
	run := w.completed()
	if got := run.Counts[roster.KindUser]; got.Held != 30 || got.Archived != 0 || w.dump() != before {
		t.Errorf("%+v, want 30 held and the roster untouched", got)
	}
	requests := w.requests()
	approved := w.approve(w.held())
	w.must(w.perform(begin(approved)))
	run = w.read(approved)
	if got := run.Counts[roster.KindUser]; run.State != syncrun.Completed || got.Archived != 30 || got.Held != 0 {
		t.Errorf("the approved run is %s: %+v, want 30 archived", run.State, got)
	}
	if n := w.requests() - requests; n != 0 {
		t.Errorf("the approved run asked Clever %d times", n)
	}
	if !run.LastSync.Equal(first.LastSync) {
		t.Errorf("its data is of %s, want %s", run.LastSync, first.LastSync)
	}
	w.whole()
	w.completed()
	w.whole()
	if h := w.held(); h.State != postgres.HoldApproved || h.AppliedBy != approved {
		t.Errorf("the hold is %+v", h)
	}
}

func (w *world) requests() int {
	n := 0
	for _, of := range w.clever.Requests() {
		n += of
	}
	return n
}

// TestRun_approvedAndPostgresCrashed: the change rows of a run that fetches
// nothing are made again from what is kept.
func TestRun_approvedAndPostgresCrashed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, district(), time.Hour)
	w.completed()
	w.leaveMany(30)
	w.completed()
	run := w.approve(w.held())
	ctx := t.Context()
	crashed := false
	for todo := begin(run); len(todo) > 0; {
		d := todo[0]
		if d.Step == syncrun.Apply && !crashed {
			crashed = true
			for _, table := range []string{"user_changes", "progress"} {
				_, err := w.Pool.Exec(ctx, `DELETE FROM staging.`+table)
				w.must(err)
			}
		}
		c, answer, _, err := postgres.ClaimStep(ctx, w.Pool, postgres.ClaimRequest{Delivery: d, Owner: "test", Lease: time.Minute, PerTenant: 10, PerDistrict: 10})
		w.must(err)
		if answer != postgres.Taken {
			t.Fatalf("claim of %s answers %v", d.Step, answer)
		}
		next, err := w.syncer.Perform(ctx, c)
		w.must(err)
		todo = append(todo[1:], next...)
	}
	got := w.read(run)
	if !crashed || got.State != syncrun.Completed || got.Generation != 2 || got.Counts[roster.KindUser].Archived != 30 {
		t.Errorf("crashed %v, %s in generation %d: %+v", crashed, got.State, got.Generation, got.Counts[roster.KindUser])
	}
	w.whole()
}

// TestRun_preview: a first look changes nothing and opens no night's schedule.
func TestRun_preview(t *testing.T) {
	t.Parallel()
	w := newWorld(t, district(), time.Hour)
	started, err := w.dispatcher.Start(t.Context(), dispatch.StartRequest{Tenant: w.tenant, Actor: "test", Preview: true})
	w.must(err)
	w.must(w.perform(begin(started.Run)))
	run := w.read(started.Run)
	counts := run.Counts[roster.KindUser]
	if run.State != syncrun.Completed || len(w.active("users")) != 0 || counts.Added != int64(len(w.people())) || counts.Written != 0 {
		t.Errorf("preview is %s: %+v; %d users are there", run.State, counts, len(w.active("users")))
	}
	if run.Counts[roster.KindMembership].Added == 0 || run.Counts[roster.KindLink].Added == 0 {
		t.Errorf("preview counts %+v, want memberships and links too", run.Counts)
	}
	var planned []uuid.UUID
	w.must(pgx.BeginFunc(t.Context(), w.Pool, func(tx pgx.Tx) (err error) {
		planned, err = postgres.LockUnplanned(t.Context(), tx, "uk", 10)
		return err
	}))
	if len(planned) != 0 {
		t.Error("a preview lets the nightly schedule begin")
	}
	applied := w.approve(w.held())
	w.must(w.perform(begin(applied)))
	w.whole()
	if got := w.read(applied).Counts[roster.KindUser]; got.Added != counts.Added {
		t.Errorf("applied %+v, want the %d of the preview", got, counts.Added)
	}
}

// TestApprove_refusals: nothing begins where nothing may, and a hold is used up
// by one.
func TestApprove_refusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t, district(), time.Hour)
	w.completed()
	w.leaveMany(30)
	w.completed()
	h := w.held()
	approve := func(a dispatch.Approval) error {
		_, err := w.dispatcher.Approve(t.Context(), a)
		return err
	}
	if err := approve(dispatch.Approval{Tenant: w.tenant, Hold: uuid.New(), Digest: h.Digest, Actor: "test"}); !errors.Is(err, postgres.ErrNoHold) {
		t.Errorf("an unknown hold: %v", err)
	}
	if err := approve(dispatch.Approval{Tenant: w.tenant, Hold: h.ID, Digest: []byte("other"), Actor: "test"}); !errors.Is(err, postgres.ErrNotOpen) {
		t.Errorf("another digest: %v", err)
	}
	var unfinished int
	w.must(w.Pool.QueryRow(t.Context(), `SELECT count(*) FROM sync.runs WHERE state IN ('queued', 'running')`).Scan(&unfinished))
	if unfinished != 0 {
		t.Errorf("%d runs were begun by refused approvals", unfinished)
	}
	run := w.approve(h)
	err := approve(dispatch.Approval{Tenant: w.tenant, Hold: h.ID, Digest: h.Digest, Actor: "test"})
	if open, ok := errors.AsType[*dispatch.UnfinishedError](err); !ok || open.Run != run {
		t.Errorf("a second approval: %v, want the run under way named", err)
	}
}
