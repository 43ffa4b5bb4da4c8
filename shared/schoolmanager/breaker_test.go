package schoolmanager_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cleversync/shared/roster"
)

// guarded is a world with the default limits.
func guarded(t *testing.T) *world {
	w := newWorld(t)
	w.limits = roster.Limits{}
	return w
}

// fill gives a school pupils, teachers (one for ten), a section for each teacher
// with its ten pupils, and a parent for each pupil.
func (d *district) fill(school string, pupils int) {
	d.school(school)
	for i := range pupils {
		id := fmt.Sprintf("s-%s-%03d", school, i)
		d.student(id, school)
		d.contact("p"+id[1:], id)
		if i%10 != 0 {
			continue
		}
		teacher := fmt.Sprintf("t-%s-%03d", school, i)
		d.teacher(teacher, school)
		var members []string
		for j := i; j < min(i+10, pupils); j++ {
			members = append(members, fmt.Sprintf("s-%s-%03d", school, j))
		}
		d.section(fmt.Sprintf("c-%s-%03d", school, i), school, []string{teacher}, members...)
	}
}

// leave takes pupils out of a school, the last ones first, out of their
// sections too.
func (d *district) leave(school string, n int) {
	for i := 999; i >= 0 && n > 0; i-- {
		id := fmt.Sprintf("s-%s-%03d", school, i)
		if _, ok := d.people[id]; !ok {
			continue
		}
		n--
		delete(d.people, id)
		for key, s := range d.sections {
			s.Students = slices.DeleteFunc(slices.Clone(s.Students), func(member string) bool { return member == id })
			d.sections[key] = s
		}
	}
}

func causes(out outcome) map[string]int64 {
	found := map[string]int64{}
	for _, t := range out.planned.Trips {
		found[fmt.Sprintf("%s %s %s", t.Kind, t.School, t.Cause)] = t.Count
	}
	return found
}

func wantTrips(t *testing.T, out outcome, want map[string]int64) {
	t.Helper()
	if diff := cmp.Diff(want, causes(out)); diff != "" {
		t.Errorf("trips (-want +got):\n%s", diff)
	}
}

// TestBreaker_removalsByShareAndNumber: both must be exceeded.
func TestBreaker_removalsByShareAndNumber(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		of, leave int
		held      bool
	}{{100, 10, false}, {100, 11, true}, {20, 5, false}, {20, 6, true}, {40, 6, true}, {70, 7, false}} {
		t.Run(fmt.Sprintf("%d of %d", c.leave, c.of), func(t *testing.T) {
			t.Parallel()
			w, d := guarded(t), newDistrict()
			d.fill("a", c.of)
			w.mustRun(d, everything())
			d.leave("a", c.leave)
			out := w.mustRun(d, everything())
			got := out.counts[roster.KindUser]
			if want := int64(c.leave); c.held && (got.Held != want || got.Archived != 0) || !c.held && (got.Held != 0 || got.Archived != want) {
				t.Errorf("held %d, archived %d; want held: %v", got.Held, got.Archived, c.held)
			}
		})
	}
}

// TestBreaker_onlyTheSchoolConcerned: elsewhere the night goes on.
func TestBreaker_onlyTheSchoolConcerned(t *testing.T) {
	t.Parallel()
	w, d := guarded(t), newDistrict()
	d.fill("a", 200)
	d.fill("b", 30)
	w.mustRun(d, everything())
	d.leave("a", 3)
	d.leave("b", 8)
	d.student("new", "b")
	out := w.mustRun(d, everything())
	wantTrips(t, out, map[string]int64{"student b removals": 8})
	got := out.counts[roster.KindUser]
	if got.Held != 8 || got.Archived != 3 || got.Added != 1 {
		t.Errorf("%+v, want 8 held, 3 archived, 1 added", got)
	}
	for _, kind := range []roster.Kind{roster.KindMembership, roster.KindParent, roster.KindLink} {
		if c := out.counts[kind]; c.Held != 8 {
			t.Errorf("%s: %+v, want what hangs on the 8 withheld too", kind, c)
		}
	}
	before := w.dump()
	wantTrips(t, w.mustRun(d, everything()), map[string]int64{"student b removals": 8})
	if diff := cmp.Diff(before, w.dump()); diff != "" {
		t.Errorf("the same night again changed the roster:\n%s", diff)
	}
}

