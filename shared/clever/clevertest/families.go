package clevertest

// group is how many students, and contacts, are related among themselves.
// Contact and student indices agree: group n has students and contacts 10n to
// 10n+9.
const group = 10

// pattern is one way in which a group is related: the household of each
// student, and the students of each contact.
type pattern struct {
	home [group]int
	kids [group][]int
}

// patterns: siblings who share two parents, with a student of three contacts
// and one of none; everyone alone; a pair of siblings. The last is the student
// with six contacts.
var patterns = [...]pattern{
	{
		home: [group]int{0, 0, 2, 3, 4, 5, 6, 6, 6, 9},
		kids: [group][]int{{0, 1}, {0, 1}, {2}, {3}, {3}, {3}, {4}, {5}, {6, 7, 8}, {6, 7, 8}},
	},
	{
		home: [group]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9},
		kids: [group][]int{{0}, {1}, {2}, {3}, {4}, {5}, {6}, {7}, {8}, {9}},
	},
	{
		home: [group]int{0, 0, 2, 3, 4, 5, 6, 7, 8, 9},
		kids: [group][]int{{0, 1}, {0, 1}, {2}, {3}, {4}, {5}, {6}, {7}, {8}, {9}},
	},
	{
		home: [group]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9},
		kids: [group][]int{{0}, {0}, {0}, {0}, {0}, {0}, {6}, {7}, {8}, {9}},
	},
}

// crowded is the pattern with six contacts for one student; one group in 40
// has it.
const crowded = 3

func (g *generator) patternOf(groupNumber int) int {
	if (groupNumber+shift(g.seed, 40))%40 == 0 {
		return crowded
	}
	d := newDice(g.seed, forGroup, groupNumber)
	return [...]int{0, 0, 0, 1, 1, 1, 1, 2, 2, 2}[d.roll(10)]
}

// household returns the number of the student's household: the index of its
// first student. Siblings share their last name.
func (g *generator) household(student int) int {
	n := student / group
	return n*group + patterns[g.patternOf(n)].home[student%group]
}

// appendKids appends the students of a contact: its kids in the group, and for
// one contact in ten a child far away, mostly at another school.
func (g *generator) appendKids(dst []int, contact int) []int {
	n := contact / group
	for _, kid := range patterns[g.patternOf(n)].kids[contact%group] {
		if at := n*group + kid; at < g.count {
			dst = append(dst, at)
		}
	}
	if len(dst) == 0 { // the last group is not full
		dst = append(dst, contact)
	}
	if far := g.farKid(contact); far >= 0 {
		dst = append(dst, far)
	}
	return dst
}

func (g *generator) farKid(contact int) int {
	if contact%group != 6 || g.count < 2*group {
		return -1
	}
	return (contact + g.count/2) % g.count
}

// contactsNear returns the contacts of the student's group, and the one whose
// far child the student may be.
func (g *generator) contactsNear(student int) spans {
	if student >= g.count {
		return nil
	}
	from := g.contactsFrom()
	near := span{student / group * group, min(student/group*group+group, g.count)}
	list := spans{{from + near.lo, from + near.hi}}
	far := (student - g.count/2 + g.count) % g.count
	switch {
	case far < near.lo:
		return spans{{from + far, from + far + 1}, list[0]}
	case far >= near.hi:
		return spans{list[0], {from + far, from + far + 1}}
	}
	return list
}
