package schoolmanager_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"cleversync/shared/roster"
	"cleversync/shared/schoolmanager"
	"cleversync/shared/syncrun"
)

// becomes gives a student or teacher another id, in people only.
func (d *district) becomes(old, id string) {
	u := d.people[old]
	u.ID = id
	delete(d.people, old)
	d.people[id] = u
}

// renamed gives every id of a district that is not a school's another one.
// Sections keep theirs where keep says so.
func (d *district) renamed(keepSections bool) {
	anew := func(ids []string) []string {
		ids = slices.Clone(ids)
		for i := range ids {
			ids[i] = "new-" + ids[i]
		}
		return ids
	}
	for _, id := range slices.Collect(maps.Keys(d.people)) {
		d.becomes(id, "new-"+id)
	}
	for id, c := range maps.Clone(d.contacts) {
		related := *c.Roles.Contact
		related.Relationships = slices.Clone(related.Relationships)
		for i := range related.Relationships {
			related.Relationships[i].Student = "new-" + related.Relationships[i].Student
		}
		c.ID, c.Roles.Contact = "new-"+id, &related
		delete(d.contacts, id)
		d.contacts["new-"+id] = c
	}
	for id, s := range maps.Clone(d.sections) {
		s.Students, s.Teachers, s.Teacher = anew(s.Students), anew(s.Teachers), "new-"+s.Teacher
		delete(d.sections, id)
		if !keepSections {
			s.ID, s.SISID = "new-"+id, ""
		}
		d.sections[s.ID] = s
	}
}

// ids are School Manager's ids of all live rows of a table.
func (w *world) ids(table string) []string {
	w.t.Helper()
	return list(w, `SELECT id::text FROM school_manager.`+table+` WHERE tenant_id = $1 AND archived_at IS NULL ORDER BY 1`, w.tenant)
}

// The roster is re-created: everybody comes under a new id.
func TestIncident_NewIDs(t *testing.T) {
	t.Parallel()
	for _, state := range []string{"", "paused"} {
		t.Run("state "+state, func(t *testing.T) {
			t.Parallel()
			w, d := newWorld(t), crowd()
			first := w.mustRun(d, everything())
			users, parents := w.ids("users"), w.ids("parents")
			d.renamed(true)
			d.state = state
			out := w.mustRun(d, everything())
			for kind, was := range first.counts {
				if kind == roster.KindSchool || kind == roster.KindClassroom {
					continue
				}
				wantCounts(t, out, kind, schoolmanager.Counts{Updated: was.Added})
			}
			wantIssues(t, out, map[roster.IssueCode]int64{roster.RecordRekeyed: int64(len(users) + len(parents))})
			if diff := cmp.Diff(users, w.ids("users")); diff != "" {
				t.Errorf("users (-before +after):\n%s", diff)
			}
			if diff := cmp.Diff(parents, w.ids("parents")); diff != "" {
				t.Errorf("parents (-before +after):\n%s", diff)
			}
			for _, l := range w.dump() {
				if strings.Contains(l, "gone") || strings.Contains(l, "orphan") || strings.HasPrefix(l, "member") && !strings.Contains(l, "new-") {
					t.Errorf("after the re-key: %s", l)
				}
			}
			idleRun(w, d, everything())
		})
	}
}

// Sections have new ids too: those are new classrooms, but of the same people.
// With a paused district the old ones stay, and who is in them.
func TestIncident_NewIDs_OfSectionsToo(t *testing.T) {
	t.Parallel()
	for state, want := range map[string]schoolmanager.Counts{"": {Added: 3, Archived: 3}, "paused": {Added: 3, Held: 3}} {
		t.Run("state "+state, func(t *testing.T) {
			t.Parallel()
			w, d := newWorld(t), small()
			w.mustRun(d, everything())
			users := w.ids("users")
			d.renamed(false)
			d.state = state
			out := w.mustRun(d, everything())
			wantCounts(t, out, roster.KindUser, schoolmanager.Counts{Updated: 3})
			wantCounts(t, out, roster.KindMembership, want)
			if diff := cmp.Diff(users, w.ids("users")); diff != "" {
				t.Errorf("users (-before +after):\n%s", diff)
			}
			lines := []string{"member c1 s1|gone", "member c1 s2|gone", "member c1 t1|gone"}
			if state == "paused" {
				lines = []string{"member c1 new-s1|student|true", "member c1 new-s2|student|true", "member c1 new-t1|primary_teacher|true"}
			}
			w.wantLines("member c1", lines...)
			w.wantLines("member new-c1", "member new-c1 new-s1|student|true", "member new-c1 new-s2|student|true", "member new-c1 new-t1|primary_teacher|true")
			d.state = ""
			w.mustRun(d, everything())
			if got := len(w.ids("classrooms")); got != 1 {
				t.Errorf("%d classrooms once the district is no longer paused, want 1", got)
			}
			idleRun(w, d, everything())
		})
	}
}

