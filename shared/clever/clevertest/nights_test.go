package clevertest_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"cleversync/shared/clever/clevertest"

	"github.com/google/go-cmp/cmp"
)

// busy is a night in which everything happens, in a small district too.
func busy() clevertest.Night {
	some := clevertest.Count(2)
	return clevertest.Night{
		Joins: some, Leaves: clevertest.Count(3), Returns: some, Transfers: some, Moves: some, Renames: some, Emails: some, Facts: some,
		SisIDs: some, TeachersJoin: some, TeachersLeave: clevertest.Count(1), CoTeachers: some, SectionsOpen: some,
		SectionsClose: some, SectionsRenamed: some, Contacts: clevertest.Count(4), NewStudents: some, NewTeachers: some,
		NewContacts: some, NewSections: some, NewCourses: clevertest.Count(1), NewTerms: clevertest.Count(1),
	}
}

// nightOf picks one of the nights that tests go through.
func nightOf(rng *rand.Rand) clevertest.Night {
	nights := []clevertest.Night{
		{}, clevertest.SchoolNight(), busy(), busy(), clevertest.YearEnd(), clevertest.Vanishing(.09), clevertest.TeachersGone(3),
		clevertest.Namesake(), clevertest.NewSystem(), {SectionsClose: clevertest.Share(.5)}, {KeepLastSync: true, Leaves: clevertest.Count(2)},
	}
	return nights[rng.IntN(len(nights))]
}

func evolve(t *testing.T, s *clevertest.Server, n clevertest.Night) clevertest.Changes {
	t.Helper()
	done, err := s.Evolve(n)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func TestEvolve_KeepsWhatEveryDistrictIs(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		for name, cfg := range map[string]clevertest.Config{
			"tiny": {Students: 3, Seed: seed}, "small": {Students: 60, Seed: seed}, "larger": {Students: 300, Seed: seed}, "recorded": {Dir: "recorded", Seed: seed},
		} {
			t.Run(fmt.Sprint(name, seed), func(t *testing.T) {
				t.Parallel()
				if cfg.Dir != "" {
					cfg.Dir = recordings(t)
				}
				s, rng := simulator(t, cfg), rand.New(rand.NewPCG(seed, 3))
				outside := unresolved(s.District())
				ever := register{}
				for range 8 {
					n := nightOf(rng)
					evolve(t, s, n)
					checkEvolved(t, s.District(), outside, fmt.Sprintf("%+v", n))
					for u := range s.District().Users() { // one id is one person for ever
						if was := ever[u.ID]; was != "" && was != roleOf(u) {
							t.Errorf("id %s was a %s's", u.ID, was)
						}
						ever[u.ID] = roleOf(u)
					}
				}
				if cfg.Students == 60 {
					checkWalks(t, s)
					checkRelations(t, s, 1)
				}
			})
		}
	}
}

// unresolved collects the ids that records name and nobody has, as some dirty
// ones do from the start.
func unresolved(d *clevertest.District) map[string]bool {
	known, missing := idsIn(d), map[string]bool{"": true}
	for s := range d.Sections() {
		for _, id := range slices.Concat(s.Students, s.Teachers, []string{s.School, s.Course, s.Term}) {
			if !known[id] {
				missing[id] = true
			}
		}
	}
	for u := range d.Contacts() {
		for _, r := range u.Contact.Relationships {
			if !known[r.Student] {
				missing[r.Student] = true
			}
		}
	}
	return missing
}

func idsIn(d *clevertest.District) map[string]bool {
	known := map[string]bool{}
	for u := range d.Users() {
		known[u.ID] = true
	}
	for s := range d.Sections() {
		known[s.ID] = true
	}
	for s := range d.Schools() {
		known[s.ID] = true
	}
	for c := range d.Courses() {
		known[c.ID] = true
	}
	for term := range d.Terms() {
		known[term.ID] = true
	}
	return known
}

// checkEvolved checks a district after a night.
func checkEvolved(t *testing.T, d *clevertest.District, outside map[string]bool, night string) {
	t.Helper()
	for id := range unresolved(d) {
		if !outside[id] {
			t.Errorf("after %s: %s is named and not there", night, id)
		}
	}
	register{d.ID(): "district"}.enter(t, d)
	for s := range d.Sections() {
		if s.Dirt == "" && (len(s.Students) == 0 || len(s.Teachers) == 0) {
			t.Errorf("after %s: section %s has %d students and %d teachers", night, s.ID, len(s.Students), len(s.Teachers))
		}
		if len(s.Teachers) > 0 && s.Teacher != s.Teachers[0] || len(s.Teachers) == 0 && s.Teacher != "" {
			t.Errorf("after %s: section %s: teacher %q of %v", night, s.ID, s.Teacher, s.Teachers)
		}
		for _, list := range [][]string{s.Students, s.Teachers} {
			if sorted := slices.Sorted(slices.Values(list)); len(slices.Compact(sorted)) != len(list) {
				t.Errorf("after %s: section %s names somebody twice: %v", night, s.ID, list)
			}
		}
	}
	for u := range d.Contacts() {
		if len(u.Contact.Relationships) == 0 {
			t.Errorf("after %s: contact %s has no student", night, u.ID)
		}
	}
	for u := range d.Students() {
		if !slices.Contains(u.Student.Schools, u.Student.School) {
			t.Errorf("after %s: student %s: school %s of %v", night, u.ID, u.Student.School, u.Student.Schools)
		}
		if u.LastModified < u.Created && u.Created > "2026-11-24" {
			t.Errorf("after %s: student %s changed at %s, created at %s", night, u.ID, u.LastModified, u.Created)
		}
	}
}

