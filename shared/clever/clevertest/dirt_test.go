package clevertest_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"cleversync/shared/clever/clevertest"
)

func TestGenerator_DirtIsThere(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		d := simulator(t, clevertest.Config{Students: 1000, Seed: seed}).District()
		seen, dirty := map[clevertest.Dirt]int{}, 0
		for u := range d.Users() {
			seen[u.Dirt]++
			checkDirt(t, u)
			if u.Dirt != "" {
				dirty++
			}
		}
		sections := 0
		for s := range d.Sections() {
			seen[s.Dirt]++
			checkSectionDirt(t, s)
			sections++
		}
		for _, kind := range clevertest.EachDirt() {
			if seen[kind] == 0 {
				t.Errorf("seed %d: no %s", seed, kind)
			}
		}
		if dirty > 2066*3/100 {
			t.Errorf("seed %d: %d of about 2,070 users are dirty", seed, dirty)
		}
		n := d.Counts()
		twoSchools, twoRoles := 0, 0
		for u := range d.Users() {
			if u.Student != nil && len(u.Student.Schools) > 1 || u.Teacher != nil && len(u.Teacher.Schools) > 1 {
				twoSchools++
			}
			if u.Teacher != nil && u.Staff != nil {
				twoRoles++
			}
		}
		if twoSchools < 2 || twoRoles < 1 || n.Staff < 3 || n.Admins < 1 {
			t.Errorf("seed %d: %d at two schools, %d with two roles, %d staff, %d admins", seed, twoSchools, twoRoles, n.Staff, n.Admins)
		}
	}
}

// checkDirt checks that a user has the fault that it is said to have, and no
// clean user has one.
func checkDirt(t *testing.T, u clevertest.User) {
	t.Helper()
	username := "none"
	if u.Student != nil {
		username = u.Student.Username
	} else if u.Teacher != nil {
		username = u.Teacher.Username
	}
	has := map[clevertest.Dirt]bool{
		clevertest.EmailWithoutAt:   u.Email != "" && strings.TrimSpace(u.Email) != "" && !strings.Contains(u.Email, "@"),
		clevertest.EmailWithQuote:   strings.Contains(u.Email, `"`),
		clevertest.EmailBlank:       u.Email != "" && strings.TrimSpace(u.Email) == "",
		clevertest.EmailEmpty:       u.Email == "" && u.Contact == nil,
		clevertest.UsernameEmpty:    username == "",
		clevertest.UsernameRepeated: len(username) > 50,
		clevertest.NameControl:      strings.IndexFunc(u.Name.Last, unicode.IsControl) >= 0,
		clevertest.NameBlanks:       strings.TrimSpace(u.Name.Last) != u.Name.Last,
		clevertest.NameTooLong:      utf8.RuneCountInString(u.Name.Last) > 255,
		clevertest.NameMissing:      u.Name == clevertest.Name{},
	}
	if kind := u.Dirt; kind == clevertest.OptionalAbsent {
		return
	} else if found, checked := has[kind]; checked && !found {
		t.Errorf("user %s lacks its dirt %q: %+v", u.ID, kind, u)
	}
	for kind, found := range has {
		related := u.Dirt == clevertest.NameControl && kind == clevertest.NameBlanks // it ends in a line feed
		if found && u.Dirt != kind && !related {
			t.Errorf("user %s, dirt %q, has %q as well", u.ID, u.Dirt, kind)
		}
	}
	if u.Contact == nil {
		return
	}
	for _, r := range u.Contact.Relationships {
		if u.Dirt == clevertest.TypeEmpty && r.Type != "" {
			t.Errorf("contact %s has the type %q", u.ID, r.Type)
		}
	}
}

func checkSectionDirt(t *testing.T, s clevertest.Section) {
	t.Helper()
	has := map[clevertest.Dirt]bool{
		clevertest.WithoutStudents: len(s.Students) == 0,
		clevertest.WithoutTeacher:  s.Teacher == "" && len(s.Teachers) == 0,
		clevertest.WithoutName:     s.Name == "",
		clevertest.NameTooLong:     utf8.RuneCountInString(s.Name) > 255,
		clevertest.NameBlanks:      strings.TrimSpace(s.Name) != s.Name,
		clevertest.OptionalAbsent:  s.Course == "" && s.Term == "",
	}
	for kind, found := range has {
		if found != (kind == s.Dirt) {
			t.Errorf("section %s, dirt %q: %q is %t", s.ID, s.Dirt, kind, found)
		}
	}
}

func TestGenerator_BrokenRecords(t *testing.T) {
	t.Parallel()
	s := simulator(t, clevertest.Config{Students: 1000, Broken: true})
	broken := map[string]bool{}
	for u := range s.District().Users() {
		if u.Broken != nil {
			broken[u.Broken.Path] = true
			text := get(s, "/v3.1/users/"+u.ID).Body.Bytes()
			checkBroken(t, text, u.Broken)
		}
	}
	for sec := range s.District().Sections() {
		if sec.Broken != nil {
			broken["sections."+sec.Broken.Path] = true
			checkBroken(t, get(s, "/v3.1/sections/"+sec.ID).Body.Bytes(), sec.Broken)
		}
	}
	for _, path := range []string{"id", "name", "roles", "roles.student.school", "email", "roles.student.grade", "roles.contact.phone", "sections.period", "sections.name"} {
		if !broken[path] {
			t.Errorf("no record with a broken %s", path)
		}
	}
	for u := range simulator(t, clevertest.Config{Students: 1000}).District().Users() {
		if u.Broken != nil {
			t.Fatalf("user %s is broken unasked", u.ID)
		}
	}
}

// checkBroken checks that the wrong value is on the wire.
func checkBroken(t *testing.T, text []byte, b *clevertest.Breakage) {
	t.Helper()
	at := decode[struct{ Data any }](t, text).Data
	for key := range strings.SplitSeq(b.Path, ".") {
		at = at.(map[string]any)[key]
	}
	got, err := json.Marshal(at)
	if err != nil {
		t.Fatal(err)
	}
	want, err := json.Marshal(b.Value)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, got) {
		t.Errorf("%s: %s, want %s", b.Path, got, want)
	}
}