// Siblings have one address, and a new id each.
func TestIncident_SiblingsShareEmail(t *testing.T) {
	t.Parallel()
	w, d := newWorld(t), small()
	sibling := func(id, first, sis string) {
		d.student(id, "a")
		u := d.people[id]
		u.Email, u.Name, u.Roles.Student.SISID = "family@home.example", roster.SourceName{First: first, Last: "Fox"}, sis
		d.people[id] = u
	}
	sibling("s1", "Ann", "")
	sibling("s2", "Bo", "")
	w.mustRun(d, everything())
	ann, bo := w.idOf("users", "s1"), w.idOf("users", "s2")
	d.becomes("s1", "s4")
	d.becomes("s2", "s3")
	wantCounts(t, w.mustRun(d, everything()), roster.KindUser, schoolmanager.Counts{Updated: 2})
	if gotAnn, gotBo := w.idOf("users", "s4"), w.idOf("users", "s3"); gotAnn != ann || gotBo != bo {
		t.Errorf("Ann %s and Bo %s, want %s and %s", gotAnn, gotBo, ann, bo)
	}
	// Ann leaves, and her sister comes.
	delete(d.people, "s4")
	sibling("s5", "Cy", "")
	wantCounts(t, w.mustRun(d, everything()), roster.KindUser, schoolmanager.Counts{Added: 1, Archived: 1})
	// Bo leaves and another one comes, in a school that numbers families.
	sibling("s3", "Bo", "77")
	w.mustRun(d, everything())
	delete(d.people, "s3")
	sibling("s6", "Di", "77")
	wantCounts(t, w.mustRun(d, everything()), roster.KindUser, schoolmanager.Counts{Added: 1, Archived: 1})
}

// A teacher is also somebody's parent: two users of Clever with one address.
func TestIncident_TeacherAndParent(t *testing.T) {
	t.Parallel()
	w, d := newWorld(t), small()
	u := d.people["t1"]
	u.Email, u.Name = "p1@home.example", roster.SourceName{First: "P", Last: "p1"}
	d.people["t1"] = u
	d.teacher("t2", "a")
	out := w.mustRun(d, everything())
	wantIssues(t, out, map[roster.IssueCode]int64{})
	wantCounts(t, out, roster.KindUser, schoolmanager.Counts{Added: 4})
	wantCounts(t, out, roster.KindParent, schoolmanager.Counts{Added: 1})
	teacher, parent := w.idOf("users", "t1"), w.idOf("parents", "p1")
	// The teacher leaves the school and stays a parent, under another id.
	delete(d.people, "t1")
	c := d.contacts["p1"]
	c.ID = "p2"
	delete(d.contacts, "p1")
	d.contacts["p2"] = c
	out = w.mustRun(d, everything())
	wantCounts(t, out, roster.KindUser, schoolmanager.Counts{Archived: 1})
	wantCounts(t, out, roster.KindParent, schoolmanager.Counts{Updated: 1})
	wantCounts(t, out, roster.KindLink, schoolmanager.Counts{})
	if got := w.idOf("parents", "p2"); got != parent {
		t.Errorf("the parent is %s, was %s", got, parent)
	}
	if got := w.idOf("users", "t1"); got != teacher {
		t.Errorf("the teacher is %s, was %s", got, teacher)
	}
}

