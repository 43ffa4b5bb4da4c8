package clevertest

import (
	"net/http"
	"strings"
)

// versions are the API versions answered. They differ in the fields that v3.1
// added, and in the version that links and uris name.
var versions = []string{"v3.0", "v3.1"}

// call is one request to the data API with the district that its token opens, as
// it stood when the request arrived.
type call struct {
	server   *Server
	w        http.ResponseWriter
	r        *http.Request
	version  string
	district *District
}

// routes builds the mux. Relation paths are spelt in lower case by Clever's
// Swagger file and in camel case by its links; both route.
func (s *Server) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("/", notRouted)
	s.routeLogin(mux)
	mux.HandleFunc("GET /userinfo", notRouted) // for the count of requests: only SSO tokens know it
	for _, version := range versions {
		mux.HandleFunc("GET /"+version+"/me", notRouted) // likewise
		for path, answer := range api() {
			mux.HandleFunc("GET /"+version+path, func(w http.ResponseWriter, r *http.Request) {
				if s.cfg.WithoutSecureSync && !strings.HasPrefix(path, "/districts") {
					message(w, http.StatusNotFound, "Resource not in token's scopes")
					return
				}
				district := r.Context().Value(districtKey{}).(*District) // Answer has put it there
				answer(&call{server: s, w: w, r: r, version: version, district: district})
			})
		}
	}
	return mux
}

// api is the table of the data API. The lists under a course or a term are
// found by a walk over all sections: slow in a large district, and exact.
func api() map[string]func(*call) {
	contacts := func(c *call) { c.related(users, (*District).contactsOf) }
	students := func(c *call) { c.related(users, (*District).studentsOf) }
	teachers := func(c *call) { c.related(users, (*District).teachersOf) }
	table := map[string]func(*call){
		"/events":      (*call).events,
		"/events/{id}": (*call).oneEvent,

		"/districts":      (*call).districts,
		"/districts/{id}": (*call).oneDistrict,

		"/schools":               func(c *call) { c.all(schools) },
		"/schools/{id}":          func(c *call) { c.object(schools) },
		"/schools/{id}/district": func(c *call) { c.districtOf(schools) },
		"/schools/{id}/users":    (*call).schoolUsers,
		"/schools/{id}/sections": func(c *call) { c.related(schools, (*District).sectionsAt) },
		"/schools/{id}/courses":  func(c *call) { c.related(schools, (*District).coursesAt) },
		"/schools/{id}/terms":    func(c *call) { c.related(schools, (*District).termsAt) },

		"/users":                 (*call).users,
		"/users/{id}":            func(c *call) { c.object(users) },
		"/users/{id}/district":   func(c *call) { c.districtOf(users) },
		"/users/{id}/schools":    (*call).userSchools,
		"/users/{id}/sections":   func(c *call) { c.related(users, (*District).sectionsOf) },
		"/users/{id}/mycontacts": contacts,
		"/users/{id}/myContacts": contacts,
		"/users/{id}/mystudents": students,
		"/users/{id}/myStudents": students,
		"/users/{id}/myteachers": teachers,
		"/users/{id}/myTeachers": teachers,

		"/sections":               func(c *call) { c.all(sections) },
		"/sections/{id}":          func(c *call) { c.object(sections) },
		"/sections/{id}/district": func(c *call) { c.districtOf(sections) },
		"/sections/{id}/users":    (*call).sectionUsers,
		"/sections/{id}/school":   func(c *call) { c.one(schools, func(s *Section) string { return s.School }) },
		"/sections/{id}/course":   func(c *call) { c.one(courses, func(s *Section) string { return s.Course }) },
		"/sections/{id}/term":     func(c *call) { c.one(terms, func(s *Section) string { return s.Term }) },

		"/courses":               func(c *call) { c.all(courses) },
		"/courses/{id}":          func(c *call) { c.object(courses) },
		"/courses/{id}/district": func(c *call) { c.districtOf(courses) },
		"/courses/{id}/sections": func(c *call) { c.related(courses, (*District).sectionsOfCourse) },
		"/courses/{id}/schools":  func(c *call) { c.related(courses, (*District).schoolsOfCourse) },

		"/terms":               func(c *call) { c.all(terms) },
		"/terms/{id}":          func(c *call) { c.object(terms) },
		"/terms/{id}/district": func(c *call) { c.districtOf(terms) },
		"/terms/{id}/sections": func(c *call) { c.related(terms, (*District).sectionsOfTerm) },
		"/terms/{id}/schools":  func(c *call) { c.related(terms, (*District).schoolsOfTerm) },
	}
	addResources(table)
	return table
}

// all answers the list of everything of a kind.
func (c *call) all(k kind) {
	c.list(c.district.everyone(k))
}

// target finds the record that the path names, or answers 404 as JSON: the
// route exists, the object does not.
func (c *call) target(k kind) (r ref, ok bool) {
	r, ok = c.district.find(k, c.r.PathValue("id"))
	if !ok {
		message(c.w, http.StatusNotFound, "Resource not found")
	}
	return r, ok
}
