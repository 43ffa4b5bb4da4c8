package clevertest

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// absence is how long somebody may be gone and come back under the old id.
const absence = 300 * 24 * time.Hour

// plot is one night while it happens: what is to happen, the draft that it
// happens to, and who and what there is, by id. What nights do is spread over
// pupils.go, classroom.go, homes.go, newids.go and rollover.go.
type plot struct {
	Night
	*draft
	seed   uint64
	number int
	at     time.Time
	dice   dice
	people people

	// Present lists, ascending and kept up with the draft.
	students, teachers, contacts, sectionIDs roll
	schoolIDs                                []string
	of                                       map[string]*place // by school
	// classes are the sections of a pupil or teacher; family the contacts of a
	// pupil; lessons what a section is of.
	classes map[string][]string
	family  map[string][]string
	lessons map[string]lessonOf
	lastOf  map[string]int // how many sections a course or a term has
}

// place is who and what is at a school first of all.
type place struct {
	id                           string
	students, teachers, sections roll
	low, high                    string
}

// lessonOf is what is looked up of a section more often than its record.
type lessonOf struct{ school, grade, period, course, term string }

// roll is a set of ids in ascending order.
type roll []string

func (r *roll) add(id string) {
	if at, ok := slices.BinarySearch(*r, id); !ok {
		*r = slices.Insert(*r, at, id)
	}
}

func (r roll) has(id string) bool {
	_, ok := slices.BinarySearch(r, id)
	return ok
}

func (r *roll) drop(id string) {
	if at, ok := slices.BinarySearch(*r, id); ok {
		*r = slices.Delete(*r, at, at+1)
	}
}

func newPlot(c *draft, n Night, seed uint64, number int, at time.Time) *plot {
	p := &plot{
		Night: n, draft: c, seed: seed, number: number, at: at, people: newPeople(), of: map[string]*place{},
		classes: map[string][]string{}, family: map[string][]string{}, lessons: map[string]lessonOf{}, lastOf: map[string]int{},
	}
	p.forget(at.Add(-2 * absence))
	if n != (Night{At: n.At, KeepLastSync: n.KeepLastSync}) {
		p.takeStock()
	}
	return p
}

// takeStock reads who and what there is, whether or not it is shared: what an
// app may not see lives on as well.
func (p *plot) takeStock() {
	d := *p.was
	st := *d.state
	st.hidden = nil
	d.state = &st
	for r := range d.all(d.everyone(schools)) {
		s := d.school(r)
		p.schoolIDs = append(p.schoolIDs, s.ID)
		p.of[s.ID] = &place{id: s.ID, low: s.LowGrade, high: s.HighGrade}
	}
	for r := range d.all(d.everyone(users)) {
		p.count(d.user(r, &p.walk))
	}
	for r := range d.all(d.everyone(sections)) {
		p.enter(d.section(r, &p.walk))
	}
}

// count enters a user in the lists. What it keeps are ids, and copies of them,
// since the record is only looked at.
func (p *plot) count(u *User) {
	id := strings.Clone(u.ID)
	switch {
	case u.Student != nil:
		p.students.add(id)
		if at := p.of[u.Student.School]; at != nil {
			at.students.add(id)
		}
	case u.Teacher != nil:
		p.teachers.add(id)
		if at := p.of[u.Teacher.School]; at != nil {
			at.teachers.add(id)
		}
	case u.Contact != nil:
		p.contacts.add(id)
		for _, r := range u.Contact.Relationships {
			if !slices.Contains(p.family[r.Student], id) {
				p.family[r.Student] = append(p.family[r.Student], id)
			}
		}
	}
}

// enter enters a section in the lists.
func (p *plot) enter(s *Section) {
	id := strings.Clone(s.ID)
	p.sectionIDs.add(id)
	if at := p.of[s.School]; at != nil {
		at.sections.add(id)
	}
	p.lessons[id] = lessonOf{s.School, s.Grade, s.Period, s.Course, s.Term}
	p.lastOf[s.Course]++
	p.lastOf[s.Term]++
	for _, member := range slices.Concat(s.Students, s.Teachers) {
		p.classes[member] = append(p.classes[member], id)
	}
}

// play lets the night happen, in a fixed order. Each step has its own dice, so
// that asking for more of one thing does not change another.
func (p *plot) play() {
	steps := []func(){
		p.rollover, p.leaves, p.returns, p.joins, p.transfers, p.moves, p.renames, p.emails, p.facts,
		p.teachersLeave, p.teachersJoin, p.coTeachers, p.sectionsClose, p.sectionsOpen, p.sectionsRenamed,
		p.changeContacts, p.newContacts, p.sisIDs, p.newStudents, p.newTeachers, p.newSections, p.newCourses, p.newTerms,
	}
	for i, step := range steps {
		p.dice = newDice(p.seed, forNight, p.number<<8|i)
		step()
	}
	p.endCourses()
}

// draw picks some of a list: an amount of it, each once, in ascending order.
func (p *plot) draw(from []string, a Amount) []string {
	n := min(p.amount(a, len(from)), len(from))
	if n == len(from) {
		return slices.Clone(from)
	}
	chosen := map[int]bool{}
	for len(chosen) < n {
		chosen[p.dice.roll(len(from))] = true
	}
	var picked []string
	for _, at := range slices.Sorted(maps.Keys(chosen)) {
		picked = append(picked, from[at])
	}
	return picked
}

// amount is how many that is of a number: a share that is no whole number is
// rounded by the dice, so that small districts change as well, now and then.
func (p *plot) amount(a Amount, of int) int {
	part := a.Share * float64(of)
	n := int(part)
	if float64(p.dice.roll(1<<20))/(1<<20) < part-float64(n) {
		n++
	}
	return n + a.Count
}

// one picks one of a list, "" of an empty one.
func (p *plot) one(from []string) string {
	if len(from) == 0 {
		return ""
	}
	return from[p.dice.roll(len(from))]
}

// insert adds a new record. Its id is new, so it cannot be there.
func (p *plot) insert(k kind, id string, record any) {
	if err := p.add(k, id, record); err != nil {
		panic("clevertest: a new id is taken: " + err.Error())
	}
}

// is reports whether there is such a record, not gone.
func (p *plot) is(k kind, id string) bool {
	if e, ok := p.changes[k][id]; ok {
		return e != nil && !e.gone
	}
	r, ok := p.was.lookup(k, id)
	return ok && (r.over == nil || !r.over.gone)
}

// drop takes a record away; it may return.
func (p *plot) drop(k kind, id string) {
	e := p.entry(k, id)
	e.gone, e.left = true, p.at
}

// replace takes a record away whose person or class goes on under a new id.
func (p *plot) replace(k kind, id string) {
	e := p.entry(k, id)
	if !e.replaces {
		p.changes[k][id] = nil
		return
	}
	e.gone, e.left, e.record, e.fresh = true, time.Time{}, nil, false
}

// peek returns a user as the draft has it, to be looked at only and until the
// next look.
func (p *plot) peek(id string) *User {
	if e := p.changes[users][id]; e != nil && e.record != nil {
		return e.record.(*User)
	}
	r, _ := p.was.lookup(users, id)
	return p.was.user(r, &p.walk)
}

// peekSection is peek for sections.
func (p *plot) peekSection(id string) *Section {
	if e := p.changes[sections][id]; e != nil && e.record != nil {
		return e.record.(*Section)
	}
	r, _ := p.was.lookup(sections, id)
	return p.was.section(r, &p.walk)
}
