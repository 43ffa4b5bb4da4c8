package clevertest

import (
	"sort"
)

const maxStudents = 10_000_000

// maxDistricts bounds what a mistaken number may cost: finding the district of
// a token looks at each.
const maxDistricts = 10_000

// Purposes of dice, so that no two choices about one index agree by accident.
const (
	forDistrict = iota
	forCampus
	forHousehold
	forStudent
	forTeacher
	forStaff
	forContact
	forGroup
	forSection
	forCourse
	forIDs
	forEvents
	forNight
)

// generator computes a district. It keeps what is few, the schools and the
// courses, and computes what is many from its index:
//
//   - campus.go cuts the indices of students, teachers and sections into one
//     run per school, so that a school's lists are spans;
//   - people.go and names.go make the users, families.go who is whose contact;
//   - classes.go makes the sections and who is in them.
//
// Ids ascend with the index within each kind of record, and each kind has its
// own prefix, so an index is found by a binary search over computed ids.
type generator struct {
	seed   uint64
	count  int // students, and contacts
	broken bool

	record     []byte
	uid        string
	campuses   []campus
	teachers   int
	sections   int
	catalogue  []lesson // courses, in the order of their ids
	courseRank map[lesson]int
	people     people

	studentIDs, teacherIDs, staffIDs, adminIDs, contactIDs ids
	sectionIDs, schoolIDs, courseIDs, termIDs, legacyIDs   ids
	// schoolID and the others are the few ids that many records name.
	schoolID, courseID, termID []string
	courseName, courseNumber   []string

	studentDirt, teacherDirt, contactDirt, sectionDirt deal
	brokenStudents, brokenContacts, brokenSections     []Breakage
}

func newGenerator(cfg Config) *generator {
	g := &generator{seed: cfg.Seed, count: cfg.Students, broken: cfg.Broken, people: newPeople()}
	g.studentDirt, g.teacherDirt, g.contactDirt, g.sectionDirt = studentDirt(), teacherDirt(), contactDirt(), sectionDirt()
	g.brokenStudents, g.brokenContacts, g.brokenSections = brokenStudents(), brokenContacts(), brokenSections()
	g.nameIDs()
	g.campuses = layOut(cfg.Seed, cfg.Students)
	last := g.campuses[len(g.campuses)-1]
	g.teachers, g.sections = last.teachers.hi, last.sections.hi
	g.chooseCourses()
	g.schoolID = g.schoolIDs.first(len(g.campuses))
	g.courseNumber = numbers(len(g.catalogue))
	g.courseID = g.courseIDs.first(len(g.catalogue))
	g.termID = g.termIDs.first(len(calendar()))
	g.record = districtRecord(g.uid, cfg.DistrictName)
	return g
}

// nameIDs chooses the prefixes of all ids: seconds as an ObjectID begins with,
// which order the kinds as they were ordered in the recordings, then five
// bytes that the seed picks, so that two districts share no id.
func (g *generator) nameIDs() {
	at := func(seconds uint32) ids { return newIDs(g.seed, seconds) }
	districts := at(0x5a0c91b9)
	g.uid = string(districts.append(nil, 0))
	g.schoolIDs, g.courseIDs = at(0x5a25ff95), at(0x5a25ff96)
	g.studentIDs, g.sectionIDs, g.termIDs = at(0x5a25ffb0), at(0x5a25ffc2), at(0x603ebb29)
	g.teacherIDs, g.staffIDs, g.adminIDs, g.contactIDs = at(0x603ebb2a), at(0x603ebb2b), at(0x603ebb2c), at(0x603ebb2d)
	g.legacyIDs = at(0x5a25ff9f)
}

func (g *generator) districtID() string   { return g.uid }
func (g *generator) district() []byte     { return g.record }
func (g *generator) raw(kind, int) []byte { return nil }

// Users in the order of their ids: students, teachers, staff (one per school
// and one of the district), three administrators, contacts.
func (g *generator) staffFrom() int    { return g.count + g.teachers }
func (g *generator) adminsFrom() int   { return g.staffFrom() + len(g.campuses) + 1 }
func (g *generator) contactsFrom() int { return g.adminsFrom() + 3 }

func (g *generator) size(k kind) int {
	switch k {
	case users:
		return g.contactsFrom() + g.count
	case sections:
		return g.sections
	case schools:
		return len(g.campuses)
	case courses:
		return len(g.catalogue)
	default:
		return len(g.termID)
	}
}

// place returns the id space of a record and its index there.
func (g *generator) place(k kind, rank int) (*ids, int) {
	switch {
	case k == sections:
		return &g.sectionIDs, rank
	case k == schools:
		return &g.schoolIDs, rank
	case k == courses:
		return &g.courseIDs, rank
	case k == terms:
		return &g.termIDs, rank
	case rank < g.count:
		return &g.studentIDs, rank
	case rank < g.staffFrom():
		return &g.teacherIDs, rank - g.count
	case rank < g.adminsFrom():
		return &g.staffIDs, rank - g.staffFrom()
	case rank < g.contactsFrom():
		return &g.adminIDs, rank - g.adminsFrom()
	default:
		return &g.contactIDs, rank - g.contactsFrom()
	}
}

func (g *generator) appendID(dst []byte, k kind, rank int) []byte {
	space, index := g.place(k, rank)
	return space.append(dst, index)
}

func (g *generator) id(k kind, rank int) string {
	return string(g.appendID(make([]byte, 0, 24), k, rank))
}

// campusOf finds the campus in whose span an index is.
func (g *generator) campusOf(index int, of func(*campus) span) int {
	return sort.Search(len(g.campuses), func(c int) bool { return of(&g.campuses[c]).hi > index })
}
