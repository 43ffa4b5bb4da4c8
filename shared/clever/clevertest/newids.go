package clevertest

import (
	"slices"
	"strconv"
)

// swap replaces an id in a list, which stays in order if it was.
func swap(list []string, old, now string) {
	sorted := slices.IsSorted(list)
	for i := range list {
		if list[i] == old {
			list[i] = now
		}
	}
	if sorted {
		slices.Sort(list)
	}
}

func (p *plot) newStudents() {
	for _, id := range p.draw(p.students, p.NewStudents) {
		p.newStudent(id)
	}
}

func (p *plot) newTeachers() {
	for _, id := range p.draw(p.teachers, p.NewTeachers) {
		p.newTeacher(id)
	}
}

func (p *plot) newContacts() {
	for _, id := range p.draw(p.contacts, p.NewContacts) {
		p.newContact(id)
	}
}

// sisIDs changes the sis_id of pupils and teachers.
func (p *plot) sisIDs() {
	for _, id := range p.draw(p.students, p.SisIDs) {
		u := p.newStudent(id)
		u.Student.SisID = "S" + strconv.Itoa(maxStudents+p.made)
	}
	for _, id := range p.draw(p.teachers, p.SisIDs) {
		u := p.newTeacher(id)
		u.Teacher.SisID = "T" + strconv.Itoa(maxStudents+p.made)
	}
}

// renew gives a user a new id.
func (p *plot) renew(id string) *User {
	u := p.user(id).clone()
	u.ID, u.Created, u.LastModified = p.newID(), p.stamp, p.stamp
	p.replace(users, id)
	p.insert(users, u.ID, u)
	return u
}

// newStudent gives a pupil a new id; sections and contacts follow.
func (p *plot) newStudent(id string) *User {
	u := p.renew(id)
	if at := p.of[u.Student.School]; at != nil {
		at.students.drop(id)
	}
	p.students.drop(id)
	family := p.family[id]
	delete(p.family, id)
	p.count(u)
	p.followed(id, u.ID, func(s *Section) { swap(s.Students, id, u.ID) })
	for _, contact := range family {
		c := p.user(contact)
		for i := range c.Contact.Relationships {
			if r := &c.Contact.Relationships[i]; r.Student == id {
				r.Student = u.ID
			}
		}
	}
	if len(family) > 0 {
		p.family[u.ID] = family
	}
	return u
}

// newTeacher gives a teacher a new id; sections follow.
func (p *plot) newTeacher(id string) *User {
	u := p.renew(id)
	if at := p.of[u.Teacher.School]; at != nil {
		at.teachers.drop(id)
	}
	p.teachers.drop(id)
	p.count(u)
	p.followed(id, u.ID, func(s *Section) {
		for i := range s.Teachers { // the order says who is the first
			if s.Teachers[i] == id {
				s.Teachers[i] = u.ID
			}
		}
		if s.Teacher == id {
			s.Teacher = u.ID
		}
	})
	return u
}

// followed changes the sections of somebody who has a new id.
func (p *plot) followed(old, now string, change func(*Section)) {
	for _, section := range p.classes[old] {
		s := p.section(section)
		change(s)
	}
	p.classes[now] = p.classes[old]
	delete(p.classes, old)
}

// newContact gives a contact a new id, and returns it.
func (p *plot) newContact(id string) string {
	u := p.renew(id)
	p.contacts.drop(id)
	for _, r := range u.Contact.Relationships {
		p.family[r.Student] = without(p.family[r.Student], id)
	}
	p.count(u)
	return u.ID
}

// newSections gives sections new ids.
func (p *plot) newSections() {
	for _, id := range p.draw(p.sectionIDs, p.NewSections) {
		s := p.again(p.peekSection(id))
		p.close(id)
		p.replace(sections, id)
		p.open(s)
	}
}

// newCourses gives courses new ids.
func (p *plot) newCourses() {
	for _, id := range p.draw(p.inUse(courses), p.NewCourses) {
		now := p.renewCourse(id)
		p.teachIn(func(s *Section) *string { return &s.Course }, id, now)
	}
}

// newTerms gives terms new ids.
func (p *plot) newTerms() {
	for _, id := range p.draw(p.inUse(terms), p.NewTerms) {
		now := p.renewTerm(id)
		p.teachIn(func(s *Section) *string { return &s.Term }, id, now)
	}
}

// inUse lists the courses or terms that there are and that sections name.
func (p *plot) inUse(k kind) []string {
	var ids roll
	for id, n := range p.lastOf {
		if n > 0 && p.is(k, id) {
			ids.add(id)
		}
	}
	return ids
}

// teachIn changes what sections name.
func (p *plot) teachIn(of func(*Section) *string, old, now string) {
	for _, id := range p.sectionIDs {
		if *of(p.peekSection(id)) != old {
			continue
		}
		s := p.section(id)
		*of(s) = now
		p.lastOf[old]--
		p.lastOf[now]++
		p.lessons[id] = lessonOf{s.School, s.Grade, s.Period, s.Course, s.Term}
	}
}

func (p *plot) renewCourse(id string) string {
	c := p.course(id).clone()
	c.ID = p.newID()
	p.replace(courses, id)
	p.insert(courses, c.ID, c)
	return c.ID
}

func (p *plot) renewTerm(id string) string {
	t := p.term(id).clone()
	t.ID = p.newID()
	p.replace(terms, id)
	p.insert(terms, t.ID, t)
	return t.ID
}
