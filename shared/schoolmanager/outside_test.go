package schoolmanager_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"cleversync/shared/roster"
	"cleversync/shared/schoolmanager"
	"cleversync/shared/syncrun"
)

func TestMemberByHandStaysAndRemovedMemberComesBack(t *testing.T) {
	t.Parallel()
	w, d := newWorld(t), small()
	w.mustRun(d, everything())
	room := w.idOf("classrooms", "c1")
	w.touch(`
		WITH u AS (INSERT INTO school_manager.users (tenant_id, id, student, teacher) VALUES ($1, gen_random_uuid(), true, false) RETURNING id)
		INSERT INTO school_manager.classroom_members (tenant_id, classroom_id, user_key, user_id, role)
		SELECT $1, $2, u.id::text, u.id, 'student' FROM u`, w.tenant, room)
	w.touch(`UPDATE school_manager.classroom_members SET archived_at = now() WHERE tenant_id = $1 AND user_key = 's1'`, w.tenant)
	w.touch(`DELETE FROM school_manager.classroom_members WHERE tenant_id = $1 AND user_key = 's2'`, w.tenant)
	local := w.local()
	out := w.mustRun(d, everything())
	wantCounts(t, out, roster.KindMembership, schoolmanager.Counts{Added: 1, Restored: 1})
	w.wantLines("member", "member c1 s1|student|true", "member c1 s2|student|true", "member c1 t1|primary_teacher|true")
	if diff := cmp.Diff(local, w.local()); diff != "" || len(local) != 2 {
		t.Errorf("local rows %v changed:\n%s", local, diff)
	}
}

func TestLinkRemovedByHandComesBack(t *testing.T) {
	t.Parallel()
	w, d := newWorld(t), small()
	w.mustRun(d, everything())
	w.touch(`UPDATE school_manager.parent_links SET archived_at = now() WHERE tenant_id = $1 AND student_key = 's1'`, w.tenant)
	w.touch(`DELETE FROM school_manager.parent_links WHERE tenant_id = $1 AND student_key = 's2'`, w.tenant)
	wantCounts(t, w.mustRun(d, everything()), roster.KindLink, schoolmanager.Counts{Added: 1, Restored: 1})
}

// Somebody archives what Clever no longer has either: no run will archive it,
// and yet what hangs on it must not stay visible.
func TestWhatHangsOnRowsArchivedByHandGoes(t *testing.T) {
	t.Parallel()
	w, d := newWorld(t), crowd()
	w.mustRun(d, everything())
	w.touch(`UPDATE school_manager.users SET archived_at = now() WHERE tenant_id = $1 AND clever_id = 's1'`, w.tenant)
	w.touch(`UPDATE school_manager.classrooms SET archived_at = now() WHERE tenant_id = $1 AND clever_id = 'c2'`, w.tenant)
	w.touch(`UPDATE school_manager.parents SET archived_at = now() WHERE tenant_id = $1 AND clever_id = 'p2'`, w.tenant)
	delete(d.people, "s1")
	delete(d.sections, "c2")
	delete(d.contacts, "p2")
	out := w.mustRun(d, everything())
	wantCounts(t, out, roster.KindMembership, schoolmanager.Counts{Archived: 3})
	wantCounts(t, out, roster.KindLink, schoolmanager.Counts{Archived: 2})
	w.wantLines("member", "member c1 s1|student|false", "member c1 s2|student|true", "member c1 t1|primary_teacher|true", "member c2 s3|gone", "member c2 t2|gone")
	w.wantLines("link", "link p1 s1 Parent/Guardian|Mother|false", "link p1 s2 Parent/Guardian|Mother|true", "link p2 s3 Parent/Guardian|gone")
}

