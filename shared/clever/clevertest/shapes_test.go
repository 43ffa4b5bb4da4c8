package clevertest_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cleversync/shared/clever/clevertest"

	"github.com/google/go-cmp/cmp"
)

// shape is the keys of a record by dotted path, with the type of their values.
type shape map[string]string

func shapeOf(t *testing.T, record json.RawMessage) shape {
	t.Helper()
	s := shape{}
	s.add("", decode[map[string]any](t, record))
	return s
}

func (s shape) add(path string, value any) {
	switch v := value.(type) {
	case map[string]any:
		s[path] = "object"
		for key, inner := range v {
			s.add(strings.TrimPrefix(path+"."+key, "."), inner)
		}
	case []any:
		s[path] = "array"
		for _, inner := range v {
			s.add(path+"[]", inner)
		}
	default:
		s[path] = fmt.Sprintf("%T", v)
	}
}

func (s shape) role() string {
	for _, role := range []string{"student", "teacher", "contact"} {
		if s["roles."+role] != "" {
			return role
		}
	}
	return "section"
}

// beyond is what the generator sends in v3.0 and the recordings of 2021 do not
// have: keys of Clever's Swagger file, and legacy_id as contacts had it in 2023.
var beyond = map[string][]string{
	"student": {"roles.student.ell_status", "roles.student.ext", "roles.student.ext.homeroom"},
	"teacher": nil,
	"contact": {"roles.contact.legacy_id"},
	"section": {"ext"},
}

func TestShapes_KeyForKeyAsRecorded(t *testing.T) {
	t.Parallel()
	dir := recordings(t)
	recorded := map[string]shape{}
	for _, name := range []string{"users.json", "sections.json"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, it := range decode[struct{ Data []item }](t, text).Data {
			s := shapeOf(t, it.Data)
			if recorded[s.role()] == nil {
				recorded[s.role()] = shape{}
			}
			maps.Copy(recorded[s.role()], s)
		}
	}
	s := simulator(t, clevertest.Config{Students: 300, Seed: 9})
	check := func(path string) {
		got := shapeOf(t, fetch(t, s, path).Data)
		want := maps.Clone(recorded[got.role()])
		for _, key := range beyond[got.role()] {
			want[key] = cmpType(key)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("keys of GET %s (-recorded +generated):\n%s", path, diff)
		}
	}
	for u := range s.District().Users() {
		if u.Dirt == "" && u.Staff == nil && u.Admin == nil {
			check("/v3.0/users/" + u.ID)
		}
	}
	for sec := range s.District().Sections() {
		if sec.Dirt == "" {
			check("/v3.0/sections/" + sec.ID)
		}
	}
}

func cmpType(key string) string {
	if strings.HasSuffix(key, "ext") {
		return "object"
	}
	return "string"
}

// TestShapes_AddedInV31 checks that the newer version adds its keys, and
// nothing else.
func TestShapes_AddedInV31(t *testing.T) {
	t.Parallel()
	s := simulator(t, clevertest.Config{Students: 50})
	added := map[string]bool{}
	for u := range s.District().Users() {
		older, newer := shapeOf(t, fetch(t, s, "/v3.0/users/"+u.ID).Data), shapeOf(t, fetch(t, s, "/v3.1/users/"+u.ID).Data)
		for key := range newer {
			if older[key] == "" {
				added[key] = true
			}
			delete(older, key)
		}
		if len(older) > 0 {
			t.Errorf("v3.1 lacks %v", older)
		}
	}
	want := []string{
		"roles.student.disability", "roles.student.disability.disability_status", "roles.student.frl_status", "roles.student.gifted_status",
		"roles.student.home_language", "roles.student.home_language_code", "roles.student.iep_status",
		"roles.student.preferred_name", "roles.student.preferred_name.first", "roles.student.preferred_name.last",
		"roles.student.preferred_name.middle", "roles.student.section_504_status",
	}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(added))); diff != "" {
		t.Errorf("keys that v3.1 adds (-want +got):\n%s", diff)
	}
}

func TestShapes_UrisAndLinksCarryTheVersion(t *testing.T) {
	t.Parallel()
	s := simulator(t, clevertest.Config{Students: 10})
	for _, version := range []string{"/v3.0", "/v3.1"} {
		for _, kind := range []string{"/users", "/schools", "/sections", "/courses", "/terms", "/districts"} {
			items, _ := list(t, s, version+kind)
			for i, id := range idsOf(t, items) {
				if want := version + kind + "/" + id; items[i].URI != want {
					t.Errorf("uri %q, want %q", items[i].URI, want)
				}
				one := fetch(t, s, items[i].URI)
				if string(one.Data) != string(items[i].Data) {
					t.Errorf("GET %s: another record than in its list", items[i].URI)
				}
				if got := one.link("self"); got != items[i].URI {
					t.Errorf("GET %s: self link %q", items[i].URI, got)
				}
			}
		}
	}
}

func TestShapes_LinksOfObjectsLeadSomewhere(t *testing.T) {
	t.Parallel()
	s := simulator(t, clevertest.Config{Students: 50})
	first := func(path string) string { return ids(t, s, "/v3.1"+path)[0] }
	for path, want := range map[string]string{
		"/users/" + first("/users?role=student"):        "self district sections myContacts myTeachers schools",
		"/users/" + first("/users?role=teacher"):        "self district sections myStudents schools",
		"/users/" + first("/users?role=contact"):        "self district myStudents",
		"/users/" + first("/users?role=district_admin"): "self district",
		"/schools/" + first("/schools"):                 "self district sections users terms courses",
		"/sections/" + first("/sections"):               "self district school term course users",
		"/courses/" + first("/courses"):                 "self district sections schools",
		"/terms/" + first("/terms"):                     "self district sections schools",
		"/districts/" + first("/districts"):             "self",
	} {
		var rels []string
		for _, l := range fetch(t, s, "/v3.1"+path).Links {
			rels = append(rels, l.Rel)
			fetch(t, s, l.URI)
		}
		if got := strings.Join(rels, " "); got != want {
			t.Errorf("links of %s: %s, want %s", path, got, want)
		}
	}
}