func TestEvolve_SameSeedSameNights(t *testing.T) {
	t.Parallel()
	run := func(seed uint64) (string, []clevertest.Changes) {
		s, rng := simulator(t, clevertest.Config{Students: 300, Seed: seed}), rand.New(rand.NewPCG(1, 1))
		var all []clevertest.Changes
		for range 8 {
			all = append(all, evolve(t, s, nightOf(rng)))
		}
		return string(everything(t, s)) + get(s, "/v3.1/events?limit=10000").Body.String(), all
	}
	first, changes := run(5)
	second, again := run(5)
	if diff := cmp.Diff(changes, again); diff != "" || first != second {
		t.Errorf("the same nights made another district (-first +second):\n%s", diff)
	}
	if other, _ := run(6); other == first {
		t.Error("another seed made the same")
	}
}

func TestEvolve_ChangesAsAsked(t *testing.T) {
	t.Parallel()
	two := clevertest.Count(2)
	for name, c := range map[string]struct {
		night clevertest.Night
		want  map[string]int // events, of the types that are certain
	}{
		"quiet":     {clevertest.Night{}, map[string]int{"districts.updated": 1, "users.created": 0, "users.updated": 0, "sections.updated": 0}},
		"kept":      {clevertest.Night{KeepLastSync: true}, map[string]int{"districts.updated": 0}},
		"renames":   {clevertest.Night{Renames: two}, map[string]int{"users.updated": 4, "sections.updated": 0}},
		"transfers": {clevertest.Night{Transfers: clevertest.Count(1)}, map[string]int{"users.updated": 1, "users.created": 0, "users.deleted": 0}},
		"moves":     {clevertest.Night{Moves: clevertest.Count(1)}, map[string]int{"users.updated": 0, "sections.updated": 2}},
		"opens":     {clevertest.Night{SectionsOpen: two}, map[string]int{"sections.created": 2, "users.updated": 0}},
		"closes":    {clevertest.Night{SectionsClose: two}, map[string]int{"sections.deleted": 2, "users.updated": 0}},
		"namesake":  {clevertest.Namesake(), map[string]int{"sections.updated": 1}},
		"sis ids":   {clevertest.Night{SisIDs: clevertest.Count(1)}, map[string]int{"users.created": 2, "users.deleted": 2}},
		"contacts":  {clevertest.Night{NewContacts: clevertest.Share(1)}, map[string]int{"users.created": 200, "users.deleted": 200, "users.updated": 0}},
		"terms":     {clevertest.Night{NewTerms: clevertest.Count(1)}, map[string]int{"terms.created": 1, "terms.deleted": 1}},
		"courses":   {clevertest.Night{NewCourses: clevertest.Count(1)}, map[string]int{"courses.created": 1, "courses.deleted": 1}},
		"sections":  {clevertest.Night{NewSections: two}, map[string]int{"sections.created": 2, "sections.deleted": 2}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := simulator(t, clevertest.Config{Students: 200, Seed: 2})
			done := evolve(t, s, c.night)
			for name, want := range c.want {
				if got := len(done.IDs[name]); got != want {
					t.Errorf("%d %s, want %d: %v", got, name, want, done.IDs)
				}
			}
		})
	}
}

func TestEvolve_TeachersGoAndTheLastTakesOver(t *testing.T) {
	t.Parallel()
	s := simulator(t, clevertest.Config{Students: 360})
	n := s.District().Counts().Teachers
	if n != 24 {
		t.Fatalf("%d teachers", n)
	}
	evolve(t, s, clevertest.TeachersGone(23))
	teachers := ids(t, s, "/v3.1/users?role=teacher")
	if len(teachers) != 1 {
		t.Fatalf("%d teachers left", len(teachers))
	}
	for sec := range s.District().Sections() {
		if sec.Dirt == "" && !slices.Equal(sec.Teachers, teachers) {
			t.Errorf("section %s: teachers %v", sec.ID, sec.Teachers)
		}
	}
	evolve(t, s, clevertest.TeachersGone(1))
	if n := s.District().Counts().Teachers; n != 1 {
		t.Errorf("the last one has gone: %d", n)
	}
}