// TestBreaker_twoSchoolsCountInBoth: eight pupils of both schools are few of the
// one and too many of the other.
func TestBreaker_twoSchoolsCountInBoth(t *testing.T) {
	t.Parallel()
	w, d := guarded(t), newDistrict()
	d.fill("a", 200)
	d.fill("b", 30)
	for i := range 8 {
		d.student(fmt.Sprintf("s-both-%d", i), "a", "b")
	}
	w.mustRun(d, everything())
	for i := range 8 {
		delete(d.people, fmt.Sprintf("s-both-%d", i))
	}
	out := w.mustRun(d, everything())
	wantTrips(t, out, map[string]int64{"student b removals": 8})
	if got := out.counts[roster.KindUser]; got.Held != 8 {
		t.Errorf("%+v, want 8 held", got)
	}
}

// TestIncident_SmallSchool: 23 of 24 teachers vanish.
func TestIncident_SmallSchool(t *testing.T) {
	t.Parallel()
	w, d := guarded(t), newDistrict()
	d.fill("a", 1000)
	d.school("b")
	for i := range 24 {
		d.teacher(fmt.Sprintf("t-b-%02d", i), "b")
		d.section(fmt.Sprintf("c-b-%02d", i), "b", []string{fmt.Sprintf("t-b-%02d", i)}, "s-a-001")
	}
	w.mustRun(d, everything())
	before := w.dump()
	for i := range 23 {
		delete(d.people, fmt.Sprintf("t-b-%02d", i))
	}
	out := w.mustRun(d, everything())
	wantTrips(t, out, map[string]int64{"teacher b removals": 23, "teacher  removals": 23})
	if diff := cmp.Diff(before, w.dump()); diff != "" {
		t.Errorf("the roster changed:\n%s", diff)
	}
}

// TestBreaker_updates: names, addresses and roles count, grades never, and on a
// first sync nothing does.
func TestBreaker_updates(t *testing.T) {
	t.Parallel()
	w, d := guarded(t), newDistrict()
	d.fill("a", 40)
	wantTrips(t, w.mustRun(d, everything()), map[string]int64{})
	each := func(change func(*roster.SourceUser)) {
		for id, u := range d.people {
			if u.Roles.Student != nil {
				student := *u.Roles.Student
				u.Roles.Student = &student
				change(&u)
				d.people[id] = u
			}
		}
	}
	each(func(u *roster.SourceUser) { u.Roles.Student.Grade = "8" })
	out := w.mustRun(d, everything())
	wantTrips(t, out, map[string]int64{})
	if got := out.counts[roster.KindUser]; got.Updated != 40 {
		t.Errorf("%+v, want 40 promoted", got)
	}
	before := w.dump()
	each(func(u *roster.SourceUser) { u.Name.Last = "Smith" })
	out = w.mustRun(d, everything())
	wantTrips(t, out, map[string]int64{"student a updates": 40, "student  updates": 40})
	got := out.counts[roster.KindUser]
	if got.Held != 40 || got.HeldUpdates != 40 || got.Updated != 0 || got.Synced() != 44 {
		t.Errorf("%+v (synced %d), want 40 updates held and all still synced", got, got.Synced())
	}
	if diff := cmp.Diff(before, w.dump()); diff != "" {
		t.Errorf("the roster changed:\n%s", diff)
	}
}

// TestBreaker_samePeopleUnderNewIDs: where removals are withheld, so many new
// people are not let in beside them.
func TestBreaker_samePeopleUnderNewIDs(t *testing.T) {
	t.Parallel()
	w, d := guarded(t), newDistrict()
	d.fill("a", 60)
	w.mustRun(d, everything())
	before := w.dump()
	d.leave("a", 30)
	for i := range 30 {
		id := fmt.Sprintf("s-again-%02d", i)
		d.student(id, "a")
		u := d.people[id]
		u.Email, u.Roles.Student.SISID = "", "" // nothing tells that they are the same
		d.people[id] = u
		d.contact(fmt.Sprintf("p-again-%02d", i), id)
	}
	out := w.mustRun(d, everything())
	wantTrips(t, out, map[string]int64{
		"student a removals": 30, "student  removals": 30, "student a creates": 30, "student  creates": 30,
	})
	if diff := cmp.Diff(before, w.dump()); diff != "" {
		t.Errorf("the roster changed:\n%s", diff)
	}
	if got := out.counts[roster.KindUser]; got.Held != 60 {
		t.Errorf("%+v, want 30 removals and 30 creates held", got)
	}
	if got := out.counts[roster.KindParent]; got.Held != 60 {
		t.Errorf("parents: %+v, want those of both held", got)
	}
}

