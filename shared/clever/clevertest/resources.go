package clevertest

import (
	"net/http"
)

// addResources adds the routes of resources to the table of the data API. They
// are another program's at Clever, and it was recorded to answer with a list of
// its own form, whatever the Swagger file says, that was always empty. So
// there is no resource to ask for by its id either: those routes answer 404, as
// of any object that is not shared.
func addResources(table map[string]func(*call)) {
	table["/resources"] = (*call).noResources
	for _, k := range []kind{users, sections, courses} {
		table["/"+k.path()+"/{id}/resources"] = func(c *call) {
			if _, ok := c.target(k); ok {
				c.noResources()
			}
		}
	}
	for _, path := range []string{"/resources/{id}", "/resources/{id}/courses", "/resources/{id}/sections", "/resources/{id}/users"} {
		table[path] = func(c *call) { message(c.w, http.StatusNotFound, "Resource not found") }
	}
}

// noResources answers a list of resources. It has no links, so it never pages;
// what is wrong with the query is refused as everywhere.
func (c *call) noResources() {
	if _, ok := c.paging(); !ok {
		return
	}
	h := c.w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Clever-Request-Id", requestID())
	c.w.Write([]byte(`{"resources":[]}`))
}
