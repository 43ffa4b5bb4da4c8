package schoolmanager_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"cleversync/shared/fault"
	"cleversync/shared/roster"
	"cleversync/shared/schoolmanager"
	"cleversync/shared/syncrun"
)

// wantRefused checks that a run fails with a code and changes nothing.
func (w *world) wantRefused(d *district, o roster.Options, code fault.Code) {
	w.t.Helper()
	before := w.dump()
	out := w.run(d, o)
	if out.err == nil || fault.Of(out.err).Code != code {
		w.t.Errorf("error %v, want %s", out.err, code)
	}
	if diff := cmp.Diff(before, w.dump()); diff != "" {
		w.t.Errorf("a refused run changed the roster:\n%s", diff)
	}
}

func TestNobodySharedFailsTheRun(t *testing.T) {
	t.Parallel()
	w, d := newWorld(t), newDistrict()
	d.school("a")
	w.wantRefused(d, everything(), fault.CleverNotShared)
	w.mustRun(small(), everything())
	w.wantRefused(d, everything(), fault.CleverNotShared)
}

func TestMissingSchoolFailsTheRun(t *testing.T) {
	t.Parallel()
	w, d := newWorld(t), small()
	o := everything()
	o.Whole, o.Schools = false, []string{"a", "b"}
	w.wantRefused(d, o, fault.CleverNotShared)
	d.school("b")
	w.mustRun(d, o)
	d.unreadable["b"] = true
	wantCounts(t, w.mustRun(d, o), roster.KindSchool, schoolmanager.Counts{Held: 1})
}

func TestNoSelectedSchoolIsNotTheWholeDistrict(t *testing.T) {
	t.Parallel()
	w, d := newWorld(t), small()
	w.mustRun(d, everything())
	o := everything()
	o.Whole = false
	w.wantRefused(d, o, fault.NoSchoolSelected)
}

func TestIncompleteListFailsTheRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustRun(small(), everything())
	for _, step := range []syncrun.Step{syncrun.FetchSchools, syncrun.FetchStudents, syncrun.FetchTeachers, syncrun.FetchSections,
		syncrun.FetchCourses, syncrun.FetchTerms, syncrun.FetchContacts} {
		d := small()
		d.cut[step] = true
		w.wantRefused(d, everything(), fault.SnapshotIncomplete)
	}
	// A list that no option asks for is not missed.
	d := small()
	o := roster.Options{Whole: true}
	w.mustRun(d, o)
}

// crowd is a district of enough people for a tenth to mean something.
func crowd() *district {
	d := small()
	for _, id := range []string{"s3", "s4", "s5", "s6", "s7", "s8", "s9"} {
		d.student(id, "a")
	}
	d.teacher("t2", "a")
	d.section("c2", "a", []string{"t2"}, "s3")
	d.contact("p2", "s3")
	return d
}

// leave lets one of each kind leave.
func leave(d *district) {
	delete(d.people, "s9")
	delete(d.people, "t2")
	delete(d.sections, "c2")
	delete(d.contacts, "p2")
}

// Each list in doubt withholds the removals of its kind, students and teachers
// apart, and nothing else.
func TestDoubtWithholdsTheRemovalsOfItsKind(t *testing.T) {
	t.Parallel()
	type held map[roster.Kind]int64
	all := held{roster.KindUser: 2, roster.KindClassroom: 1, roster.KindMembership: 2, roster.KindParent: 1, roster.KindLink: 1}
	for name, c := range map[string]struct {
		doubt          func(*district)
		held           held
		archivedPeople int64
	}{
		"none":                           {func(*district) {}, held{}, 2},
		"paused":                         {func(d *district) { d.state = "paused" }, all, 0},
		"running":                        {func(d *district) { d.state = "running" }, held{}, 2},
		"blind students":                 {func(d *district) { d.blind[syncrun.FetchStudents] = 1 }, held{roster.KindUser: 1}, 1},
		"blind teachers":                 {func(d *district) { d.blind[syncrun.FetchTeachers] = 1 }, held{roster.KindUser: 1}, 1},
		"blind sections":                 {func(d *district) { d.blind[syncrun.FetchSections] = 1 }, held{roster.KindClassroom: 1, roster.KindMembership: 1}, 2},
		"blind contacts":                 {func(d *district) { d.blind[syncrun.FetchContacts] = 1 }, held{roster.KindParent: 1, roster.KindLink: 1}, 2},
		"unread student":                 {func(d *district) { d.unreadable["s9"] = true; d.student("s9", "a") }, held{roster.KindUser: 1}, 1},
		"unread teacher":                 {func(d *district) { d.unreadable["t2"] = true; d.teacher("t2", "a") }, held{roster.KindUser: 1}, 1},
		"unread section":                 {func(d *district) { d.unreadable["c2"] = true; d.section("c2", "a", nil) }, held{roster.KindClassroom: 1, roster.KindMembership: 1}, 2},
		"unread contact":                 {func(d *district) { d.unreadable["p2"] = true; d.contact("p2") }, held{roster.KindParent: 1, roster.KindLink: 1}, 2},
		"students differ, a ninth fewer": {func(d *district) { d.off[syncrun.FetchStudents] = 1 }, held{roster.KindUser: 1}, 1},
		"no schools":                     {func(d *district) { clear(d.schools) }, held{roster.KindSchool: 1}, 2},
		"no sections":                    {func(d *district) { clear(d.sections) }, held{roster.KindClassroom: 2, roster.KindMembership: 4}, 2},
		"no contacts":                    {func(d *district) { clear(d.contacts) }, held{roster.KindParent: 2, roster.KindLink: 3}, 2},
		"no teachers":                    {func(d *district) { delete(d.people, "t1") }, held{roster.KindUser: 2}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, d := newWorld(t), crowd()
			w.mustRun(d, everything())
			leave(d)
			c.doubt(d)
			out := w.mustRun(d, everything())
			got := held{}
			for kind, counts := range out.counts {
				if counts.Held > 0 {
					got[kind] = counts.Held
				}
			}
			if diff := cmp.Diff(c.held, got); diff != "" {
				t.Errorf("held (-want +got):\n%s", diff)
			}
			if got := out.counts[roster.KindUser].Archived; got != c.archivedPeople {
				t.Errorf("%d users archived, want %d", got, c.archivedPeople)
			}
		})
	}
}

