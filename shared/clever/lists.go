package clever

import (
	"net/url"
	"strconv"
)

const version = "/v3.1"

// List is one of Clever's lists. The same list has the same path in every run,
// so that a cursor can be kept across restarts.
type List struct {
	// Path is the path and query of the first page, such as
	// "/v3.1/users?limit=2000&role=student".
	Path string
}

// StudentsOf lists the students of a school, or of the whole district where
// school is empty. Limits are records per page, up to Clever's 10,000.
func StudentsOf(school string, limit int) List { return people(school, "student", limit) }

// TeachersOf lists the teachers of a school, or of the whole district.
func TeachersOf(school string, limit int) List { return people(school, "teacher", limit) }

// SectionsOf lists the sections of a school, or of the whole district.
func SectionsOf(school string, limit int) List { return scoped(school, "sections", limit) }

// CoursesOf lists the courses of a school, or of the whole district.
func CoursesOf(school string, limit int) List { return scoped(school, "courses", limit) }

// TermsOf lists the terms of a school, or of the whole district.
func TermsOf(school string, limit int) List { return scoped(school, "terms", limit) }

// AllSchools lists the schools of the district.
func AllSchools(limit int) List { return scoped("", "schools", limit) }

// AllContacts lists every contact of the district: Clever knows contacts of a
// student and of a district, but none of a school.
func AllContacts(limit int) List { return people("", "contact", limit) }

// ContactsOf lists the contacts of one student. A student who has gone since
// the student was listed answers clever_not_shared; that is no reason to fail
// a run.
func ContactsOf(student string, limit int) List {
	return List{version + "/users/" + url.PathEscape(student) + "/mycontacts" + paged(limit)}
}

func people(school, role string, limit int) List {
	l := scoped(school, "users", limit)
	return List{l.Path + "&role=" + role}
}

func scoped(school, kind string, limit int) List {
	if school == "" {
		return List{version + "/" + kind + paged(limit)}
	}
	return List{version + "/schools/" + url.PathEscape(school) + "/" + kind + paged(limit)}
}

// paged puts the limit first, as Clever's own links do.
func paged(limit int) string { return "?limit=" + strconv.Itoa(limit) }
