package roster

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tenant is the mapper of a tenant with the schools s1 and s2.
func tenant() *Mapper {
	return NewMapper(Options{Schools: []string{"s1", "s2"}, Classrooms: true, Parents: true, ParentTypes: []string{"Parent/Guardian", "Family"}})
}

// received is a record as the client hands it over when all is well.
func received[T Source](id string, record T) Received[T] { return Received[T]{Record: record, ID: id} }

// outcome is all that a mapper says, for comparison.
type outcome[T any] struct {
	Record T
	OK     bool
	Issues []Issue
}

func said[T any](record T, ok bool, issues []Issue) outcome[T] { return outcome[T]{record, ok, issues} }

func check[T any](t *testing.T, want, got outcome[T]) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("mapped differently (-want +got):\n%s", diff)
	}
}

func student(school ...string) *SourceStudent {
	return &SourceStudent{
		School: school[0], Schools: school, SISID: "S1", StudentNumber: "100", Grade: "7",
		Credentials: SourceCredentials{Username: "aruiz"},
	}
}

func teacher(school ...string) *SourceTeacher {
	return &SourceTeacher{
		School: school[0], Schools: school, SISID: "T1", TeacherNumber: "900",
		Credentials: SourceCredentials{Username: "mrs.ruiz"},
	}
}

func person(roles SourceRoles) SourceUser {
	return SourceUser{ID: "u1", Email: "Ana@X.org", Name: SourceName{First: "Ana", Middle: "L", Last: "Ruiz"}, Roles: roles}
}

func mappedStudent() User {
	return User{
		ID: "u1", First: "Ana", Middle: "L", Last: "Ruiz", Email: "Ana@X.org", EmailKey: "ana@x.org",
		Username: "aruiz", SISID: "S1", Student: true, Schools: []string{"s1"}, Grade: "7", StudentNumber: "100",
	}
}

func TestUser(t *testing.T) {
	t.Parallel()
	both := mappedStudent()
	both.Teacher, both.TeacherNumber = true, "900"
	onlyTeacher := mappedStudent()
	onlyTeacher.Student, onlyTeacher.Teacher = false, true
	onlyTeacher.Username, onlyTeacher.SISID, onlyTeacher.Grade, onlyTeacher.StudentNumber, onlyTeacher.TeacherNumber = "mrs.ruiz", "T1", "", "", "900"
	two := mappedStudent()
	two.Schools = []string{"s1", "s2"}

	for _, c := range []struct {
		name  string
		roles SourceRoles
		want  outcome[User]
	}{
		{"student", SourceRoles{Student: student("s1")}, said(mappedStudent(), true, nil)},
		{"teacher", SourceRoles{Teacher: teacher("s1")}, said(onlyTeacher, true, nil)},
		{"both roles", SourceRoles{Student: student("s1"), Teacher: teacher("s1")}, said(both, true, nil)},
		{"teaches here, studies elsewhere", SourceRoles{Student: student("s9"), Teacher: teacher("s1")}, said(onlyTeacher, true, nil)},
		{"another school", SourceRoles{Student: student("s9")}, said(User{}, false, nil)},
		{"contact", SourceRoles{Contact: &SourceContact{}}, said(User{}, false, nil)},
		{"no role", SourceRoles{}, said(User{}, false, nil)},
		{"two of ours and a foreign one", SourceRoles{Student: student("s9", "s2", "s1", "s2")}, said(two, true, nil)},
		{"only school", SourceRoles{Student: &SourceStudent{School: "s1", SISID: "S1", StudentNumber: "100", Grade: "7", Credentials: SourceCredentials{"aruiz"}}}, said(mappedStudent(), true, nil)},
		{"only schools", SourceRoles{Student: &SourceStudent{Schools: []string{"s1"}, SISID: "S1", StudentNumber: "100", Grade: "7", Credentials: SourceCredentials{"aruiz"}}}, said(mappedStudent(), true, nil)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			check(t, c.want, said(tenant().User(received("u1", person(c.roles)))))
		})
	}
}

func TestUser_WholeDistrict(t *testing.T) {
	t.Parallel()
	m := NewMapper(Options{Whole: true})
	got, ok, _ := m.User(received("u1", person(SourceRoles{Student: student("s9", "s3")})))
	if diff := cmp.Diff([]string{"s3", "s9"}, got.Schools); !ok || diff != "" {
		t.Errorf("ok %v, schools (-want +got):\n%s", ok, diff)
	}
	if _, ok, _ := NewMapper(Options{}).User(received("u1", person(SourceRoles{Student: student("s9")}))); ok {
		t.Error("no school selected must not mean every school")
	}
}

