package clevertest

import (
	"strings"
	"unicode/utf8"
)

// soilStudent makes the dirt of a student.
func (g *generator) soilStudent(i int, into *scratch) {
	if into.usr.Dirt == EmailDuplicate && i > 0 {
		home, own := newDice(g.seed, forHousehold, g.household(i-1)), newDice(g.seed, forStudent, i-1)
		who := g.people.deal(&home, &own)
		into.usr.Email = who.email(&into.text, i-1, studentDomain)
		return
	}
	soil(into, &into.stu.Username)
}

// soilContact makes the dirt of a contact.
func (g *generator) soilContact(i int, into *scratch) {
	rels := into.con.Relationships
	switch into.usr.Dirt {
	case TypeEmpty:
		for n := range rels {
			rels[n].Type = ""
		}
	case StudentNotShared:
		into.con.Relationships = rels[:1]
		rels[0].Student = g.studentIDs.at(&into.text, g.count+1+i)
	default:
		soil(into, new(string))
	}
}

// soil makes the dirt that any user may have.
func soil(into *scratch, username *string) {
	u, text := &into.usr, &into.text
	local, domain, _ := strings.Cut(u.Email, "@")
	switch u.Dirt {
	case EmailWithoutAt:
		u.Email = text.begin().add(local).add(".").add(domain).end()
	case EmailWithQuote:
		u.Email = text.begin().add(local[:1]).add(`"`).add(local[1:]).add("@").add(domain).end()
	case EmailEmpty:
		u.Email = ""
	case EmailBlank:
		u.Email = "   "
	case UsernameEmpty:
		*username = ""
	case UsernameRepeated:
		*username = strings.Repeat(*username, 1+50/len(*username))
	case NameBlanks:
		u.Name.First = text.begin().add("  ").add(u.Name.First).add("\t").end()
		u.Name.Last = text.begin().add(" ").add(u.Name.Last).add("  ").end()
	case NameControl:
		u.Name.Last = text.begin().add("\x01").add(u.Name.Last).add("\x7f\n").end()
	case NameTooLong:
		u.Name.Last = tooLong(u.Name.Last)
	case NameMissing:
		u.Name = Name{}
	case OptionalAbsent:
		u.omit |= noMiddle | noLocation | noCredentials | noBirthDate | noExt | noEmail
		u.Email, u.Name.Middle, *username = "", "", ""
	}
}

// tooLong repeats a name beyond the 255 characters that Clever suggests.
func tooLong(name string) string {
	return strings.Repeat(name+"-", 1+255/utf8.RuneCountInString(name))
}

// soilSection makes the dirt of a section.
func (g *generator) soilSection(rank int, into *scratch) {
	s, text := &into.sec, &into.text
	switch s.Dirt {
	case WithoutStudents:
		s.Students = s.Students[:0]
	case WithoutTeacher:
		s.Teacher, s.Teachers = "", nil
		s.omit |= noTeacher
	case WithoutName:
		s.Name = ""
	case MemberNotShared:
		s.Students = append(s.Students, g.studentIDs.at(text, g.count+1+rank))
		s.Teachers = append(s.Teachers, g.teacherIDs.at(text, g.teachers+1+rank))
	case NameTooLong:
		s.Name = tooLong(s.Name)
	case NameBlanks:
		s.Name = text.begin().add(" ").add(s.Name).add("  ").end()
	case OptionalAbsent:
		s.Course, s.Term = "", ""
		s.omit |= noCourse | noTerm
	}
}
