package schoolmanager_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cleversync/shared/roster"
	"cleversync/shared/schoolmanager"
	"cleversync/shared/syncrun"
)

// wantLines checks that the roster has exactly these lines with a prefix.
func (w *world) wantLines(prefix string, want ...string) {
	w.t.Helper()
	got := slices.DeleteFunc(w.dump(), func(l string) bool { return !strings.HasPrefix(l, prefix) })
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Errorf("%s(-want +got):\n%s", prefix, diff)
	}
}

// wantCounts checks the counts of one kind, whatever was unchanged.
func wantCounts(t *testing.T, out outcome, kind roster.Kind, want schoolmanager.Counts) {
	t.Helper()
	got := out.counts[kind]
	want.Kind, want.Unchanged, want.Written = kind, got.Unchanged, got.Written
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("counts of %s (-want +got):\n%s", kind, diff)
	}
}

func wantIssues(t *testing.T, out outcome, want map[roster.IssueCode]int64) {
	t.Helper()
	if diff := cmp.Diff(want, out.issues); diff != "" {
		t.Errorf("issues (-want +got):\n%s", diff)
	}
}

func (w *world) idOf(table, cleverID string) string {
	w.t.Helper()
	return one[string](w, `SELECT id::text FROM school_manager.`+table+` WHERE tenant_id = $1 AND clever_id = $2`, w.tenant, cleverID)
}

func TestReturningUserIsRestoredUnderTheSameID(t *testing.T) {
	t.Parallel()
	w, d := newWorld(t), small()
	w.mustRun(d, everything())
	id, gone := w.idOf("users", "s1"), d.people["s1"]
	delete(d.people, "s1")
	wantCounts(t, w.mustRun(d, everything()), roster.KindUser, schoolmanager.Counts{Archived: 1})
	d.people["s1"] = gone
	wantCounts(t, w.mustRun(d, everything()), roster.KindUser, schoolmanager.Counts{Restored: 1})
	if got := w.idOf("users", "s1"); got != id {
		t.Errorf("restored as %s, was %s", got, id)
	}
}

func TestTeacherOfTwoSchoolsWhoAlsoStudiesIsOneUser(t *testing.T) {
	t.Parallel()
	w, d := newWorld(t), small()
	d.school("b")
	d.teacher("t1", "a", "b")
	d.student("t1", "a")
	o := everything()
	o.Whole, o.Schools = false, []string{"a", "b"}
	out := w.mustRun(d, o)
	wantCounts(t, out, roster.KindUser, schoolmanager.Counts{Added: 3})
	w.wantLines("user t1", "user t1|true|true|true|S|t1|t1@school.example||sis-t1|a,b|||")
}

func TestDuplicateEmailIsReportedOnTheLaterID(t *testing.T) {
	t.Parallel()
	w, d := newWorld(t), small()
	for _, id := range []string{"s2", "t1"} {
		u := d.people[id]
		u.Email = "S1@School.Example"
		d.people[id] = u
	}
	for night := range 2 { // the second one has elided rows only
		out := w.mustRun(d, everything())
		wantIssues(t, out, map[roster.IssueCode]int64{roster.DuplicateEmail: 2})
		if night > 0 {
			continue
		}
		got := list(w, `SELECT clever_id || ' ' || field FROM sync.run_issues WHERE run_id = $1 ORDER BY 1`, out.run)
		if diff := cmp.Diff([]string{"s2 email", "t1 email"}, got); diff != "" {
			t.Error(diff)
		}
	}
}

func TestSixParentsOfOneStudentAreMany(t *testing.T) {
	t.Parallel()
	w, d := newWorld(t), small()
	for i := range 5 {
		d.contact(fmt.Sprintf("p%d", i), "s1", "s1:Family")
	}
	d.contact("p5", "s2", "nobody")
	wantIssues(t, w.mustRun(d, everything()), map[roster.IssueCode]int64{})
	d.contact("p5", "s1", "nobody")
	wantIssues(t, w.mustRun(d, everything()), map[roster.IssueCode]int64{roster.GuardiansMany: 1})
}

