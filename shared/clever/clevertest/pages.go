package clevertest

import (
	"net/http"
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
	ranks   []int
}

// paging is the part of the query that says which page is wanted.
type paging struct {
	limit         int
	after, before string
}

// page is the records of one answer. More says that the list goes on after
// the last of them.
type page struct {
	ranks []int
	more  bool
}

// list answers one page of a list.
func (c *call) list(k kind, in spans) {
	want, ok := c.paging()
	if !ok {
		return
	}
	b := bodies.Get().(*body)
	defer bodies.Put(b)
	if c.r.URL.Query().Get("count") == "true" && !strings.Contains(c.r.Pattern, "{") {
		b.text = strconv.AppendInt(append(b.text[:0], `{"count":`...), int64(c.district.count(k, in)), 10)
		c.server.send(c.w, c.r, append(b.text, '}'))
		return
	}
	p := c.district.page(k, in, want, b.ranks[:0])
	b.ranks = p.ranks
	b.text = append(b.text[:0], `{"data":[`...)
	for i, rank := range p.ranks {
		if i > 0 {
			b.text = append(b.text, ',')
		}
		b.text = c.district.appendItem(b.text, k, rank, c.version, &b.scratch)
	}
	b.text = append(b.text, `],"links":[`...)
	b.text = c.appendLinks(b.text, k, p, want)
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
func (d *District) page(k kind, in spans, want paging, ranks []int) page {
	if want.before != "" {
		end := search(d.source, k, want.before, true)
		for rank := range in.below(end) {
			if len(ranks) == want.limit {
				break
			}
			if d.visible(k, rank) {
				ranks = append(ranks, rank)
			}
		}
		for i, j := 0, len(ranks)-1; i < j; i, j = i+1, j-1 {
			ranks[i], ranks[j] = ranks[j], ranks[i]
		}
		return page{ranks, d.any(k, in, end)}
	}
	start := 0
	if want.after != "" {
		start = search(d.source, k, want.after, false)
	}
	for rank := range in.from(start) {
		if !d.visible(k, rank) {
			continue
		}
		if len(ranks) == want.limit {
			return page{ranks, true}
		}
		ranks = append(ranks, rank)
	}
	return page{ranks, false}
}

// any reports whether the list has a record at or after a rank.
func (d *District) any(k kind, in spans, rank int) bool {
	for at := range in.from(rank) {
		if d.visible(k, at) {
			return true
		}
	}
	return false
}

// appendLinks appends self, then prev (only where the request had a cursor),
// then next (only where there is more), as recorded. An empty page has self
// alone: there is no id to build the others from.
func (c *call) appendLinks(dst []byte, k kind, p page, want paging) []byte {
	dst = appendLink(dst, "self", c.r.URL.RequestURI())
	if len(p.ranks) == 0 {
		return dst
	}
	if want.after != "" || want.before != "" {
		first := c.district.source.id(k, p.ranks[0])
		dst = appendLink(append(dst, ','), "prev", c.cursorURI("ending_before", first))
	}
	if p.more {
		last := c.district.source.id(k, p.ranks[len(p.ranks)-1])
		dst = appendLink(append(dst, ','), "next", c.cursorURI("starting_after", last))
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
