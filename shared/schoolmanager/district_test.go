package schoolmanager_test

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"cleversync/shared/postgres"
	"cleversync/shared/roster"
	"cleversync/shared/syncrun"
)

// district is what Clever holds, by id.
type district struct {
	schools  map[string]roster.SourceSchool
	people   map[string]roster.SourceUser
	contacts map[string]roster.SourceUser
	sections map[string]roster.SourceSection
	courses  map[string]roster.SourceCourse
	terms    map[string]roster.SourceTerm

	state string
	// unreadable are ids of records that come undecodable.
	unreadable map[string]bool
	// blind are undecodable records without an id; off is by how much Clever's
	// total differs from what it sends; cut are lists without an end.
	blind, off map[syncrun.Step]int64
	cut        map[syncrun.Step]bool
}

func newDistrict() *district {
	return &district{
		schools:    map[string]roster.SourceSchool{},
		people:     map[string]roster.SourceUser{},
		contacts:   map[string]roster.SourceUser{},
		sections:   map[string]roster.SourceSection{},
		courses:    map[string]roster.SourceCourse{},
		terms:      map[string]roster.SourceTerm{},
		unreadable: map[string]bool{},
		blind:      map[syncrun.Step]int64{},
		off:        map[syncrun.Step]int64{},
		cut:        map[syncrun.Step]bool{},
	}
}

func (d *district) school(id string) {
	d.schools[id] = roster.SourceSchool{ID: id, Name: "School " + id}
}

func (d *district) student(id string, schools ...string) {
	u := d.people[id]
	u.ID, u.Email, u.Name = id, id+"@school.example", roster.SourceName{First: "S", Last: id}
	u.Roles.Student = &roster.SourceStudent{School: schools[0], Schools: schools, SISID: "sis-" + id}
	d.people[id] = u
}

func (d *district) teacher(id string, schools ...string) {
	u := d.people[id]
	u.ID, u.Email, u.Name = id, id+"@school.example", roster.SourceName{First: "T", Last: id}
	u.Roles.Teacher = &roster.SourceTeacher{School: schools[0], Schools: schools}
	d.people[id] = u
}

// section has its id's name; the first teacher is the primary one.
func (d *district) section(id, school string, teachers []string, students ...string) {
	s := roster.SourceSection{ID: id, Name: "Class " + id, SISID: "sis-" + id, School: school, Students: students, Teachers: teachers}
	if len(teachers) > 0 {
		s.Teacher = teachers[0]
	}
	d.sections[id] = s
}

// contact is related to each student as Parent/Guardian, or by the type after a
// colon.
func (d *district) contact(id string, students ...string) {
	c := roster.SourceContact{Phone: "1", PhoneType: "home"}
	for _, s := range students {
		student, kind, _ := strings.Cut(s, ":")
		c.Relationships = append(c.Relationships, roster.SourceRelationship{Student: student, Relationship: "Mother", Type: cmp.Or(kind, "Parent/Guardian")})
	}
	d.contacts[id] = roster.SourceUser{ID: id, Email: id + "@home.example", Name: roster.SourceName{Last: "P " + id}, Roles: roster.SourceRoles{Contact: &c}}
}

// snapshot is one fetch, mapped.
type snapshot struct {
	steps      map[syncrun.Step]*fetchedStep
	schools    []postgres.Staged[roster.School]
	users      map[syncrun.Step][]postgres.Staged[roster.User]
	classrooms []postgres.Staged[roster.Classroom]
	courses    []postgres.Staged[roster.Course]
	terms      []postgres.Staged[roster.Term]
	parents    []postgres.Staged[roster.Parent]
}

type fetchedStep struct {
	records, blind int64
	total          *int64
	incomplete     bool
	issues         []roster.Issue
	unread         []string
}

// fetch reads the district by the options: one list for each selected school.
func (d *district) fetch(o roster.Options) *snapshot {
	s := &snapshot{steps: map[syncrun.Step]*fetchedStep{}, users: map[syncrun.Step][]postgres.Staged[roster.User]{}}
	m := roster.NewMapper(o)
	lists := slices.Sorted(slices.Values(o.Schools))
	if o.Whole {
		lists = []string{"*"}
	}
	at := func(list, school string, more ...string) bool {
		return list == "*" || school == list || slices.Contains(more, list)
	}
	s.schools = fetchStep(d, s, syncrun.FetchSchools, []string{"*"}, d.schools, func(_ string, r roster.SourceSchool) bool { return o.AtSchool(r.ID) }, m.School)
	s.users[syncrun.FetchStudents] = fetchStep(d, s, syncrun.FetchStudents, lists, d.people, func(list string, r roster.SourceUser) bool {
		return r.Roles.Student != nil && at(list, r.Roles.Student.School, r.Roles.Student.Schools...)
	}, m.User)
	s.users[syncrun.FetchTeachers] = fetchStep(d, s, syncrun.FetchTeachers, lists, d.people, func(list string, r roster.SourceUser) bool {
		return r.Roles.Teacher != nil && at(list, r.Roles.Teacher.School, r.Roles.Teacher.Schools...)
	}, m.User)
	if o.Classrooms {
		s.classrooms = fetchStep(d, s, syncrun.FetchSections, lists, d.sections, func(list string, r roster.SourceSection) bool { return at(list, r.School) }, m.Section)
		s.courses = fetchStep(d, s, syncrun.FetchCourses, []string{"*"}, d.courses, func(string, roster.SourceCourse) bool { return true }, m.Course)
		s.terms = fetchStep(d, s, syncrun.FetchTerms, []string{"*"}, d.terms, func(string, roster.SourceTerm) bool { return true }, m.Term)
	}
	if o.Parents {
		students := map[string]bool{}
		for _, u := range s.users[syncrun.FetchStudents] {
			students[u.Record.ID] = u.Record.Student
		}
		s.parents = fetchStep(d, s, syncrun.FetchContacts, []string{"*"}, d.contacts, func(string, roster.SourceUser) bool { return true },
			func(in roster.Received[roster.SourceUser]) (roster.Parent, bool, []roster.Issue) {
				return m.Contact(in, func(id string) bool { return students[id] })
			})
	}
	return s
}

func fetchStep[S roster.Source, R any](d *district, s *snapshot, step syncrun.Step, lists []string, all map[string]S,
	belongs func(list string, r S) bool, mapped func(roster.Received[S]) (R, bool, []roster.Issue),
) []postgres.Staged[R] {
	f := &fetchedStep{blind: d.blind[step], records: d.blind[step], incomplete: d.cut[step]}
	s.steps[step] = f
	var rows []postgres.Staged[R]
	for range f.blind {
		_, _, issues := mapped(roster.Received[S]{Undecodable: true})
		f.issues = append(f.issues, issues...)
	}
	for _, l := range lists {
		for _, id := range slices.Sorted(maps.Keys(all)) {
			if !belongs(l, all[id]) {
				continue
			}
			f.records++
			in := roster.Received[S]{Record: all[id], ID: id}
			if d.unreadable[id] {
				in = roster.Received[S]{ID: id, Undecodable: true}
				f.unread = append(f.unread, id)
			}
			record, kept, issues := mapped(in)
			f.issues = append(f.issues, issues...)
			if kept {
				rows = append(rows, postgres.Staged[R]{List: l, Record: record})
			}
		}
	}
	if off, ok := d.off[step]; ok {
		total := f.records + off
		f.total = &total
	}
	return rows
}
