package clevertest_test

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"cleversync/shared/clever/clevertest"

	"github.com/google/go-cmp/cmp"
)

func TestSetDistrict_ChangesItsRecord(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]clevertest.Config{"generated": {Students: 10, DistrictName: `The "new" one`}, "recorded": {Dir: "recorded"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if cfg.Dir != "" {
				cfg.Dir = recordings(t)
			}
			s := simulator(t, cfg)
			read := func() map[string]any {
				return decode[map[string]any](t, fetch(t, s, "/v3.1/districts/"+s.District().ID()).Data)
			}
			before := read()
			s.SetDistrict(func(d *clevertest.DistrictState) {
				d.State, d.LastSync, d.PauseEnd = "paused", "2026-12-01T03:00:00.000Z", "2027-01-10"
			})
			want := before
			want["state"], want["last_sync"], want["pause_end"] = "paused", "2026-12-01T03:00:00.000Z", "2027-01-10"
			if diff := cmp.Diff(want, read()); diff != "" {
				t.Errorf("district (-want +got):\n%s", diff)
			}
			if got := s.District().State().State; got != "paused" {
				t.Errorf("state %q", got)
			}
			items, _ := list(t, s, "/v3.0/districts")
			if got := decode[map[string]any](t, items[0].Data)["state"]; got != "paused" {
				t.Errorf("state in the list: %v", got)
			}
		})
	}
}

func TestHideSchool_TakesItsDataAway(t *testing.T) {
	t.Parallel()
	s := simulator(t, clevertest.Config{Students: 1500})
	before := s.District().Counts()
	schools := slices.Collect(s.District().Schools())
	hidden := schools[1].ID
	student := ids(t, s, "/v3.1/schools/"+hidden+"/users?role=student&primary=true&limit=10000")[5]
	section := ids(t, s, "/v3.1/schools/"+hidden+"/sections")[0]
	s.HideSchool(hidden)
	s.HideSchool("no such school")
	for _, path := range []string{"/schools/" + hidden, "/schools/" + hidden + "/users", "/schools/" + hidden + "/sections", "/users/" + student, "/sections/" + section} {
		if w := get(s, "/v3.1"+path); w.Code != http.StatusNotFound {
			t.Errorf("GET %s: status %d", path, w.Code)
		}
	}
	d := s.District()
	shared := map[string]bool{}
	for u := range d.Students() {
		shared[u.ID] = true
		if u.Student.School == hidden && len(u.Student.Schools) < 2 {
			t.Errorf("student %s is still shared", u.ID)
		}
	}
	for u := range d.Contacts() {
		if !slices.ContainsFunc(u.Contact.Relationships, func(r clevertest.Relationship) bool { return shared[r.Student] }) {
			t.Errorf("contact %s has no shared student", u.ID)
		}
	}
	for sec := range d.Sections() {
		if sec.School == hidden {
			t.Errorf("section %s is still shared", sec.ID)
		}
	}
	n := d.Counts()
	if n.Schools != before.Schools-1 || n.Students >= before.Students || n.Contacts >= before.Contacts || n.Sections >= before.Sections {
		t.Errorf("counts %+v, were %+v", n, before)
	}
	s.ShowSchool(hidden)
	if diff := cmp.Diff(before, s.District().Counts()); diff != "" {
		t.Errorf("counts after showing it again (-want +got):\n%s", diff)
	}
}

