// Package roster holds the pure rules of a sync: what of a Clever record is
// kept, how it is cleaned, what is wrong with it, and when two records are the
// same. It knows neither database nor network.
//
// The way of a record: shared/clever decodes it into a Source type, a Mapper
// turns it into a record of School Manager (User, Classroom, Parent, School)
// together with its Issues, and Hash makes of that the one value by which
// tonight's record is compared with the applied one. Rules that look at other
// rows (forced unique names, duplicate addresses, who is linked to whom) are
// not here but in the plan, so that a record's hash never depends on another
// record.
package roster

import "slices"

// Kind is a kind of thing that a sync keeps, as issues and counts name it.
type Kind string

// The kinds.
const (
	KindSchool     Kind = "school"
	KindUser       Kind = "user"
	KindClassroom  Kind = "classroom"
	KindMembership Kind = "membership"
	KindParent     Kind = "parent"
	KindLink       Kind = "parent_link"
	// KindDistrict is no record: it stands in issues that concern everything.
	KindDistrict Kind = "district"
)

// Kinds lists every kind in the order in which a plan treats them: what others
// refer to comes first.
func Kinds() []Kind {
	return []Kind{KindSchool, KindUser, KindClassroom, KindMembership, KindParent, KindLink}
}

// Options are the choices of a tenant that shape its roster. A run works with
// the copy taken when it began.
type Options struct {
	// Whole means every school of the district; Schools is empty then. A
	// tenant never gets the whole district by leaving Schools empty.
	Whole   bool     `json:"whole"`
	Schools []string `json:"schools"`

	Classrooms       bool `json:"classrooms"`
	UniqueClassNames bool `json:"unique_class_names"`

	Parents     bool     `json:"parents"`
	ParentTypes []string `json:"parent_types"`

	// MatchByName lets new users adopt local ones by first and last name too,
	// where neither e-mail nor username finds anybody.
	MatchByName bool `json:"match_users_by_name"`
}

// AtSchool tells whether a school is one of the tenant's.
func (o Options) AtSchool(id string) bool {
	return id != "" && (o.Whole || slices.Contains(o.Schools, id))
}

// ParentTypes are the relationship types that Clever knows; the first four are
// those of the product's own page and preselected.
var ParentTypes = []string{"Parent/Guardian", "Family", "Emergency", "Other", "Primary", "Secondary"}

// User is a student or teacher as School Manager keeps it. Whoever holds both
// roles is one user with both.
type User struct {
	ID                  string
	First, Middle, Last string
	Email               string
	// EmailKey is the address case-folded, for comparison only; empty where
	// there is no address.
	EmailKey         string
	Username         string
	SISID            string
	Student, Teacher bool
	// Schools are those of the tenant's schools at which the user is, sorted;
	// schools outside the tenant's are not stored.
	Schools                             []string
	Grade, StudentNumber, TeacherNumber string
}

// Classroom is a section. Name is as Clever gives it and may be empty; the
// name that people see is decided in the plan. Course and Term are Clever ids
// whose facts the plan looks up.
type Classroom struct {
	ID, Name, SISID, School, Course, Term string
	Subject, Grade, Period                string
	// Students and Teachers name each user once. Teachers starts with the
	// primary teacher.
	Students, Teachers []string
}

// Parent is a contact that is related to at least one student by a selected
// type.
type Parent struct {
	ID, Name, Email, Phone, PhoneType string
	Links                             []Link
}

// Link relates a parent to one student; it is known by student and type.
type Link struct {
	Student, Relationship, Type string
}

// School is a school of the tenant.
type School struct {
	ID, Name, SISID, Number string
}

// Course gives a classroom the name and number of its subject matter.
type Course struct {
	ID, Name, Number string
}

// Term gives a classroom its time. Start and End are dates as YYYY-MM-DD or
// empty.
type Term struct {
	ID, Name, Start, End string
}

// Hash is the identity of a record's content: equal hashes mean that nothing
// need be written.
type Hash [16]byte
