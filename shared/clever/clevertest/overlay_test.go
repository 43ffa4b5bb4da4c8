package clevertest_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"cleversync/shared/clever/clevertest"

	"github.com/google/go-cmp/cmp"
)

// TestEdit_ListsFollowTheRecord: who is moved or added is in the lists of the
// new place, and in none of the old.
func TestEdit_ListsFollowTheRecord(t *testing.T) {
	t.Parallel()
	s := simulator(t, clevertest.Config{Students: 60})
	schools := ids(t, s, "/v3.1/schools")
	pupil := ids(t, s, "/v3.1/schools/"+schools[0]+"/users?role=student")[3]
	left := ids(t, s, "/v3.1/users/"+pupil+"/sections")
	joined := ids(t, s, "/v3.1/schools/"+schools[1]+"/sections")[0]
	teacher := decode[struct{ Teacher string }](t, fetch(t, s, "/v3.1/sections/"+joined).Data).Teacher
	var parent, club string
	err := s.Edit(func(e *clevertest.Edits) {
		e.User(pupil, func(u *clevertest.User) {
			u.Student.School, u.Student.Schools = schools[1], []string{schools[1]}
		})
		for _, id := range left {
			e.Section(id, func(sec *clevertest.Section) {
				sec.Students = slices.DeleteFunc(sec.Students, func(id string) bool { return id == pupil })
			})
		}
		e.Section(joined, func(sec *clevertest.Section) { sec.Students = append(sec.Students, pupil) })
		parent = e.AddUser(clevertest.User{
			Name:    clevertest.Name{Last: "New Parent"},
			Contact: &clevertest.Contact{Relationships: []clevertest.Relationship{{Student: pupil, Type: "Family"}}},
		})
		club = e.AddSection(clevertest.Section{Name: "Club", School: schools[1], Students: []string{pupil}})
	})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{
		"/schools/" + schools[0] + "/users": false, "/schools/" + schools[0] + "/users?role=student&primary=true": false,
		"/schools/" + schools[1] + "/users": true, "/schools/" + schools[1] + "/users?role=student&primary=true": true,
		"/sections/" + joined + "/users": true, "/sections/" + left[0] + "/users": false, "/users/" + teacher + "/mystudents": true,
		"/users?role=student": true, "/users?role=teacher": false, "/users/" + parent + "/mystudents": true,
	} {
		join := "?"
		if slices.Contains([]byte(path), '?') {
			join = "&"
		}
		if got := slices.Contains(ids(t, s, "/v3.1"+path+join+"limit=10000"), pupil); got != want {
			t.Errorf("GET %s has the pupil: %t, want %t", path, got, want)
		}
	}
	for path, want := range map[string][]string{
		"/users/" + pupil + "/sections": {joined, club},
		"/users/" + pupil + "/schools":  {schools[1]},
	} {
		if diff := cmp.Diff(want, ids(t, s, "/v3.1"+path)); diff != "" {
			t.Errorf("GET %s (-want +got):\n%s", path, diff)
		}
	}
	if !slices.Contains(ids(t, s, "/v3.1/users/"+pupil+"/mycontacts"), parent) {
		t.Error("mycontacts lacks the new contact")
	}
	if n := s.District().Counts(); n.Contacts != 61 || n.Students != 60 {
		t.Errorf("counts %+v", n)
	}
	checkWalks(t, s)
	checkRelations(t, s, 1)
}

// TestEdit_RunsItsFunctionOnce: what it did is kept, and nobody can change it
// through a record that the district gave out.
func TestEdit_RunsItsFunctionOnce(t *testing.T) {
	t.Parallel()
	s := simulator(t, clevertest.Config{Students: 10})
	section, calls := ids(t, s, "/v3.1/sections")[0], 0
	if err := s.Edit(func(e *clevertest.Edits) {
		e.Section(section, func(sec *clevertest.Section) { calls++; sec.Name = fmt.Sprint("call ", calls) })
	}); err != nil {
		t.Fatal(err)
	}
	before := everything(t, s)
	for sec := range s.District().Sections() {
		sec.Students[0] = "changed"
	}
	if string(everything(t, s)) != string(before) || calls != 1 {
		t.Errorf("%d calls; or a record that was given out is the district's own", calls)
	}
	if err := s.Edit(func(e *clevertest.Edits) {
		e.Section(section, func(sec *clevertest.Section) { sec.ID = "another" })
	}); err == nil {
		t.Error("an id was changed")
	}
	if err := s.Edit(func(e *clevertest.Edits) { e.AddSection(clevertest.Section{ID: section}) }); err == nil {
		t.Error("a section was added under an id that there is")
	}
}

// TestOverlay_AgreesWithAModel edits at random and compares the lists with
// records kept in maps.
func TestOverlay_AgreesWithAModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		for name, cfg := range map[string]clevertest.Config{"generated": {Students: 120, Seed: seed}, "recorded": {Dir: "recorded"}} {
			if cfg.Dir != "" && seed > 0 {
				continue
			}
			t.Run(fmt.Sprint(name, seed), func(t *testing.T) {
				t.Parallel()
				every := 1
				if cfg.Dir != "" {
					cfg.Dir, every = recordings(t), 61
				}
				s, rng := simulator(t, cfg), rand.New(rand.NewPCG(seed, 7))
				want := map[string]clevertest.User{}
				for u := range s.District().Users() {
					want[u.ID] = u
				}
				for range 3 {
					scramble(t, s, rng, want)
					got := map[string]clevertest.User{}
					for u := range s.District().Users() {
						got[u.ID] = u
					}
					ignore := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".LastModified" }, cmp.Ignore())
					if diff := cmp.Diff(want, got, ignore, cmp.AllowUnexported(clevertest.User{})); diff != "" {
						t.Fatalf("users (-want +got):\n%s", diff)
					}
					if n := s.District().Counts(); n.Students+n.Teachers+n.Contacts+n.Admins+n.Staff < len(want) {
						t.Errorf("counts %+v of %d users", n, len(want))
					}
				}
				checkWalks(t, s)
				checkRelations(t, s, every)
				if err := s.Edit(func(e *clevertest.Edits) { e.Revert() }); err != nil {
					t.Fatal(err)
				}
				if string(everything(t, s)) != string(everything(t, simulator(t, cfg))) {
					t.Error("reverting does not lead back")
				}
			})
		}
	}
}

// scramble moves, renames, removes and adds users of a district and of its
// model.
func scramble(t *testing.T, s *clevertest.Server, rng *rand.Rand, want map[string]clevertest.User) {
	t.Helper()
	schools := ids(t, s, "/v3.1/schools")
	err := s.Edit(func(e *clevertest.Edits) {
		for _, id := range slices.Sorted(maps.Keys(want)) {
			u := want[id]
			switch at := schools[rng.IntN(len(schools))]; {
			case rng.IntN(20) == 0:
				e.Remove(id)
				delete(want, id)
			case rng.IntN(10) == 0 && u.Student != nil:
				moved := *u.Student
				moved.School, moved.Schools = at, []string{at}
				u.Student = &moved
				want[id] = u
				e.User(id, func(u *clevertest.User) { u.Student.School, u.Student.Schools = at, []string{at} })
			case rng.IntN(30) == 0:
				added := clevertest.User{
					ID: fmt.Sprintf("%s%06x", id[:18], rng.IntN(1<<24)), District: s.District().ID(), Created: "now", LastModified: "now",
					Teacher: &clevertest.Teacher{School: at, Schools: []string{at}},
				}
				if _, ok := want[added.ID]; !ok {
					want[added.ID] = added
					e.AddUser(added)
				}
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}
