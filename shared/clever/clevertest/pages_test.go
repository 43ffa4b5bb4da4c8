package clevertest_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"

	"cleversync/shared/clever/clevertest"

	"github.com/google/go-cmp/cmp"
)

// lists are the lists that a district must page through, with the ids that
// each must yield.
func lists(s *clevertest.Server) map[string][]string {
	want, shared := map[string][]string{}, map[string]bool{}
	put := func(path, id string) {
		if at, ok := strings.CutPrefix(path, "/schools/"); ok {
			if at, _, _ = strings.Cut(at, "/"); !shared[at] {
				return // of a hidden school, which who is also elsewhere still names
			}
		}
		want[path] = append(want[path], id)
	}
	d := s.District()
	for school := range d.Schools() {
		put("/schools", school.ID)
		shared[school.ID] = true
		for _, sub := range []string{"/users", "/users?role=student", "/users?role=teacher", "/users?role=staff", "/sections", "/users?role=student&primary=true"} {
			want["/schools/"+school.ID+sub] = nil
		}
	}
	for u := range d.Users() {
		put("/users", u.ID)
		at := map[string]bool{}
		role := func(name, primary string, schools []string) {
			put("/users?role="+name, u.ID)
			for _, id := range schools {
				put("/schools/"+id+"/users?role="+name, u.ID)
				at[id] = true
			}
			if primary != "" {
				put("/schools/"+primary+"/users?role=student&primary=true", u.ID)
			}
		}
		if u.Student != nil {
			role("student", u.Student.School, u.Student.Schools)
		}
		if u.Teacher != nil {
			role("teacher", "", u.Teacher.Schools)
		}
		if u.Staff != nil {
			role("staff", "", u.Staff.Schools)
		}
		if u.Admin != nil {
			role("district_admin", "", nil)
		}
		if u.Contact != nil {
			role("contact", "", nil)
		}
		for id := range at {
			put("/schools/"+id+"/users", u.ID)
		}
	}
	for sec := range d.Sections() {
		put("/sections", sec.ID)
		put("/schools/"+sec.School+"/sections", sec.ID)
	}
	for c := range d.Courses() {
		put("/courses", c.ID)
	}
	for term := range d.Terms() {
		put("/terms", term.ID)
	}
	return want
}

func TestList_WalksYieldEveryRecordOnceInOrder(t *testing.T) {
	t.Parallel()
	for _, students := range []int{1, 2, 10, 50, 900} {
		t.Run(fmt.Sprint(students), func(t *testing.T) {
			t.Parallel()
			checkWalks(t, simulator(t, clevertest.Config{Students: students, Seed: uint64(students)}))
		})
	}
}

func TestList_WalksOfRecordedBodies(t *testing.T) {
	t.Parallel()
	checkWalks(t, simulator(t, clevertest.Config{Dir: recordings(t)}))
}

func TestList_WalksPassOverWhatIsHidden(t *testing.T) {
	t.Parallel()
	s := simulator(t, clevertest.Config{Students: 400, Seed: 3})
	schools := slices.Collect(s.District().Schools())
	s.HideSchool(schools[0].ID)
	var gone []string
	for u := range s.District().Users() {
		if len(gone) < 40 || u.Contact != nil && len(gone) < 60 {
			gone = append(gone, u.ID)
		}
	}
	if err := s.Edit(func(e *clevertest.Edits) { e.Remove(gone...) }); err != nil {
		t.Fatal(err)
	}
	for path, want := range lists(s) {
		if len(want) > 0 && slices.Contains(want, gone[0]) {
			t.Errorf("%s still has a removed user", path)
		}
	}
	checkWalks(t, s)
}

// checkWalks walks every list by random limits, forward by next and backward
// by prev.
func checkWalks(t *testing.T, s *clevertest.Server) {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	for path, want := range lists(s) {
		if !slices.IsSorted(want) {
			t.Errorf("%s: the district yields ids out of order", path)
		}
		limit := 1 + len(want)/8 + rng.IntN(3+len(want)/2)
		join := "?"
		if strings.Contains(path, "?") {
			join = "&"
		}
		first := fmt.Sprintf("/v3.1%s%slimit=%d", path, join, limit)
		if diff := cmp.Diff(want, walk(t, s, first, limit, "next")); diff != "" {
			t.Errorf("%s forward (-want +got):\n%s", first, diff)
		}
		last := first + "&ending_before=last"
		if diff := cmp.Diff(want, walk(t, s, last, limit, "prev")); diff != "" {
			t.Errorf("%s backward (-want +got):\n%s", last, diff)
		}
	}
}

// walk follows one kind of link to its end and returns the ids in ascending
// order.
func walk(t *testing.T, s *clevertest.Server, path string, limit int, rel string) []string {
	t.Helper()
	var all []string
	seen := map[string]bool{}
	for path != "" {
		if seen[path] {
			t.Fatalf("GET %s: the links lead in a circle", path)
		}
		seen[path] = true
		now, a := page(t, s, path)
		if len(now) > limit {
			t.Fatalf("GET %s: %d records", path, len(now))
		}
		if rel == "next" {
			all = append(all, now...)
		} else {
			all = append(now, all...)
		}
		path = a.link(rel)
	}
	return all
}

