package clevertest_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"cleversync/shared/clever/clevertest"

	"github.com/google/go-cmp/cmp"
)

func TestResources_AnswerAsRecorded(t *testing.T) {
	t.Parallel()
	s := simulator(t, clevertest.Config{Students: 20})
	for _, version := range []string{"/v3.0", "/v3.1"} {
		for _, path := range []string{
			"/resources", "/resources?limit=5&starting_after=x", "/users/" + ids(t, s, version+"/users")[0] + "/resources",
			"/sections/" + ids(t, s, version+"/sections")[0] + "/resources", "/courses/" + ids(t, s, version+"/courses")[0] + "/resources",
		} {
			w := get(s, version+path)
			if w.Code != http.StatusOK || w.Body.String() != `{"resources":[]}` {
				t.Errorf("%s: status %d, %s", path, w.Code, w.Body)
			}
			if got := w.Header(); got.Get("Content-Type") != "application/json" || got.Get("Clever-Request-Id") == "" || got.Get("Server") != "envoy" {
				t.Errorf("%s: headers %v", path, got)
			}
		}
		for _, path := range []string{
			"/resources/0123456789abcdef01234567", "/resources/x/users", "/resources/x/sections", "/resources/x/courses",
			"/users/x/resources", "/sections/x/resources", "/courses/x/resources",
		} {
			if w := get(s, version+path); !isGone(w) {
				t.Errorf("%s: status %d, %s", path, w.Code, w.Body)
			}
		}
	}
	if w := get(s, "/v3.1/resources?limit=10001"); w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("a limit of 10001: status %d", w.Code)
	}
}

func TestRoles_OfASection(t *testing.T) {
	t.Parallel()
	s := simulator(t, clevertest.Config{Students: 100})
	for sec := range s.District().Sections() {
		path := "/v3.1/sections/" + sec.ID + "/users?limit=1000"
		for role, want := range map[string][]string{
			"": slices.Concat(sec.Students, sec.Teachers), "&role=student": sec.Students, "&role=teacher": sec.Teachers,
		} {
			want = slices.DeleteFunc(slices.Clone(want), func(id string) bool { return get(s, "/v3.1/users/"+id).Code == http.StatusNotFound })
			slices.Sort(want)
			if diff := cmp.Diff(slices.Compact(want), ids(t, s, path+role)); diff != "" {
				t.Errorf("%s%s (-want +got):\n%s", path, role, diff)
			}
		}
	}
}

func TestPrimary_OfAUser(t *testing.T) {
	t.Parallel()
	s := simulator(t, clevertest.Config{Students: 800})
	guests := 0
	for u := range s.District().Students() {
		if len(u.Student.Schools) < 2 {
			continue
		}
		guests++
		path := "/v3.1/users/" + u.ID + "/schools"
		if got := len(ids(t, s, path)); got != len(u.Student.Schools) {
			t.Errorf("%s: %d schools", path, got)
		}
		if diff := cmp.Diff([]string{u.Student.School}, ids(t, s, path+"?primary=true")); diff != "" {
			t.Errorf("%s?primary=true (-want +got):\n%s", path, diff)
		}
	}
	if guests == 0 {
		t.Error("nobody is at two schools")
	}
}

func TestQueries_WhatIsRefusedAndWhatIsIgnored(t *testing.T) {
	t.Parallel()
	s := simulator(t, clevertest.Config{Students: 20})
	user, school, section := ids(t, s, "/v3.1/users")[0], ids(t, s, "/v3.1/schools")[0], ids(t, s, "/v3.1/sections")[0]
	for path, want := range map[string]int{
		"/users?role=parent": 400, "/schools/" + school + "/users?role=contact": 400, "/schools/" + school + "/users?role=district_admin": 400,
		"/sections/" + section + "/users?role=staff": 400, "/schools/" + school + "/users?primary=1": 400, "/users/" + user + "/schools?primary=no": 400,
		"/users?limit=0": 400, "/users?limit=-1": 400, "/users?limit=ten": 400, "/users?limit=10000": 200, "/users?limit=10001": 413,
		"/users/" + user + "/mycontacts?limit=10001": 413, "/schools/" + school + "/users?primary=": 200, "/users?role=": 200,
		"/users?starting_after=x&ending_before=y": 400,
		// Clever's JavaScript client sends a where, and the parameters of v1 are gone.
		"/users?where=%7B%7D": 200, "/users?sort=x&page=2&show_links=true": 200, "/districts?limit=99999": 200,
		"/districts?count=5": 200, "/users?count=undefined": 200, "/users?count=": 200, "/users?count=false": 200,
	} {
		if w := get(s, "/v3.1"+path); w.Code != want {
			t.Errorf("%s: status %d, want %d", path, w.Code, want)
		}
	}
	for _, kind := range []string{"users", "schools", "sections", "courses", "terms", "districts"} {
		n := len(ids(t, s, "/v3.0/"+kind+"?limit=10000"))
		if w := get(s, "/v3.0/"+kind+"?count=true"); w.Body.String() != fmt.Sprintf(`{"count":%d}`, n) {
			t.Errorf("count of %d %s: %s", n, kind, w.Body)
		}
	}
}

// TestMethods: of a path that exists Clever knows GET alone, and so HEAD.
func TestMethods(t *testing.T) {
	t.Parallel()
	s := simulator(t, clevertest.Config{Students: 20})
	for method, want := range map[string]int{"HEAD": 200, "POST": 404, "PUT": 404, "PATCH": 404, "DELETE": 404, "OPTIONS": 404} {
		w := ask(s, method, "/v3.1/users", "Bearer "+s.Token())
		if w.Code != want || want == 404 && !isPage(w) {
			t.Errorf("%s: status %d, %v", method, w.Code, w.Header())
		}
	}
}