// A write from outside clears the hash of its row; one of the sync does not.
func TestWriteFromOutsideClearsTheHash(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ write, table string }{
		"user":            {`UPDATE school_manager.users SET email = 'x' WHERE clever_id = 's1'`, "users"},
		"school":          {`UPDATE school_manager.schools SET name = 'x'`, "schools"},
		"classroom":       {`UPDATE school_manager.classrooms SET name = 'x'`, "classrooms"},
		"parent":          {`UPDATE school_manager.parents SET name = 'x'`, "parents"},
		"member changed":  {`UPDATE school_manager.classroom_members SET role = 'teacher' WHERE user_key = 's1'`, "classrooms"},
		"member deleted":  {`DELETE FROM school_manager.classroom_members WHERE user_key = 's1'`, "classrooms"},
		"member inserted": {`INSERT INTO school_manager.classroom_members (tenant_id, classroom_id, user_key, role, source) SELECT tenant_id, id, 'x', 'student', 'clever' FROM school_manager.classrooms`, "classrooms"},
		"link changed":    {`UPDATE school_manager.parent_links SET relationship = 'x' WHERE student_key = 's1'`, "parents"},
		"link deleted":    {`DELETE FROM school_manager.parent_links WHERE student_key = 's1'`, "parents"},
		"link inserted":   {`INSERT INTO school_manager.parent_links (tenant_id, parent_id, student_key, type, source) SELECT tenant_id, id, 'x', 'Family', 'clever' FROM school_manager.parents`, "parents"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.mustRun(small(), everything())
			cleared := `SELECT count(*) FROM school_manager.` + c.table + ` WHERE hash IS NULL`
			if got := one[int64](w, cleared); got != 0 {
				t.Fatalf("%d hashes are cleared by the sync itself", got)
			}
			w.touch(c.write)
			if got := one[int64](w, cleared); got != 1 {
				t.Errorf("%d hashes are cleared, want 1", got)
			}
		})
	}
}

// What was written from outside after plan looked is skipped, and mended by the
// next run.
func TestRowsWrittenBetweenPlanAndApplyAreSkipped(t *testing.T) {
	t.Parallel()
	w, d := newWorld(t), crowd()
	w.mustRun(d, everything())
	d.student("s1", "a")
	u := d.people["s1"]
	u.Name.Last = "Changed"
	d.people["s1"] = u
	delete(d.people, "s9")
	d.section("c1", "a", []string{"t1"}, "s1", "new")
	d.contact("p1", "s1")
	d.student("new", "a")
	d.section("new", "a", []string{"t1"}, "new", "s4")
	d.contact("newp", "new", "s4")
	w.planned = func(uuid.UUID) {
		w.touch(`UPDATE school_manager.users SET grade = '5' WHERE tenant_id = $1 AND clever_id = 's1'`, w.tenant)
		w.touch(`UPDATE school_manager.users SET grade = '5' WHERE tenant_id = $1 AND clever_id = 's9'`, w.tenant)
		w.touch(`UPDATE school_manager.classroom_members SET role = 'teacher' WHERE tenant_id = $1 AND user_key = 's2'`, w.tenant)
		w.touch(`DELETE FROM school_manager.parent_links WHERE tenant_id = $1 AND student_key = 's2'`, w.tenant)
		w.touch(`INSERT INTO school_manager.users (tenant_id, id, clever_id, source, student, teacher) VALUES ($1, gen_random_uuid(), 'new', 'clever', true, false)`, w.tenant)
		w.touch(`INSERT INTO school_manager.classrooms (tenant_id, id, clever_id, source) VALUES ($1, gen_random_uuid(), 'new', 'clever')`, w.tenant)
	}
	out := w.mustRun(d, everything())
	wantCounts(t, out, roster.KindUser, schoolmanager.Counts{Skipped: 3})
	// c1's hash went with its member, the other classroom is somebody else's.
	wantCounts(t, out, roster.KindClassroom, schoolmanager.Counts{Skipped: 2})
	wantCounts(t, out, roster.KindMembership, schoolmanager.Counts{Skipped: 4})
	// A new parent finds whoever has the Clever id, also if somebody else made it.
	wantCounts(t, out, roster.KindLink, schoolmanager.Counts{Added: 2, Skipped: 1})
	orphans := one[int64](w, `
		SELECT count(*)
		FROM school_manager.classroom_members m
		WHERE NOT EXISTS (SELECT FROM school_manager.classrooms c WHERE c.id = m.classroom_id)
		   OR m.user_id IS NOT NULL AND NOT EXISTS (SELECT FROM school_manager.users u WHERE u.id = m.user_id)`)
	orphans += one[int64](w, `
		SELECT count(*)
		FROM school_manager.parent_links l
		WHERE l.student_id IS NOT NULL AND NOT EXISTS (SELECT FROM school_manager.users u WHERE u.id = l.student_id)`)
	if orphans != 0 {
		t.Errorf("%d orphans", orphans)
	}
	w.planned = nil
	w.mustRun(d, everything())
	m := newModel()
	m.sync(d.fetch(everything()), everything(), "")
	if diff := cmp.Diff(live(m.lines()), live(w.dump())); diff != "" {
		t.Errorf("the next run did not mend it (-want +got):\n%s", diff)
	}
}

