package clevertest_test

import (
	"bytes"
	"maps"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"cleversync/shared/clever/clevertest"

	"github.com/google/go-cmp/cmp"
)

// everything is the body of each list of a district in one page.
func everything(t *testing.T, s *clevertest.Server) []byte {
	t.Helper()
	var all []byte
	for _, path := range []string{"districts", "schools", "users", "sections", "courses", "terms"} {
		all = append(all, get(s, "/v3.1/"+path+"?limit=10000").Body.Bytes()...)
	}
	return all
}

func TestGenerator_SameSeedSameBytes(t *testing.T) {
	t.Parallel()
	cfg := clevertest.Config{Students: 1200, Seed: 42, Broken: true}
	first := everything(t, simulator(t, cfg))
	if !bytes.Equal(first, everything(t, simulator(t, cfg))) {
		t.Error("the same seed and size made another district")
	}
	cfg.Seed = 43
	if other := everything(t, simulator(t, cfg)); bytes.Equal(first, other) {
		t.Error("another seed made the same district")
	}
}

func TestGenerator_SizesAreAsPromised(t *testing.T) {
	t.Parallel()
	near := func(what string, got, want int, within float64) {
		if math.Abs(float64(got-want)) > within*float64(want) {
			t.Errorf("%s: %d, want about %d", what, got, want)
		}
	}
	for seed := range uint64(2) {
		d := simulator(t, clevertest.Config{Students: 20_000, Seed: seed}).District()
		n := d.Counts()
		near("students", n.Students, 20_000, 0)
		near("contacts", n.Contacts, 20_000, 0)
		near("teachers", n.Teachers, 1333, 0.03)
		near("sections", n.Sections, 6000, 0.05)
		near("schools", n.Schools, 29, 0)
		memberships, coTaught := 0, 0
		for s := range d.Sections() {
			memberships += len(s.Students)
			if len(s.Teachers) > 1 {
				coTaught++
			}
		}
		near("memberships", memberships, 150_000, 0.03)
		near("sections with co-teachers", coTaught, 750, 0.2)
		links, types, mailless := 0, map[string]int{}, 0
		for u := range d.Contacts() {
			links += len(u.Contact.Relationships)
			for _, r := range u.Contact.Relationships {
				types[r.Type]++
			}
			if strings.TrimSpace(u.Email) == "" {
				mailless++
			}
		}
		near("contacts without email", mailless, 1000, 0.2)
		near("relationships", links, 26_000, 0.1)
		if len(types) != 7 {
			t.Errorf("relationship types: %v", types)
		}
	}
}

func TestGenerator_EveryStudentIsInOneSectionPerPeriod(t *testing.T) {
	t.Parallel()
	d := simulator(t, clevertest.Config{Students: 1000}).District()
	taken := map[string]map[string]int{}
	for s := range d.Sections() {
		if s.Dirt == clevertest.WithoutStudents {
			continue
		}
		for _, id := range s.Students {
			if taken[id] == nil {
				taken[id] = map[string]int{}
			}
			taken[id][s.Period]++
		}
	}
	for u := range d.Students() {
		if n := len(taken[u.ID]); n < 5 || n > 8 {
			t.Errorf("student %s is taught in %d periods", u.ID, n)
		}
		for period, n := range taken[u.ID] {
			// Guests have the first section of their second school as well.
			if n > 1 && !(n == 2 && period == "0" && len(u.Student.Schools) == 2) {
				t.Errorf("student %s is in %d sections of period %s", u.ID, n, period)
			}
		}
	}
}

func TestGenerator_SixContactsOfOneStudent(t *testing.T) {
	t.Parallel()
	s := simulator(t, clevertest.Config{Students: 1000})
	contacts := map[string]map[string]bool{}
	for u := range s.District().Contacts() {
		for _, r := range u.Contact.Relationships {
			if contacts[r.Student] == nil {
				contacts[r.Student] = map[string]bool{}
			}
			contacts[r.Student][u.ID] = true
		}
	}
	spread := map[int]int{}
	for u := range s.District().Students() {
		spread[min(len(contacts[u.ID]), 6)]++
		if u.Dirt == clevertest.ManyContacts && len(contacts[u.ID]) < 6 {
			t.Errorf("student %s has %d contacts", u.ID, len(contacts[u.ID]))
		}
		if len(contacts[u.ID]) == 1 && !strings.HasSuffix(u.ID, "5") {
			continue // of the ordinary case a sample
		}
		for _, spelling := range []string{"mycontacts", "myContacts"} {
			got := ids(t, s, "/v3.1/users/"+u.ID+"/"+spelling)
			if diff := cmp.Diff(slices.Sorted(maps.Keys(contacts[u.ID])), got, cmpEmpty()); diff != "" {
				t.Errorf("%s of %s (-want +got):\n%s", spelling, u.ID, diff)
			}
		}
	}
	if spread[1] < 500 || spread[2] < 100 || spread[6] < 2 {
		t.Errorf("contacts per student: %v", spread)
	}
}

// TestGenerator_AMillionStudentsInAFewMegabytes measures the heap, so it does
// not run beside other tests.
func TestGenerator_AMillionStudentsInAFewMegabytes(t *testing.T) {
	before := heap()
	s := simulator(t, clevertest.Config{Students: 1_000_000})
	school := slices.Collect(s.District().Schools())[700]
	for _, path := range []string{"users?limit=2000", "users?role=contact&limit=2000", "sections?limit=2000", "schools?limit=2000", "schools/" + school.ID + "/users?limit=2000"} {
		if w := get(s, "/v3.1/"+path); w.Code != 200 || w.Body.Len() < 100_000 {
			t.Fatalf("GET %s: status %d, %d bytes", path, w.Code, w.Body.Len())
		}
	}
	if kept := heap() - before; kept > 4<<20 {
		t.Errorf("a million students keep %d bytes of heap", kept)
	}
	if n := s.District().Counts(); n.Students != 1_000_000 || n.Sections < 280_000 {
		t.Errorf("counts %+v", n)
	}
}

// heap is how many bytes are in use.
func heap() int {
	runtime.GC()
	runtime.GC() // the first one only empties the pools of bodies
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// TestEvolve_MemoryFollowsTheChanges measures the heap, so it does not run
// beside other tests: a year of nights costs what has changed in it, and the
// feed what has changed in a month.
func TestEvolve_MemoryFollowsTheChanges(t *testing.T) {
	s := simulator(t, clevertest.Config{Students: 2000})
	before, changes := heap(), 0
	for range 60 {
		for _, ids := range evolve(t, s, clevertest.SchoolNight()).IDs {
			changes += len(ids)
		}
	}
	if kept := heap() - before; changes < 500 || kept > 3000*changes {
		t.Errorf("%d changes keep %d bytes of heap", changes, kept)
	}
	first := feed(t, s, "v3.1", "&record_type=districts")
	if len(first) != 31 { // the events of a sync come a minute after it
		t.Errorf("syncs of %d nights are in the feed", len(first))
	}
}
