package clevertest

import (
	"iter"
	"sort"
)

// kind is one of Clever's collections. Ranks count its records in the order
// of their ids, from 0.
type kind int

const (
	users kind = iota
	sections
	schools
	courses
	terms
	// districts are no collection of records, but the district's own record has
	// events.
	districts
)

// path returns the kind's name in paths.
func (k kind) path() string {
	return [...]string{"users", "sections", "schools", "courses", "terms", "districts"}[k]
}

// role selects users; anyRole selects all.
type role int

const (
	anyRole role = iota
	student
	teacher
	staff
	admin
	contact
)

// source is where records come from: computed (generator) or read from files
// (recorded). It never changes; what hooks change lies over it (District).
type source interface {
	districtID() string
	// district returns the district's own record.
	district() []byte

	size(k kind) int
	// appendID appends the id of the record at a rank; ids ascend with ranks.
	appendID(dst []byte, k kind, rank int) []byte
	id(k kind, rank int) string

	// user and section fill into and return a record in it, which is valid
	// until into is used again.
	user(rank int, into *scratch) *User
	section(rank int, into *scratch) *Section
	school(rank int) School
	course(rank int) Course
	term(rank int) Term
	// raw returns the record as it was recorded, nil if it was not.
	raw(k kind, rank int) []byte

	withRole(r role) spans
	// schoolUsers lists who is at a school (primary: whose school it is
	// first of all), contacts and administrators excepted: they are at none.
	schoolUsers(school int, r role, primary bool) spans
	schoolSections(school int) spans
	// contactsNear lists users among which all contacts of the student are.
	contactsNear(student int) spans
}

// scratch holds one record of each kind while it is filled and written, so
// that a page of thousands allocates little.
type scratch struct {
	usr User
	stu Student
	tea Teacher
	stf Staff
	con Contact
	adm Admin
	sec Section

	schools [3]string
	rels    []Relationship
	ids     []string
	ranks   []int
	text    arena
}

// search returns the first rank whose id is greater than id, or with equal,
// not less. Ids that no record has are as good as any: Clever pages by range.
func search(src source, k kind, id string, equal bool) int {
	var buf [64]byte
	return sort.Search(src.size(k), func(rank int) bool {
		at := src.appendID(buf[:0], k, rank)
		return string(at) > id || equal && string(at) == id
	})
}

// find returns the rank of the record with this id.
func find(src source, k kind, id string) (rank int, ok bool) {
	rank = search(src, k, id, true)
	return rank, rank < src.size(k) && src.id(k, rank) == id
}

// span is the ranks lo <= rank < hi.
type span struct{ lo, hi int }

// spans is a list of records: ascending spans of ranks that do not touch each
// other. A school's pupils are one span, so a list costs nothing to keep.
type spans []span

// pick makes spans of ascending ranks, a rank given twice counting once.
func pick(ranks []int) spans {
	var s spans
	for _, rank := range ranks {
		if n := len(s); n > 0 && rank <= s[n-1].hi {
			s[n-1].hi = max(s[n-1].hi, rank+1)
			continue
		}
		s = append(s, span{rank, rank + 1})
	}
	return s
}

func (s spans) size() int {
	n := 0
	for _, sp := range s {
		n += sp.hi - sp.lo
	}
	return n
}

// from yields the ranks that are at least rank, ascending.
func (s spans) from(rank int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for _, sp := range s {
			for i := max(sp.lo, rank); i < sp.hi; i++ {
				if !yield(i) {
					return
				}
			}
		}
	}
}

// below yields the ranks that are less than rank, descending.
func (s spans) below(rank int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for n := len(s) - 1; n >= 0; n-- {
			for i := min(s[n].hi, rank) - 1; i >= s[n].lo; i-- {
				if !yield(i) {
					return
				}
			}
		}
	}
}