func TestMemberArchivedBetweenPlanAndApplyIsSkipped(t *testing.T) {
	t.Parallel()
	w, d := newWorld(t), crowd()
	w.mustRun(d, everything())
	d.section("c2", "a", []string{"t1", "t2"}, "s3")
	w.planned = func(uuid.UUID) {
		w.touch(`UPDATE school_manager.classroom_members SET archived_at = now() WHERE tenant_id = $1 AND user_key = 't2'`, w.tenant)
	}
	wantCounts(t, w.mustRun(d, everything()), roster.KindMembership, schoolmanager.Counts{Added: 1, Skipped: 1})
	w.planned = nil
	wantCounts(t, w.mustRun(d, everything()), roster.KindMembership, schoolmanager.Counts{Restored: 1})
}

// What was written from outside after fetch looked came without its content: it
// is left alone, and mended by the next run.
func TestElidedRecordsWrittenBetweenFetchAndPlanAreSkipped(t *testing.T) {
	t.Parallel()
	w, d := newWorld(t), small()
	w.mustRun(d, everything())
	w.fetched = func(uuid.UUID) {
		w.touch(`UPDATE school_manager.users SET first_name = 'by hand' WHERE tenant_id = $1 AND clever_id = 's1'`, w.tenant)
		w.touch(`UPDATE school_manager.users SET archived_at = now() WHERE tenant_id = $1 AND clever_id = 's2'`, w.tenant)
		w.touch(`DELETE FROM school_manager.users WHERE tenant_id = $1 AND clever_id = 't1'`, w.tenant)
		w.touch(`UPDATE school_manager.classroom_members SET role = 'teacher' WHERE tenant_id = $1 AND user_key = 's1'`, w.tenant)
	}
	out := w.mustRun(d, everything())
	wantCounts(t, out, roster.KindUser, schoolmanager.Counts{Skipped: 3})
	wantCounts(t, out, roster.KindClassroom, schoolmanager.Counts{Skipped: 1})
	w.fetched = nil
	out = w.mustRun(d, everything())
	wantCounts(t, out, roster.KindUser, schoolmanager.Counts{Added: 1, Updated: 1, Restored: 1})
	w.wantLines("member", "member c1 s1|student|true", "member c1 s2|student|true", "member c1 t1|primary_teacher|true")
}

// Change rows that a crash has emptied are noticed before anything is written.
func TestLostChangesAreNoticed(t *testing.T) {
	t.Parallel()
	w, d := newWorld(t), small()
	w.planned = func(run uuid.UUID) {
		w.touch(`DELETE FROM staging.classroom_changes WHERE run_id = $1`, run)
	}
	out := w.run(d, everything())
	if !errors.Is(out.err, schoolmanager.ErrChangesLost) {
		t.Errorf("error %v, want ErrChangesLost", out.err)
	}
	if got := w.dump(); len(got) != 0 {
		t.Errorf("written all the same: %v", got)
	}
}

