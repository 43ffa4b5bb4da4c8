package schoolmanager_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"cleversync/shared/roster"
	"cleversync/shared/schoolmanager"
)

// pupil is a local student.
func pupil(email, username, first, last string) localUser {
	return localUser{User: roster.User{Student: true, Email: email, Username: username, First: first, Last: last}}
}

// ann is the student s1 as Clever has her in these tests.
func ann(d *district) {
	d.student("s1", "a")
	u := d.people["s1"]
	u.Email, u.Name = "Ann@School.example", roster.SourceName{First: "Ann", Last: "Fox"}
	u.Roles.Student.Credentials.Username = "AFox"
	d.people["s1"] = u
}

func TestAdoptedUserKeepsItsIDAndWhatHangsOnIt(t *testing.T) {
	t.Parallel()
	w, d := newWorld(t), small()
	ann(d)
	id := addLocal(pupil(" ann@school.EXAMPLE ", "", "Annie", ""), w)
	w.touch(`
		WITH room AS (INSERT INTO school_manager.classrooms (tenant_id, id) VALUES ($1, gen_random_uuid()) RETURNING id)
		INSERT INTO school_manager.classroom_members (tenant_id, classroom_id, user_key, user_id, role)
		SELECT $1, room.id, $2::text, $2::uuid, 'student' FROM room`, w.tenant, id)
	out := w.mustRun(d, everything())
	wantCounts(t, out, roster.KindUser, schoolmanager.Counts{Added: 2, Updated: 1})
	wantCounts(t, out, roster.KindMembership, schoolmanager.Counts{Added: 3})
	wantIssues(t, out, map[roster.IssueCode]int64{roster.UserAdopted: 1})
	if got := w.idOf("users", "s1"); got != id {
		t.Errorf("s1 is %s, want the local user's id %s", got, id)
	}
	w.wantLines("user s1", "user s1|true|true|false|Ann|Fox|Ann@School.example|AFox|sis-s1|a|||")
	w.wantLines("member", "member c1 s1|student|true", "member c1 s2|student|true", "member c1 t1|primary_teacher|true")
	if got := one[int64](w, `SELECT count(*) FROM school_manager.classroom_members WHERE user_id = $1 AND source = 'local' AND archived_at IS NULL`, id); got != 1 {
		t.Errorf("%d memberships by hand, want 1", got)
	}
	idleRun(w, d, everything())

	// From now on the user is one of the sync's.
	delete(d.people, "s1")
	wantCounts(t, w.mustRun(d, everything()), roster.KindUser, schoolmanager.Counts{Archived: 1})
}

// Each case has local users beside a new Ann Fox, Ann@School.example, AFox.
func TestWhoIsAdopted(t *testing.T) {
	t.Parallel()
	const nobody = -1
	teacher := pupil("ann@school.example", "", "", "")
	teacher.Student, teacher.Teacher = false, true
	both := pupil("ann@school.example", "", "", "")
	both.Teacher = true
	neither := pupil("ann@school.example", "", "", "")
	neither.Student = false
	admin := pupil("ann@school.example", "afox", "Ann", "Fox")
	admin.administrator = true
	for name, c := range map[string]struct {
		locals    []localUser
		byName    bool
		want      int
		ambiguous int64
	}{
		"by e-mail":                         {locals: []localUser{pupil("ann@school.example", "", "", "")}, want: 0},
		"by username":                       {locals: []localUser{pupil("", "afox ", "", "")}, want: 0},
		"e-mail before username":            {locals: []localUser{pupil("other@x.example", "afox", "", ""), pupil("ann@school.example", "", "", "")}, want: 1},
		"username though e-mails differ":    {locals: []localUser{pupil("other@x.example", "afox", "", "")}, want: 0},
		"two by e-mail":                     {locals: []localUser{pupil("ann@school.example", "", "", ""), pupil("ANN@school.example", "afox", "", "")}, want: nobody, ambiguous: 1},
		"two by username":                   {locals: []localUser{pupil("", "afox", "", ""), pupil("", "AFOX", "", "")}, want: nobody, ambiguous: 1},
		"a teacher":                         {locals: []localUser{teacher}, want: nobody},
		"a student who teaches":             {locals: []localUser{both}, want: nobody},
		"neither student nor teacher":       {locals: []localUser{neither}, want: nobody},
		"an administrator":                  {locals: []localUser{admin}, byName: true, want: nobody},
		"a teacher, and a student by name":  {locals: []localUser{teacher, pupil("", "afox", "Ann", "Fox")}, byName: true, want: nobody},
		"a teacher and a student by e-mail": {locals: []localUser{teacher, pupil("ann@school.example", "", "", "")}, want: nobody, ambiguous: 1},
		"an administrator beside a student": {locals: []localUser{admin, pupil("ann@school.example", "", "", "")}, want: nobody, ambiguous: 1},
		"nothing in common":                 {locals: []localUser{pupil("", "", "", "")}, byName: true, want: nobody},
		"by name, which is not asked for":   {locals: []localUser{pupil("", "", "Ann", "Fox")}, want: nobody},
		"by name":                           {locals: []localUser{pupil("", "", " ANN", "fox ")}, byName: true, want: 0},
		"by a part of the name":             {locals: []localUser{pupil("", "", "Ann", ""), pupil("", "", "", "Fox")}, byName: true, want: nobody},
		"two by name":                       {locals: []localUser{pupil("", "", "Ann", "Fox"), pupil("", "", "ann", "fox")}, byName: true, want: nobody, ambiguous: 1},
		"username before name":              {locals: []localUser{pupil("", "", "Ann", "Fox"), pupil("", "afox", "", "")}, byName: true, want: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, d := newWorld(t), small()
			ann(d)
			var ids []string
			for _, l := range c.locals {
				ids = append(ids, addLocal(l, w))
			}
			local := w.local()
			o := everything()
			o.MatchByName = c.byName
			out := w.mustRun(d, o)
			got := w.idOf("users", "s1")
			if c.want != nobody {
				if got != ids[c.want] {
					t.Errorf("s1 is %s, want %s of %v", got, ids[c.want], ids)
				}
				wantIssues(t, out, map[roster.IssueCode]int64{roster.UserAdopted: 1})
				return
			}
			want := map[roster.IssueCode]int64{}
			if c.ambiguous > 0 {
				want[roster.AmbiguousMatch] = c.ambiguous
			}
			wantIssues(t, out, want)
			wantCounts(t, out, roster.KindUser, schoolmanager.Counts{Added: 3})
			if diff := cmp.Diff(local, w.local()); diff != "" {
				t.Errorf("local users changed:\n%s", diff)
			}
		})
	}
}

