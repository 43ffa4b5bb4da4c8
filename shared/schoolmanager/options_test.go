package schoolmanager_test

import (
	"testing"

	"cleversync/shared/roster"
	"cleversync/shared/schoolmanager"
	"cleversync/shared/syncrun"
)

func TestClassroomsOffArchivesThem(t *testing.T) {
	t.Parallel()
	w, d := newWorld(t), small()
	w.mustRun(d, everything())
	id := w.idOf("classrooms", "c1")
	off := everything()
	off.Classrooms = false
	out := w.mustRun(d, off)
	wantCounts(t, out, roster.KindClassroom, schoolmanager.Counts{Archived: 1})
	wantCounts(t, out, roster.KindMembership, schoolmanager.Counts{Archived: 3})
	out = w.mustRun(d, everything())
	wantCounts(t, out, roster.KindClassroom, schoolmanager.Counts{Restored: 1})
	wantCounts(t, out, roster.KindMembership, schoolmanager.Counts{Restored: 3})
	if got := w.idOf("classrooms", "c1"); got != id {
		t.Errorf("restored as %s, was %s", got, id)
	}
}

func TestParentsOffArchivesThem(t *testing.T) {
	t.Parallel()
	w, d := newWorld(t), small()
	w.mustRun(d, everything())
	off := everything()
	off.Parents, off.ParentTypes = false, nil
	out := w.mustRun(d, off)
	wantCounts(t, out, roster.KindParent, schoolmanager.Counts{Archived: 1})
	wantCounts(t, out, roster.KindLink, schoolmanager.Counts{Archived: 2})
	out = w.mustRun(d, everything())
	wantCounts(t, out, roster.KindParent, schoolmanager.Counts{Restored: 1})
	wantCounts(t, out, roster.KindLink, schoolmanager.Counts{Restored: 2})
}

// None of the parents has a type that is still selected: that none comes is no
// sign of an incomplete list.
func TestDeselectedTypeArchivesItsParents(t *testing.T) {
	t.Parallel()
	w, d := newWorld(t), small()
	w.mustRun(d, everything())
	o := everything()
	o.ParentTypes = []string{"Family"}
	out := w.mustRun(d, o)
	wantCounts(t, out, roster.KindParent, schoolmanager.Counts{Archived: 1})
	wantCounts(t, out, roster.KindLink, schoolmanager.Counts{Archived: 2})
}

// The school left has the only sections, teachers and parents.
func TestDeselectedSchoolArchivesWhatItBrought(t *testing.T) {
	t.Parallel()
	w, d := newWorld(t), small()
	d.school("b")
	d.student("s3", "b")
	d.student("s2", "a", "b")
	d.contact("p1", "s1")
	o := everything()
	o.Whole, o.Schools = false, []string{"a", "b"}
	w.mustRun(d, o)
	o.Schools = []string{"b"}
	out := w.mustRun(d, o)
	wantCounts(t, out, roster.KindSchool, schoolmanager.Counts{Archived: 1})
	wantCounts(t, out, roster.KindUser, schoolmanager.Counts{Archived: 2, Updated: 1})
	wantCounts(t, out, roster.KindClassroom, schoolmanager.Counts{Archived: 1})
	wantCounts(t, out, roster.KindMembership, schoolmanager.Counts{Archived: 3})
	wantCounts(t, out, roster.KindParent, schoolmanager.Counts{Archived: 1})
	wantCounts(t, out, roster.KindLink, schoolmanager.Counts{Archived: 1})
	w.wantLines("user s2", "user s2|true|true|false|S|s2|s2@school.example||sis-s2|b|||")
}

// What an option no longer asks for goes, also where the student stays only
// because the removal is withheld.
func TestOptionsArchiveAlsoWhatHangsOnWithheldStudents(t *testing.T) {
	t.Parallel()
	w, d := newWorld(t), small()
	d.student("s3", "a")
	d.contact("p1", "s1", "s1:Family", "s2")
	d.contact("p2", "s1:Family")
	w.mustRun(d, everything())
	delete(d.people, "s1")
	d.blind[syncrun.FetchStudents] = 1
	o := everything()
	o.ParentTypes = []string{"Parent/Guardian"}
	out := w.mustRun(d, o)
	wantCounts(t, out, roster.KindUser, schoolmanager.Counts{Held: 1})
	wantCounts(t, out, roster.KindParent, schoolmanager.Counts{Archived: 1, Updated: 1})
	w.wantLines("link", "link p1 s1 Family|gone", "link p1 s1 Parent/Guardian|Mother|true", "link p1 s2 Parent/Guardian|Mother|true", "link p2 s1 Family|gone")
	o.Parents = false
	wantCounts(t, w.mustRun(d, o), roster.KindParent, schoolmanager.Counts{Archived: 1})
}