// Somebody was archived long ago and comes back under a new id: this run does
// not archive the old row, so it is nobody's to take, purged or not.
func TestIncident_ReturnAfter301Days(t *testing.T) {
	t.Parallel()
	w, d := newWorld(t), small()
	w.mustRun(d, everything())
	old, back := w.idOf("users", "s1"), d.people["s1"]
	delete(d.people, "s1")
	w.mustRun(d, everything())
	w.touch(`UPDATE school_manager.users SET archived_at = now() - interval '301 days' WHERE tenant_id = $1 AND clever_id = 's1'`, w.tenant)
	back.ID = "s9"
	d.people["s9"] = back
	out := w.mustRun(d, everything())
	wantCounts(t, out, roster.KindUser, schoolmanager.Counts{Added: 1})
	wantIssues(t, out, map[roster.IssueCode]int64{roster.MemberNotShared: 1})
	w.wantLines("row user s9", "row user s9|true|s9")
	w.wantLines("row user s1", "row user s1|false|s1")
	if w.idOf("users", "s9") == old {
		t.Error("the archived row was taken")
	}
}

// Each case changes s1, who leaves, before s9 comes with the change.
func TestWhoIsRekeyed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(d *district, u *roster.SourceUser)
		want   bool
	}{
		"the same person":                {func(*district, *roster.SourceUser) {}, true},
		"another case":                   {func(_ *district, u *roster.SourceUser) { u.Name.Last, u.Roles.Student.SISID = "S1", "SIS-S1" }, true},
		"by number and last name":        {func(_ *district, u *roster.SourceUser) { u.Email, u.Name.First = "new@x.example", "Nick" }, true},
		"by address and name":            {func(_ *district, u *roster.SourceUser) { u.Roles.Student.SISID = "9" }, true},
		"by address and name, no number": {func(_ *district, u *roster.SourceUser) { u.Roles.Student.SISID = "" }, true},
		"another last name":              {func(_ *district, u *roster.SourceUser) { u.Name.Last = "Other" }, false},
		"no last name":                   {func(_ *district, u *roster.SourceUser) { u.Name.Last = "" }, false},
		"another middle name, by address": {func(_ *district, u *roster.SourceUser) {
			u.Roles.Student.SISID, u.Name.Middle = "9", "M"
		}, false},
		"another first name, by address": {func(_ *district, u *roster.SourceUser) {
			u.Roles.Student.SISID, u.Name.First = "9", "Nick"
		}, false},
		"the name alone": {func(_ *district, u *roster.SourceUser) {
			u.Roles.Student.SISID, u.Email = "", ""
		}, false},
		"another role": {func(_ *district, u *roster.SourceUser) {
			u.Roles.Teacher, u.Roles.Student = &roster.SourceTeacher{School: "a", SISID: "sis-s1"}, nil
		}, false},
		"one role more": {func(_ *district, u *roster.SourceUser) {
			u.Roles.Teacher = &roster.SourceTeacher{School: "a"}
		}, false},
		"two come": {func(d *district, u *roster.SourceUser) {
			twin := *u
			twin.ID = "s8"
			d.people["s8"] = twin
		}, false},
		"two come, one of them by the number": {func(d *district, u *roster.SourceUser) {
			other := *u
			role := *u.Roles.Student
			other.ID, other.Email, other.Name.First, other.Roles.Student = "s8", "", "", &role
			d.people["s8"] = other
			u.Roles.Student.SISID = ""
		}, false},
		"two leave": {func(d *district, u *roster.SourceUser) {
			delete(d.people, "s2")
		}, false},
		"it came, but unreadable": {func(d *district, _ *roster.SourceUser) {
			d.student("s1", "a")
			d.unreadable["s1"] = true
		}, false},
		"it stays": {func(d *district, _ *roster.SourceUser) { d.student("s1", "a") }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, d := newWorld(t), small()
			if name == "two leave" {
				twin := d.people["s1"]
				twin.ID = "s2"
				d.people["s2"] = twin
			}
			w.mustRun(d, everything())
			id := w.idOf("users", "s1")
			u := d.people["s1"]
			role := *u.Roles.Student
			u.Roles.Student = &role
			delete(d.people, "s1")
			u.ID = "s9"
			c.change(d, &u)
			d.people["s9"] = u
			w.mustRun(d, everything())
			if got := w.idOf("users", "s9") == id; got != c.want {
				t.Errorf("re-keyed: %v, want %v", got, c.want)
			}
			if got := len(list(w, `SELECT clever_id FROM school_manager.users WHERE tenant_id = $1 AND clever_id = 's1'`, w.tenant)) == 0; got != c.want {
				t.Errorf("the old id is gone: %v, want %v", got, c.want)
			}
		})
	}
}

