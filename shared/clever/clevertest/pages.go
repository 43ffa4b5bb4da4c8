package clevertest

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
)

const (
	defaultLimit = 100
	maxLimit     = 10000
)

// bodies are reused, since a page of 10,000 users takes 9 MB.
var bodies = sync.Pool{New: func() any { return new(body) }}

// body is what a page needs while it is made.
type body struct {
	text    []byte
	scratch scratch
	refs    []ref
}

// paging is the part of the query that says which page is wanted.
type paging struct {
	limit         int
	after, before string
}

// page is the records of one answer. More says that the list goes on after
// the last of them.
type page struct {
	refs []ref
	more bool
}

// list answers one page of a list.
func (c *call) list(in listing) {
	want, ok := c.paging()
	if !ok {
		return
	}
	b := bodies.Get().(*body)
	defer bodies.Put(b)
	if c.r.URL.Query().Get("count") == "true" && !strings.Contains(c.r.Pattern, "{") {
		b.text = strconv.AppendInt(append(b.text[:0], `{"count":`...), int64(c.district.count(in)), 10)
		c.server.send(c.w, c.r, append(b.text, '}'))
		return
	}
	p := c.district.page(in, want, b.refs[:0])
	b.refs = p.refs
	b.text = append(b.text[:0], `{"data":[`...)
	for i, r := range p.refs {
		if i > 0 {
			b.text = append(b.text, ',')
		}
		b.text = c.district.appendItem(b.text, in.kind, r, c.version, &b.scratch)
	}
	b.text = append(b.text, `],"links":[`...)
	b.text = c.appendLinks(b.text, p.ends(c.district, in.kind), want)
	b.text = append(b.text, `]}`...)
	c.server.send(c.w, c.r, b.text)
}

// paging reads the query, or answers what is wrong with it.
func (c *call) paging() (paging, bool) {
	query := c.r.URL.Query()
	p := paging{limit: defaultLimit, after: query.Get("starting_after"), before: query.Get("ending_before")}
	if sent := query.Get("limit"); sent != "" {
		n, err := strconv.Atoi(sent)
		if err != nil || n < 1 {
			message(c.w, http.StatusBadRequest, "limit must be a positive integer")
			return p, false
		}
		p.limit = n
	}
	switch {
	case p.limit > maxLimit:
		message(c.w, http.StatusRequestEntityTooLarge, "limit must not exceed 10000")
		return p, false
	case p.after != "" && p.before != "":
		message(c.w, http.StatusBadRequest, "starting_after and ending_before exclude each other")
		return p, false
	}
	return p, true
}

// page finds the page's records. Cursors are ranges: any string will do, and
// what "ending_before" wants is the page just before it, ascending too.
func (d *District) page(in listing, want paging, refs []ref) page {
	if want.before != "" {
		end := d.after(in.kind, want.before, true)
		for r := range d.below(in, end) {
			if len(refs) == want.limit {
				break
			}
			refs = append(refs, r)
		}
		slices.Reverse(refs)
		more := false
		for range d.from(in, end) {
			more = true
			break
		}
		return page{refs, more}
	}
	var start bound
	if want.after != "" {
		start = d.after(in.kind, want.after, false)
	}
	for r := range d.from(in, start) {
		if len(refs) == want.limit {
			return page{refs, true}
		}
		refs = append(refs, r)
	}
	return page{refs, false}
}

// ends is what a page's links are made of: the first and the last id on it, ""
// where it is empty, and whether the list goes on.
type ends struct {
	first, last string
	more        bool
}

func (p page) ends(d *District, k kind) ends {
	if len(p.refs) == 0 {
		return ends{}
	}
	return ends{d.id(k, p.refs[0]), d.id(k, p.refs[len(p.refs)-1]), p.more}
}

// appendLinks appends self, then prev (only where the request had a cursor),
// then next (only where there is more), as recorded. An empty page has self
// alone: there is no id to build the others from.
func (c *call) appendLinks(dst []byte, p ends, want paging) []byte {
	dst = appendLink(dst, "self", c.r.URL.RequestURI())
	if p.first == "" {
		return dst
	}
	if want.after != "" || want.before != "" {
		dst = appendLink(append(dst, ','), "prev", c.cursorURI("ending_before", p.first))
	}
	if p.more {
		dst = appendLink(append(dst, ','), "next", c.cursorURI("starting_after", p.last))
	}
	return dst
}

// cursorURI builds a neighbour's uri: the limit first, if one was sent, then
// the other parameters as sent, then the cursor.
func (c *call) cursorURI(cursor, id string) string {
	var limit, others string
	for part := range strings.SplitSeq(c.r.URL.RawQuery, "&") {
		switch key, _, _ := strings.Cut(part, "="); key {
		case "", "starting_after", "ending_before":
		case "limit":
			limit = part + "&"
		default:
			others += part + "&"
		}
	}
	return c.r.URL.EscapedPath() + "?" + limit + others + cursor + "=" + id
}
