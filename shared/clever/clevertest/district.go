package clevertest

import (
	"iter"
	"slices"
	"sync"
)

// DistrictState is what may change in Clever's record of the district. The
// state is one of running, pending, error, paused, success and "".
type DistrictState struct {
	Name       string `json:"name"`
	State      string `json:"state"`
	Error      string `json:"error"`
	LastSync   string `json:"last_sync"`
	PauseStart string `json:"pause_start,omitempty"`
	PauseEnd   string `json:"pause_end,omitempty"`
}

// state is everything that hooks change, at one moment. It is not written
// once it is stored.
type state struct {
	info      DistrictState
	original  DistrictState // as the source has it
	token     string
	rotations int
	shared    bool
	departed  int             // how often the district has left the app
	hidden    map[string]bool // schools, by id
	edits     edits
}

// District is the district as it was shared at one moment, and so the truth
// that a test compares a sync's outcome with: what it yields is what the lists
// answer, in their order. Records may be kept; they are not used again.
type District struct {
	source source
	*state
}

// District returns the district as it is shared now.
func (d *Sharing) District() *District { return &District{d.source, d.state.Load()} }

// ID returns the district's id.
func (d *District) ID() string { return d.source.districtID() }

// State returns what Clever says of the district itself.
func (d *District) State() DistrictState { return d.info }

// Users yields all users, students first, contacts last.
func (d *District) Users() iter.Seq[User] { return d.usersIn(anyRole) }

// Students yields the users with the role of a student.
func (d *District) Students() iter.Seq[User] { return d.usersIn(student) }

// Teachers yields the users with the role of a teacher.
func (d *District) Teachers() iter.Seq[User] { return d.usersIn(teacher) }

// Staff yields the users with the role of staff, some of them teachers too.
func (d *District) Staff() iter.Seq[User] { return d.usersIn(staff) }

// Admins yields the administrators of the district.
func (d *District) Admins() iter.Seq[User] { return d.usersIn(admin) }

// Contacts yields the users with the role of a contact.
func (d *District) Contacts() iter.Seq[User] { return d.usersIn(contact) }

func (d *District) usersIn(r role) iter.Seq[User] {
	return each(d, users, d.source.withRole(r), func(rank int) User { return *d.user(rank, new(scratch)) })
}

// Sections yields all sections.
func (d *District) Sections() iter.Seq[Section] {
	all := spans{{0, d.source.size(sections)}}
	return each(d, sections, all, func(rank int) Section { return *d.section(rank, new(scratch)) })
}

// Schools yields all schools.
func (d *District) Schools() iter.Seq[School] {
	return each(d, schools, spans{{0, d.source.size(schools)}}, d.school)
}

// Courses yields all courses.
func (d *District) Courses() iter.Seq[Course] {
	return each(d, courses, spans{{0, d.source.size(courses)}}, d.course)
}

// Terms yields all terms.
func (d *District) Terms() iter.Seq[Term] {
	return each(d, terms, spans{{0, d.source.size(terms)}}, d.term)
}

func each[T any](d *District, k kind, in spans, record func(int) T) iter.Seq[T] {
	return func(yield func(T) bool) {
		for rank := range in.from(0) {
			if d.visible(k, rank) && !yield(record(rank)) {
				return
			}
		}
	}
}

// Counts is how many records of each kind are shared. Who has two roles counts
// in both.
type Counts struct {
	Students, Teachers, Staff, Admins, Contacts int
	Sections, Schools, Courses, Terms           int
}

// Counts counts what is shared: at once in an untouched district, by a walk
// where something is removed or hidden.
func (d *District) Counts() Counts {
	with := func(r role) int { return d.count(users, d.source.withRole(r)) }
	all := func(k kind) int { return d.count(k, spans{{0, d.source.size(k)}}) }
	return Counts{
		Students: with(student), Teachers: with(teacher), Staff: with(staff), Admins: with(admin), Contacts: with(contact),
		Sections: all(sections), Schools: all(schools), Courses: all(courses), Terms: all(terms),
	}
}

func (d *District) count(k kind, in spans) int {
	if d.whole(k) {
		return in.size()
	}
	n := 0
	for rank := range in.from(0) {
		if d.visible(k, rank) {
			n++
		}
	}
	return n
}

// whole reports whether nothing of a kind is removed or hidden, in which case
// no record needs to be looked at to know that it is shared.
func (d *District) whole(k kind) bool {
	return len(d.edits.removed[k]) == 0 && (len(d.hidden) == 0 || k == courses || k == terms)
}

// visible reports whether the record is shared.
func (d *District) visible(k kind, rank int) bool {
	if d.whole(k) {
		return true
	}
	if d.edits.removed[k][rank] {
		return false
	}
	if len(d.hidden) == 0 {
		return true
	}
	sc := scratches.Get().(*scratch)
	defer scratches.Put(sc)
	switch k {
	case schools:
		return !d.hidden[d.source.id(schools, rank)]
	case sections:
		return !d.hidden[d.section(rank, sc).School]
	case users:
		return d.userVisible(d.user(rank, sc))
	default:
		return true
	}
}

// scratches are for looking at records that may not be shared, of which a page
// can pass over many.
var scratches = sync.Pool{New: func() any { return new(scratch) }}

// userVisible reports whether one of the user's schools is shared, or one of
// the students of a contact.
func (d *District) userVisible(u *User) bool {
	shared := func(id string) bool { return !d.hidden[id] }
	if u.Contact != nil {
		return slices.ContainsFunc(u.Contact.Relationships, func(r Relationship) bool {
			rank, ok := find(d.source, users, r.Student)
			return ok && d.visible(users, rank)
		})
	}
	at := u.schools()
	return len(at) == 0 || slices.ContainsFunc(at, shared)
}

// find returns the rank of a record that is shared.
func (d *District) find(k kind, id string) (rank int, ok bool) {
	rank, ok = find(d.source, k, id)
	return rank, ok && d.visible(k, rank)
}