func TestUser_Issues(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(*Received[SourceUser])
		want   []Issue
		value  func(User) string
		stored string
	}{
		{
			"no name", func(in *Received[SourceUser]) { in.Record.Name = SourceName{First: " ", Middle: "L"} },
			[]Issue{{UserWithoutName, KindUser, "u1", "name"}}, func(u User) string { return u.Middle }, "L",
		},
		{
			"e-mail kept", func(in *Received[SourceUser]) { in.Record.Email = " Seth.example.org " },
			[]Issue{{EmailInvalid, KindUser, "u1", "email"}}, func(u User) string { return u.Email }, "Seth.example.org",
		},
		{"no e-mail is none", func(in *Received[SourceUser]) { in.Record.Email = " " }, nil, func(u User) string { return u.EmailKey }, ""},
		{
			"too long, the first field only", func(in *Received[SourceUser]) {
				in.Record.Name.Last, in.Record.Name.Middle = strings.Repeat("x", 300), strings.Repeat("y", 300)
			},
			[]Issue{{ValueTooLong, KindUser, "u1", "name.middle"}}, func(u User) string { return u.Last }, strings.Repeat("x", 255),
		},
		{
			"wrong type", func(in *Received[SourceUser]) { in.BadFields = []string{"roles.student.grade", "email"} },
			[]Issue{{ValueInvalid, KindUser, "u1", "roles.student.grade"}}, func(u User) string { return u.ID }, "u1",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			in := received("u1", person(SourceRoles{Student: student("s1")}))
			c.change(&in)
			u, ok, issues := tenant().User(in)
			if diff := cmp.Diff(c.want, issues); !ok || diff != "" {
				t.Errorf("ok %v, issues (-want +got):\n%s", ok, diff)
			}
			if got := c.value(u); got != c.stored {
				t.Errorf("stored %q; want %q", got, c.stored)
			}
		})
	}
}

// TestUndecodable asks every method for a record that could not be read.
func TestUndecodable(t *testing.T) {
	t.Parallel()
	m := tenant()
	for name, f := range map[string]func(id string) (bool, []Issue){
		"user": func(id string) (bool, []Issue) {
			_, ok, issues := m.User(Received[SourceUser]{ID: id, Undecodable: true})
			return ok, issues
		},
		"classroom": func(id string) (bool, []Issue) {
			_, ok, issues := m.Section(Received[SourceSection]{ID: id, Undecodable: true})
			return ok, issues
		},
		"school": func(id string) (bool, []Issue) {
			_, ok, issues := m.School(Received[SourceSchool]{ID: id, Undecodable: true})
			return ok, issues
		},
		"parent": func(id string) (bool, []Issue) {
			_, ok, issues := m.Contact(Received[SourceUser]{ID: id, Undecodable: true}, func(string) bool { return true })
			return ok, issues
		},
	} {
		for _, id := range []string{"x1", ""} {
			ok, issues := f(id)
			if diff := cmp.Diff([]Issue{{RecordUndecodable, Kind(name), id, ""}}, issues); ok || diff != "" {
				t.Errorf("%s %q: ok %v, issues (-want +got):\n%s", name, id, ok, diff)
			}
		}
	}
	if _, ok, issues := m.Course(Received[SourceCourse]{ID: "c1", Undecodable: true}); ok || issues[0].Kind != KindClassroom {
		t.Errorf("course: %v %v", ok, issues)
	}
	if _, ok, issues := m.Term(Received[SourceTerm]{ID: "bad id"}); ok || issues[0] != (Issue{RecordUndecodable, KindClassroom, "", ""}) {
		t.Errorf("term with an unusable id: %v %v", ok, issues)
	}
}

func TestSchool(t *testing.T) {
	t.Parallel()
	src := SourceSchool{ID: "s1", Name: " Greene ", SISID: "77", Number: "7"}
	check(t, said(School{"s1", "Greene", "77", "7"}, true, nil), said(tenant().School(received("s1", src))))
	check(t, said(School{}, false, nil), said(tenant().School(received("s9", src))))
}

func TestCourse(t *testing.T) {
	t.Parallel()
	src := SourceCourse{ID: "c1", Name: "Algebra I", Number: "\u0000A1"}
	check(t, said(Course{"c1", "Algebra I", "A1"}, true, nil), said(tenant().Course(received("c1", src))))
}

func TestTerm(t *testing.T) {
	t.Parallel()
	bad := func(field string) []Issue { return []Issue{{ValueInvalid, KindClassroom, "t1", field}} }
	for _, c := range []struct {
		start, end, wantStart, wantEnd string
		issues                         []Issue
	}{
		{"2026-08-01", "2027-06-01T00:00:00.000Z", "2026-08-01", "2027-06-01", nil},
		{" 2026-08-01T23:00:00+10:00 ", "", "2026-08-01", "", nil},
		{"8/1/2026", "2027-06-01", "", "2027-06-01", bad("start_date")},
		{"2026-08-01", "2026-02-30", "2026-08-01", "", bad("end_date")},
		{"0000-01-01", "2027-06-01Tx", "", "", bad("start_date")},
	} {
		got := said(tenant().Term(received("t1", SourceTerm{ID: "t1", Name: "Y1", Start: c.start, End: c.end})))
		check(t, said(Term{"t1", "Y1", c.wantStart, c.wantEnd}, true, c.issues), got)
	}
}
