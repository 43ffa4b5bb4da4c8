package clevertest

import (
	"slices"
	"strconv"
)

// maxTeachers is how many teachers a section may have: one and ten more.
const maxTeachers = 11

// without returns a list without an id.
func without(list []string, id string) []string {
	return slices.DeleteFunc(list, func(other string) bool { return other == id })
}

// takeOut takes a pupil out of a section, which closes with its last one.
func (p *plot) takeOut(section, pupil string) {
	p.classes[pupil] = without(p.classes[pupil], section)
	if len(p.peekSection(section).Students) == 1 {
		p.close(section)
		return
	}
	s := p.section(section)
	s.Students = without(s.Students, pupil)
}

// putIn puts a pupil into a section.
func (p *plot) putIn(section, pupil string) {
	s := p.section(section)
	if at, _ := slices.BinarySearch(s.Students, pupil); slices.IsSorted(s.Students) {
		s.Students = slices.Insert(s.Students, at, pupil)
	} else {
		s.Students = append(s.Students, pupil)
	}
	if s.Dirt == WithoutStudents {
		s.Dirt = ""
	}
	p.classes[pupil] = append(p.classes[pupil], section)
}

// seat puts a pupil into one section of each period of the grade, or where the
// school has none for it, into three at most.
func (p *plot) seat(u *User) {
	at := p.of[u.Student.School]
	var periods []string
	choices := map[string][]string{}
	for _, section := range at.sections {
		l := p.lessons[section]
		if l.grade != u.Student.Grade {
			continue
		}
		if choices[l.period] == nil {
			periods = append(periods, l.period)
		}
		choices[l.period] = append(choices[l.period], section)
	}
	for _, period := range periods {
		p.putIn(p.one(choices[period]), u.ID)
	}
	if len(periods) == 0 {
		for _, section := range p.draw(at.sections, Count(3)) {
			p.putIn(section, u.ID)
		}
	}
}

// close closes a section.
func (p *plot) close(section string) {
	s := p.peekSection(section)
	for _, id := range slices.Concat(s.Students, s.Teachers) {
		p.classes[id] = without(p.classes[id], section)
	}
	l := p.lessons[section]
	p.lastOf[l.course]--
	p.lastOf[l.term]--
	p.sectionIDs.drop(section)
	if at := p.of[l.school]; at != nil {
		at.sections.drop(section)
	}
	delete(p.lessons, section)
	p.drop(sections, section)
}

// sectionsClose closes sections, never the last.
func (p *plot) sectionsClose() {
	for _, id := range p.draw(p.sectionIDs, p.SectionsClose) {
		if len(p.sectionIDs) > 1 {
			p.close(id)
		}
	}
}

// endCourses ends the courses and terms that lost their last section.
func (p *plot) endCourses() {
	for id, n := range p.lastOf {
		if n > 0 || id == "" {
			continue
		}
		for _, k := range []kind{courses, terms} {
			if p.is(k, id) {
				p.drop(k, id)
			}
		}
	}
}

// sectionsOpen opens sections like others of their school, for half of their
// pupils. One of them may bring back a course and a term that ended.
func (p *plot) sectionsOpen() {
	for range p.amount(p.SectionsOpen, len(p.sectionIDs)) {
		like := p.peekSection(p.one(p.sectionIDs)).clone()
		at := p.of[like.School]
		if at == nil || len(like.Students) == 0 || len(at.teachers) == 0 {
			continue
		}
		s := p.again(like)
		n := strconv.Itoa(p.made)
		s.SisID, s.Name, s.Dirt = "SEC-N"+n, like.Name+" ("+n+")", ""
		s.Students = p.draw(like.Students, Amount{Share: .5, Count: 1})
		s.Students = slices.DeleteFunc(s.Students, func(id string) bool { return !p.students.has(id) })
		s.Teacher = p.one(at.teachers)
		s.Teachers = []string{s.Teacher}
		s.omit &^= noTeacher
		if len(s.Students) == 0 {
			continue
		}
		if old := p.ended(courses); old != "" {
			s.Course = p.renewCourse(old)
		}
		if old := p.ended(terms); old != "" {
			s.Term = p.renewTerm(old)
		}
		p.open(s)
	}
}

