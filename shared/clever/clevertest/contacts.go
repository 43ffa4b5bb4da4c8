package clevertest

// fillContact makes the contact at an index: someone of the household of its
// first student, three times in four, or a stranger.
func (g *generator) fillContact(i int, into *scratch) {
	into.ranks = g.appendKids(into.ranks[:0], i)
	kids := into.ranks
	own := newDice(g.seed, forContact, i)
	home := newDice(g.seed, forHousehold, g.household(kids[0]))
	if own.roll(4) == 0 {
		home = newDice(g.seed, forContact, -1-i)
	}
	who := g.people.deal(&home, &own)
	text, u, c := &into.text, &into.usr, &into.con
	u.Created, u.LastModified = stamp(text, i, own.roll(100))
	u.Name.Last = who.whole(text)
	u.omit = noFirst | noMiddle
	if (i+shift(g.seed, 20))%20 != 0 {
		u.Email = who.email(text, i, own.oneOf("example.org", "example.net", "mail.example.net"))
	}
	*c = Contact{LegacyID: g.legacyIDs.at(text, g.count+i), PhoneType: own.oneOf("Cell", "Home", "Work", "Other", "")}
	if own.roll(2) == 0 {
		c.Phone = text.begin().add("(555) 01").number(own.roll(10), 1).add("-").number(own.roll(10000), 4).end()
	}
	if own.roll(3) == 0 {
		c.SisID = text.begin().add("C-").number(i, 0).end()
	}
	g.relate(kids, &own, into)
	u.Contact = c
	if u.Dirt = g.contactDirt.at(g.seed, i); u.Dirt != "" {
		g.soilContact(i, into)
	}
	if g.broken {
		u.Broken = breakage(i, g.brokenContacts)
	}
}

// relate writes the relationships to the kids: one per appearance in the
// district's own system, so one contact in 50 has two to its first student.
func (g *generator) relate(kids []int, own *dice, into *scratch) {
	rels := into.rels[:0]
	for _, kid := range kids {
		rels = append(rels, Relationship{
			Student:      g.studentIDs.at(&into.text, kid),
			Relationship: own.oneOf("Parent", "Parent", "Parent", "Other", "Grandparent", "Aunt/Uncle", "Sibling", "Self", ""),
			Type:         contactType(own.roll(100)),
		})
	}
	if own.roll(50) == 0 {
		again := rels[0]
		again.Type = "Emergency"
		if rels[0].Type == "Emergency" {
			again.Type = "Family"
		}
		rels = append(rels, again)
	}
	into.rels, into.con.Relationships = rels, rels
}

func contactType(roll int) string {
	switch {
	case roll < 45:
		return "Parent/Guardian"
	case roll < 65:
		return "Family"
	case roll < 75:
		return "Emergency"
	case roll < 85:
		return "Other"
	case roll < 91:
		return "Primary"
	case roll < 96:
		return "Secondary"
	default:
		return ""
	}
}