// night lets the days since the last run pass.
func (w *world) night() {
	w.exec(`UPDATE sync.removals SET at = at - interval '1 day' WHERE tenant_id = $1`, w.tenant)
}

// TestIncident_SlowBleed: 9 % vanish on five consecutive nights. Each is below
// the limit of a night, and the third is beyond that of a week.
func TestIncident_SlowBleed(t *testing.T) {
	t.Parallel()
	w, d := guarded(t), newDistrict()
	d.fill("a", 200)
	w.mustRun(d, everything())
	var archived, held []int64
	for range 5 {
		w.night()
		d.leave("a", 18)
		out := w.mustRun(d, everything())
		archived, held = append(archived, out.counts[roster.KindUser].Archived), append(held, out.counts[roster.KindUser].Held)
	}
	if diff := cmp.Diff([][]int64{{18, 18, 0, 0, 0}, {0, 0, 18, 36, 54}}, [][]int64{archived, held}); diff != "" {
		t.Errorf("archived and held (-want +got):\n%s", diff)
	}
	for range 6 {
		w.night()
	}
	out := w.mustRun(d, everything())
	if got := out.counts[roster.KindUser]; got.Held != 54 {
		t.Errorf("a week later: %+v, want the 54 still held: too many for one night", got)
	}
}

// TestBreaker_bleedIsForgotten: what left more than a week ago does not count,
// nor what a person has approved.
func TestBreaker_bleedIsForgotten(t *testing.T) {
	t.Parallel()
	for name, forget := range map[string]string{
		"a week ago":  `UPDATE sync.removals SET at = at - interval '7 days' WHERE tenant_id = $1`,
		"approved":    `UPDATE sync.removals SET approved = true WHERE tenant_id = $1`,
		"not applied": `UPDATE sync.runs SET state = 'cancelled' WHERE tenant_id = $1 AND id IN (SELECT run_id FROM sync.removals)`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, d := guarded(t), newDistrict()
			d.fill("a", 200)
			w.mustRun(d, everything())
			for range 4 {
				d.leave("a", 15)
				if out := w.mustRun(d, everything()); out.counts[roster.KindUser].Archived != 15 {
					t.Fatalf("%+v, want 15 archived", out.counts[roster.KindUser])
				}
				w.exec(forget, w.tenant)
			}
		})
	}
}

// TestIncident_Rollover: a year ends, and its sections go while new ones with
// the same names come.
func TestIncident_Rollover(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]string{"ended": "2020-06-30", "still running": "2090-06-30"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, d := guarded(t), newDistrict()
			d.fill("a", 200)
			d.terms["old"] = roster.SourceTerm{ID: "old", Name: "Year", Start: "2019-08-01", End: end}
			for id, s := range d.sections {
				s.Term = "old"
				d.sections[id] = s
			}
			w.mustRun(d, everything())
			for i := 0; i < 200; i += 10 {
				old := fmt.Sprintf("c-a-%03d", i)
				s := d.sections[old]
				delete(d.sections, old)
				if i < 100 { // half of them come again
					s.ID, s.Term = fmt.Sprintf("c-new-%03d", i), ""
					d.sections[s.ID] = s
				}
			}
			out := w.mustRun(d, everything())
			got := out.counts[roster.KindClassroom]
			if end == "2020-06-30" {
				wantTrips(t, out, map[string]int64{})
				if got.Archived != 20 || got.Added != 10 {
					t.Errorf("%+v, want the ended ones archived", got)
				}
				return
			}
			wantTrips(t, out, map[string]int64{"classroom a removals": 10, "classroom  removals": 10})
			if got.Held != 20 || got.Added != 10 {
				t.Errorf("%+v, want 20 held", got)
			}
		})
	}
}

