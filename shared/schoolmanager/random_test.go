package schoolmanager_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	"cleversync/shared/roster"
	"cleversync/shared/syncrun"
)

// chance makes random districts and lets them change. Ids come from small
// pools, so that records go, come back, and name each other and nobody.
type chance struct {
	*rand.Rand
	// strangers are never taken for anybody else: all that could identify them
	// is their own.
	strangers bool
}

func newChance(seed uint64) chance { return chance{Rand: rand.New(rand.NewPCG(seed, 4711))} }

func (r chance) in(percent int) bool { return r.IntN(100) < percent }

func (r chance) of(pool ...string) string { return pool[r.IntN(len(pool))] }

func (r chance) id(prefix string, n int) string { return fmt.Sprintf("%s%02d", prefix, r.IntN(n)) }

func (r chance) ids(prefix string, n, most int) []string {
	ids := make([]string, r.IntN(most+1))
	for i := range ids {
		ids[i] = r.id(prefix, n)
	}
	return ids
}

func (r chance) schools() []string {
	if r.in(20) {
		return []string{"a", "b"}
	}
	return []string{r.of("a", "b", "c")}
}

// begin fills a district, step changes it a little.
func (r chance) begin(d *district) {
	for range 60 {
		r.step(d)
	}
}

func (r chance) step(d *district) {
	if !r.strangers && r.in(20) {
		r.renew(d)
		return
	}
	switch r.IntN(10) {
	case 0:
		d.school(r.of("a", "b", "c"))
	case 1, 2:
		r.student(d)
	case 3:
		r.teacher(d)
	case 4, 5:
		r.section(d)
	case 6, 7:
		r.contact(d)
	case 8:
		id := r.id("k", 4)
		d.courses[id] = roster.SourceCourse{ID: id, Name: r.of("", "Art", "Maths"), Number: r.of("1", "2")}
		id = r.id("e", 3)
		d.terms[id] = roster.SourceTerm{ID: id, Name: r.of("Fall", "Spring"), Start: "2025-01-01", End: r.of("2025-06-30", "")}
	case 9:
		r.remove(d)
	}
}

func (r chance) student(d *district) {
	id := r.id("s", 14)
	d.student(id, r.schools()...)
	u := d.people[id]
	u.Email, u.Name.First = r.of(id+"@x.example", "same@x.example", "SAME@x.example", ""), r.of("Ann", "Bo", "")
	u.Roles.Student.Grade = r.of("6", "7")
	if r.in(10) {
		u.Roles.Teacher = &roster.SourceTeacher{School: r.of("a", "b", "c"), TeacherNumber: "9"}
	} else {
		u.Roles.Teacher = nil
	}
	if !r.strangers {
		u.Name.Last, u.Name.Middle = r.of(id, id, "Fox", "FOX", "Gray"), r.of("", "", "M")
		u.Roles.Student.SISID = r.of("sis-"+id, "sis-"+id, "77", "")
		u.Roles.Student.Credentials.Username = r.of("", "u-"+id, "fox", "Fox")
	}
	d.people[id] = u
}

func (r chance) teacher(d *district) {
	id := r.id("t", 5)
	d.teacher(id, r.schools()...)
	u := d.people[id]
	u.Name.First = r.of("Cy", "Di")
	if !r.strangers {
		u.Name.Last, u.Email = r.of(id, "Fox"), r.of(id+"@x.example", id+"@x.example", "same@x.example")
	}
	d.people[id] = u
}

func (r chance) section(d *district) {
	id := r.id("c", 8)
	d.section(id, r.of("a", "b", "c"), r.ids("t", 6, 2), r.ids("s", 16, 6)...)
	s := d.sections[id]
	s.Name, s.SISID = r.of("Algebra", "Biology", ""), r.of(id, "same", "")
	s.Course, s.Term, s.Period = r.of("", r.id("k", 5)), r.of("", r.id("e", 4)), r.of("1", "2")
	if r.in(20) {
		s.Teacher = r.id("t", 6)
	}
	d.sections[id] = s
}

func (r chance) contact(d *district) {
	id := r.id("p", 12)
	var related []string
	for _, s := range r.ids("s", 16, 3) {
		related = append(related, s+":"+r.of("Parent/Guardian", "Family", "Emergency"))
	}
	d.contact(id, related...)
	c := d.contacts[id]
	c.Name.Last = r.of("Eve", "Flo")
	if !r.strangers {
		c.Email = r.of(id+"@home.example", id+"@home.example", "Home@home.example")
	}
	if r.in(10) {
		c.Email = ""
	}
	d.contacts[id] = c
}

