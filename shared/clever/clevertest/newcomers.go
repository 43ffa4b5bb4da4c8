package clevertest

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// join makes a new pupil of a school and a grade, and the contacts.
func (p *plot) join(at *place, grade string) *User {
	id := p.newID()
	n, text := maxStudents+p.made, &p.keep.text
	home, own := newDice(p.seed, forHousehold, -n), p.dice
	who := p.people.deal(&home, &own)
	years := max(0, slices.Index(grades[:], grade))
	u := &User{
		ID: id, District: p.was.ID(), Created: p.stamp, LastModified: p.stamp,
		Name:  Name{who.given.text, own.oneOf("", "", "A", "L"), who.family.text},
		Email: who.email(text, n, studentDomain),
		Student: &Student{
			School: at.id, Schools: []string{at.id}, Grade: grade,
			SisID: "S" + strconv.Itoa(n), Number: strconv.Itoa(n), StateID: strconv.Itoa(100_000_000 + own.roll(899_999_999)),
			Username:  who.username(text, n),
			BirthDate: strconv.Itoa(1+own.roll(12)) + "/" + strconv.Itoa(1+own.roll(28)) + "/" + strconv.Itoa(p.at.Year()-5-years),
			Gender:    own.oneOf("F", "M", "X", ""), Race: own.oneOf("Unknown", ""), Hispanic: own.oneOf("Y", "N", ""),
			ELL: own.oneOf("Y", "N", ""), FRL: own.oneOf("Free", "Reduced", "Paid", ""), Language: "English", LanguageCode: "eng",
			Homeroom: strconv.Itoa(years) + own.oneOf("A", "B"), Address: strconv.Itoa(1+own.roll(9999)) + " Elm St", City: "Springfield",
			Zip: strconv.Itoa(10000 + own.roll(89999)),
		},
	}
	p.dice = own
	p.insert(users, id, u)
	p.count(u)
	for range 1 + p.dice.roll(2) {
		p.parent(id, newDice(p.seed, forHousehold, -n))
	}
	return u
}

// parent makes a new contact of a pupil.
func (p *plot) parent(pupil string, home dice) {
	id := p.newID()
	n, text := maxStudents+p.made, &p.keep.text
	who := p.people.deal(&home, &p.dice)
	u := &User{
		ID: id, District: p.was.ID(), Created: p.stamp, LastModified: p.stamp, omit: noFirst | noMiddle,
		Name:  Name{Last: who.whole(text)},
		Email: who.email(text, n, "example.net"),
		Contact: &Contact{
			LegacyID: p.newID(), Phone: p.phone(), PhoneType: p.dice.oneOf("Cell", "Home", "Work"),
			Relationships: []Relationship{{
				Student: pupil, Relationship: p.dice.oneOf("Parent", "Parent", "Grandparent", "Other"), Type: contactType(p.dice.roll(100)),
			}},
		},
	}
	if p.dice.roll(3) == 0 {
		u.Contact.SisID = "C-" + strconv.Itoa(n)
	}
	p.insert(users, id, u)
	p.count(u)
}

// phone is a number that nobody has.
func (p *plot) phone() string {
	return "(555) 01" + strconv.Itoa(p.dice.roll(10)) + "-" + strconv.Itoa(1000+p.dice.roll(9000))
}

// teachersJoin lets teachers come; each helps in a section of the school.
func (p *plot) teachersJoin() {
	for range p.amount(p.TeachersJoin, len(p.teachers)) {
		at := p.of[p.one(p.schoolIDs)]
		id := p.newID()
		n, text := maxStudents+p.made, &p.keep.text
		own := p.dice
		who := p.people.deal(&p.dice, &own)
		u := &User{
			ID: id, District: p.was.ID(), Created: p.stamp, LastModified: p.stamp,
			Name: Name{First: who.given.text, Last: who.family.text}, Email: who.email(text, n, staffDomain),
			Teacher: &Teacher{
				School: at.id, Schools: []string{at.id}, SisID: "T" + strconv.Itoa(n), Number: strconv.Itoa(n),
				StateID: strconv.Itoa(700_000_000 + own.roll(99_999_999)), Username: who.username(text, n), Title: "Teacher", LegacyID: p.newID(),
			},
		}
		p.insert(users, id, u)
		p.count(u)
		if section := p.one(at.sections); section != "" && len(p.peekSection(section).Teachers) < maxTeachers {
			p.teach(section, id)
		}
	}
}

// renames gives pupils and teachers another family name.
func (p *plot) renames() {
	for _, id := range slices.Concat(p.draw(p.students, p.Renames), p.draw(p.teachers, p.Renames)) {
		u := p.user(id)
		own := p.dice
		for was := u.Name.Last; u.Name.Last == was; {
			u.Name.Last = p.people.deal(&p.dice, &own).family.text
		}
		u.omit &^= noLast
		u.clean("name")
	}
}

// emails gives pupils and teachers another address.
func (p *plot) emails() {
	for _, id := range slices.Concat(p.draw(p.students, p.Emails), p.draw(p.teachers, p.Emails)) {
		u := p.user(id)
		if u.Teacher != nil && u.Staff != nil && p.dice.roll(2) == 0 {
			p.split(u)
		}
		u.Email = p.address(u)
		u.omit &^= noEmail
		u.clean("email")
	}
}

// address is a new e-mail address for a user.
func (p *plot) address(u *User) string {
	own := p.dice
	who := p.people.deal(&p.dice, &own)
	p.made++ // for an address that nobody has
	domain := "example.net"
	if u.Student != nil {
		domain = studentDomain
	} else if u.Contact == nil {
		domain = staffDomain
	}
	return who.email(&p.keep.text, maxStudents+p.made, domain)
}

// split makes a user of its own of a teacher's role as staff: Clever merges
// the two by e-mail, and only one of them has the new address.
func (p *plot) split(u *User) {
	other := u.clone()
	other.ID, other.Created, other.LastModified, other.Teacher = p.newID(), p.stamp, p.stamp, nil
	u.Staff = nil
	p.insert(users, other.ID, other)
}

// clean forgets a fault that a change has mended.
func (u *User) clean(what string) {
	if strings.Contains(string(u.Dirt), what) {
		u.Dirt = ""
	}
}

// changeContacts changes contacts. Clever knows one without a sis_id by what
// has changed, and so takes it for another.
func (p *plot) changeContacts() {
	for _, id := range p.draw(p.contacts, p.Contacts) {
		if p.peek(id).Contact.SisID == "" {
			id = p.newContact(id)
		}
		u := p.user(id)
		switch p.dice.roll(3) {
		case 0:
			for was := u.Contact.Phone; u.Contact.Phone == was; {
				u.Contact.Phone = p.phone()
			}
			u.Contact.PhoneType = cmp.Or(u.Contact.PhoneType, "Cell")
		case 1:
			u.Email = p.address(u)
			u.omit &^= noEmail
			u.clean("email")
		default:
			own := p.dice
			who := p.people.deal(&p.dice, &own)
			u.Name.Last = who.whole(&p.keep.text)
			u.clean("name")
		}
	}
}
