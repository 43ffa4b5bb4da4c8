package roster

import (
	"cmp"
	"slices"
)

// Section maps a section of one of the tenant's schools. Members are kept
// whether or not they are synced; the plan resolves them. Whoever a section
// names both as student and as teacher is kept as teacher, since one user has
// one membership in a classroom. Apart from the primary teacher, who comes
// first, members are sorted: their order in Clever means nothing, and a mere
// change of it must not look like a change of the classroom.
func (m *Mapper) Section(in Received[SourceSection]) (Classroom, bool, []Issue) {
	r, readable := begin(KindClassroom, in)
	if !readable || !m.atSchool(in.Record.School) {
		return Classroom{}, false, r.issues
	}
	src := &in.Record
	if !ValidID(src.School) {
		r.report(RecordUndecodable, "school")
		return Classroom{}, false, r.issues
	}
	c := Classroom{
		ID:      in.ID,
		Name:    r.text("name", src.Name),
		SISID:   r.text("sis_id", src.SISID),
		School:  src.School,
		Course:  r.reference("course", src.Course),
		Term:    r.reference("term_id", src.Term),
		Subject: r.text("subject", src.Subject),
		Grade:   r.text("grade", src.Grade),
		Period:  r.text("period", src.Period),
	}
	c.Teachers = teachers(&r, src)
	taught := make(map[string]bool, len(c.Teachers))
	for _, id := range c.Teachers {
		taught[id] = true
	}
	c.Students = slices.DeleteFunc(r.references("students", src.Students), func(id string) bool { return taught[id] })
	reviewClassroom(&r, c)
	return c, true, r.end()
}

// teachers gives the section's teachers, the primary one first.
func teachers(r *review, src *SourceSection) []string {
	primary := r.reference("teacher", src.Teacher)
	if i := slices.IndexFunc(src.Teachers, ValidID); i >= 0 {
		primary = cmp.Or(primary, src.Teachers[i])
	}
	others := r.references("teachers", src.Teachers)
	if primary == "" {
		return nil
	}
	all := make([]string, 0, len(others)+1)
	all = append(all, primary)
	for _, id := range others {
		if id != primary {
			all = append(all, id)
		}
	}
	return all
}

func reviewClassroom(r *review, c Classroom) {
	if c.Name == "" {
		r.report(SectionWithoutName, "name")
	}
	if len(c.Teachers) == 0 {
		r.report(SectionWithoutTeacher, "teacher")
	}
	if len(c.Students) == 0 {
		r.report(SectionWithoutStudents, "students")
	}
}