func TestMembersComeAndGoWithTheirUsers(t *testing.T) {
	t.Parallel()
	w, d := newWorld(t), small()
	d.section("c1", "a", []string{"t1"}, "s1", "later")
	out := w.mustRun(d, everything())
	wantIssues(t, out, map[roster.IssueCode]int64{roster.MemberNotShared: 1})
	wantCounts(t, out, roster.KindMembership, schoolmanager.Counts{Added: 2})
	w.wantLines("member", "member c1 later|student|false", "member c1 s1|student|true", "member c1 t1|primary_teacher|true")

	// The section stays as it is; only users change.
	d.student("later", "a")
	gone := d.people["s1"]
	delete(d.people, "s1")
	out = w.mustRun(d, everything())
	wantIssues(t, out, map[roster.IssueCode]int64{roster.MemberNotShared: 1})
	wantCounts(t, out, roster.KindMembership, schoolmanager.Counts{Added: 1, Archived: 1})
	wantCounts(t, out, roster.KindClassroom, schoolmanager.Counts{})
	w.wantLines("member", "member c1 later|student|true", "member c1 s1|student|false", "member c1 t1|primary_teacher|true")

	d.people["s1"] = gone
	out = w.mustRun(d, everything())
	wantIssues(t, out, map[roster.IssueCode]int64{})
	w.wantLines("member", "member c1 later|student|true", "member c1 s1|student|true", "member c1 t1|primary_teacher|true")
}

func TestMemberNoLongerNamedIsNoIssue(t *testing.T) {
	t.Parallel()
	w, d := newWorld(t), small()
	d.section("c1", "a", []string{"t1"}, "s1", "nobody")
	wantIssues(t, w.mustRun(d, everything()), map[roster.IssueCode]int64{roster.MemberNotShared: 1})
	d.section("c1", "a", []string{"t1"}, "s1")
	wantIssues(t, w.mustRun(d, everything()), map[roster.IssueCode]int64{})
	wantIssues(t, w.mustRun(d, everything()), map[roster.IssueCode]int64{})
}

func TestLinksComeAndGoWithTheirStudents(t *testing.T) {
	t.Parallel()
	w, d := newWorld(t), small()
	d.contact("p1", "s1", "later")
	out := w.mustRun(d, everything())
	wantCounts(t, out, roster.KindLink, schoolmanager.Counts{Added: 1})
	w.wantLines("link", "link p1 later Parent/Guardian|Mother|false", "link p1 s1 Parent/Guardian|Mother|true")
	d.student("later", "a")
	delete(d.people, "s1")
	out = w.mustRun(d, everything())
	wantCounts(t, out, roster.KindLink, schoolmanager.Counts{Added: 1, Archived: 1})
	wantCounts(t, out, roster.KindParent, schoolmanager.Counts{})
	w.wantLines("link", "link p1 later Parent/Guardian|Mother|true", "link p1 s1 Parent/Guardian|Mother|false")
}

func TestMembershipRoleChanges(t *testing.T) {
	t.Parallel()
	w, d := newWorld(t), small()
	d.teacher("t2", "a")
	d.section("c1", "a", []string{"t1", "t2"}, "s1", "s2")
	w.mustRun(d, everything())
	d.section("c1", "a", []string{"t2", "t1"}, "s1")
	out := w.mustRun(d, everything())
	wantCounts(t, out, roster.KindMembership, schoolmanager.Counts{Updated: 2, Archived: 1})
	w.wantLines("member", "member c1 s1|student|true", "member c1 s2|gone", "member c1 t1|teacher|true", "member c1 t2|primary_teacher|true")
}

