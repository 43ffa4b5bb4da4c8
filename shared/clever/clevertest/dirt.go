package clevertest

// Dirt names a deliberate fault of a generated record. All of them were seen
// in, or follow from, what real districts send: Clever passes on most of what
// a district uploads.
//
// Dirt is dealt by place, not by luck: each kind hits one in 900 students,
// 800 contacts, 60 teachers, 180 sections, at places that the seed shifts, so
// that from 1,000 students on each occurs at least once. Besides, one in 20
// contacts has no e-mail address, which is no fault at Clever.
type Dirt string

// The kinds of dirt.
const (
	EmailWithoutAt   Dirt = "email without @"
	EmailWithQuote   Dirt = "email with a quote"
	EmailEmpty       Dirt = "empty email"
	EmailBlank       Dirt = "email of blanks"
	EmailDuplicate   Dirt = "email of the user before"
	UsernameEmpty    Dirt = "empty username"
	UsernameRepeated Dirt = "username repeated over 50 characters"
	NameBlanks       Dirt = "blanks around the name"
	NameControl      Dirt = "control characters in the name"
	NameTooLong      Dirt = "name over 255 characters"
	NameMissing      Dirt = "no name"
	OptionalAbsent   Dirt = "optional keys absent"
	ManyContacts     Dirt = "six contacts"
	TypeEmpty        Dirt = "relationships without a type"
	StudentNotShared Dirt = "relationship to a student who is not shared"
	WithoutStudents  Dirt = "section without students"
	WithoutTeacher   Dirt = "section without teacher"
	WithoutName      Dirt = "section without name"
	MemberNotShared  Dirt = "section with users who are not shared"
)

// deal is the dirt of one kind of record.
type deal struct {
	period int
	kinds  []Dirt
}

func studentDirt() deal {
	return deal{900, []Dirt{
		EmailWithoutAt, EmailWithQuote, EmailEmpty, EmailDuplicate, UsernameEmpty, UsernameRepeated,
		NameBlanks, NameControl, NameTooLong, NameMissing, OptionalAbsent,
	}}
}

func teacherDirt() deal { return deal{60, []Dirt{EmailEmpty, UsernameRepeated, OptionalAbsent}} }

func contactDirt() deal {
	return deal{800, []Dirt{TypeEmpty, StudentNotShared, EmailBlank, EmailWithoutAt, NameTooLong, NameControl}}
}

func sectionDirt() deal {
	return deal{180, []Dirt{
		WithoutStudents, WithoutTeacher, WithoutName, MemberNotShared, NameTooLong, NameBlanks, OptionalAbsent,
	}}
}

// at returns the dirt of the record at an index. Dirty records are never
// neighbours.
func (d deal) at(seed uint64, index int) Dirt {
	slot, step := (index+shift(seed, d.period))%d.period, d.period/len(d.kinds)
	if slot%step != 0 || slot/step >= len(d.kinds) {
		return ""
	}
	return d.kinds[slot/step]
}

// shift is how far the seed moves what recurs with a period, so that it is not
// always the first record that is dirty.
func shift(seed uint64, period int) int { return int(mix(seed+1) % uint64(period)) }

// Values of the wrong type, dealt in turn where [Config.Broken] asks for them.
// Those of id, name, roles and school make the whole record undecodable.
func brokenStudents() []Breakage {
	return []Breakage{
		{"email", 12345},
		{"id", 12345},
		{"roles.student.grade", 7},
		{"name", "Ana Ruiz"},
		{"roles.student.credentials", "aruiz"},
		{"roles", []string{"student"}},
		{"name.middle", nil},
		{"roles.student.school", 12345},
		{"roles.student.student_number", []string{"1"}},
	}
}

func brokenContacts() []Breakage {
	return []Breakage{
		{"roles.contact.phone", 5550100199},
		{"email", map[string]any{"address": "a@example.org"}},
		{"roles.contact", "contact"},
		{"roles.contact.phone_type", false},
		{"id", []string{"x"}},
		{"email", nil},
	}
}

func brokenSections() []Breakage {
	return []Breakage{
		{"period", 3},
		{"name", 101},
		{"subject", []string{"math"}},
		{"school", map[string]any{"id": "x"}},
		{"grade", 9},
		{"id", 1},
	}
}

// breakage returns the fault of the record at an index: one in a hundred.
func breakage(index int, faults []Breakage) *Breakage {
	if index%100 != 50 {
		return nil
	}
	return &faults[index/100%len(faults)]
}

// EachDirt lists the kinds of dirt that a generated district of 1,000 students
// or more has.
func EachDirt() []Dirt {
	seen := map[Dirt]bool{}
	kinds := []Dirt{ManyContacts}
	for _, d := range []deal{studentDirt(), teacherDirt(), contactDirt(), sectionDirt()} {
		for _, kind := range d.kinds {
			if !seen[kind] {
				seen[kind] = true
				kinds = append(kinds, kind)
			}
		}
	}
	return kinds
}