func TestWhichParentIsRekeyed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(d *district, p *roster.SourceUser)
		want   bool
	}{
		"the same person": {func(*district, *roster.SourceUser) {}, true},
		"another case":    {func(_ *district, p *roster.SourceUser) { p.Email, p.Name.Last = "P1@HOME.example", "p P1" }, true},
		"another name":    {func(_ *district, p *roster.SourceUser) { p.Name.Last = "Other" }, false},
		"another address": {func(_ *district, p *roster.SourceUser) { p.Email = "new@x.example" }, false},
		"two come": {func(d *district, p *roster.SourceUser) {
			twin := *p
			twin.ID = "p8"
			d.contacts["p8"] = twin
		}, false},
		"it came, but unreadable": {func(d *district, _ *roster.SourceUser) {
			d.contact("p1", "s1")
			d.unreadable["p1"] = true
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, d := newWorld(t), small()
			w.mustRun(d, everything())
			id, p := w.idOf("parents", "p1"), d.contacts["p1"]
			delete(d.contacts, "p1")
			p.ID = "p9"
			c.change(d, &p)
			d.contacts["p9"] = p
			w.mustRun(d, everything())
			if got := w.idOf("parents", "p9") == id; got != c.want {
				t.Errorf("re-keyed: %v, want %v", got, c.want)
			}
		})
	}
}

// Lists in doubt withhold removals, and a re-key is none.
func TestRekeyThoughRemovalsAreWithheld(t *testing.T) {
	t.Parallel()
	w, d := newWorld(t), small()
	w.mustRun(d, everything())
	id := w.idOf("users", "s1")
	d.becomes("s1", "s9")
	delete(d.people, "s2")
	d.blind[syncrun.FetchStudents] = 1
	out := w.mustRun(d, everything())
	wantCounts(t, out, roster.KindUser, schoolmanager.Counts{Updated: 1, Held: 1})
	if got := w.idOf("users", "s9"); got != id {
		t.Errorf("s9 is %s, want %s", got, id)
	}
}

// A re-keyed person goes before a local user who fits as well.
func TestRekeyGoesBeforeAdoption(t *testing.T) {
	t.Parallel()
	w, d := newWorld(t), small()
	w.mustRun(d, everything())
	id := w.idOf("users", "s1")
	addLocal(pupil("s1@school.example", "", "", ""), w)
	local := w.local()
	d.becomes("s1", "s9")
	out := w.mustRun(d, everything())
	wantCounts(t, out, roster.KindUser, schoolmanager.Counts{Updated: 1})
	if got := w.idOf("users", "s9"); got != id {
		t.Errorf("s9 is %s, want %s", got, id)
	}
	if diff := cmp.Diff(local, w.local()); diff != "" {
		t.Errorf("local users changed:\n%s", diff)
	}
}