func TestTotalThatDiffersOnlyWarnsUntilATenthIsMissing(t *testing.T) {
	t.Parallel()
	w, d := newWorld(t), crowd()
	d.student("s10", "a") // ten students
	w.mustRun(d, everything())
	delete(d.people, "s10") // nine: not more than a tenth fewer
	d.off[syncrun.FetchStudents] = 1
	out := w.mustRun(d, everything())
	wantCounts(t, out, roster.KindUser, schoolmanager.Counts{Archived: 1})
	wantIssues(t, out, map[roster.IssueCode]int64{roster.TotalDiffers: 1})
	delete(d.people, "s8")
	delete(d.people, "s9") // seven after nine
	for range 2 {          // the same short list is not believed the second time
		wantCounts(t, w.mustRun(d, everything()), roster.KindUser, schoolmanager.Counts{Held: 2})
	}
	clear(d.off) // fewer, but Clever says the same number
	wantCounts(t, w.mustRun(d, everything()), roster.KindUser, schoolmanager.Counts{Archived: 2})
}

// A user who stays only because the removal is withheld keeps the place in a
// section that no longer names it, and the parents. Later, when the removal
// proves right, they go; when the user is back, the section decides.
func TestWithheldUserKeepsWhatHangsOnIt(t *testing.T) {
	t.Parallel()
	for _, back := range []bool{false, true} {
		w, d := newWorld(t), crowd()
		w.mustRun(d, everything())
		gone := d.people["s3"]
		delete(d.people, "s3")
		d.section("c2", "a", []string{"t2"}, "s4")
		d.blind[syncrun.FetchStudents] = 1
		for night := range 2 {
			out := w.mustRun(d, everything())
			if night == 0 {
				wantCounts(t, out, roster.KindMembership, schoolmanager.Counts{Added: 1, Held: 1})
			} else {
				wantCounts(t, out, roster.KindMembership, schoolmanager.Counts{Held: 1})
				wantCounts(t, out, roster.KindClassroom, schoolmanager.Counts{})
			}
			wantCounts(t, out, roster.KindUser, schoolmanager.Counts{Held: 1})
			wantCounts(t, out, roster.KindParent, schoolmanager.Counts{Held: 1})
			wantCounts(t, out, roster.KindLink, schoolmanager.Counts{Held: 1})
			w.wantLines("member c2", "member c2 s3|student|true", "member c2 s4|student|true", "member c2 t2|primary_teacher|true")
			w.wantLines("link p2", "link p2 s3 Parent/Guardian|Mother|true")
		}
		clear(d.blind)
		if back {
			d.people["s3"] = gone
		}
		w.mustRun(d, everything())
		w.wantLines("member c2", "member c2 s3|gone", "member c2 s4|student|true", "member c2 t2|primary_teacher|true")
	}
}

func TestWithheldClassroomKeepsItsMembers(t *testing.T) {
	t.Parallel()
	w, d := newWorld(t), crowd()
	w.mustRun(d, everything())
	delete(d.sections, "c2")
	delete(d.people, "s3")
	d.blind[syncrun.FetchSections] = 1
	out := w.mustRun(d, everything())
	wantCounts(t, out, roster.KindMembership, schoolmanager.Counts{Archived: 1, Held: 1})
	w.wantLines("member c2", "member c2 s3|student|false", "member c2 t2|primary_teacher|true")
}

func TestNothingSharedIsAWarningOfTheFirstSync(t *testing.T) {
	t.Parallel()
	w, d := newWorld(t), small()
	clear(d.sections)
	clear(d.contacts)
	wantIssues(t, w.mustRun(d, everything()), map[roster.IssueCode]int64{roster.NothingShared: 2})
	wantIssues(t, w.mustRun(d, everything()), map[roster.IssueCode]int64{})
	off := newWorld(t)
	wantIssues(t, off.mustRun(d, roster.Options{Whole: true}), map[roster.IssueCode]int64{})
}

// A plan made twice for one run is made once.
func TestPlanReplacesAnEarlierOne(t *testing.T) {
	t.Parallel()
	w, d := newWorld(t), small()
	d.section("c1", "a", []string{"t1"}, "nobody")
	run := w.begin()
	w.stage(run, d.fetch(everything()))
	var first, second schoolmanager.Planned
	for _, planned := range []*schoolmanager.Planned{&first, &second} {
		if err := w.inTx(func(ctx context.Context, tx pgx.Tx) (err error) {
			*planned, err = schoolmanager.Plan(ctx, tx, w.input(run, everything(), ""))
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(first, second); diff != "" {
		t.Error(diff)
	}
	if got := one[int64](w, `SELECT count(*) FROM sync.run_issues WHERE run_id = $1`, run); got != 1 {
		t.Errorf("%d issues stored, want 1", got)
	}
}
