package clevertest

import (
	"slices"
)

// clone copies a record so deeply that a change of the copy changes nothing
// else. Strings are shared.
func (u *User) clone() *User {
	c := *u
	c.Student, c.Teacher, c.Staff = copied(u.Student), copied(u.Teacher), copied(u.Staff)
	c.Contact, c.Admin, c.Broken = copied(u.Contact), copied(u.Admin), copied(u.Broken)
	if c.Student != nil {
		c.Student.Schools = slices.Clone(c.Student.Schools)
	}
	if c.Teacher != nil {
		c.Teacher.Schools = slices.Clone(c.Teacher.Schools)
	}
	if c.Staff != nil {
		c.Staff.Schools = slices.Clone(c.Staff.Schools)
	}
	if c.Contact != nil {
		c.Contact.Relationships = slices.Clone(c.Contact.Relationships)
	}
	return &c
}

func (s *Section) clone() *Section {
	c := *s
	c.Teachers, c.Students, c.Broken = slices.Clone(s.Teachers), slices.Clone(s.Students), copied(s.Broken)
	return &c
}

func (s *School) clone() *School {
	c := *s
	c.Broken = copied(s.Broken)
	return &c
}

func (c *Course) clone() *Course {
	d := *c
	d.Broken = copied(c.Broken)
	return &d
}

func (t *Term) clone() *Term {
	c := *t
	c.Broken = copied(t.Broken)
	return &c
}

func copied[T any](p *T) *T {
	if p == nil {
		return nil
	}
	c := *p
	return &c
}

// copyOf returns a copy of a record that may be kept and changed.
func (d *District) copyOf(k kind, r ref, into *scratch) any {
	switch k {
	case users:
		return d.user(r, into).clone()
	case sections:
		return d.section(r, into).clone()
	case schools:
		s := d.school(r)
		return s.clone()
	case courses:
		c := d.course(r)
		return c.clone()
	default:
		t := d.term(r)
		return t.clone()
	}
}
