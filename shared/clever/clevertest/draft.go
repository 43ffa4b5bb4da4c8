package clevertest

import (
	"fmt"
	"reflect"
	"time"
)

// draft collects changes of a district until they become its next state.
type draft struct {
	was     *District
	changes [terms + 1]map[string]*entry
	stamp   string // the time of the changes, as records carry it
	ids     ids    // for records that come new
	made    int    // how many ids were given to new records, ever
	// Kept records are filled into keep, so that their text lies together and
	// holds on to nothing else; walk is for those that are only looked at.
	keep, walk scratch
}

// draft begins changes of the district as it stands in a state.
func (d *Sharing) draft(st *state, now time.Time) *draft {
	c := &draft{was: &District{d.source, st}, stamp: timestamp(now), ids: newIDs(d.seed, uint32(now.Unix())), made: st.made}
	c.keep.text.grow = 2 << 10
	for k := range c.changes {
		c.changes[k] = map[string]*entry{}
	}
	return c
}

// entry returns the draft's own entry of an id, nil where there is no such
// record.
func (c *draft) entry(k kind, id string) *entry {
	e, known := c.changes[k][id]
	if e != nil {
		return e
	}
	r, ok := c.lookup(k, id, known)
	if !ok {
		return nil
	}
	e = &entry{id: id, at: r.rank, replaces: true}
	if r.over != nil {
		*e = *r.over
	}
	e.fresh = false
	c.changes[k][id] = e
	return e
}

// lookup finds a record as the draft began, or where the draft has taken its
// entry out, the source's.
func (c *draft) lookup(k kind, id string, reverted bool) (ref, bool) {
	if !reverted {
		return c.was.lookup(k, id)
	}
	rank, ok := find(c.was.source, k, id)
	return ref{rank: rank}, ok
}

// change returns a record of the draft to be changed, nil where there is none
// of that id.
func change[T any](c *draft, k kind, id string) *T {
	e := c.entry(k, id)
	if e == nil {
		return nil
	}
	if !e.fresh {
		e.record, e.fresh = c.was.copyOf(k, ref{over: e, rank: e.at}, &c.keep), true
	}
	return e.record.(*T)
}

func (c *draft) user(id string) *User       { return change[User](c, users, id) }
func (c *draft) section(id string) *Section { return change[Section](c, sections, id) }
func (c *draft) course(id string) *Course   { return change[Course](c, courses, id) }
func (c *draft) term(id string) *Term       { return change[Term](c, terms, id) }

// newID gives an id that no record has, behind those of earlier times.
func (c *draft) newID() string {
	c.made++
	return string(c.ids.append(nil, c.made))
}

// add adds a record under its id, which the draft must not have.
func (c *draft) add(k kind, id string, record any) error {
	if _, ok := c.was.lookup(k, id); ok || c.changes[k][id] != nil {
		return fmt.Errorf("add %q: there is such a record in %s", id, k.path())
	}
	c.changes[k][id] = &entry{id: id, at: search(c.was.source, k, id, true), record: record, fresh: true}
	return nil
}

// seal ends the draft: it dates what changed and returns the next overlay.
func (c *draft) seal() overlay {
	for k := range c.changes {
		for id, e := range c.changes[k] {
			if e == nil {
				continue
			}
			c.date(kind(k), e)
			if e.replaces && !e.gone && c.asBefore(kind(k), e) {
				c.changes[k][id] = nil
			}
			e.fresh = false
		}
	}
	return c.was.over.merge(c.changes)
}

// date moves last_modified of a record that differs from what it was, unless
// whoever changed it did so.
func (c *draft) date(k kind, e *entry) {
	old, ok := c.was.lookup(k, e.id)
	if !ok || !e.fresh || k == courses || k == terms {
		return
	}
	switch record := e.record.(type) {
	case *User:
		was := c.was.user(old, &c.walk)
		c.redate(&record.LastModified, was.LastModified, record, was)
	case *Section:
		was := c.was.section(old, &c.walk)
		c.redate(&record.LastModified, was.LastModified, record, was)
	case *School:
		was := c.was.school(old)
		c.redate(&record.LastModified, was.LastModified, record, &was)
	}
}

func (c *draft) redate(modified *string, before string, record, was any) {
	if *modified == before && !reflect.DeepEqual(record, was) {
		*modified = c.stamp
	}
}

// asBefore reports whether an entry is what the source has anyway.
func (c *draft) asBefore(k kind, e *entry) bool {
	if e.record == nil {
		return true
	}
	r := ref{rank: e.at}
	switch record := e.record.(type) {
	case *User:
		return reflect.DeepEqual(record, c.was.user(r, &c.walk))
	case *Section:
		return reflect.DeepEqual(record, c.was.section(r, &c.walk))
	}
	return reflect.DeepEqual(e.record, c.was.copyOf(k, r, &c.walk))
}

// forget drops records that have long been gone: they do not come back.
func (c *draft) forget(before time.Time) {
	for k := range c.was.over {
		for _, e := range c.was.over[k] {
			if e.gone && !e.left.IsZero() && e.left.Before(before) {
				c.forgetEntry(kind(k), e)
			}
		}
	}
}

func (c *draft) forgetEntry(k kind, e *entry) {
	if !e.replaces {
		c.changes[k][e.id] = nil
		return
	}
	if e.record != nil {
		own := c.entry(k, e.id)
		own.record, own.fresh = nil, false
	}
}