// TestBreaker_emptiedSections: a third of the memberships vanish while people
// and sections stay.
func TestBreaker_emptiedSections(t *testing.T) {
	t.Parallel()
	w, d := guarded(t), newDistrict()
	d.fill("a", 200)
	w.mustRun(d, everything())
	before := w.dump()
	for i := 0; i < 70; i += 10 {
		id := fmt.Sprintf("c-a-%03d", i)
		s := d.sections[id]
		s.Students = s.Students[:1]
		d.sections[id] = s
	}
	out := w.mustRun(d, everything())
	wantTrips(t, out, map[string]int64{"membership a removals": 63, "membership  removals": 63})
	if got := out.counts[roster.KindMembership]; got.Held != 63 || got.Archived != 0 {
		t.Errorf("%+v, want 63 held", got)
	}
	if diff := cmp.Diff(before, w.dump()); diff != "" {
		t.Errorf("the roster changed:\n%s", diff)
	}
	for i := 0; i < 70; i += 10 { // they come back: nothing is left over
		id := fmt.Sprintf("c-a-%03d", i)
		s := d.sections[id]
		s.Students = nil
		for j := i; j < i+10; j++ {
			s.Students = append(s.Students, fmt.Sprintf("s-a-%03d", j))
		}
		d.sections[id] = s
	}
	wantTrips(t, w.mustRun(d, everything()), map[string]int64{})
	if diff := cmp.Diff(before, w.dump()); diff != "" {
		t.Errorf("the roster changed:\n%s", diff)
	}
}

// TestBreaker_parentsAndLinks: half of the contacts vanish.
func TestBreaker_parentsAndLinks(t *testing.T) {
	t.Parallel()
	w, d := guarded(t), newDistrict()
	d.fill("a", 60)
	w.mustRun(d, everything())
	before := w.dump()
	for i := range 30 {
		delete(d.contacts, fmt.Sprintf("p-a-%03d", i))
	}
	out := w.mustRun(d, everything())
	wantTrips(t, out, map[string]int64{"parent  removals": 30})
	if diff := cmp.Diff(before, w.dump()); diff != "" {
		t.Errorf("the roster changed:\n%s", diff)
	}
	if got := out.counts[roster.KindLink]; got.Held != 30 {
		t.Errorf("links: %+v, want those of the withheld parents held", got)
	}
	for i := range 30 { // now they are there, but related to somebody else
		d.contact(fmt.Sprintf("p-a-%03d", i), "s-a-059")
	}
	out = w.mustRun(d, everything())
	wantTrips(t, out, map[string]int64{"parent_link  removals": 30})
	if got := out.counts[roster.KindLink]; got.Held != 30 || got.Added != 30 {
		t.Errorf("links: %+v, want 30 held beside the 30 new ones", got)
	}
}

// TestBreaker_choicesCountNowhere: what a person deselects goes, once confirmed,
// however much it is; and unconfirmed nothing goes, however little.
func TestBreaker_choicesCountNowhere(t *testing.T) {
	t.Parallel()
	w, d := guarded(t), newDistrict()
	d.fill("a", 60)
	d.fill("b", 60)
	both, single := everything(), everything()
	both.Whole, both.Schools = false, []string{"a", "b"}
	single.Whole, single.Schools = false, []string{"a"}
	w.mustRun(d, both)
	before := w.dump()

	w.unconfirmed = true
	out := w.mustRun(d, single)
	if got := out.counts[roster.KindUser]; got.Held != 66 || got.Archived != 0 {
		t.Errorf("unconfirmed: %+v, want the 66 of the deselected school held", got)
	}
	if diff := cmp.Diff(before, w.dump()); diff != "" {
		t.Errorf("unconfirmed, the roster changed:\n%s", diff)
	}
	w.unconfirmed = false
	out = w.mustRun(d, single)
	wantTrips(t, out, map[string]int64{})
	if got := out.counts[roster.KindUser]; got.Archived != 66 {
		t.Errorf("confirmed: %+v, want 66 archived", got)
	}
	if n := one[int64](w, `SELECT count(*) FROM sync.removals WHERE tenant_id = $1`, w.tenant); n != 0 {
		t.Errorf("%d removals are remembered against the tenant", n)
	}
	without := single
	without.Classrooms, without.Parents = false, false
	out = w.mustRun(d, without)
	wantTrips(t, out, map[string]int64{})
	if out.counts[roster.KindClassroom].Archived != 6 || out.counts[roster.KindParent].Archived != 60 {
		t.Errorf("options turned off: %+v, want all classrooms and parents archived", out.counts)
	}
}

// TestBreaker_settings: limits are a tenant's own.
func TestBreaker_settings(t *testing.T) {
	t.Parallel()
	w, d := guarded(t), newDistrict()
	d.fill("a", 100)
	w.mustRun(d, everything())
	w.limits = roster.DefaultLimits()
	w.limits.Removals, w.limits.Week = 0.5, 0.6
	d.leave("a", 50)
	wantTrips(t, w.mustRun(d, everything()), map[string]int64{})
	d.leave("a", 11)
	wantTrips(t, w.mustRun(d, everything()), map[string]int64{"student a week": 61, "student  week": 61})
}