// One section names the new id, one still the old one, one did already name the
// new one, and one cannot be read: that one's member stays.
func TestMembershipsOfARekeyedStudent(t *testing.T) {
	t.Parallel()
	w, d := newWorld(t), small()
	d.section("c2", "a", []string{"t1"}, "s1")
	d.section("c3", "a", []string{"t1"}, "s1", "s9")
	d.section("c4", "a", []string{"t1"}, "s1")
	d.contact("p2", "s1")
	w.mustRun(d, everything())
	d.becomes("s1", "s9")
	d.section("c1", "a", []string{"t1"}, "s9", "s2")
	d.unreadable["c4"] = true
	d.contact("p1", "s9", "s2")
	// A parent whose only student is not synced would be no parent any more.
	d.contact("p2", "s1", "s2")
	out := w.mustRun(d, everything())
	wantCounts(t, out, roster.KindMembership, schoolmanager.Counts{Updated: 1, Added: 1, Archived: 2, Held: 2})
	w.wantLines("member",
		"member c1 s2|student|true", "member c1 s9|student|true", "member c1 t1|primary_teacher|true",
		"member c2 s1|student|false", "member c2 t1|primary_teacher|true",
		"member c3 s1|student|false", "member c3 s9|student|true", "member c3 t1|primary_teacher|true",
		"member c4 s9|student|true", "member c4 t1|primary_teacher|true")
	wantCounts(t, out, roster.KindLink, schoolmanager.Counts{Updated: 1, Added: 1, Archived: 1})
	w.wantLines("link",
		"link p1 s2 Parent/Guardian|Mother|true", "link p1 s9 Parent/Guardian|Mother|true",
		"link p2 s1 Parent/Guardian|Mother|false", "link p2 s2 Parent/Guardian|Mother|true")
	// c4 comes again, unchanged, and is read whole all the same.
	clear(d.unreadable)
	w.mustRun(d, everything())
	w.wantLines("member c4", "member c4 s1|student|false", "member c4 s9|gone", "member c4 t1|primary_teacher|true")
	idleRun(w, d, everything())
}

// In a paused district nobody leaves a section, not even under another id.
func TestWithheldMembershipFollows(t *testing.T) {
	t.Parallel()
	w, d := newWorld(t), small()
	w.mustRun(d, everything())
	d.becomes("s1", "s9")
	d.section("c1", "a", []string{"t1"}, "s2")
	d.state = "paused"
	out := w.mustRun(d, everything())
	wantCounts(t, out, roster.KindMembership, schoolmanager.Counts{Held: 1})
	w.wantLines("member", "member c1 s2|student|true", "member c1 s9|student|true", "member c1 t1|primary_teacher|true")
	d.state = ""
	wantCounts(t, w.mustRun(d, everything()), roster.KindMembership, schoolmanager.Counts{Archived: 1})
}

func TestRekeyWrittenBetweenPlanAndApplyIsSkipped(t *testing.T) {
	t.Parallel()
	w, d := newWorld(t), small()
	w.mustRun(d, everything())
	id := w.idOf("users", "s1")
	d.becomes("s1", "s9")
	d.section("c1", "a", []string{"t1"}, "s9", "s2")
	w.planned = func(uuid.UUID) {
		w.touch(`UPDATE school_manager.users SET grade = '5' WHERE tenant_id = $1 AND clever_id = 's1'`, w.tenant)
	}
	out := w.mustRun(d, everything())
	wantCounts(t, out, roster.KindUser, schoolmanager.Counts{Skipped: 1})
	w.wantLines("member", "member c1 s2|student|true", "member c1 s9|student|false", "member c1 t1|primary_teacher|true")
	w.planned = nil
	wantCounts(t, w.mustRun(d, everything()), roster.KindUser, schoolmanager.Counts{Updated: 1})
	w.wantLines("member", "member c1 s2|student|true", "member c1 s9|student|true", "member c1 t1|primary_teacher|true")
	if got := w.idOf("users", "s9"); got != id {
		t.Errorf("s9 is %s, was %s", got, id)
	}
}

func TestMemberWhoseNewKeyIsTakenIsSkipped(t *testing.T) {
	t.Parallel()
	w, d := newWorld(t), small()
	w.mustRun(d, everything())
	d.becomes("s1", "s9")
	d.section("c1", "a", []string{"t1"}, "s9", "s2")
	w.planned = func(uuid.UUID) {
		w.touch(`INSERT INTO school_manager.classroom_members (tenant_id, classroom_id, user_key, role, source) SELECT tenant_id, id, 's9', 'student', 'clever' FROM school_manager.classrooms`)
	}
	out := w.mustRun(d, everything())
	if got := out.counts[roster.KindMembership]; got.Skipped != 1 || got.Updated != 0 {
		t.Errorf("memberships: %+v, want one skipped", got)
	}
	w.planned = nil
	w.mustRun(d, everything())
	w.wantLines("member", "member c1 s1|gone", "member c1 s2|student|true", "member c1 s9|student|true", "member c1 t1|primary_teacher|true")
}
