package clevertest

import (
	"bytes"
	"slices"
)

// Operations of events, as the end of their type says.
const (
	created = "created"
	updated = "updated"
	deleted = "deleted"
)

// difference is what two views of a district make of one record, and becomes one
// event.
type difference struct {
	kind kind
	op   string
	// object is the record as it is, of a deleted one as it was; before is what
	// an updated record was.
	object, before snapshot
	// newer: it is only seen in fields that v3.0 does not have.
	newer bool
}

// snapshot is a record as it was at a moment; raw, where it is set, is how it
// was written.
type snapshot struct {
	record any
	raw    []byte
}

// differ compares two views of one district and returns what an app is told,
// in the order of the feed. It compares what is shared, and knows nothing of
// what was intended.
//
// Of the order was recorded: the district, changed schools, new users, changed
// users. Where the others stand is not known. Here new records come before
// those that name them, and what is deleted comes last, in the reverse order.
func differ(was, now *District) []difference {
	c := &comparison{was: was, now: now}
	if before, after := was.record(), now.record(); !bytes.Equal(before, after) {
		c.found = append(c.found, difference{kind: districts, op: updated, object: snapshot{raw: after}, before: snapshot{raw: before}})
	}
	order := []kind{schools, users, terms, courses, sections}
	for _, k := range order {
		c.compare(k)
	}
	place := func(d difference) int {
		at := 1 + slices.Index(order, d.kind)
		switch d.op {
		case deleted:
			return 100 - at
		case updated:
			return 2*at + 1
		default:
			return 2 * at
		}
	}
	slices.SortStableFunc(c.found, func(a, b difference) int { return place(a) - place(b) })
	return c.found
}

// comparison collects differences; kept records are filled into its scratch.
type comparison struct {
	was, now *District
	found    []difference
	keep     scratch
}

// compare finds the differences of a kind, in the order of ids. Where no school
// is hidden, only what the overlays do not share can differ; else whether a
// record is shared may depend on others, and all are looked at.
func (c *comparison) compare(k kind) {
	all := c.was.filtered(k) || c.now.filtered(k)
	rank, a, b := 0, c.was.over[k], c.now.over[k]
	plain := func(to int) {
		for ; all && rank < to; rank++ {
			c.examine(k, ref{rank: rank}, ref{rank: rank})
		}
	}
	for len(a) > 0 || len(b) > 0 {
		var x, y *entry
		if len(b) == 0 || len(a) > 0 && a[0].id <= b[0].id {
			x = a[0]
		}
		if len(a) == 0 || len(b) > 0 && b[0].id <= a[0].id {
			y = b[0]
		}
		e := x
		if x == nil {
			e, b = y, b[1:]
		} else {
			a = a[1:]
			if y != nil {
				b = b[1:]
			}
		}
		plain(e.at)
		if e.replaces {
			rank = e.at + 1
		}
		if all || x != y {
			c.examine(k, refTo(x, e), refTo(y, e))
		}
	}
	plain(c.was.source.size(k))
}

// refTo points to an entry; where a view has none, to the source's record that
// the other view's entry replaces, or to nothing.
func refTo(own, other *entry) ref {
	switch {
	case own != nil:
		return ref{over: own, rank: own.at}
	case other.replaces:
		return ref{rank: other.at}
	default:
		return ref{over: &entry{id: other.id, at: other.at, gone: true}, rank: other.at}
	}
}

// examine compares one record in the two views.
func (c *comparison) examine(k kind, before, after ref) {
	had, has := c.was.visible(k, before), c.now.visible(k, after)
	switch {
	case !had && has:
		c.found = append(c.found, difference{kind: k, op: created, object: c.snapshot(c.now, k, after)})
	case had && !has:
		c.found = append(c.found, difference{kind: k, op: deleted, object: c.snapshot(c.was, k, before)})
	case had && before != after:
		d := difference{kind: k, op: updated, object: c.snapshot(c.now, k, after), before: c.snapshot(c.was, k, before)}
		if d.seenIn("v3.1") {
			d.newer = k == users && !d.seenIn("v3.0")
			c.found = append(c.found, d)
		}
	}
}

// snapshot keeps a record of a view.
func (c *comparison) snapshot(d *District, k kind, r ref) snapshot {
	rank, ok := r.asSource()
	if !ok {
		return snapshot{record: r.over.record}
	}
	return snapshot{record: d.copyOf(k, r, &c.keep), raw: d.source.raw(k, rank)}
}

// seenIn reports whether an update shows in a version of the API. Where both
// records are users with the same keys, as nearly all are, their text tells it
// once they were modified at the same time.
func (d *difference) seenIn(version string) bool {
	f := form{version: version, event: true}
	was, ok := d.before.record.(*User)
	now, too := d.object.record.(*User)
	if ok && too && d.before.raw == nil && d.object.raw == nil && was.omit == now.omit && was.Broken == nil && now.Broken == nil {
		same := *was
		same.LastModified = now.LastModified
		return !bytes.Equal(appendUser(nil, &same, f), appendUser(nil, now, f))
	}
	before, after := d.before.append(nil, d.kind, f), d.object.append(nil, d.kind, f)
	return !bytes.Equal(before, after) && len(previous(before, after)) > 0
}

// touches reports whether the record is of a school. What is the district's
// own (courses, terms) is of none, and neither are contacts: their record
// names no school.
func (s *snapshot) touches(school string) bool {
	switch record := s.record.(type) {
	case *User:
		return record.at(school, anyRole, false)
	case *Section:
		return record.School == school
	case *School:
		return record.ID == school
	}
	return false
}
