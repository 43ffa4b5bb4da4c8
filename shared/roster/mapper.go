package roster

import (
	"cmp"
	"slices"
)

// MappingVersion is part of every hash: a change of the rules raises it, and
// the next run writes every record anew.
const MappingVersion = 1

// Mapper turns Clever's records into School Manager's by the options of one
// run. It keeps nothing between records and may be used by many goroutines.
//
// Its methods answer three things: the record, whether it is to be kept, and
// what is wrong with it. A record that is not the tenant's (another school, no
// synced role) is not kept and has no issue; one that cannot be read is not
// kept and has record_undecodable. An issue comes at most once per record and
// code. What an option turns off is not asked of the mapper.
type Mapper struct {
	whole          bool
	schools, types map[string]bool
}

// NewMapper makes a mapper for the options of a run.
func NewMapper(o Options) *Mapper {
	m := &Mapper{whole: o.Whole, schools: map[string]bool{}, types: map[string]bool{}}
	for _, id := range o.Schools {
		m.schools[id] = true
	}
	for _, t := range o.ParentTypes {
		m.types[t] = true
	}
	return m
}

// atSchool is Options.AtSchool in constant time.
func (m *Mapper) atSchool(id string) bool { return id != "" && (m.whole || m.schools[id]) }

// User maps a student or teacher. A role counts where it is held at one of the
// tenant's schools; whoever teaches there and studies elsewhere is a teacher
// only. Where both roles count, the student's values come before the
// teacher's.
func (m *Mapper) User(in Received[SourceUser]) (User, bool, []Issue) {
	r, readable := begin(KindUser, in)
	if !readable {
		return User{}, false, r.issues
	}
	src := &in.Record
	u := User{ID: in.ID}
	if s := src.Roles.Student; s != nil && m.anySchool(s.School, s.Schools) {
		u.Student = true
		m.addSchools(&r, &u, "roles.student.schools", s.School, s.Schools)
		u.SISID = r.text("roles.student.sis_id", s.SISID)
		u.Username = r.text("roles.student.credentials.district_username", s.Credentials.Username)
		u.Grade = r.text("roles.student.grade", s.Grade)
		u.StudentNumber = r.text("roles.student.student_number", s.StudentNumber)
	}
	if t := src.Roles.Teacher; t != nil && m.anySchool(t.School, t.Schools) {
		u.Teacher = true
		m.addSchools(&r, &u, "roles.teacher.schools", t.School, t.Schools)
		u.SISID = cmp.Or(u.SISID, r.text("roles.teacher.sis_id", t.SISID))
		u.Username = cmp.Or(u.Username, r.text("roles.teacher.credentials.district_username", t.Credentials.Username))
		u.TeacherNumber = r.text("roles.teacher.teacher_number", t.TeacherNumber)
	}
	if !u.Student && !u.Teacher {
		return User{}, false, nil
	}
	u.Schools = sortedUnique(u.Schools)
	m.person(&r, &u, src)
	return u, true, r.end()
}

// person maps what does not depend on the role.
func (m *Mapper) person(r *review, u *User, src *SourceUser) {
	u.First = r.text("name.first", src.Name.First)
	u.Middle = r.text("name.middle", src.Name.Middle)
	u.Last = r.text("name.last", src.Name.Last)
	u.Email = r.text("email", src.Email)
	u.EmailKey = foldEmail(u.Email)
	if u.First == "" && u.Last == "" {
		r.report(UserWithoutName, "name")
	}
	if u.Email != "" && !plausibleEmail(u.Email) {
		r.report(EmailInvalid, "email")
	}
}

func (m *Mapper) anySchool(school string, schools []string) bool {
	return m.atSchool(school) || slices.ContainsFunc(schools, m.atSchool)
}

// addSchools adds the role's schools that are the tenant's.
func (m *Mapper) addSchools(r *review, u *User, field, school string, schools []string) {
	if u.Schools == nil {
		u.Schools = make([]string, 0, len(schools)+1)
	}
	add := func(id string) {
		if m.atSchool(id) {
			if id = r.reference(field, id); id != "" {
				u.Schools = append(u.Schools, id)
			}
		}
	}
	add(school)
	for _, id := range schools {
		add(id)
	}
}

func sortedUnique(s []string) []string {
	slices.Sort(s)
	return slices.Compact(s)
}

// School maps a school.
func (m *Mapper) School(in Received[SourceSchool]) (School, bool, []Issue) {
	r, readable := begin(KindSchool, in)
	if !readable || !m.atSchool(in.ID) {
		return School{}, false, r.issues
	}
	s := School{
		ID:     in.ID,
		Name:   r.text("name", in.Record.Name),
		SISID:  r.text("sis_id", in.Record.SISID),
		Number: r.text("school_number", in.Record.Number),
	}
	return s, true, r.end()
}

// Course maps a course. Its issues are a classroom's: a course is nothing in
// School Manager but what its classrooms show.
func (m *Mapper) Course(in Received[SourceCourse]) (Course, bool, []Issue) {
	r, readable := begin(KindClassroom, in)
	if !readable {
		return Course{}, false, r.issues
	}
	c := Course{
		ID:     in.ID,
		Name:   r.text("name", in.Record.Name),
		Number: r.text("number", in.Record.Number),
	}
	return c, true, r.end()
}

// Term maps a term; its issues are a classroom's, as those of a course are.
func (m *Mapper) Term(in Received[SourceTerm]) (Term, bool, []Issue) {
	r, readable := begin(KindClassroom, in)
	if !readable {
		return Term{}, false, r.issues
	}
	t := Term{
		ID:    in.ID,
		Name:  r.text("name", in.Record.Name),
		Start: r.date("start_date", in.Record.Start),
		End:   r.date("end_date", in.Record.End),
	}
	return t, true, r.end()
}
