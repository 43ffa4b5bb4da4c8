package clevertest

import (
	"iter"
	"slices"
	"sync"
	"time"
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
	over      overlay         // how records differ from the source's
	made      int             // how many ids new records were given
	at        time.Time       // of the last night
	nights    int             // how many there were
	synced    *state          // what the app saw then
	feed      []*event
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

// Users yields all users.
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
	return each(d, d.withRole(r), func(at ref, sc *scratch) User { return *d.user(at, sc).clone() })
}

// Sections yields all sections.
func (d *District) Sections() iter.Seq[Section] {
	return each(d, d.everyone(sections), func(at ref, sc *scratch) Section { return *d.section(at, sc).clone() })
}

// Schools yields all schools.
func (d *District) Schools() iter.Seq[School] {
	return each(d, d.everyone(schools), func(at ref, _ *scratch) School { return d.school(at) })
}

// Courses yields all courses.
func (d *District) Courses() iter.Seq[Course] {
	return each(d, d.everyone(courses), func(at ref, _ *scratch) Course { return d.course(at) })
}

// Terms yields all terms.
func (d *District) Terms() iter.Seq[Term] {
	return each(d, d.everyone(terms), func(at ref, _ *scratch) Term { return d.term(at) })
}

func each[T any](d *District, in listing, record func(ref, *scratch) T) iter.Seq[T] {
	return func(yield func(T) bool) {
		sc := new(scratch)
		for at := range d.all(in) {
			if !yield(record(at, sc)) {
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

// Counts counts what is shared: at the cost of what has changed, or by a walk
// where a school is hidden.
func (d *District) Counts() Counts {
	with := func(r role) int { return d.count(d.withRole(r)) }
	all := func(k kind) int { return d.count(d.everyone(k)) }
	return Counts{
		Students: with(student), Teachers: with(teacher), Staff: with(staff), Admins: with(admin), Contacts: with(contact),
		Sections: all(sections), Schools: all(schools), Courses: all(courses), Terms: all(terms),
	}
}

// filtered reports whether a record of a kind needs to be looked at to know
// that it is shared.
func (d *District) filtered(k kind) bool { return len(d.hidden) > 0 && k != courses && k != terms }

// visible reports whether the record is shared.
func (d *District) visible(k kind, r ref) bool {
	if r.over != nil && r.over.gone {
		return false
	}
	if !d.filtered(k) {
		return true
	}
	if k == schools {
		return !d.hidden[d.id(schools, r)]
	}
	sc := scratches.Get().(*scratch)
	defer scratches.Put(sc)
	if k == sections {
		return !d.hidden[d.section(r, sc).School]
	}
	return d.userVisible(d.user(r, sc))
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
			_, ok := d.find(users, r.Student)
			return ok
		})
	}
	at := u.schools()
	return len(at) == 0 || slices.ContainsFunc(at, shared)
}

// find finds a record that is shared.
func (d *District) find(k kind, id string) (ref, bool) {
	r, ok := d.lookup(k, id)
	return r, ok && d.visible(k, r)
}