// ended finds, half of the times, a course or a term that ended and has not
// come back.
func (p *plot) ended(k kind) string {
	var ended []string
	for _, e := range p.was.over[k] {
		if _, ok := p.changes[k][e.id]; !ok && e.gone && !e.left.IsZero() {
			ended = append(ended, e.id)
		}
	}
	if len(ended) == 0 || p.dice.roll(2) == 0 {
		return ""
	}
	return p.one(ended)
}

// again copies a section for a new one, with an id and dates of its own.
func (p *plot) again(s *Section) *Section {
	s = s.clone()
	s.ID, s.Created, s.LastModified = p.newID(), p.stamp, p.stamp
	return s
}

func (p *plot) open(s *Section) {
	p.insert(sections, s.ID, s)
	p.enter(s)
}

// sectionsRenamed gives sections the name of another of their school.
func (p *plot) sectionsRenamed() {
	for _, id := range p.draw(p.sectionIDs, p.SectionsRenamed) {
		s := p.section(id)
		at := p.of[s.School]
		if at == nil {
			continue
		}
		for range 20 { // most have another name
			if name := p.peekSection(p.one(at.sections)).Name; name != s.Name && name != "" {
				s.Name = name
				break
			}
		}
	}
}

// teach adds a teacher to a section; the first is its own.
func (p *plot) teach(section, teacher string) {
	s := p.section(section)
	s.Teachers = append(s.Teachers, teacher)
	s.Teacher = s.Teachers[0]
	s.omit &^= noTeacher
	if s.Dirt == WithoutTeacher {
		s.Dirt = ""
	}
	p.classes[teacher] = append(p.classes[teacher], section)
}

// teachersLeave lets teachers go, never the last. Another of the section, of
// the school or of the district takes each class over.
func (p *plot) teachersLeave() {
	gone := p.draw(p.teachers, p.TeachersLeave)
	gone = gone[:max(0, min(len(gone), len(p.teachers)-1))]
	for _, id := range gone {
		p.teachers.drop(id)
		if at := p.of[p.peek(id).Teacher.School]; at != nil {
			at.teachers.drop(id)
		}
		p.drop(users, id)
	}
	for _, id := range gone {
		for _, section := range p.classes[id] {
			s := p.section(section)
			s.Teachers = without(s.Teachers, id)
			if left := slices.DeleteFunc(slices.Clone(s.Teachers), func(id string) bool { return !p.teachers.has(id) }); len(left) > 0 {
				s.Teacher = s.Teachers[0]
				continue
			}
			from := p.teachers
			if at := p.of[s.School]; at != nil && len(at.teachers) > 0 {
				from = at.teachers
			}
			s.Teachers = nil
			p.teach(section, p.one(from))
		}
		delete(p.classes, id)
	}
}

// coTeachers lets sections win or lose a teacher beside their own.
func (p *plot) coTeachers() {
	for _, id := range p.draw(p.sectionIDs, p.CoTeachers) {
		s := p.peekSection(id)
		n := len(s.Teachers)
		if n > 1 && p.dice.roll(2) == 0 {
			s := p.section(id)
			p.classes[s.Teachers[n-1]] = without(p.classes[s.Teachers[n-1]], id)
			s.Teachers = s.Teachers[:n-1]
			continue
		}
		at := p.of[s.School]
		if at == nil || n == 0 || n >= maxTeachers {
			continue
		}
		if teacher := p.one(at.teachers); teacher != "" && !slices.Contains(s.Teachers, teacher) {
			p.teach(id, teacher)
		}
	}
}
