package clevertest

import (
	"cmp"
	"slices"
	"strconv"
)

// lesson identifies a course: what is taught to a grade in a period.
type lesson struct{ grade, period int }

var periods = [...]string{"0", "1", "2", "3", "4", "5", "6", "7"}

// subjects by period: how a course is called, and Clever's word for it.
var subjects = [...]struct{ name, subject string }{
	{"Homeroom", "homeroom/advisory"},
	{"Mathematics", "math"},
	{"English", "english/language arts"},
	{"Science", "science"},
	{"Social Studies", "social studies"},
	{"Physical Education", "PE and health"},
	{"Arts & Músic", "arts and music"},
	{"Español \"Uno\"", "language"},
}

// chooseCourses collects the courses that some section teaches.
func (g *generator) chooseCourses() {
	used := map[lesson]int{}
	for number := range g.campuses {
		at := &g.campuses[number]
		for j := range at.cohorts {
			if at.pupils() == 0 {
				break
			}
			in := at.cohort(number, j)
			for period := range in.periods {
				used[lesson{in.grade, period}] = 0
			}
		}
	}
	for l := range used {
		g.catalogue = append(g.catalogue, l)
	}
	slices.SortFunc(g.catalogue, func(a, b lesson) int {
		return cmp.Or(cmp.Compare(a.grade, b.grade), cmp.Compare(a.period, b.period))
	})
	g.courseName = make([]string, len(g.catalogue))
	for rank, l := range g.catalogue {
		used[l] = rank
		if rank%31 != 30 { // the few others have no name
			g.courseName[rank] = subjects[l.period].name + " " + grades[l.grade]
		}
	}
	g.courseRank = used
}

func (g *generator) course(rank int) Course {
	c := Course{ID: g.courseID[rank], District: g.uid, Name: g.courseName[rank]}
	if c.Name == "" {
		c.omit |= noName
	}
	if rank%17 == 16 {
		c.omit |= noNumber
		return c
	}
	c.Number = g.courseNumber[rank]
	return c
}

func numbers(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = strconv.Itoa(1001 + i)
	}
	return list
}

// calendar is the terms: dates in both of Clever's formats, two terms that have
// ended, and one without dates.
func calendar() []Term {
	return []Term{
		{Name: "Y1", Start: "2026-08-01", End: "2027-06-01T00:00:00.000Z"},
		{Name: "S1", Start: "2026-08-01T00:00:00.000Z", End: "2026-12-18T00:00:00.000Z"},
		{Name: "S2", Start: "2027-01-04", End: "2027-06-01"},
		{Name: "Q1", Start: "2026-08-01", End: "2026-10-09"},
		{Name: "Summer 2026", Start: "2026-06-08", End: "2026-07-17T00:00:00.000Z"},
		{Name: "Undated", omit: noDates},
	}
}

// termOf picks a term of the calendar by a roll of a hundred.
func termOf(roll int) int {
	switch {
	case roll < 70:
		return 0
	case roll < 80:
		return 1
	case roll < 88:
		return 2
	case roll < 94:
		return 3
	case roll < 97:
		return 4
	default:
		return 5
	}
}

func (g *generator) term(rank int) Term {
	t := calendar()[rank]
	t.ID, t.District = g.termID[rank], g.uid
	return t
}

var schoolNames = [...]string{
	"Lincoln", "Maple Grove", "Río Vista", "Harbor Point", "Franklin", "Cedar Hill", "St. Brigid's", "Kaʻala", "Jefferson",
	"Willow Creek", "Northgate", "École Beauséjour", "Summit", "Lakeshore", "Prairie View", "Stonebridge",
}

func (g *generator) school(rank int) School {
	at := &g.campuses[rank]
	level := levels[at.level]
	number := strconv.Itoa(10 + rank)
	name := schoolNames[rank%len(schoolNames)] + " " + level.name
	if rank >= len(schoolNames) {
		name = schoolNames[rank%len(schoolNames)] + " " + number + " " + level.name
	}
	return School{
		ID: g.schoolID[rank], District: g.uid,
		Created: "2026-08-01T01:00:00.000Z", LastModified: "2026-11-20T08:00:00.000Z",
		Name: name, SisID: "SCH" + number, Number: number, StateID: "9" + number,
		LowGrade: grades[level.lowest], HighGrade: grades[level.lowest+level.count-1],
		Address: number + " Main St", City: "Springfield", State: "CA", Zip: "94110", Phone: "(555) 010-0" + number,
		Principal: "Pat Principal", PrincipalEmail: "principal" + number + "@staff.example.org",
	}
}
