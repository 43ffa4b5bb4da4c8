package clevertest_test

import (
	"maps"
	"net/http"
	"slices"
	"testing"

	"cleversync/shared/clever/clevertest"

	"github.com/google/go-cmp/cmp"
)

// truth collects what each relation must list, as seen from the records.
type truth map[string][]string

func (tr truth) put(path, id string) {
	if !slices.Contains(tr[path], id) {
		tr[path] = append(tr[path], id)
	}
}

func relationsOf(d *clevertest.District) truth {
	tr, shared := truth{}, map[string]bool{}
	for u := range d.Users() {
		shared[u.ID] = true
		if u.Student != nil {
			tr["/users/"+u.ID+"/mycontacts"] = nil
			tr["/users/"+u.ID+"/myteachers"] = nil
		}
	}
	for c := range d.Contacts() {
		for _, r := range c.Contact.Relationships {
			if shared[r.Student] {
				tr.put("/users/"+r.Student+"/mycontacts", c.ID)
				tr.put("/users/"+c.ID+"/mystudents", r.Student)
			}
		}
	}
	for s := range d.Sections() {
		tr.put("/schools/"+s.School+"/courses", s.Course)
		tr.put("/schools/"+s.School+"/terms", s.Term)
		tr.put("/courses/"+s.Course+"/sections", s.ID)
		tr.put("/terms/"+s.Term+"/sections", s.ID)
		tr.put("/courses/"+s.Course+"/schools", s.School)
		tr.put("/terms/"+s.Term+"/schools", s.School)
		for _, id := range slices.Concat(s.Students, s.Teachers) {
			if shared[id] {
				tr.put("/sections/"+s.ID+"/users", id)
				tr.put("/users/"+id+"/sections", s.ID)
			}
		}
		for _, student := range s.Students {
			for _, teacher := range s.Teachers {
				if shared[student] && shared[teacher] {
					tr.put("/users/"+student+"/myteachers", teacher)
					tr.put("/users/"+teacher+"/mystudents", student)
				}
			}
		}
	}
	return tr
}

func TestRelations_AgreeWithTheRecords(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]clevertest.Config{
		"one student": {Students: 1}, "small": {Students: 23, Seed: 2}, "larger": {Students: 150, Seed: 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkRelations(t, simulator(t, cfg), 1)
		})
	}
}

func TestRelations_OfRecordedBodies(t *testing.T) {
	t.Parallel()
	checkRelations(t, simulator(t, clevertest.Config{Dir: recordings(t)}), 17)
}

// checkRelations asks for every nth relation, since a large district has many.
func checkRelations(t *testing.T, s *clevertest.Server, every int) {
	t.Helper()
	all := relationsOf(s.District())
	for i, path := range slices.Sorted(maps.Keys(all)) {
		want := all[path]
		if i%every != 0 || slices.Contains(want, "") || slices.Contains([]string{"/courses//sections", "/courses//schools", "/terms//sections", "/terms//schools"}, path) {
			continue // what a section without course or term leads to
		}
		slices.Sort(want)
		if diff := cmp.Diff(want, ids(t, s, "/v3.1"+path+"?limit=10000"), cmpEmpty()); diff != "" {
			t.Errorf("GET %s (-want +got):\n%s", path, diff)
		}
	}
}

func TestRelations_ToOne(t *testing.T) {
	t.Parallel()
	s := simulator(t, clevertest.Config{Students: 700})
	absent := 0
	for sec := range s.District().Sections() {
		for relation, want := range map[string]string{"school": sec.School, "course": sec.Course, "term": sec.Term, "district": sec.District} {
			path := "/v3.1/sections/" + sec.ID + "/" + relation
			w := get(s, path)
			if want == "" {
				absent++
				if w.Code != http.StatusNotFound {
					t.Errorf("GET %s: status %d, want 404", path, w.Code)
				}
				continue
			}
			a := fetch(t, s, path)
			if got := decode[struct{ ID string }](t, a.Data).ID; got != want || len(a.Links) != 1 {
				t.Errorf("GET %s: %s, want %s; links %v", path, got, want, a.Links)
			}
		}
	}
	if absent == 0 {
		t.Error("no section without a course")
	}
}
