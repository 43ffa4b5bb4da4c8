package clevertest

import (
	"net/http"
	"slices"
	"time"
)

// feed returns the events that the district's app may still read.
func (c *call) feed() []*event {
	now := c.district.at
	if c.server.cfg.Now != nil {
		now = c.server.cfg.Now()
	}
	return kept(c.district.feed, now)
}

// events answers a page of the feed, oldest first.
func (c *call) events() {
	want, ok := c.paging()
	if !ok {
		return
	}
	selected, ok := c.selection()
	if !ok {
		return
	}
	found, more := selected.page(c.feed(), want)
	body := []byte(`{"data":[`)
	for i, e := range found {
		if i > 0 {
			body = append(body, ',')
		}
		body = e.append(append(body, `{"data":`...), c.version)
		body = append(field(body, `,"uri":`, "/"+c.version+"/events/"+e.id), '}')
	}
	var at ends
	if n := len(found); n > 0 {
		at = ends{found[0].id, found[n-1].id, more}
	}
	if c.r.URL.RawQuery == "" {
		c.r.URL.ForceQuery = true // recorded: the self link is "/v3.0/events?"
	}
	body = c.appendLinks(append(body, `],"links":[`...), at, want)
	c.server.send(c.w, c.r, append(body, `]}`...))
}

// selection reads which events are wanted, or answers what is wrong with it.
func (c *call) selection() (*selection, bool) {
	query := c.r.URL.Query()
	s := &selection{version: c.version, school: query.Get("school")}
	for _, name := range query["record_type"] {
		switch i := slices.Index(recordTypes(), name); {
		case i >= 0:
			s.kinds = append(s.kinds, kind(i))
		case name != "resources": // of which there are no events
			message(c.w, http.StatusBadRequest, "record_type must be one of users, schools, sections, courses, terms, districts, resources")
			return nil, false
		default:
			s.kinds = append(s.kinds, -1)
		}
	}
	return s, true
}

// recordTypes names the kinds in their order.
func recordTypes() []string {
	var names []string
	for k := users; k <= districts; k++ {
		names = append(names, k.path())
	}
	return names
}

// oneEvent answers a single event, while it is kept.
func (c *call) oneEvent() {
	selected := selection{version: c.version}
	feed, id := c.feed(), c.r.PathValue("id")
	i := slices.IndexFunc(feed, func(e *event) bool { return e.id == id && selected.has(e) })
	if i < 0 {
		message(c.w, http.StatusNotFound, "Resource not found")
		return
	}
	c.single(feed[i].append([]byte(`{"data":`), c.version), "/events/"+id)
}

// append appends an event.
func (e *event) append(dst []byte, version string) []byte {
	f := form{version: version, event: true}
	dst = field(dst, `{"id":`, e.id)
	dst = field(dst, `,"type":`, e.name())
	dst = field(dst, `,"created":`, timestamp(time.Unix(e.time, 0)))
	dst = append(dst, `,"data":{"object":`...)
	start := len(dst)
	dst = e.object.append(dst, e.kind, f)
	if e.op == updated {
		diff := plainJSON(previous(e.before.append(nil, e.kind, f), dst[start:]))
		dst = append(append(dst, `,"previous_attributes":`...), diff...)
	}
	return append(dst, `}}`...)
}
