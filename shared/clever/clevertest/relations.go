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

// ranks finds records by id; an id that is not shared is left out.
func (d *District) ranks(k kind, ids []string) spans {
	var ranks []int
	for _, id := range ids {
		if rank, ok := find(d.source, k, id); ok {
			ranks = append(ranks, rank)
		}
	}
	slices.Sort(ranks)
	return pick(ranks)
}

// contactsOf lists the contacts who name the student.
func (d *District) contactsOf(student int) spans {
	id, sc := d.source.id(users, student), new(scratch)
	var ranks []int
	for rank := range d.source.contactsNear(student).from(0) {
		u := d.user(rank, sc)
		if u.Contact != nil && slices.ContainsFunc(u.Contact.Relationships, func(r Relationship) bool { return r.Student == id }) {
			ranks = append(ranks, rank)
		}
	}
	return pick(ranks)
}

// studentsOf lists the students of a contact or of a teacher's sections.
func (d *District) studentsOf(rank int) spans {
	u := d.user(rank, new(scratch))
	var ids []string
	if u.Contact != nil {
		for _, r := range u.Contact.Relationships {
			ids = append(ids, r.Student)
		}
	}
	if u.Teacher != nil {
		d.eachSectionOf(u, func(_ int, s *Section) { ids = append(ids, s.Students...) })
	}
	return d.ranks(users, ids)
}

// teachersOf lists the teachers of a student's sections.
func (d *District) teachersOf(rank int) spans {
	u := d.user(rank, new(scratch))
	var ids []string
	if u.Student != nil {
		d.eachSectionOf(u, func(_ int, s *Section) { ids = append(ids, s.Teachers...) })
	}
	return d.ranks(users, ids)
}

// sectionsOf lists the sections that name the user.
func (d *District) sectionsOf(rank int) spans {
	var ranks []int
	d.eachSectionOf(d.user(rank, new(scratch)), func(at int, _ *Section) { ranks = append(ranks, at) })
	slices.Sort(ranks)
	return pick(ranks)
}

// eachSectionOf visits the sections that name the user, looking at those of
// the user's schools only.
func (d *District) eachSectionOf(u *User, visit func(rank int, s *Section)) {
	sc := new(scratch)
	for _, at := range u.schools() {
		school, ok := find(d.source, schools, at)
		if !ok {
			continue
		}
		for rank := range d.source.schoolSections(school).from(0) {
			s := d.section(rank, sc)
			if slices.Contains(s.Students, u.ID) || slices.Contains(s.Teachers, u.ID) {
				visit(rank, s)
			}
		}
	}
}

func (d *District) schoolsOf(rank int) spans {
	return d.ranks(schools, d.user(rank, new(scratch)).schools())
}

// membersOf lists the students and teachers of a section.
func (d *District) membersOf(rank int) spans {
	s := d.section(rank, new(scratch))
	return d.ranks(users, slices.Concat(s.Students, s.Teachers))
}

func (d *District) sectionsAt(school int) spans { return d.source.schoolSections(school) }

func (d *District) coursesAt(school int) spans {
	return d.named(courses, d.sectionsAt(school), func(s *Section) string { return s.Course })
}

func (d *District) termsAt(school int) spans {
	return d.named(terms, d.sectionsAt(school), func(s *Section) string { return s.Term })
}

func (d *District) sectionsOfCourse(rank int) spans {
	id := d.source.id(courses, rank)
	return d.sectionsThat(func(s *Section) bool { return s.Course == id })
}

func (d *District) sectionsOfTerm(rank int) spans {
	id := d.source.id(terms, rank)
	return d.sectionsThat(func(s *Section) bool { return s.Term == id })
}

func (d *District) schoolsOfCourse(rank int) spans {
	return d.named(schools, d.sectionsOfCourse(rank), func(s *Section) string { return s.School })
}

func (d *District) schoolsOfTerm(rank int) spans {
	return d.named(schools, d.sectionsOfTerm(rank), func(s *Section) string { return s.School })
}

func (d *District) sectionsThat(match func(*Section) bool) spans {
	var ranks []int
	sc := new(scratch)
	for rank := range d.source.size(sections) {
		if match(d.section(rank, sc)) {
			ranks = append(ranks, rank)
		}
	}
	return pick(ranks)
}

// named lists the records of a kind that shared sections name. The sections of
// one school name few: each id is looked up once.
func (d *District) named(k kind, in spans, name func(*Section) string) spans {
	seen := map[string]bool{}
	var ids []string
	sc := new(scratch)
	for rank := range in.from(0) {
		if !d.visible(sections, rank) {
			continue
		}
		if id := name(d.section(rank, sc)); !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	return d.ranks(k, ids)
}

// relations names the links of a single object, in the recorded order. Those
// of staff, administrators and contacts were not recorded: they are the
// relations that Clever's Swagger file gives such users.
func (d *District) relations(k kind, rank int) []string {
	switch k {
	case schools:
		return []string{"district", "sections", "users", "terms", "courses"}
	case sections:
		return []string{"district", "school", "term", "course", "users"}
	case courses, terms:
		return []string{"district", "sections", "schools"}
	}
	u := d.user(rank, new(scratch))
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
