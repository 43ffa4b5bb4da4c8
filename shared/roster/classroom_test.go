package roster

import "testing"

func section() SourceSection {
	return SourceSection{
		ID: "k1", Name: "Algebra - 3", SISID: "SEC-3", School: "s1", Course: "c1", Term: "t1", Subject: "math", Grade: "9", Period: "3",
		Students: []string{"b", "a", "b"}, Teacher: "z", Teachers: []string{"z", "y", "z"},
	}
}

func classroom() Classroom {
	return Classroom{
		ID: "k1", Name: "Algebra - 3", SISID: "SEC-3", School: "s1", Course: "c1", Term: "t1", Subject: "math", Grade: "9", Period: "3",
		Students: []string{"a", "b"}, Teachers: []string{"z", "y"},
	}
}

func TestSection(t *testing.T) {
	t.Parallel()
	issue := func(code IssueCode, field string) []Issue { return []Issue{{code, KindClassroom, "k1", field}} }
	for _, c := range []struct {
		name   string
		source func(*SourceSection)
		want   func(*Classroom)
		issues []Issue
	}{
		{"as it is", func(*SourceSection) {}, func(*Classroom) {}, nil},
		{"primary not among the teachers", func(s *SourceSection) { s.Teachers = []string{"y"} }, func(*Classroom) {}, nil},
		{"no primary: the first of the teachers", func(s *SourceSection) { s.Teacher = "" }, func(*Classroom) {}, nil},
		{"co-teachers are sorted", func(s *SourceSection) { s.Teachers = []string{"y", "x"} }, func(c *Classroom) { c.Teachers = []string{"z", "x", "y"} }, nil},
		{"a teacher is no student too", func(s *SourceSection) { s.Students = []string{"y", "b", "a"} }, func(*Classroom) {}, nil},
		{"no teacher", func(s *SourceSection) { s.Teacher, s.Teachers = "", nil }, func(c *Classroom) { c.Teachers = nil }, issue(SectionWithoutTeacher, "teacher")},
		{"no student", func(s *SourceSection) { s.Students = nil }, func(c *Classroom) { c.Students = nil }, issue(SectionWithoutStudents, "students")},
		{"no name", func(s *SourceSection) { s.Name = "\t" }, func(c *Classroom) { c.Name = "" }, issue(SectionWithoutName, "name")},
		{"a member that is no id", func(s *SourceSection) { s.Students = []string{"a", "b", "c d"} }, func(*Classroom) {}, issue(ValueInvalid, "students")},
		{"a course that is no id", func(s *SourceSection) { s.Course = "c\x00" }, func(c *Classroom) { c.Course = "" }, issue(ValueInvalid, "course")},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			src, want := section(), classroom()
			c.source(&src)
			c.want(&want)
			check(t, said(want, true, c.issues), said(tenant().Section(received("k1", src))))
		})
	}
}

func TestSection_NotOurs(t *testing.T) {
	t.Parallel()
	src := section()
	src.School = "s9"
	check(t, said(Classroom{}, false, nil), said(tenant().Section(received("k1", src))))
	src.School = "no id"
	check(t, said(Classroom{}, false, []Issue{{RecordUndecodable, KindClassroom, "k1", "school"}}),
		said(NewMapper(Options{Whole: true}).Section(received("k1", src))))
}
