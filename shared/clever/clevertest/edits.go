package clevertest

import (
	"errors"
	"fmt"
	"maps"
)

// edits is what was changed by [Sharing.Edit], by kind and rank.
type edits struct {
	removed [terms + 1]map[int]bool
	users   map[int]func(*User)
	section map[int]func(*Section)
	school  map[int]func(*School)
	course  map[int]func(*Course)
	term    map[int]func(*Term)
}

// clone copies the maps, since those of a stored state are never written.
func (e edits) clone() edits {
	for k := range e.removed {
		e.removed[k] = maps.Clone(e.removed[k])
	}
	e.users, e.section, e.school = maps.Clone(e.users), maps.Clone(e.section), maps.Clone(e.school)
	e.course, e.term = maps.Clone(e.course), maps.Clone(e.term)
	return e
}

// Edits collects changes to the data between two syncs.
//
// A function given to it is called whenever the record is served, on any
// goroutine and each time on the unchanged record, so it must depend on
// nothing that changes. It may change any field but the id. Which lists a
// record is in does not follow: a pupil whose Schools are changed is still
// listed at the old ones.
type Edits struct {
	source source
	next   edits
	errs   []error
}

// Edit changes the data, all of it at once: a page shows every change of f or
// none. It fails, changing nothing, on an id that the district does not have.
func (d *Sharing) Edit(f func(*Edits)) error {
	var failed error
	d.update(func(st *state) {
		e := &Edits{source: d.source, next: st.edits.clone()}
		f(e)
		if failed = errors.Join(e.errs...); failed == nil {
			st.edits = e.next
		}
	})
	return failed
}

// Remove stops sharing records of any kind: they are in no list and answer
// 404. Sections and contacts still name a removed user, as they do at Clever
// when one is not shared; edit them too where the user is to be gone for good.
// To begin with a smaller district that then grows, remove first and restore
// later.
func (e *Edits) Remove(ids ...string) { e.removed(ids, true) }

// Restore shares removed records again, under their old ids.
func (e *Edits) Restore(ids ...string) { e.removed(ids, false) }

func (e *Edits) removed(ids []string, gone bool) {
	for _, id := range ids {
		k, rank, ok := e.find(id)
		if !ok {
			continue
		}
		if gone {
			put(&e.next.removed[k], rank, true)
		} else {
			delete(e.next.removed[k], rank)
		}
	}
}

// find looks an id up in all kinds: ids are unique across them.
func (e *Edits) find(id string) (kind, int, bool) {
	for k := users; k <= terms; k++ {
		if rank, ok := find(e.source, k, id); ok {
			return k, rank, true
		}
	}
	e.errs = append(e.errs, fmt.Errorf("edit %q: no such record", id))
	return 0, 0, false
}

// User changes a user. Several changes of one record are made in their order.
func (e *Edits) User(id string, f func(*User)) { edit(e, users, id, &e.next.users, f) }

// Section changes a section.
func (e *Edits) Section(id string, f func(*Section)) { edit(e, sections, id, &e.next.section, f) }

// School changes a school.
func (e *Edits) School(id string, f func(*School)) { edit(e, schools, id, &e.next.school, f) }

// Course changes a course.
func (e *Edits) Course(id string, f func(*Course)) { edit(e, courses, id, &e.next.course, f) }

// Term changes a term.
func (e *Edits) Term(id string, f func(*Term)) { edit(e, terms, id, &e.next.term, f) }

// Revert forgets every change and removal made so far.
func (e *Edits) Revert() { e.next = edits{} }

func edit[T any](e *Edits, k kind, id string, in *map[int]func(*T), f func(*T)) {
	rank, ok := find(e.source, k, id)
	if !ok {
		e.errs = append(e.errs, fmt.Errorf("edit %q: no such record in %s", id, k.path()))
		return
	}
	if before := (*in)[rank]; before != nil {
		last := f
		f = func(record *T) { before(record); last(record) }
	}
	put(in, rank, f)
}

func put[V any](in *map[int]V, rank int, value V) {
	if *in == nil {
		*in = map[int]V{}
	}
	(*in)[rank] = value
}

// edited reports whether a record differs from its source's.
func (d *District) edited(k kind, rank int) bool {
	switch k {
	case users:
		return d.edits.users[rank] != nil
	case sections:
		return d.edits.section[rank] != nil
	case schools:
		return d.edits.school[rank] != nil
	case courses:
		return d.edits.course[rank] != nil
	default:
		return d.edits.term[rank] != nil
	}
}

func (d *District) user(rank int, into *scratch) *User {
	u := d.source.user(rank, into)
	if f := d.edits.users[rank]; f != nil {
		f(u)
	}
	return u
}

func (d *District) section(rank int, into *scratch) *Section {
	s := d.source.section(rank, into)
	if f := d.edits.section[rank]; f != nil {
		f(s)
	}
	return s
}

func (d *District) school(rank int) School {
	s := d.source.school(rank)
	if f := d.edits.school[rank]; f != nil {
		f(&s)
	}
	return s
}

func (d *District) course(rank int) Course {
	c := d.source.course(rank)
	if f := d.edits.course[rank]; f != nil {
		f(&c)
	}
	return c
}

func (d *District) term(rank int) Term {
	t := d.source.term(rank)
	if f := d.edits.term[rank]; f != nil {
		f(&t)
	}
	return t
}
