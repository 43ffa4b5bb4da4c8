package clevertest

import (
	"cmp"
	"errors"
	"fmt"
)

// Edits collects changes to the data between two syncs.
//
// A function given to it is called once, at once, and may change any field but
// the id. Everything follows from the changed record: the lists that it is in,
// its relations, the counts, the events of the next night. Where the function
// leaves last_modified alone, that becomes the time of the edit.
type Edits struct {
	draft *draft
	errs  []error
}

// Edit changes the data, all of it at once: a page shows every change of f or
// none. It fails, changing nothing, on an id that the district does not have.
// Edits must not be used once f has returned, nor the records that it gave.
func (d *Sharing) Edit(f func(*Edits)) error {
	var failed error
	d.update(func(st *state) {
		e := &Edits{draft: d.draft(st, d.now(st))}
		f(e)
		if failed = errors.Join(e.errs...); failed == nil {
			st.over, st.made = e.draft.seal(), e.draft.made
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
		if found := e.find(id); found != nil {
			found.gone = gone
		}
	}
}

// find looks an id up in all kinds: ids are unique across them.
func (e *Edits) find(id string) *entry {
	for k := users; k <= terms; k++ {
		if found := e.draft.entry(k, id); found != nil {
			return found
		}
	}
	e.errs = append(e.errs, fmt.Errorf("edit %q: no such record", id))
	return nil
}

// User changes a user. Several changes of one record are made in their order.
func (e *Edits) User(id string, f func(*User)) {
	edit(e, users, id, f, func(u *User) string { return u.ID })
}

// Section changes a section.
func (e *Edits) Section(id string, f func(*Section)) {
	edit(e, sections, id, f, func(s *Section) string { return s.ID })
}

// School changes a school.
func (e *Edits) School(id string, f func(*School)) {
	edit(e, schools, id, f, func(s *School) string { return s.ID })
}

// Course changes a course.
func (e *Edits) Course(id string, f func(*Course)) {
	edit(e, courses, id, f, func(c *Course) string { return c.ID })
}

// Term changes a term.
func (e *Edits) Term(id string, f func(*Term)) {
	edit(e, terms, id, f, func(t *Term) string { return t.ID })
}

func edit[T any](e *Edits, k kind, id string, f func(*T), idOf func(*T) string) {
	record := change[T](e.draft, k, id)
	if record == nil {
		e.errs = append(e.errs, fmt.Errorf("edit %q: no such record in %s", id, k.path()))
		return
	}
	f(record)
	if now := idOf(record); now != id {
		e.errs = append(e.errs, fmt.Errorf("edit %q: the id became %q", id, now))
	}
}

// AddUser adds a user and returns the id, a new one where u has none. District
// and dates are filled in where they are empty.
func (e *Edits) AddUser(u User) string {
	e.fill(&u.ID, &u.District, &u.Created, &u.LastModified)
	return e.add(users, u.ID, u.clone())
}

// AddSection adds a section as AddUser adds a user.
func (e *Edits) AddSection(s Section) string {
	e.fill(&s.ID, &s.District, &s.Created, &s.LastModified)
	return e.add(sections, s.ID, s.clone())
}

// AddSchool adds a school as AddUser adds a user.
func (e *Edits) AddSchool(s School) string {
	e.fill(&s.ID, &s.District, &s.Created, &s.LastModified)
	return e.add(schools, s.ID, s.clone())
}

// AddCourse adds a course as AddUser adds a user.
func (e *Edits) AddCourse(c Course) string {
	e.fill(&c.ID, &c.District, new(string), new(string))
	return e.add(courses, c.ID, c.clone())
}

// AddTerm adds a term as AddUser adds a user.
func (e *Edits) AddTerm(t Term) string {
	e.fill(&t.ID, &t.District, new(string), new(string))
	return e.add(terms, t.ID, t.clone())
}

func (e *Edits) fill(id, district, created, modified *string) {
	if *id == "" {
		*id = e.draft.newID()
	}
	*district = cmp.Or(*district, e.draft.was.ID())
	*created = cmp.Or(*created, e.draft.stamp)
	*modified = cmp.Or(*modified, *created)
}

func (e *Edits) add(k kind, id string, record any) string {
	if err := e.draft.add(k, id, record); err != nil {
		e.errs = append(e.errs, err)
	}
	return id
}

// Revert forgets every change, addition and removal made so far, those of
// nights included.
func (e *Edits) Revert() {
	for k := range e.draft.changes {
		clear(e.draft.changes[k])
		for _, over := range e.draft.was.over[k] {
			e.draft.changes[k][over.id] = nil
		}
	}
}
