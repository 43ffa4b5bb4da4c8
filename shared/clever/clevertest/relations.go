package clevertest

import (
	"slices"
)

// schools returns the schools that the user's roles name.
func (u *User) schools() []string {
	var at []string
	for _, in := range u.memberships() {
		at = append(at, in.schools...)
	}
	slices.Sort(at)
	return slices.Compact(at)
}

// has reports whether the user has a role.
func (u *User) has(r role) bool {
	switch r {
	case student:
		return u.Student != nil
	case teacher:
		return u.Teacher != nil
	case staff:
		return u.Staff != nil
	case admin:
		return u.Admin != nil
	case contact:
		return u.Contact != nil
	default:
		return true
	}
}

// at reports whether the user is at a school in a role; primary: whether it is
// the first school of that role.
func (u *User) at(school string, want role, primary bool) bool {
	in := func(r role, first string, all []string) bool {
		if want != anyRole && want != r {
			return false
		}
		if first == "" && len(all) > 0 {
			first = all[0]
		}
		return first == school || !primary && slices.Contains(all, school)
	}
	return u.Student != nil && in(student, u.Student.School, u.Student.Schools) ||
		u.Teacher != nil && in(teacher, u.Teacher.School, u.Teacher.Schools) ||
		u.Staff != nil && in(staff, "", u.Staff.Schools)
}

// named lists records by id; an id that nobody has is left out.
func (d *District) named(k kind, ids []string) listing {
	var refs []ref
	for _, id := range ids {
		if r, ok := d.lookup(k, id); ok {
			refs = append(refs, r)
		}
	}
	return chosen(k, refs)
}

// those lists what is shared of a listing and fits.
func (d *District) those(in listing, fits func(ref) bool) listing {
	var refs []ref
	for r := range d.all(in) {
		if fits(r) {
			refs = append(refs, r)
		}
	}
	return chosen(in.kind, refs)
}

// contactsOf lists the contacts who name the student.
func (d *District) contactsOf(r ref) listing {
	id, sc := d.id(users, r), new(scratch)
	names := func(u *User) bool {
		return u.Contact != nil && slices.ContainsFunc(u.Contact.Relationships, func(r Relationship) bool { return r.Student == id })
	}
	near := listing{kind: users, belongs: func(e *entry) bool { return names(e.record.(*User)) }}
	if d.known(r) {
		near.base = d.source.contactsNear(r.rank)
	}
	return d.those(near, func(r ref) bool { return names(d.user(r, sc)) })
}

// studentsOf lists the students of a contact or of a teacher's sections.
func (d *District) studentsOf(r ref) listing {
	u := d.user(r, new(scratch))
	var ids []string
	if u.Contact != nil {
		for _, r := range u.Contact.Relationships {
			ids = append(ids, r.Student)
		}
	}
	if u.Teacher != nil {
		d.eachSectionOf(r, func(_ ref, s *Section) { ids = append(ids, s.Students...) })
	}
	return d.named(users, ids)
}

// teachersOf lists the teachers of a student's sections.
func (d *District) teachersOf(r ref) listing {
	var ids []string
	if d.user(r, new(scratch)).Student != nil {
		d.eachSectionOf(r, func(_ ref, s *Section) { ids = append(ids, s.Teachers...) })
	}
	return d.named(users, ids)
}

// sectionsOf lists the sections that name the user.
func (d *District) sectionsOf(r ref) listing {
	var refs []ref
	d.eachSectionOf(r, func(at ref, _ *Section) { refs = append(refs, at) })
	return chosen(sections, refs)
}

// eachSectionOf visits the sections that name the user. Of the source's it
// looks at those of the user's schools only, the schools that the source knew
// included: a section need not have changed because one of its members did.
func (d *District) eachSectionOf(r ref, visit func(at ref, s *Section)) {
	sc := new(scratch)
	id, at := d.id(users, r), d.user(r, sc).schools()
	if r.over != nil && r.over.replaces {
		at = append(at, d.source.user(r.rank, sc).schools()...)
		slices.Sort(at)
		at = slices.Compact(at)
	}
	look := func(in listing) {
		for at := range d.all(in) {
			if s := d.section(at, sc); slices.Contains(s.Students, id) || slices.Contains(s.Teachers, id) {
				visit(at, s)
			}
		}
	}
	for _, school := range at {
		if rank, ok := find(d.source, schools, school); ok {
			look(listing{sections, d.source.schoolSections(rank), func(*entry) bool { return false }})
		}
	}
	look(listing{kind: sections})
}

func (d *District) coursesAt(school ref) listing {
	return d.namedBy(courses, d.sectionsAt(school), func(s *Section) string { return s.Course })
}

func (d *District) termsAt(school ref) listing {
	return d.namedBy(terms, d.sectionsAt(school), func(s *Section) string { return s.Term })
}

func (d *District) sectionsOfCourse(r ref) listing {
	id := d.id(courses, r)
	return d.sectionsThat(func(s *Section) bool { return s.Course == id })
}

func (d *District) sectionsOfTerm(r ref) listing {
	id := d.id(terms, r)
	return d.sectionsThat(func(s *Section) bool { return s.Term == id })
}

func (d *District) schoolsOfCourse(r ref) listing {
	return d.namedBy(schools, d.sectionsOfCourse(r), func(s *Section) string { return s.School })
}

func (d *District) schoolsOfTerm(r ref) listing {
	return d.namedBy(schools, d.sectionsOfTerm(r), func(s *Section) string { return s.School })
}

func (d *District) sectionsThat(match func(*Section) bool) listing {
	sc := new(scratch)
	return d.those(d.everyone(sections), func(r ref) bool { return match(d.section(r, sc)) })
}

// namedBy lists the records of a kind that shared sections name. The sections
// of one school name few: each id is looked up once.
func (d *District) namedBy(k kind, in listing, name func(*Section) string) listing {
	seen := map[string]bool{}
	var ids []string
	sc := new(scratch)
	for r := range d.all(in) {
		if id := name(d.section(r, sc)); !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	return d.named(k, ids)
}

// relations names the links of a single object, in the recorded order. Those
// of staff, administrators and contacts were not recorded: they are the
// relations that Clever's Swagger file gives such users.
func (d *District) relations(k kind, r ref) []string {
	switch k {
	case schools:
		return []string{"district", "sections", "users", "terms", "courses"}
	case sections:
		return []string{"district", "school", "term", "course", "users"}
	case courses, terms:
		return []string{"district", "sections", "schools"}
	}
	u := d.user(r, new(scratch))
	switch {
	case u.Student != nil:
		return []string{"district", "sections", "myContacts", "myTeachers", "schools"}
	case u.Teacher != nil:
		return []string{"district", "sections", "myStudents", "schools"}
	case u.Contact != nil:
		return []string{"district", "myStudents"}
	case u.Staff != nil:
		return []string{"district", "schools"}
	default:
		return []string{"district"}
	}
}
