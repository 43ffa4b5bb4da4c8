package clevertest

// Domains end in example.org or example.net, which belong to nobody.
const (
	studentDomain = "students.example.org"
	staffDomain   = "staff.example.org"
)

// user fills the record of the user at a rank.
func (g *generator) user(rank int, into *scratch) *User {
	space, index := g.place(users, rank)
	into.usr = User{ID: space.at(&into.text, index), District: g.uid}
	switch space {
	case &g.studentIDs:
		g.fillStudent(index, into)
	case &g.teacherIDs:
		g.fillTeacher(index, into)
	case &g.staffIDs:
		g.fillStaff(index, into)
	case &g.adminIDs:
		g.fillAdmin(index, into)
	default:
		g.fillContact(index, into)
	}
	return &into.usr
}

// stamp dates a record: created in the first nights of August, changed since
// for one record in four. Clever's own dates agree with nothing either.
func stamp(text *arena, index, roll int) (created, changed string) {
	seconds := index / 1000
	created = text.begin().add("2026-08-0").number(1+seconds/80000%9, 1).add("T").number(1+seconds/3600%22, 2).add(":").
		number(seconds/60%60, 2).add(":").number(seconds%60, 2).add(".").number(index%1000, 3).add("Z").end()
	if roll >= 25 {
		return created, created
	}
	return created, text.begin().add("2026-11-20T08:").number(roll*2, 2).add(":").number(seconds%60, 2).add(".007Z").end()
}

func (g *generator) fillStudent(i int, into *scratch) {
	home, own := newDice(g.seed, forHousehold, g.household(i)), newDice(g.seed, forStudent, i)
	who := g.people.deal(&home, &own)
	text, u, s := &into.text, &into.usr, &into.stu
	u.Created, u.LastModified = stamp(text, i, own.roll(100))
	u.Name = Name{who.given.text, own.oneOf("", "", "", "A", "J", "L", "M", "R", "Marie"), who.family.text}
	u.Email = who.email(text, i, studentDomain)

	number := g.campusOf(i, func(c *campus) span { return c.students })
	at := &g.campuses[number]
	grade := at.cohortOf(number, i).grade
	*s = Student{
		School:       g.schoolID[number],
		Schools:      append(into.schools[:0], g.schoolID[number]),
		SisID:        text.begin().add("S").number(100000+i, 0).end(),
		Number:       text.begin().number(100000+i, 0).end(),
		StateID:      text.begin().number(100_000_000+own.roll(899_999_999), 0).end(),
		Username:     who.username(text, i),
		Grade:        grades[grade],
		BirthDate:    text.begin().number(1+own.roll(12), 0).add("/").number(1+own.roll(28), 0).add("/").number(2021-grade, 0).end(),
		Gender:       own.oneOf("F", "M", "F", "M", "F", "M", "X", ""),
		Race:         own.oneOf("Caucasian", "Asian", "Black or African American", "Two or More Races", "Unknown", ""),
		Hispanic:     own.oneOf("Y", "N", "N", ""),
		ELL:          own.oneOf("Y", "N", "N", "N", ""),
		FRL:          own.oneOf("Free", "Reduced", "Paid", "Paid", "Other", ""),
		Language:     "English",
		LanguageCode: "eng",
		Homeroom:     text.begin().number(grade, 0).add(own.oneOf("A", "B", "C", "D")).end(),
		Address:      text.begin().number(1+own.roll(9999), 0).add(own.oneOf(" Elm St", " Oak Ave", " 3rd St", " Harbor Rd")).end(),
		City:         own.oneOf("Springfield", "Fairview", "Río Claro", "Lakeside"),
		Zip:          text.begin().number(10000+own.roll(89999), 0).end(),
	}
	if number+1 < len(g.campuses) && i >= at.students.hi-g.campuses[number+1].guests {
		s.Schools = append(s.Schools, g.schoolID[number+1])
	}
	u.Student = s
	if u.Dirt = g.studentDirt.at(g.seed, i); u.Dirt != "" {
		g.soilStudent(i, into)
	} else if i%group == 0 && g.patternOf(i/group) == crowded && i+6 <= g.count {
		u.Dirt = ManyContacts
	}
	if g.broken {
		u.Broken = breakage(i, g.brokenStudents)
	}
}