func TestList_Links(t *testing.T) {
	t.Parallel()
	s := simulator(t, clevertest.Config{Students: 10})
	all := ids(t, s, "/v3.0/users?role=student")
	cases := map[string]struct {
		path string
		want []link
	}{
		"only page": {"/v3.0/users?role=student", []link{{"self", "/v3.0/users?role=student"}}},
		"first page, limit first": {"/v3.0/users?role=student&limit=4", []link{
			{"self", "/v3.0/users?role=student&limit=4"},
			{"next", "/v3.0/users?limit=4&role=student&starting_after=" + all[3]},
		}},
		"middle page": {"/v3.1/users?limit=4&role=student&starting_after=" + all[3], []link{
			{"self", "/v3.1/users?limit=4&role=student&starting_after=" + all[3]},
			{"prev", "/v3.1/users?limit=4&role=student&ending_before=" + all[4]},
			{"next", "/v3.1/users?limit=4&role=student&starting_after=" + all[7]},
		}},
		"last page": {"/v3.0/users?limit=4&role=student&starting_after=" + all[7], []link{
			{"self", "/v3.0/users?limit=4&role=student&starting_after=" + all[7]},
			{"prev", "/v3.0/users?limit=4&role=student&ending_before=" + all[8]},
		}},
		"behind the last": {"/v3.0/users?role=student&starting_after=" + all[9], []link{
			{"self", "/v3.0/users?role=student&starting_after=" + all[9]},
		}},
		"page before": {"/v3.0/users?limit=2&role=student&ending_before=" + all[4], []link{
			{"self", "/v3.0/users?limit=2&role=student&ending_before=" + all[4]},
			{"prev", "/v3.0/users?limit=2&role=student&ending_before=" + all[2]},
			{"next", "/v3.0/users?limit=2&role=student&starting_after=" + all[3]},
		}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := fetch(t, s, c.path)
			if diff := cmp.Diff(c.want, a.Links); diff != "" {
				t.Errorf("links (-want +got):\n%s", diff)
			}
		})
	}
}

func TestList_CursorsAreRanges(t *testing.T) {
	t.Parallel()
	s := simulator(t, clevertest.Config{Students: 300})
	all := ids(t, s, "/v3.1/users?limit=10000")
	rng := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		// Half of an id and random digits: an id that no record has.
		cursor := all[rng.IntN(len(all))][:rng.IntN(25)] + fmt.Sprintf("%06x", rng.IntN(1<<24))
		at, found := slices.BinarySearch(all, cursor)
		before := all[max(0, at-5):at]
		if found {
			at++
		}
		after := all[at:min(at+5, len(all))]
		if diff := cmp.Diff(after, ids(t, s, "/v3.1/users?limit=5&starting_after="+cursor), cmpEmpty()); diff != "" {
			t.Errorf("starting_after=%s (-want +got):\n%s", cursor, diff)
		}
		if diff := cmp.Diff(before, ids(t, s, "/v3.1/users?limit=5&ending_before="+cursor), cmpEmpty()); diff != "" {
			t.Errorf("ending_before=%s (-want +got):\n%s", cursor, diff)
		}
	}
}

// cmpEmpty makes an empty page equal no page.
func cmpEmpty() cmp.Option {
	return cmp.FilterValues(func(a, b []string) bool { return len(a) == 0 && len(b) == 0 }, cmp.Ignore())
}

func TestList_DefaultAndGreatestLimit(t *testing.T) {
	t.Parallel()
	s := simulator(t, clevertest.Config{Students: 5_000})
	for path, want := range map[string]int{
		"/v3.1/users":                           100,
		"/v3.1/users?limit=10000":               10_000,
		"/v3.1/users?role=student&limit=1":      1,
		"/v3.1/users?ending_before=0":           0,
		"/v3.1/users?starting_after=zzz":        0,
		"/v3.1/districts?count=5":               1,
		"/v3.1/districts?limit=1&count=5&foo=1": 1,
	} {
		if items, _ := list(t, s, path); len(items) != want {
			t.Errorf("GET %s: %d records, want %d", path, len(items), want)
		}
	}
}

func TestList_BadQueries(t *testing.T) {
	t.Parallel()
	s := simulator(t, clevertest.Config{Students: 10})
	school := ids(t, s, "/v3.1/schools")[0]
	for path, want := range map[string]int{
		"/v3.1/users?limit=10001":                         http.StatusRequestEntityTooLarge,
		"/v3.0/sections?limit=99999":                      http.StatusRequestEntityTooLarge,
		"/v3.1/schools/" + school + "/users?limit=10001":  http.StatusRequestEntityTooLarge,
		"/v3.1/users?limit=0":                             http.StatusBadRequest,
		"/v3.1/users?limit=-1":                            http.StatusBadRequest,
		"/v3.1/users?limit=many":                          http.StatusBadRequest,
		"/v3.1/users?role=parent":                         http.StatusBadRequest,
		"/v3.1/schools/" + school + "/users?role=contact": http.StatusBadRequest,
		"/v3.1/users?starting_after=a&ending_before=b":    http.StatusBadRequest,
	} {
		w := get(s, path)
		if w.Code != want {
			t.Errorf("GET %s: status %d, want %d", path, w.Code, want)
		}
		if decode[struct{ Message string }](t, w.Body.Bytes()).Message == "" {
			t.Errorf("GET %s: no message", path)
		}
	}
}

func TestList_Count(t *testing.T) {
	t.Parallel()
	s := simulator(t, clevertest.Config{Students: 500})
	for path, want := range map[string]int{
		"/v3.1/users?role=student&count=true": 500,
		"/v3.1/users?role=contact&count=true": 500,
		"/v3.1/schools?count=true":            2,
		"/v3.1/districts?count=true":          1,
	} {
		a := fetch(t, s, path)
		if a.Count == nil || *a.Count != want {
			t.Errorf("GET %s: count %v, want %d", path, a.Count, want)
		}
	}
	if err := s.Edit(func(e *clevertest.Edits) { e.Remove(ids(t, s, "/v3.1/users?role=student&limit=7")...) }); err != nil {
		t.Fatal(err)
	}
	if a := fetch(t, s, "/v3.1/users?role=student&count=true"); *a.Count != 493 {
		t.Errorf("count %d after seven removals, want 493", *a.Count)
	}
}
