package clevertest

import (
	"slices"
)

// strides are primes beyond any cohort, so that stepping through a cohort by
// one of them meets each pupil once: a shuffle that needs no memory.
var strides = [...]int{10007, 10009, 10037, 10039, 10061, 10067, 10069, 10079}

// maxCoTeachers is how many teachers a section may have beside its own.
const maxCoTeachers = 3

// section fills the record of the section at a rank.
func (g *generator) section(rank int, into *scratch) *Section {
	number := g.campusOf(rank, func(c *campus) span { return c.sections })
	at := &g.campuses[number]
	in, period, class := at.class(number, rank-at.sections.lo)
	text, s := &into.text, &into.sec
	own := newDice(g.seed, forSection, -1-rank)
	lesson := g.courseRank[lesson{in.grade, period}]

	*s = Section{
		ID: g.sectionIDs.at(text, rank), District: g.uid, School: g.schoolID[number],
		Course: g.courseID[lesson], Term: g.termID[termOf(own.roll(100))],
		SisID: text.begin().add("SEC-").number(rank, 0).end(), Period: periods[period],
		Subject: subjects[period].subject, Grade: grades[in.grade],
	}
	s.Created, s.LastModified = stamp(text, rank, own.roll(100))

	into.ids = into.ids[:0]
	primary := g.appendTeachers(at, rank-at.sections.lo, into)
	teachers := len(into.ids)
	g.appendPupils(at, in, period, class, rank == at.sections.lo, into)
	s.Teacher = into.ids[0]
	s.Teachers = into.ids[:teachers:teachers]
	s.Students = into.ids[teachers:]

	who, _ := g.teacher(primary)
	s.Name = g.className(lesson, who.family.text, s, text)
	if s.Dirt = g.sectionDirt.at(g.seed, rank); s.Dirt != "" {
		g.soilSection(rank, into)
	}
	if g.broken {
		s.Broken = breakage(rank, g.brokenSections)
	}
	return s
}

// class finds the cohort, period and class of the nth section of a campus.
func (c *campus) class(number, n int) (in cohort, period, class int) {
	for j := range c.cohorts {
		in = c.cohort(number, j)
		if n < in.classes*in.periods {
			break
		}
		n -= in.classes * in.periods
	}
	return in, n / in.classes, n % in.classes
}

// appendTeachers appends the ids of a section's teachers, the primary one
// first, and returns its index. One section in eight has co-teachers; the
// second section of a campus has the visitor.
func (g *generator) appendTeachers(at *campus, n int, into *scratch) int {
	count := at.teachers.hi - at.teachers.lo
	helpers := 0
	if n%8 == 3 {
		helpers = min(1+n/8%maxCoTeachers, count-1)
	}
	for h := range 1 + helpers {
		into.ids = append(into.ids, g.teacherIDs.at(&into.text, at.teachers.lo+(n+h)%count))
	}
	if n == 1 && at.visitors > 0 {
		into.ids = append(into.ids, g.teacherIDs.at(&into.text, at.teachers.lo-1))
	}
	return at.teachers.lo + n%count
}

// appendPupils appends the ids of a class in ascending order. Each period
// shuffles the cohort in its own way and cuts it into classes. The first
// section of a campus takes the guests in as well.
func (g *generator) appendPupils(at *campus, in cohort, period, class int, first bool, into *scratch) {
	m := in.students.hi - in.students.lo
	shuffle := newDice(g.seed, forSection, in.students.lo<<4|period)
	stride, offset := strides[shuffle.roll(len(strides))], shuffle.roll(m)
	chosen := into.ranks[:0]
	for i := class * m / in.classes; i < (class+1)*m/in.classes; i++ {
		chosen = append(chosen, in.students.lo+(i*stride+offset)%m)
	}
	if first {
		for guest := range at.guests {
			chosen = append(chosen, at.students.lo-1-guest)
		}
	}
	slices.Sort(chosen)
	into.ranks = chosen
	into.ids = g.studentIDs.appendAll(into.ids, &into.text, chosen)
}

// className names a section as Clever does where the course has a name.
func (g *generator) className(course int, teacher string, s *Section, text *arena) string {
	c := g.course(course)
	if c.Name == "" {
		return text.begin().add("Section ").add(s.SisID).end()
	}
	return text.begin().add(c.Name).add(" - ").add(teacher).add(" - ").add(s.Period).end()
}