func (g *generator) fillTeacher(i int, into *scratch) {
	who, own := g.teacher(i)
	text, u, t := &into.text, &into.usr, &into.tea
	u.Created, u.LastModified = stamp(text, i, own.roll(100))
	u.Name = Name{who.given.text, own.oneOf("", "", "B", "K", "T"), who.family.text}
	u.Email = who.email(text, i, staffDomain)

	number := g.campusOf(i, func(c *campus) span { return c.teachers })
	at := &g.campuses[number]
	*t = Teacher{
		School:   g.schoolID[number],
		Schools:  append(into.schools[:0], g.schoolID[number]),
		SisID:    text.begin().add("T").number(1000+i, 0).end(),
		Number:   text.begin().number(200000+i, 0).end(),
		StateID:  text.begin().number(700_000_000+own.roll(99_999_999), 0).end(),
		Username: who.username(text, i),
		Title:    own.oneOf("", "Teacher", "Grade 9 English Teacher", "Lead Teacher", "Professeur de français"),
		LegacyID: g.legacyIDs.at(text, i),
	}
	if number+1 < len(g.campuses) && i >= at.teachers.hi-g.campuses[number+1].visitors {
		t.Schools = append(t.Schools, g.schoolID[number+1])
	}
	u.Teacher = t
	if g.isDean(number, i) {
		into.stf = Staff{
			Schools: []string{t.School}, StaffID: t.SisID, Username: t.Username,
			Department: "Administration", Title: "Dean", LegacyID: t.LegacyID,
		}
		u.Staff = &into.stf
	}
	if u.Dirt = g.teacherDirt.at(g.seed, i); u.Dirt != "" {
		soil(into, &t.Username)
	}
}

// teacher deals a teacher's name, which sections carry too.
func (g *generator) teacher(i int) (person, dice) {
	own := newDice(g.seed, forTeacher, i)
	home := own
	return g.people.deal(&home, &own), own
}

// fillStaff makes the secretary of a school, or the one of the district, who
// is at no school.
func (g *generator) fillStaff(i int, into *scratch) {
	own := newDice(g.seed, forStaff, i)
	home := own
	who := g.people.deal(&home, &own)
	text, u := &into.text, &into.usr
	u.Created, u.LastModified = stamp(text, i, own.roll(100))
	u.Name = Name{who.given.text, "", who.family.text}
	u.Email = text.begin().add("office.").add(who.family.ascii).number(i, 0).add("@").add(staffDomain).end()
	into.stf = Staff{
		StaffID: text.begin().add("F").number(500+i, 0).end(), Username: who.username(text, i),
		Department: own.oneOf("", "Office", "Library"), Title: "Secretary", LegacyID: g.legacyIDs.at(text, g.teachers+i),
	}
	if i < len(g.schoolID) {
		into.stf.Schools = append(into.schools[:0], g.schoolID[i])
	}
	u.Staff = &into.stf
}

func (g *generator) fillAdmin(i int, into *scratch) {
	own := newDice(g.seed, forStaff, -1-i)
	home := own
	who := g.people.deal(&home, &own)
	text, u := &into.text, &into.usr
	u.Created, u.LastModified = stamp(text, i, own.roll(100))
	u.Name = Name{who.given.text, "", who.family.text}
	u.Email = text.begin().add("admin").number(i, 0).add("@").add(staffDomain).end()
	into.adm = Admin{Title: "Technology Director", LegacyID: g.legacyIDs.at(text, g.teachers+len(g.campuses)+1+i)}
	u.Admin = &into.adm
}