func TestEdit_ChangesRemovesRestores(t *testing.T) {
	t.Parallel()
	s := simulator(t, clevertest.Config{Students: 50})
	d := s.District()
	users, sections := slices.Collect(d.Users()), slices.Collect(d.Sections())
	school := slices.Collect(d.Schools())[0]
	course, term := slices.Collect(d.Courses())[0], slices.Collect(d.Terms())[0]
	before := everything(t, s)
	err := s.Edit(func(e *clevertest.Edits) {
		e.Remove(users[3].ID, sections[2].ID, term.ID)
		e.User(users[0].ID, func(u *clevertest.User) { u.Name.First = "Ada" })
		e.User(users[0].ID, func(u *clevertest.User) { u.Name.First += " B." })
		e.User(users[1].ID, func(u *clevertest.User) {
			u.Broken = &clevertest.Breakage{Path: "roles.student.grade", Value: 7}
		})
		e.Section(sections[0].ID, func(sec *clevertest.Section) { sec.Name, sec.Students = "Choir", sec.Students[:1] })
		e.School(school.ID, func(sc *clevertest.School) { sc.Name = "Renamed School" })
		e.Course(course.ID, func(c *clevertest.Course) { c.Name = "Pottery" })
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/users/" + users[3].ID, "/sections/" + sections[2].ID, "/terms/" + term.ID} {
		if w := get(s, "/v3.1"+path); w.Code != http.StatusNotFound {
			t.Errorf("GET %s: status %d", path, w.Code)
		}
	}
	for path, want := range map[string]string{
		"/users/" + users[0].ID:       `"first":"Ada B."`,
		"/users/" + users[1].ID:       `"grade":7`,
		"/sections/" + sections[0].ID: `"name":"Choir"`,
		"/schools/" + school.ID:       `"name":"Renamed School"`,
		"/courses/" + course.ID:       `"name":"Pottery"`,
	} {
		if got := string(fetch(t, s, "/v3.1"+path).Data); !strings.Contains(got, want) {
			t.Errorf("GET %s: no %s in %s", path, want, got)
		}
	}
	now := slices.Collect(s.District().Users())
	if len(now) != len(users)-1 || now[0].Name.First != "Ada B." {
		t.Errorf("the truth does not follow: %d users, first %q", len(now), now[0].Name.First)
	}
	if got := slices.Collect(s.District().Sections())[0].Students; !slices.Equal(got, sections[0].Students[:1]) {
		t.Errorf("students %v", got)
	}
	if err := s.Edit(func(e *clevertest.Edits) { e.Restore(users[3].ID, term.ID) }); err != nil {
		t.Fatal(err)
	}
	fetch(t, s, "/v3.1/users/"+users[3].ID)
	if err := s.Edit(func(e *clevertest.Edits) { e.Revert() }); err != nil {
		t.Fatal(err)
	}
	if got := everything(t, s); string(got) != string(before) {
		t.Error("reverting does not lead back")
	}
	if got := slices.Collect(d.Users()); len(got) != len(users) {
		t.Error("an older view of the district changed")
	}
}

func TestEdit_UnknownIdChangesNothing(t *testing.T) {
	t.Parallel()
	s := simulator(t, clevertest.Config{Students: 10})
	first, second := ids(t, s, "/v3.1/users")[0], ids(t, s, "/v3.1/users")[1]
	if err := s.Edit(func(e *clevertest.Edits) { e.Remove(second); e.User(second, func(*clevertest.User) {}) }); err != nil {
		t.Fatal(err)
	}
	before := everything(t, s)
	for name, f := range map[string]func(*clevertest.Edits){
		"remove":  func(e *clevertest.Edits) { e.Remove(first, "nobody") },
		"restore": func(e *clevertest.Edits) { e.Remove(first); e.Restore("nobody") },
		"user": func(e *clevertest.Edits) {
			e.User(first, func(u *clevertest.User) { u.Email = "" })
			e.User("nobody", nil)
		},
		"kind": func(e *clevertest.Edits) { e.Remove(first); e.Section(first, func(*clevertest.Section) {}) },
	} {
		if err := s.Edit(f); err == nil {
			t.Errorf("%s: no error", name)
		}
		if string(everything(t, s)) != string(before) {
			t.Errorf("%s: something changed", name)
		}
	}
}

func TestOverride_TakesRequestsOver(t *testing.T) {
	t.Parallel()
	s := simulator(t, clevertest.Config{Students: 10})
	s.SetOverride(func(w http.ResponseWriter, r *http.Request) bool {
		switch {
		case strings.HasSuffix(r.URL.Path, "/sections"):
			w.WriteHeader(http.StatusBadGateway)
			return true
		case strings.HasSuffix(r.URL.Path, "/terms"):
			w.Header().Set("X-Touched", "yes")
			s.Answer(w, r)
			return true
		default:
			return false
		}
	})
	if w := get(s, "/v3.1/sections"); w.Code != http.StatusBadGateway {
		t.Errorf("overridden: status %d", w.Code)
	}
	if w := get(s, "/v3.1/terms"); w.Code != http.StatusOK || w.Header().Get("X-Touched") != "yes" {
		t.Errorf("changed: status %d", w.Code)
	}
	if w := get(s, "/v3.1/users"); w.Code != http.StatusOK {
		t.Errorf("passed on: status %d", w.Code)
	}
	s.SetOverride(nil)
	if w := get(s, "/v3.1/sections"); w.Code != http.StatusOK {
		t.Errorf("removed: status %d", w.Code)
	}
	get(s, "/v3.0/nothing")
	ask(s, "GET", "/oauth/tokens", "")
	want := map[string]int{"/sections": 2, "/terms": 1, "/users": 1, "/oauth/tokens": 1, "other": 1}
	if diff := cmp.Diff(want, s.Requests()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

// TestHooks_BesideRequests is for the race detector; what it can see itself is
// that a page is whole: all of an edit, or nothing of it.
func TestHooks_BesideRequests(t *testing.T) {
	t.Parallel()
	s := simulator(t, clevertest.Config{Students: 60})
	token := s.Token()
	pair := ids(t, s, "/v3.1/users?limit=2")
	school := ids(t, s, "/v3.1/schools")[1]
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				w := ask(s, "GET", "/v3.1/users?limit=2", "Bearer "+token)
				switch page := w.Body.String(); {
				case w.Code == http.StatusUnauthorized:
				case w.Code != http.StatusOK:
					t.Errorf("status %d", w.Code)
				case strings.Contains(page, pair[0]) != strings.Contains(page, pair[1]):
					t.Error("a page has half of an edit")
				}
				s.Requests()
				s.District().Counts()
			}
		})
	}
	wg.Go(func() {
		for range 25 {
			for _, change := range []func(*clevertest.Edits){
				func(e *clevertest.Edits) { e.Remove(pair...) },
				func(e *clevertest.Edits) { e.Restore(pair...) },
			} {
				if err := s.Edit(change); err != nil {
					t.Error(err)
				}
			}
			s.SetDistrict(func(d *clevertest.DistrictState) { d.State = "running" })
			s.HideSchool(school)
			s.ShowSchool(school)
			s.SetOverride(nil)
		}
		s.RotateToken()
	})
	wg.Wait()
}