func TestForcedUniqueNames(t *testing.T) {
	t.Parallel()
	w, d := newWorld(t), small()
	for id, sis := range map[string]string{"c1": "77", "c2": "same", "c3": "same", "c4": ""} {
		d.section(id, "a", []string{"t1"}, "s1")
		s := d.sections[id]
		s.Name, s.SISID = "Art", sis
		d.sections[id] = s
	}
	names := func() []string {
		return list(w, `SELECT name FROM school_manager.classrooms WHERE tenant_id = $1 AND archived_at IS NULL ORDER BY clever_id`, w.tenant)
	}
	plain, forced := everything(), everything()
	forced.UniqueClassNames = true
	w.mustRun(d, plain)
	if diff := cmp.Diff([]string{"Art", "Art", "Art", "Art"}, names()); diff != "" {
		t.Error(diff)
	}
	wantCounts(t, w.mustRun(d, forced), roster.KindClassroom, schoolmanager.Counts{Updated: 4})
	if diff := cmp.Diff([]string{"Art - 77", "Art - c2", "Art - c3", "Art - c4"}, names()); diff != "" {
		t.Error(diff)
	}
	// c3 goes, and c2's sis_id is its own.
	delete(d.sections, "c3")
	wantCounts(t, w.mustRun(d, forced), roster.KindClassroom, schoolmanager.Counts{Updated: 1, Archived: 1})
	if diff := cmp.Diff([]string{"Art - 77", "Art - same", "Art - c4"}, names()); diff != "" {
		t.Error(diff)
	}
	wantCounts(t, w.mustRun(d, plain), roster.KindClassroom, schoolmanager.Counts{Updated: 3})
}

// A section that stays only because it came unreadable still holds its sis_id.
func TestForcedNamesKnowWithheldClassrooms(t *testing.T) {
	t.Parallel()
	w, d := newWorld(t), small()
	for _, id := range []string{"c1", "c2"} {
		d.section(id, "a", []string{"t1"}, "s1")
		s := d.sections[id]
		s.Name, s.SISID = "Art", "same"
		d.sections[id] = s
	}
	o := everything()
	o.UniqueClassNames = true
	w.mustRun(d, o)
	d.unreadable["c2"] = true
	wantCounts(t, w.mustRun(d, o), roster.KindClassroom, schoolmanager.Counts{Held: 1})
}

func TestCourseAndTermFactsOfUnchangedSections(t *testing.T) {
	t.Parallel()
	w, d := newWorld(t), small()
	d.courses["k1"] = roster.SourceCourse{ID: "k1", Name: "Maths", Number: "M1"}
	d.terms["e1"] = roster.SourceTerm{ID: "e1", Name: "Fall", Start: "2025-08-01", End: "2025-12-20"}
	s := d.sections["c1"]
	s.Name, s.SISID, s.Course, s.Term = "", "9", "k1", "e1"
	d.sections["c1"] = s
	out := w.mustRun(d, everything())
	wantIssues(t, out, map[roster.IssueCode]int64{roster.SectionWithoutName: 1})
	w.wantLines("classroom", "classroom c1|true|Maths||9|a|k1|Maths|M1|e1|Fall|2025-08-01|2025-12-20||")

	d.courses["k1"] = roster.SourceCourse{ID: "k1", Name: "Algebra", Number: "M1"}
	d.terms["e1"] = roster.SourceTerm{ID: "e1", Name: "Fall", Start: "2025-08-01", End: "2026-01-10"}
	wantCounts(t, w.mustRun(d, everything()), roster.KindClassroom, schoolmanager.Counts{Updated: 1})
	w.wantLines("classroom", "classroom c1|true|Algebra||9|a|k1|Algebra|M1|e1|Fall|2025-08-01|2026-01-10||")

	// What cannot be read stays; what is gone goes.
	d.unreadable["k1"] = true
	wantCounts(t, w.mustRun(d, everything()), roster.KindClassroom, schoolmanager.Counts{})
	clear(d.unreadable)
	delete(d.courses, "k1")
	d.blind[syncrun.FetchCourses] = 1
	wantCounts(t, w.mustRun(d, everything()), roster.KindClassroom, schoolmanager.Counts{})
	clear(d.blind)
	wantCounts(t, w.mustRun(d, everything()), roster.KindClassroom, schoolmanager.Counts{Updated: 1})
	w.wantLines("classroom", "classroom c1|true|9||9|a|k1|||e1|Fall|2025-08-01|2026-01-10||")
}

func TestNamelessSectionWithNothingElseIsNamedByItsCleverID(t *testing.T) {
	t.Parallel()
	w, d := newWorld(t), small()
	d.sections["c1"] = roster.SourceSection{ID: "c1", School: "a"}
	w.mustRun(d, everything())
	w.wantLines("classroom", "classroom c1|true|c1|||a|||||||||")
}
