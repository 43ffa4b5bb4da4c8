package clevertest

import (
	"net/http"
)

// related answers a list that hangs on the record that the path names, of
// kind of.
func (c *call) related(of kind, list func(*District, ref) listing) {
	if r, ok := c.target(of); ok {
		c.list(list(c.district, r))
	}
}

// one answers the one object that a section names, which carries only its self
// link there.
func (c *call) one(k kind, name func(*Section) string) {
	at, ok := c.target(sections)
	if !ok {
		return
	}
	r, ok := c.district.find(k, name(c.district.section(at, new(scratch))))
	if !ok {
		message(c.w, http.StatusNotFound, "Resource not found")
		return
	}
	body := c.district.appendRecord([]byte(`{"data":`), k, r, c.version, new(scratch))
	c.single(body, "/"+k.path()+"/"+c.district.id(k, r))
}

// object answers one record with the links to its relations.
func (c *call) object(k kind) {
	r, ok := c.target(k)
	if !ok {
		return
	}
	sc := new(scratch)
	body := c.district.appendRecord([]byte(`{"data":`), k, r, c.version, sc)
	c.single(body, "/"+k.path()+"/"+c.district.id(k, r), c.district.relations(k, r)...)
}

// single ends a body begun with a record and sends it. The relations are under
// the record's own path.
func (c *call) single(body []byte, path string, relations ...string) {
	self := "/" + c.version + path
	body = append(body, `,"links":[`...)
	body = appendLink(body, "self", self)
	for _, rel := range relations {
		body = appendLink(append(body, ','), rel, self+"/"+rel)
	}
	c.server.send(c.w, c.r, append(body, `]}`...))
}

func (c *call) oneDistrict() {
	if c.r.PathValue("id") != c.district.source.districtID() {
		message(c.w, http.StatusNotFound, "Resource not found")
		return
	}
	c.sendDistrict()
}

func (c *call) districtOf(k kind) {
	if _, ok := c.target(k); ok {
		c.sendDistrict()
	}
}

func (c *call) sendDistrict() {
	c.single(append([]byte(`{"data":`), c.district.record()...), "/districts/"+c.district.source.districtID())
}

// districts answers the one district that a token opens. This list has no
// paging.
func (c *call) districts() {
	if c.r.URL.Query().Get("count") == "true" {
		c.server.send(c.w, c.r, []byte(`{"count":1}`))
		return
	}
	body := append([]byte(`{"data":[{"data":`), c.district.record()...)
	body = field(body, `,"uri":`, "/"+c.version+"/districts/"+c.district.source.districtID())
	body = append(body, `}],"links":[`...)
	body = appendLink(body, "self", c.r.URL.RequestURI())
	c.server.send(c.w, c.r, append(body, `]}`...))
}
