package clevertest

import (
	"net/http"
)

// related answers a list of kind to that hangs on the record that the path
// names, of kind of.
func (c *call) related(of, to kind, list func(*District, int) spans) {
	if rank, ok := c.target(of); ok {
		c.list(to, list(c.district, rank))
	}
}

// one answers the one object that a section names, which carries only its self
// link there.
func (c *call) one(k kind, name func(*Section) string) {
	at, ok := c.target(sections)
	if !ok {
		return
	}
	rank, ok := c.district.find(k, name(c.district.section(at, new(scratch))))
	if !ok {
		message(c.w, http.StatusNotFound, "Resource not found")
		return
	}
	body := c.district.appendRecord([]byte(`{"data":`), k, rank, c.version, new(scratch))
	c.single(body, "/"+k.path()+"/"+c.district.source.id(k, rank))
}

// object answers one record with the links to its relations.
func (c *call) object(k kind) {
	rank, ok := c.target(k)
	if !ok {
		return
	}
	sc := new(scratch)
	body := c.district.appendRecord([]byte(`{"data":`), k, rank, c.version, sc)
	c.single(body, "/"+k.path()+"/"+c.district.source.id(k, rank), c.district.relations(k, rank)...)
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