func (r chance) remove(d *district) {
	switch r.IntN(8) {
	case 0, 1:
		delete(d.people, r.id("s", 14))
	case 2:
		delete(d.people, r.id("t", 5))
	case 3, 4:
		delete(d.sections, r.id("c", 8))
	case 5:
		delete(d.contacts, r.id("p", 12))
	case 6:
		delete(d.courses, r.id("k", 4))
	case 7:
		delete(d.terms, r.id("e", 3))
	}
}

// trouble makes some fetches come with what withholds removals.
func (r chance) trouble(d *district) {
	clear(d.unreadable)
	clear(d.blind)
	clear(d.off)
	clear(d.cut)
	d.state = ""
	if r.in(40) {
		return
	}
	for range r.IntN(4) {
		d.unreadable[r.of(r.id("s", 14), r.id("t", 5), r.id("c", 8), r.id("p", 12), r.id("k", 4), r.id("e", 3), "b")] = true
	}
	steps := []syncrun.Step{syncrun.FetchSchools, syncrun.FetchStudents, syncrun.FetchTeachers, syncrun.FetchSections,
		syncrun.FetchCourses, syncrun.FetchTerms, syncrun.FetchContacts}
	if r.in(30) {
		d.blind[steps[r.IntN(len(steps))]] = 1
	}
	if r.in(40) {
		d.off[steps[r.IntN(len(steps))]] = int64(r.IntN(3))
	}
	if r.in(5) {
		d.cut[steps[r.IntN(len(steps))]] = true
	}
	if r.in(10) {
		d.state = "paused"
	}
	if r.in(10) {
		clear(d.sections)
	}
	if r.in(10) {
		clear(d.contacts)
	}
	if r.in(5) {
		clear(d.people)
	}
}

func (r chance) options() roster.Options {
	o := roster.Options{MatchByName: !r.strangers && r.in(50), Whole: r.in(40), Classrooms: r.in(85), UniqueClassNames: r.in(50), Parents: r.in(80)}
	if !o.Whole {
		o.Schools = [][]string{{"a"}, {"a", "b"}, {"b", "c"}, {"a", "b", "c"}}[r.IntN(4)]
	}
	if o.Parents || r.in(50) { // an option that is off may remember its types
		o.ParentTypes = [][]string{{"Parent/Guardian"}, {"Parent/Guardian", "Family"}, {"Emergency"}}[r.IntN(3)]
	}
	return o
}

// renew gives somebody another id, in most of the places that name the old one.
func (r chance) renew(d *district) {
	prefix, n := "s", 14
	if r.in(25) {
		prefix, n = "t", 5
	}
	if r.in(25) {
		prefix, n = "p", 12
	}
	old, id := r.id(prefix, n), r.id(prefix, n+6)
	people := d.people
	if prefix == "p" {
		people = d.contacts
	}
	u, there := people[old]
	if _, taken := people[id]; !there || taken {
		return
	}
	delete(people, old)
	u.ID = id
	if r.in(10) {
		u.Name.First = "Nick"
	}
	people[id] = u
	renamed := func(list []string) []string {
		list = slices.Clone(list)
		for i := range list {
			if list[i] == old {
				list[i] = id
			}
		}
		return list
	}
	for _, key := range slices.Sorted(maps.Keys(d.sections)) {
		if s := d.sections[key]; r.in(80) {
			s.Students, s.Teachers, s.Teacher = renamed(s.Students), renamed(s.Teachers), renamed([]string{s.Teacher})[0]
			d.sections[key] = s
		}
	}
	for _, key := range slices.Sorted(maps.Keys(d.contacts)) {
		if !r.in(80) {
			continue
		}
		c := d.contacts[key]
		related := *c.Roles.Contact
		related.Relationships = slices.Clone(related.Relationships)
		for i, rel := range related.Relationships {
			if rel.Student == old {
				related.Relationships[i].Student = id
			}
		}
		c.Roles.Contact = &related
		d.contacts[key] = c
	}
}

// local is a user of School Manager's own, perhaps somebody of the district.
func (r chance) local() localUser {
	l := localUser{administrator: r.in(15)}
	l.Student = r.in(70)
	l.Teacher = !l.Student && r.in(90)
	id := r.id("s", 20)
	if l.Teacher {
		id = r.id("t", 11)
	}
	l.First, l.Last = r.of("Ann", "ann", "Bo", "Cy", ""), r.of(id, "Fox", "gray")
	l.Email, l.Username = r.of(id+"@X.example", id+"@x.example", "same@x.example", ""), r.of("", "U-"+id, "fox")
	return l
}
