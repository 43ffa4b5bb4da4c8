package clevertest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"cleversync/shared/clever/clevertest"
)

// TestGenerator_Invariants checks what every district must be, the smallest
// included.
func TestGenerator_Invariants(t *testing.T) {
	t.Parallel()
	for _, students := range []int{1, 2, 3, 7, 10, 19, 20, 50, 101, 999, 2500} {
		for seed := range uint64(3) {
			t.Run(fmt.Sprintf("%d students seed %d", students, seed), func(t *testing.T) {
				t.Parallel()
				checkDistrict(t, simulator(t, clevertest.Config{Students: students, Seed: seed}).District(), students)
			})
		}
	}
}

// checkDistrict checks ids and references of a whole district.
func checkDistrict(t *testing.T, d *clevertest.District, students int) {
	t.Helper()
	n := d.Counts()
	if n.Students != students || n.Contacts != students || n.Teachers < 1 || n.Sections < 1 || n.Schools < 2 || n.Courses < 1 || n.Terms < 2 {
		t.Errorf("counts %+v", n)
	}
	known := register{d.ID(): "district"}
	known.enter(t, d)
	checkEmails(t, d)
	used := map[string]bool{}
	for s := range d.Sections() {
		used[s.Course] = true
		checkSection(t, s, known)
	}
	// A section that hides its course may be the only one to teach it.
	if !used[""] && len(used) != n.Courses {
		t.Errorf("%d courses, %d used by sections", n.Courses, len(used))
	}
	for u := range d.Contacts() {
		if len(u.Contact.Relationships) == 0 {
			t.Errorf("contact %s has no student", u.ID)
		}
		for _, r := range u.Contact.Relationships {
			if u.Dirt != clevertest.StudentNotShared && known[r.Student] != "student" {
				t.Errorf("contact %s of %s, a %q", u.ID, r.Student, known[r.Student])
			}
		}
	}
}

// register says of each id what it belongs to.
type register map[string]string

// enter enters all records, whose ids must be of 24 characters and unique.
func (known register) enter(t *testing.T, d *clevertest.District) {
	t.Helper()
	put := func(id, what string) {
		if len(id) != 24 || known[id] != "" {
			t.Errorf("%s: id %q, already %q", what, id, known[id])
		}
		known[id] = what
	}
	for s := range d.Schools() {
		put(s.ID, "school")
	}
	for c := range d.Courses() {
		put(c.ID, "course")
	}
	for term := range d.Terms() {
		put(term.ID, "term")
	}
	for u := range d.Users() {
		put(u.ID, roleOf(u))
	}
	for s := range d.Sections() {
		put(s.ID, "section")
	}
}

func checkEmails(t *testing.T, d *clevertest.District) {
	t.Helper()
	seen := map[string]bool{}
	for u := range d.Users() {
		if u.Dirt != clevertest.EmailDuplicate && strings.TrimSpace(u.Email) != "" && seen[u.Email] {
			t.Errorf("email %q twice", u.Email)
		}
		seen[u.Email] = true
	}
}

func checkSection(t *testing.T, s clevertest.Section, known register) {
	t.Helper()
	if known[s.School] != "school" || s.Dirt == "" && (known[s.Course] != "course" || known[s.Term] != "term") {
		t.Errorf("section %s: school %q, course %q, term %q", s.ID, s.School, s.Course, s.Term)
	}
	if !slices.IsSorted(s.Students) || len(slices.Compact(slices.Clone(s.Students))) != len(s.Students) {
		t.Errorf("section %s: students out of order or repeated: %v", s.ID, s.Students)
	}
	if s.Dirt != clevertest.WithoutTeacher && s.Teachers[0] != s.Teacher || len(s.Teachers) > 6 {
		t.Errorf("section %s: teacher %s, teachers %v", s.ID, s.Teacher, s.Teachers)
	}
	if s.Dirt == "" && (len(s.Students) == 0 || s.Name == "") {
		t.Errorf("section %s has %d students, name %q", s.ID, len(s.Students), s.Name)
	}
	if s.Dirt == clevertest.MemberNotShared {
		return
	}
	for what, members := range map[string][]string{"student": s.Students, "teacher": s.Teachers} {
		for _, id := range members {
			if known[id] != what {
				t.Errorf("section %s has the %s %s, a %q", s.ID, what, id, known[id])
			}
		}
	}
}

func roleOf(u clevertest.User) string {
	switch {
	case u.Student != nil:
		return "student"
	case u.Teacher != nil:
		return "teacher"
	case u.Staff != nil:
		return "staff"
	case u.Admin != nil:
		return "admin"
	default:
		return "contact"
	}
}