// Several who come could be one who is there.
func TestNobodyIsAdoptedTwice(t *testing.T) {
	t.Parallel()
	w, d := newWorld(t), small()
	ann(d)
	u := d.people["s2"]
	u.Email = "ANN@school.example"
	d.people["s2"] = u
	addLocal(pupil("ann@school.example", "", "", ""), w)
	local := w.local()
	out := w.mustRun(d, everything())
	wantIssues(t, out, map[roster.IssueCode]int64{roster.AmbiguousMatch: 2, roster.DuplicateEmail: 1})
	wantCounts(t, out, roster.KindUser, schoolmanager.Counts{Added: 3})
	got := list(w, `SELECT code || ' ' || clever_id || ' ' || field FROM sync.run_issues WHERE run_id = $1 ORDER BY 1`, out.run)
	if diff := cmp.Diff([]string{"ambiguous_match s1 email", "ambiguous_match s2 email", "duplicate_email s2 email"}, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(local, w.local()); diff != "" {
		t.Errorf("local users changed:\n%s", diff)
	}
}

// One has the local user's e-mail address, another one the username: the
// address decides, and the other is told of.
func TestTheStrongerMatchWins(t *testing.T) {
	t.Parallel()
	w, d := newWorld(t), small()
	ann(d)
	id := addLocal(pupil("S2@school.example", "afox", "", ""), w)
	out := w.mustRun(d, everything())
	wantIssues(t, out, map[roster.IssueCode]int64{roster.UserAdopted: 1, roster.AmbiguousMatch: 1})
	if got := w.idOf("users", "s2"); got != id {
		t.Errorf("s2 is %s, want %s", got, id)
	}
}

func TestAdoptionFoldsEveryAlphabet(t *testing.T) {
	t.Parallel()
	w, d := newWorld(t), small()
	ann(d)
	u := d.people["s1"]
	u.Email = "ÄNNE@Schüle.example"
	d.people["s1"] = u
	id := addLocal(pupil("a\u0308nne@schüle.example", "", "", ""), w) // the letter and its dots apart
	w.mustRun(d, everything())
	if got := w.idOf("users", "s1"); got != id {
		t.Errorf("s1 is %s, want %s", got, id)
	}
}

// Whoever has the very id is restored, whoever else would fit.
func TestRestoreWinsOverAdoption(t *testing.T) {
	t.Parallel()
	w, d := newWorld(t), small()
	ann(d)
	w.mustRun(d, everything())
	id, gone := w.idOf("users", "s1"), d.people["s1"]
	delete(d.people, "s1")
	w.mustRun(d, everything())
	addLocal(pupil("ann@school.example", "", "", ""), w)
	local := w.local()
	d.people["s1"] = gone
	out := w.mustRun(d, everything())
	wantCounts(t, out, roster.KindUser, schoolmanager.Counts{Restored: 1})
	wantIssues(t, out, map[roster.IssueCode]int64{})
	if got := w.idOf("users", "s1"); got != id {
		t.Errorf("s1 is %s, was %s", got, id)
	}
	if diff := cmp.Diff(local, w.local()); diff != "" {
		t.Errorf("local users changed:\n%s", diff)
	}
}

func TestArchivedLocalUserAndKnownOnesAreNotMatched(t *testing.T) {
	t.Parallel()
	w, d := newWorld(t), small()
	ann(d)
	id := addLocal(pupil("ann@school.example", "", "", ""), w)
	w.touch(`UPDATE school_manager.users SET archived_at = now() WHERE id = $1`, id)
	addLocal(pupil("", "", "S", "s2"), w) // by name, before it is asked for
	w.mustRun(d, everything())
	o := everything()
	o.MatchByName = true
	out := w.mustRun(d, o) // nobody is new any more
	wantIssues(t, out, map[roster.IssueCode]int64{})
	if got := len(w.local()); got != 2 {
		t.Errorf("%d local users, want both", got)
	}
}

// A parent is never taken for a user, whatever they share.
func TestParentsAreNotAdopted(t *testing.T) {
	t.Parallel()
	w, d := newWorld(t), small()
	addLocal(pupil("P1@home.example", "", "", "P p1"), w)
	local := w.local()
	out := w.mustRun(d, everything())
	wantCounts(t, out, roster.KindParent, schoolmanager.Counts{Added: 1})
	wantIssues(t, out, map[roster.IssueCode]int64{})
	if diff := cmp.Diff(local, w.local()); diff != "" {
		t.Errorf("local users changed:\n%s", diff)
	}
}

// Whatever is written to a local user after plan looked: it is left alone, and
// the next run looks again.
func TestLocalUserWrittenBetweenPlanAndApplyIsSkipped(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		write string
		next  schoolmanager.Counts
	}{
		"another address": {`UPDATE school_manager.users SET email = 'new@x.example' WHERE id = $1`, schoolmanager.Counts{Added: 1}},
		"another grade":   {`UPDATE school_manager.users SET grade = '5' WHERE id = $1`, schoolmanager.Counts{Updated: 1}},
		"rights":          {`UPDATE school_manager.users SET administrator = true WHERE id = $1`, schoolmanager.Counts{Added: 1}},
		"archived":        {`UPDATE school_manager.users SET archived_at = now() WHERE id = $1`, schoolmanager.Counts{Added: 1}},
		"deleted":         {`DELETE FROM school_manager.users WHERE id = $1`, schoolmanager.Counts{Added: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, d := newWorld(t), small()
			ann(d)
			id := addLocal(pupil("ann@school.example", "", "", ""), w)
			var local []string
			w.planned = func(uuid.UUID) {
				w.touch(c.write, id)
				local = w.local()
			}
			out := w.mustRun(d, everything())
			wantCounts(t, out, roster.KindUser, schoolmanager.Counts{Added: 2, Skipped: 1})
			wantCounts(t, out, roster.KindMembership, schoolmanager.Counts{Added: 2})
			w.wantLines("member", "member c1 s1|student|false", "member c1 s2|student|true", "member c1 t1|primary_teacher|true")
			if diff := cmp.Diff(local, w.local()); diff != "" {
				t.Errorf("local users changed:\n%s", diff)
			}
			w.planned = nil
			out = w.mustRun(d, everything())
			wantCounts(t, out, roster.KindUser, c.next)
			w.wantLines("member", "member c1 s1|student|true", "member c1 s2|student|true", "member c1 t1|primary_teacher|true")
		})
	}
}

// Somebody makes a row of the very Clever id while plan and apply are under way.
func TestCleverIDTakenBetweenPlanAndApplyIsSkipped(t *testing.T) {
	t.Parallel()
	w, d := newWorld(t), small()
	ann(d)
	addLocal(pupil("ann@school.example", "", "", ""), w)
	local := w.local()
	w.planned = func(uuid.UUID) {
		w.touch(`INSERT INTO school_manager.users (tenant_id, id, clever_id, source, student, teacher) VALUES ($1, gen_random_uuid(), 's1', 'clever', true, false)`, w.tenant)
	}
	out := w.mustRun(d, everything())
	wantCounts(t, out, roster.KindUser, schoolmanager.Counts{Added: 2, Skipped: 1})
	if diff := cmp.Diff(local, w.local()); diff != "" {
		t.Errorf("local users changed:\n%s", diff)
	}
}