func TestEvolve_YearEnd(t *testing.T) {
	t.Parallel()
	s := simulator(t, clevertest.Config{Students: 2500, Seed: 1})
	before := s.District()
	evolve(t, s, clevertest.YearEnd())
	after := s.District()
	was, names, grades := map[string]string{}, map[string]int{}, strings.Fields("Kindergarten 1 2 3 4 5 6 7 8 9 10 11 12")
	for u := range before.Students() {
		was[u.ID] = u.Student.Grade
	}
	for u := range after.Students() {
		want := "Kindergarten"
		if grade := was[u.ID]; grade != "" {
			want = grades[1+slices.Index(grades, grade)]
		}
		if u.Student.Grade != want {
			t.Errorf("student %s is in grade %s, want %s", u.ID, u.Student.Grade, want)
		}
	}
	old := idsIn(before)
	for sec := range before.Sections() {
		names[sec.Name]++
	}
	for sec := range after.Sections() {
		if names[sec.Name]--; names[sec.Name] < 0 {
			t.Errorf("a section more is called %q", sec.Name)
		}
		if old[sec.ID] || old[sec.Term] {
			t.Errorf("section %s, term %s: of last year", sec.ID, sec.Term)
		}
	}
	b, a := before.Counts(), after.Counts()
	if a.Students != b.Students || a.Sections < b.Sections*9/10 || a.Teachers != b.Teachers || a.Schools != b.Schools {
		t.Errorf("counts %+v, were %+v", a, b)
	}
	for term := range after.Terms() {
		if strings.Contains(term.Name+term.Start, "2026") && !strings.HasPrefix(term.Start, "2027") && term.Name == "Y1" {
			t.Errorf("term %+v", term)
		}
	}
}

// TestEvolve_WhoComesBack: within 300 days under the old id, later under a new
// one, with their contacts.
func TestEvolve_WhoComesBack(t *testing.T) {
	t.Parallel()
	for name, days := range map[string]int{"soon": 20, "at last": 301} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := simulator(t, clevertest.Config{Students: 100})
			before := s.District().Counts()
			start := time.Date(2026, 12, 1, 3, 0, 0, 0, time.UTC)
			left := evolve(t, s, clevertest.Night{At: start, Leaves: clevertest.Count(10)})
			back := evolve(t, s, clevertest.Night{At: start.AddDate(0, 0, days), Returns: clevertest.Share(1)})
			if diff := cmp.Diff(before, s.District().Counts(), cmp.FilterPath(func(p cmp.Path) bool {
				return slices.Contains([]string{".Sections", ".Courses", ".Terms"}, p.Last().String()) // classes that closed stay so
			}, cmp.Ignore())); diff != "" {
				t.Errorf("counts (-want +got):\n%s", diff)
			}
			if same := slices.Equal(left.IDs["users.deleted"], back.IDs["users.created"]); same != (name == "soon") {
				t.Errorf("the old ids: %t; left %v, came %v", same, left.IDs["users.deleted"], back.IDs["users.created"])
			}
			for id := range unresolved(s.District()) {
				if !unresolved(simulator(t, clevertest.Config{Students: 100}).District())[id] {
					t.Errorf("%s is named and not there", id)
				}
			}
		})
	}
}

func TestEvolve_FromJSONAndRefusals(t *testing.T) {
	t.Parallel()
	s := simulator(t, clevertest.Config{Students: 20})
	var n clevertest.Night
	if err := json.Unmarshal([]byte(`{"at":"2026-12-01T03:00:00Z","leaves":{"count":1},"renames":{"share":1}}`), &n); err != nil {
		t.Fatal(err)
	}
	done := evolve(t, s, n)
	if done.Number != 1 || done.LastSync != "2026-12-01T03:00:00.000Z" || s.District().State().LastSync != done.LastSync || s.District().Counts().Students != 19 {
		t.Errorf("changes %+v", done)
	}
	before := everything(t, s)
	for _, n := range []clevertest.Night{
		{Leaves: clevertest.Count(-1)}, {Leaves: clevertest.Share(1.5)}, {Leaves: clevertest.Share(-.1)}, {At: time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)},
	} {
		if _, err := s.Evolve(n); err == nil || string(everything(t, s)) != string(before) {
			t.Errorf("%+v: error %v, or something changed", n, err)
		}
	}
	if next := evolve(t, s, clevertest.Night{}); next.Number != 2 || next.LastSync != "2026-12-02T03:00:00.000Z" {
		t.Errorf("the next night: %+v", next)
	}
}

// TestEvolve_EachNightIsAnother: two nights that ask for the same do it to
// others.
func TestEvolve_EachNightIsAnother(t *testing.T) {
	t.Parallel()
	s := simulator(t, clevertest.Config{Students: 500})
	n := clevertest.Night{Renames: clevertest.Count(5)}
	first, second := evolve(t, s, n), evolve(t, s, n)
	if slices.Equal(first.IDs["users.updated"], second.IDs["users.updated"]) {
		t.Errorf("both nights renamed %v", first.IDs["users.updated"])
	}
}
