package clevertest

import (
	"fmt"
	"time"
)

// Amount is how many of something a night changes: a share of all there are,
// and a number besides. Both are bounded by how many there are.
type Amount struct {
	Share float64 `json:"share,omitempty"`
	Count int     `json:"count,omitempty"`
}

// Share is a share of all, 0 to 1.
func Share(part float64) Amount { return Amount{Share: part} }

// Count is a number.
func Count(n int) Amount { return Amount{Count: n} }

// Night is what happens in a district between two of its syncs. Its zero value
// is a quiet night, in which only last_sync moves. Every field may come from
// JSON. Rates of pupils, teachers, contacts and sections are shares of those
// that there are; which of them it is, the district's seed and the number of
// the night decide.
type Night struct {
	// At is when the sync is, and what last_sync becomes; its events come 66
	// seconds later. By default that is now, where there is a [Config.Now], and
	// without one a day after the night before.
	At time.Time `json:"at,omitzero"`
	// KeepLastSync leaves last_sync as it is, as at a paused district.
	KeepLastSync bool `json:"keep_last_sync,omitempty"`

	// Joins: new pupils, with one or two contacts each, in sections of their
	// grade. Leaves: pupils who are gone, from sections too, and their contacts
	// where these have no other. Returns: of the pupils who left at night, those
	// who come back, with their contacts: under the old id, or after 300 days
	// under a new one.
	Joins   Amount `json:"joins,omitzero"`
	Leaves  Amount `json:"leaves,omitzero"`
	Returns Amount `json:"returns,omitzero"`
	// Transfers: pupils who change schools, and so sections. Moves: pupils who
	// leave one section of theirs for another of the same school.
	Transfers Amount `json:"transfers,omitzero"`
	Moves     Amount `json:"moves,omitzero"`
	// Renames and Emails: pupils, and as many teachers, whose name or address
	// changes. A teacher who is also staff may so become two users, since Clever
	// merges roles by e-mail. Facts: pupils of whom something changes that only
	// v3.1 tells.
	Renames Amount `json:"renames,omitzero"`
	Emails  Amount `json:"emails,omitzero"`
	Facts   Amount `json:"facts,omitzero"`
	// SisIDs: pupils and teachers whose sis_id changes, for which Clever gives
	// the same person a new id; sections and contacts follow.
	SisIDs Amount `json:"sis_ids,omitzero"`

	TeachersJoin  Amount `json:"teachers_join,omitzero"`
	TeachersLeave Amount `json:"teachers_leave,omitzero"`
	// CoTeachers: sections that get a teacher more, or lose one.
	CoTeachers Amount `json:"co_teachers,omitzero"`

	// SectionsOpen and SectionsClose: new sections like others of their school,
	// and sections that go; a course or a term that so loses its last section
	// goes as well, and a later section of its name brings it back under a new
	// id. SectionsRenamed: sections that take the name of another.
	SectionsOpen    Amount `json:"sections_open,omitzero"`
	SectionsClose   Amount `json:"sections_close,omitzero"`
	SectionsRenamed Amount `json:"sections_renamed,omitzero"`

	// Contacts: contacts whose phone, e-mail or name changes. With a sis_id they
	// keep their id, without one they are deleted and created anew.
	Contacts Amount `json:"contacts,omitzero"`

	// New ids for what is otherwise the same, as after a district has changed
	// its system; what names them follows.
	NewStudents Amount `json:"new_students,omitzero"`
	NewTeachers Amount `json:"new_teachers,omitzero"`
	NewContacts Amount `json:"new_contacts,omitzero"`
	NewSections Amount `json:"new_sections,omitzero"`
	NewCourses  Amount `json:"new_courses,omitzero"`
	NewTerms    Amount `json:"new_terms,omitzero"`

	// Rollover is the end of a school year: everybody's grade goes up, the
	// highest grade of a school goes on to another school or leaves, beginners
	// come in their place, terms are those of next year, and every section is
	// closed and opened anew, by the same name and with other pupils.
	Rollover bool `json:"rollover,omitempty"`
}

// SchoolNight is a night in the middle of the year: in a district of 20,000
// pupils about 250 changes.
func SchoolNight() Night {
	return Night{
		Joins: Share(.0005), Leaves: Share(.0005), Returns: Share(.02), Transfers: Share(.0005), Moves: Share(.003),
		Renames: Share(.0003), Emails: Share(.0005), Facts: Share(.0005), SisIDs: Share(.0001),
		TeachersJoin: Share(.0005), TeachersLeave: Share(.0005), CoTeachers: Share(.002),
		SectionsOpen: Share(.001), SectionsClose: Share(.001), SectionsRenamed: Share(.0003), Contacts: Share(.002),
	}
}

// YearEnd is the night of the rollover.
func YearEnd() Night { return Night{Rollover: true} }

// Vanishing is a night in which a share of the pupils goes: just under the
// share at which somebody looks, for instance, and night after night.
func Vanishing(share float64) Night { return Night{Leaves: Share(share)} }

// TeachersGone is a night in which that many teachers go, but never the last.
func TeachersGone(n int) Night { return Night{TeachersLeave: Count(n)} }

// Namesake is a night in which one section takes the name of another.
func Namesake() Night { return Night{SectionsRenamed: Count(1)} }

// NewSystem is a night after which everybody and every section has a new id.
func NewSystem() Night {
	return Night{NewStudents: Share(1), NewTeachers: Share(1), NewContacts: Share(1), NewSections: Share(1)}
}

// amounts lists what the night changes, by the names of its JSON.
func (n *Night) amounts() map[string]Amount {
	return map[string]Amount{
		"joins": n.Joins, "leaves": n.Leaves, "returns": n.Returns, "transfers": n.Transfers, "moves": n.Moves,
		"renames": n.Renames, "emails": n.Emails, "facts": n.Facts, "sis_ids": n.SisIDs,
		"teachers_join": n.TeachersJoin, "teachers_leave": n.TeachersLeave, "co_teachers": n.CoTeachers,
		"sections_open": n.SectionsOpen, "sections_close": n.SectionsClose, "sections_renamed": n.SectionsRenamed,
		"contacts": n.Contacts, "new_students": n.NewStudents, "new_teachers": n.NewTeachers, "new_contacts": n.NewContacts,
		"new_sections": n.NewSections, "new_courses": n.NewCourses, "new_terms": n.NewTerms,
	}
}

// check refuses amounts that cannot be.
func (n *Night) check() error {
	for name, a := range n.amounts() {
		if !(a.Share >= 0 && a.Share <= 1) || a.Count < 0 || a.Count > maxStudents {
			return fmt.Errorf("night: %s: a share of %v and %d: want a share of 0 to 1 and a number of 0 to %d", name, a.Share, a.Count, maxStudents)
		}
	}
	return nil
}
