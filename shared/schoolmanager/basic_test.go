package schoolmanager_test

import (
	"testing"

	"cleversync/shared/roster"
)

func everything() roster.Options {
	return roster.Options{Whole: true, Classrooms: true, Parents: true, ParentTypes: []string{"Parent/Guardian", "Family"}}
}

// small is a district of one school that has one of each.
func small() *district {
	d := newDistrict()
	d.school("a")
	d.student("s1", "a")
	d.student("s2", "a")
	d.teacher("t1", "a")
	d.section("c1", "a", []string{"t1"}, "s1", "s2")
	d.contact("p1", "s1", "s2")
	return d
}

func TestFirstSyncCreatesEverything(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	out := w.mustRun(small(), everything())
	for kind, want := range map[roster.Kind]int64{
		roster.KindSchool: 1, roster.KindUser: 3, roster.KindClassroom: 1,
		roster.KindMembership: 3, roster.KindParent: 1, roster.KindLink: 2,
	} {
		if got := out.counts[kind]; got.Added != want || got.Synced() != want || got.Written != want {
			t.Errorf("%s: %+v, want %d added", kind, got, want)
		}
	}
	again := w.mustRun(small(), everything())
	for kind, got := range again.counts {
		if got.Written != 0 || got.Unchanged != out.counts[kind].Added {
			t.Errorf("second run, %s: %+v, want all unchanged", kind, got)
		}
	}
	if again.planned.Changes != 0 {
		t.Errorf("second plan has %d changes", again.planned.Changes)
	}
	if got := one[int64](w, `SELECT change_seq FROM sync.tenants WHERE id = $1`, w.tenant); got != 1 {
		t.Errorf("change_seq %d, want 1", got)
	}
}
