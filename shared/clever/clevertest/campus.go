package clevertest

// campus is one school with the indices of its people and classes. Spans of
// neighbouring campuses touch: who also goes to the next school stands at the
// end of a span, so that the list of that school is one span as well.
type campus struct {
	students, teachers, sections span
	guests                       int // how many of the last students of the campus before come here too
	visitors                     int // and how many of its last teachers
	level                        int // elementary, middle, high
	cohorts                      int
}

// grades by index; a level has a run of them.
var grades = [...]string{"Kindergarten", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"}

// levels are the first grade and the number of grades of each kind of school.
var levels = [...]struct {
	name          string
	lowest, count int
}{{"Elementary School", 0, 6}, {"Middle School", 6, 3}, {"High School", 9, 4}}

// layOut divides n students into schools of 350 to 1,050, two at least, and
// gives each its teachers (one per 15) and sections.
func layOut(seed uint64, n int) []campus {
	campuses := make([]campus, max(2, (n+350)/700))
	weights, total := make([]int, len(campuses)), 0
	for c := range campuses {
		d := newDice(seed, forCampus, c)
		weights[c] = 50 + d.roll(101)
		total += weights[c]
	}
	done := 0
	var before campus
	for c := range campuses {
		done += weights[c]
		now := campus{level: c % len(levels)}
		now.students = span{before.students.hi, (2*n*done + total) / (2 * total)}
		pupils := now.pupils()
		now.teachers = span{before.teachers.hi, before.teachers.hi + min(pupils, max(1, (pupils+7)/15))}
		now.cohorts = min(max(1, pupils/20), levels[now.level].count)
		now.sections = span{before.sections.hi, before.sections.hi + now.countSections(c)}
		if before.pupils() >= 20 {
			now.guests = max(1, before.pupils()/100)
			now.visitors = 1
		}
		campuses[c], before = now, now
	}
	return campuses
}

func (c *campus) pupils() int { return c.students.hi - c.students.lo }

// cohort is the pupils of one grade at a campus and how they are taught: in
// each period they are divided anew into classes of about 25, each class being
// a section. A pupil is so in one section per period, 7.5 on average.
type cohort struct {
	grade            int // index into grades
	students         span
	classes, periods int
}

func (c *campus) cohort(number, j int) cohort {
	n := c.pupils()
	members := span{c.students.lo + j*n/c.cohorts, c.students.lo + (j+1)*n/c.cohorts}
	level := levels[c.level]
	return cohort{
		grade:    level.lowest + j*level.count/c.cohorts,
		students: members,
		classes:  max(1, (members.hi-members.lo+12)/25),
		periods:  7 + (number+j)%2,
	}
}

// cohortOf returns the cohort of a pupil.
func (c *campus) cohortOf(number, student int) cohort {
	return c.cohort(number, ((student-c.students.lo+1)*c.cohorts-1)/c.pupils())
}

func (c *campus) countSections(number int) int {
	if c.pupils() == 0 {
		return 0
	}
	n := 0
	for j := range c.cohorts {
		co := c.cohort(number, j)
		n += co.classes * co.periods
	}
	return n
}

func (g *generator) withRole(r role) spans {
	switch r {
	case student:
		return spans{{0, g.count}}
	case teacher:
		return spans{{g.count, g.staffFrom()}}
	case staff:
		return append(g.deans(0, len(g.campuses)), span{g.staffFrom(), g.adminsFrom()})
	case admin:
		return spans{{g.adminsFrom(), g.contactsFrom()}}
	case contact:
		return spans{{g.contactsFrom(), g.contactsFrom() + g.count}}
	default:
		return spans{{0, g.size(users)}}
	}
}

// deans lists the teachers with the role of staff: the first of every third
// campus.
func (g *generator) deans(from, to int) spans {
	var s spans
	for c := from; c < to; c++ {
		if at := g.campuses[c].teachers; c%3 == 0 && at.lo < at.hi {
			s = append(s, span{g.count + at.lo, g.count + at.lo + 1})
		}
	}
	return s
}

func (g *generator) isDean(campus, teacher int) bool {
	return campus%3 == 0 && teacher == g.campuses[campus].teachers.lo
}

func (g *generator) schoolUsers(school int, r role, primary bool) spans {
	c := g.campuses[school]
	pupils, teachers := c.students, c.teachers
	if !primary {
		pupils.lo -= c.guests
		teachers.lo -= c.visitors
	}
	teachers = span{g.count + teachers.lo, g.count + teachers.hi}
	office := span{g.staffFrom() + school, g.staffFrom() + school + 1}
	switch r {
	case student:
		return spans{pupils}
	case teacher:
		return spans{teachers}
	case staff:
		return append(g.deans(school, school+1), office)
	default:
		return spans{pupils, teachers, office}
	}
}

func (g *generator) schoolSections(school int) spans { return spans{g.campuses[school].sections} }