// Plan and Apply leave the caller's transaction as they found it.
func TestSettingsAreGivenBack(t *testing.T) {
	t.Parallel()
	w, d := newWorld(t), small()
	run := w.begin()
	w.stage(run, d.fetch(everything()))
	const settings = `SELECT concat_ws(' ', current_setting('work_mem'), current_setting('jit'), current_setting('enable_nestloop'),
		current_setting('enable_hashjoin'), nullif(current_setting('cleversync.run', true), ''))`
	err := w.inTx(func(ctx context.Context, tx pgx.Tx) error {
		var before, planned, applied string
		if err := tx.QueryRow(ctx, settings).Scan(&before); err != nil {
			return err
		}
		p, err := schoolmanager.Plan(ctx, tx, w.input(run, everything(), ""))
		if err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, settings).Scan(&planned); err != nil {
			return err
		}
		if _, err := schoolmanager.Apply(ctx, tx, schoolmanager.ApplyInput{Run: run, Tenant: w.tenant, Changes: p.Changes}); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, settings).Scan(&applied); err != nil {
			return err
		}
		if planned != before || applied != before {
			t.Errorf("settings %q, after plan %q, after apply %q", before, planned, applied)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestIssuesAreStoredOnceForTheSameRuns(t *testing.T) {
	t.Parallel()
	w, d := newWorld(t), small()
	d.school("b")
	d.teacher("t1", "a", "b") // in two lists
	u := d.people["t1"]
	u.Email = "not an address"
	d.people["t1"] = u
	d.contact("p9", "nobody") // an info: counted only
	o := everything()
	o.Whole, o.Schools = false, []string{"a", "b"}
	want := map[roster.IssueCode]int64{roster.EmailInvalid: 1, roster.ParentWithoutStudent: 1}
	stored := func(out outcome) int64 {
		return one[int64](w, `SELECT count(*) FROM sync.run_issues WHERE run_id = $1`, out.run)
	}
	first := w.mustRun(d, o)
	wantIssues(t, first, want)
	if got := stored(first); got != 1 || first.planned.IssuesOf != nil {
		t.Errorf("%d stored, of %v; want 1 of its own", got, first.planned.IssuesOf)
	}
	for range 2 {
		again := w.mustRun(d, o)
		wantIssues(t, again, want)
		if got := stored(again); got != 0 || again.planned.IssuesOf == nil || *again.planned.IssuesOf != first.run {
			t.Errorf("%d stored, of %v; want none, of %v", got, again.planned.IssuesOf, first.run)
		}
	}
	d.section("c1", "a", nil, "s1")
	changed := w.mustRun(d, o)
	if got := stored(changed); got != 2 || changed.planned.IssuesOf != nil {
		t.Errorf("%d stored, of %v; want 2 of its own", got, changed.planned.IssuesOf)
	}
	// A run that is no longer there cannot be pointed to.
	w.exec(`DELETE FROM sync.runs WHERE id = $1`, changed.run)
	if got := stored(w.mustRun(d, o)); got != 2 {
		t.Errorf("%d stored, want 2", got)
	}
}

func TestStoredIssuesAreBoundedAndCountsExact(t *testing.T) {
	t.Parallel()
	w, d := newWorld(t), small()
	run := w.begin()
	w.stage(run, d.fetch(everything()))
	w.exec(`
		INSERT INTO staging.issues (run_id, generation, step, code, kind, clever_id, field)
		SELECT $1, 1, $2, CASE WHEN i % 2 = 0 THEN 'value_too_long' ELSE 'parent_without_email' END, 'parent', i::text, ''
		FROM generate_series(1, 12000) i`, run, syncrun.FetchContacts)
	var planned schoolmanager.Planned
	if err := w.inTx(func(ctx context.Context, tx pgx.Tx) (err error) {
		planned, err = schoolmanager.Plan(ctx, tx, w.input(run, everything(), ""))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if got := one[int64](w, `SELECT sum(count)::bigint FROM sync.run_issue_counts WHERE run_id = $1`, run); got != 12000 {
		t.Errorf("%d counted, want 12000", got)
	}
	if got := one[string](w, `SELECT string_agg(code || ' ' || n, ', ' ORDER BY code) FROM (SELECT code, count(*) n FROM sync.run_issues WHERE run_id = $1 GROUP BY code) x`, run); got != "parent_without_email 6000, value_too_long 4000" {
		t.Errorf("stored: %s; errors must come first", got)
	}
	if len(planned.Issues) != 2 {
		t.Errorf("issues %+v", planned.Issues)
	}
}

func TestChangeSequence(t *testing.T) {
	t.Parallel()
	w, d := newWorld(t), small()
	seq := func() int64 { return one[int64](w, `SELECT change_seq FROM sync.tenants WHERE id = $1`, w.tenant) }
	w.exec(`UPDATE sync.tenants SET change_seq = 41 WHERE id = $1`, w.tenant)
	w.mustRun(d, everything())
	w.mustRun(d, everything())
	if got := seq(); got != 42 {
		t.Errorf("change_seq %d, want 42", got)
	}
	d.student("s3", "a")
	w.mustRun(d, everything())
	if got, rows := seq(), w.writtenBy(); got != 43 || rows != 1 {
		t.Errorf("change_seq %d with %d rows, want 43 with 1", got, rows)
	}
	// Everything that was planned is skipped: nothing is written, no value used.
	u := d.people["s3"]
	u.Name.Last = "Changed"
	d.people["s3"] = u
	w.planned = func(uuid.UUID) {
		w.touch(`UPDATE school_manager.users SET grade = '1' WHERE clever_id = 's3'`)
	}
	wantCounts(t, w.mustRun(d, everything()), roster.KindUser, schoolmanager.Counts{Skipped: 1})
	if got := seq(); got != 43 {
		t.Errorf("change_seq %d after a run that wrote nothing, want 43", got)
	}
}
