package clevertest

import (
	"cmp"
	"slices"
	"time"
)

// leaves lets pupils go.
func (p *plot) leaves() {
	for _, id := range p.draw(p.students, p.Leaves) {
		p.leave(id)
	}
}

// leave takes a pupil out of everything; contacts who have no other pupil go
// as well, with their relationships, by which they can return.
func (p *plot) leave(id string) {
	for _, section := range slices.Clone(p.classes[id]) {
		p.takeOut(section, id)
	}
	delete(p.classes, id)
	if at := p.of[p.peek(id).Student.School]; at != nil {
		at.students.drop(id)
	}
	p.students.drop(id)
	p.drop(users, id)
	for _, contact := range p.family[id] {
		stays := func(r Relationship) bool { return p.students.has(r.Student) }
		if !slices.ContainsFunc(p.peek(contact).Contact.Relationships, stays) {
			p.contacts.drop(contact)
			p.drop(users, contact)
			continue
		}
		u := p.user(contact)
		u.Contact.Relationships = slices.DeleteFunc(u.Contact.Relationships, func(r Relationship) bool { return r.Student == id })
	}
	delete(p.family, id)
}

// returns lets pupils come back who left on an earlier night, and then those
// of their contacts who left with them.
func (p *plot) returns() {
	if p.Returns == (Amount{}) {
		return
	}
	pupils, contacts := p.away()
	back := map[string]string{} // old id to the one now
	for _, id := range p.draw(pupils, p.Returns) {
		u := p.comeBack(id)
		back[id] = u.ID
		if p.of[u.Student.School] == nil {
			u.Student.School = p.one(p.schoolIDs)
			u.Student.Schools = []string{u.Student.School}
		}
		p.count(u)
		p.seat(u)
	}
	for _, id := range contacts {
		named := func(r Relationship) bool { return back[r.Student] != "" }
		if slices.ContainsFunc(p.peek(id).Contact.Relationships, named) {
			p.bringHome(id, back)
		}
	}
}

// away lists the pupils and contacts who left on an earlier night.
func (p *plot) away() (pupils, contacts []string) {
	for _, e := range p.was.over[users] {
		if _, ok := p.changes[users][e.id]; ok || !e.gone || e.left.IsZero() {
			continue
		}
		switch u := p.peek(e.id); {
		case u.Student != nil:
			pupils = append(pupils, e.id)
		case u.Contact != nil:
			contacts = append(contacts, e.id)
		}
	}
	return pupils, contacts
}

// comeBack shares a user again who left: under the old id, or where that is too
// long ago, as a new one. Clever dates both anew.
func (p *plot) comeBack(id string) *User {
	e := p.entry(users, id)
	gone := e.left
	u := p.user(id)
	if p.at.Sub(gone) > absence {
		u = u.clone()
		u.ID = p.newID()
		p.replace(users, id)
		p.insert(users, u.ID, u)
	} else {
		e.gone, e.left = false, time.Time{}
	}
	u.Created = p.stamp
	return u
}

// bringHome lets a contact come back, for those pupils who are there.
func (p *plot) bringHome(contact string, back map[string]string) {
	u := p.comeBack(contact)
	kept := u.Contact.Relationships[:0]
	for _, r := range u.Contact.Relationships {
		r.Student = cmp.Or(back[r.Student], r.Student)
		if p.students.has(r.Student) {
			kept = append(kept, r)
		}
	}
	u.Contact.Relationships = kept
	p.count(u)
}

// joins lets new pupils come, each of the grade of somebody at the school.
func (p *plot) joins() {
	for range p.amount(p.Joins, len(p.students)) {
		at := p.of[p.one(p.schoolIDs)]
		grade := at.low
		if peer := p.one(at.students); peer != "" {
			grade = p.peek(peer).Student.Grade
		}
		p.seat(p.join(at, grade))
	}
}

// transfers moves pupils to another school.
func (p *plot) transfers() {
	if len(p.schoolIDs) < 2 {
		return
	}
	for _, id := range p.draw(p.students, p.Transfers) {
		for _, section := range slices.Clone(p.classes[id]) {
			p.takeOut(section, id)
		}
		to := p.one(p.schoolIDs)
		for to == p.peek(id).Student.School {
			to = p.one(p.schoolIDs)
		}
		p.seat(p.move(id, to))
	}
}

// move makes another school a pupil's only one.
func (p *plot) move(id, to string) *User {
	u := p.user(id)
	if at := p.of[u.Student.School]; at != nil {
		at.students.drop(id)
	}
	u.Student.School, u.Student.Schools = to, []string{to}
	p.of[to].students.add(id)
	return u
}

// moves lets pupils change from one section to another.
func (p *plot) moves() {
	for _, id := range p.draw(p.students, p.Moves) {
		from := p.one(p.classes[id])
		if from == "" || len(p.peekSection(from).Students) < 2 {
			continue
		}
		was := p.lessons[from]
		at := p.of[was.school]
		if at == nil {
			continue
		}
		var others, same []string
		for _, section := range at.sections {
			if slices.Contains(p.classes[id], section) {
				continue
			}
			others = append(others, section)
			if is := p.lessons[section]; is.grade == was.grade && is.period == was.period {
				same = append(same, section)
			}
		}
		if len(same) > 0 {
			others = same
		}
		if to := p.one(others); to != "" {
			p.takeOut(from, id)
			p.putIn(to, id)
		}
	}
}

// facts changes what only v3.1 tells.
func (p *plot) facts() {
	for _, id := range p.draw(p.students, p.Facts) {
		u := p.user(id)
		was := u.Student.FRL
		for u.Student.FRL == was {
			u.Student.FRL = p.dice.oneOf("Free", "Reduced", "Paid", "Other")
		}
		u.omit &^= noNewer
	}
}
