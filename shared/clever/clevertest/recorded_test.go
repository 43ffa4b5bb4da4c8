package clevertest_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cleversync/shared/clever/clevertest"

	"github.com/google/go-cmp/cmp"
)

func TestRecorded_BodiesByteForByte(t *testing.T) {
	t.Parallel()
	dir := recordings(t)
	s := simulator(t, clevertest.Config{Dir: dir})
	for _, kind := range []string{"users", "sections", "districts"} {
		text, err := os.ReadFile(filepath.Join(dir, kind+".json"))
		if err != nil {
			t.Fatal(err)
		}
		want := decode[struct{ Data []item }](t, text).Data
		got, _ := list(t, s, "/v3.0/"+kind+"?limit=10000")
		if len(got) != len(want) {
			t.Fatalf("%d %s, want %d", len(got), kind, len(want))
		}
		for i := range want {
			if !bytes.Equal(want[i].Data, got[i].Data) || want[i].URI != got[i].URI {
				t.Errorf("%s %d differs:\n%s\n%s", kind, i, want[i].Data, got[i].Data)
			}
		}
		newer, _ := list(t, s, "/v3.1/"+kind+"?limit=1")
		if want := strings.Replace(want[0].URI, "/v3.0", "/v3.1", 1); newer[0].URI != want {
			t.Errorf("uri in v3.1: %s, want %s", newer[0].URI, want)
		}
	}
}

func TestRecorded_MakesUpWhatRecordsName(t *testing.T) {
	t.Parallel()
	d := simulator(t, clevertest.Config{Dir: recordings(t)}).District()
	want := clevertest.Counts{Students: 1004, Teachers: 89, Contacts: 1002, Sections: 378, Schools: 5, Courses: 343, Terms: 5}
	if diff := cmp.Diff(want, d.Counts()); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	known := map[string]bool{}
	for s := range d.Schools() {
		known[s.ID] = true
		if s.Name == "" || s.District != d.ID() {
			t.Errorf("school %+v", s)
		}
	}
	names := map[string]string{}
	for c := range d.Courses() {
		names[c.ID] = c.Name
	}
	for term := range d.Terms() {
		known[term.ID] = true
		if term.Name == "" || term.Start == "" || term.End == "" {
			t.Errorf("term %+v", term)
		}
	}
	for s := range d.Sections() {
		if !known[s.School] || !known[s.Term] || !strings.HasPrefix(s.Name, names[s.Course]+" - ") {
			t.Errorf("section %q: school %s, term %s, course %q", s.Name, s.School, s.Term, names[s.Course])
		}
	}
}

func TestRecorded_EditedRecordsKeepTheirKeys(t *testing.T) {
	t.Parallel()
	s := simulator(t, clevertest.Config{Dir: recordings(t)})
	n := 0
	for u := range s.District().Users() {
		if n++; n%25 != 0 {
			continue // a sample of each role
		}
		path := "/v3.0/users/" + u.ID
		before := shapeOf(t, fetch(t, s, path).Data)
		if err := s.Edit(func(e *clevertest.Edits) { e.User(u.ID, func(u *clevertest.User) { u.Name.Last = "Renamed" }) }); err != nil {
			t.Fatal(err)
		}
		record := fetch(t, s, path).Data
		after := shapeOf(t, record)
		for key := range before {
			if after[key] != before[key] {
				t.Errorf("user %s: %s was %s, is %q", u.ID, key, before[key], after[key])
			}
		}
		if got := decode[struct{ Name struct{ Last string } }](t, record).Name.Last; got != "Renamed" {
			t.Errorf("user %s: last name %q", u.ID, got)
		}
	}
}

func TestRecorded_RefusesOtherDirectories(t *testing.T) {
	t.Parallel()
	const district = `{"data":[{"data":{"id":"5a0c91b95c7cc000010d417c","name":"D"}}]}`
	const none = `{"data":[]}`
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"empty":             {nil, "districts.json"},
		"no users":          {map[string]string{"districts": district}, "users.json"},
		"two districts":     {map[string]string{"districts": `{"data":[{"data":{"id":"a"}},{"data":{"id":"b"}}]}`}, "want one district, have 2"},
		"no JSON":           {map[string]string{"districts": district, "users": "<html>"}, "users.json"},
		"record without id": {map[string]string{"districts": district, "users": `{"data":[{"data":{}}]}`}, "record 0"},
		"one id twice":      {map[string]string{"districts": district, "users": `{"data":[{"data":{"id":"a"}},{"data":{"id":"a"}}]}`}, "two records have the id a"},
		"broken schools":    {map[string]string{"districts": district, "users": none, "sections": none, "schools": `{"data":3}`}, "schools.json"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for kind, text := range c.files {
				if err := os.WriteFile(filepath.Join(dir, kind+".json"), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := clevertest.New(clevertest.Config{Dir: dir}); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestRecorded_OptionalFilesAndOddRecords(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for kind, text := range map[string]string{
		"districts": `{"data":[{"data":{"id":"d0","name":"D","state":"running"}}]}`,
		"users": `{"data":[{"data":{"id":"b","roles":{"student":{"school":"s2"}}}},
			{"data":{"id":"a","roles":{"teacher":{"school":"s1","schools":["s1","","s1","s2"]}}}}]}`,
		"sections": `{"data":[{"data":{"id":"c","name":"Alone","course":"k"}}]}`,
		"schools":  `{"data":[{"data":{"id":"s1","name":"Kept","mascot":"owl"}}]}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, kind+".json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := simulator(t, clevertest.Config{Dir: dir})
	for path, want := range map[string][]string{
		"/schools":                       {"s1", "s2"},
		"/schools/s1/users":              {"a"},
		"/schools/s2/users":              {"a", "b"},
		"/schools/s2/users?primary=true": {"b"},
		"/schools/s1/users?role=teacher": {"a"},
		"/schools/s1/sections":           nil,
		"/sections":                      {"c"},
		"/courses":                       {"k"},
		"/terms":                         nil,
		"/users/a/schools":               {"s1", "s2"},
		"/users?role=contact":            nil,
	} {
		if diff := cmp.Diff(want, ids(t, s, "/v3.1"+path), cmpEmpty()); diff != "" {
			t.Errorf("GET %s (-want +got):\n%s", path, diff)
		}
	}
	if got := string(fetch(t, s, "/v3.1/schools/s1").Data); !strings.Contains(got, `"mascot":"owl"`) {
		t.Errorf("school of a file: %s", got)
	}
}
