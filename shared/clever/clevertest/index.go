package clevertest

import (
	"slices"
)

// ranksOf collects the ranks of users by role; anyRole collects all.
type ranksOf map[role][]int

func (r ranksOf) add(in role, rank int) {
	r[in] = append(r[in], rank)
	r[anyRole] = append(r[anyRole], rank)
}

// index finds the lists of each role, school and student.
func (r *recorded) index() {
	byRole, byStudent := ranksOf{}, map[string][]int{}
	all, primary := map[string]ranksOf{}, map[string]ranksOf{}
	for _, id := range r.lists[schools].ids {
		all[id], primary[id] = ranksOf{}, ranksOf{}
	}
	for rank := range r.lists[users].users {
		u := &r.lists[users].users[rank]
		for _, in := range u.memberships() {
			byRole.add(in.role, rank)
			for i, id := range in.schools {
				all[id].add(in.role, rank)
				if i == 0 {
					primary[id].add(in.role, rank)
				}
			}
		}
		if u.Contact != nil {
			for _, rel := range u.Contact.Relationships {
				byStudent[rel.Student] = append(byStudent[rel.Student], rank)
			}
		}
	}
	r.roles, r.contacts = pickAll(byRole), pickAll(byStudent)
	for _, id := range r.lists[schools].ids {
		r.bySchool = append(r.bySchool, schoolLists{users: pickAll(all[id]), primary: pickAll(primary[id])})
	}
	for rank, s := range r.lists[sections].sections {
		if school, ok := slices.BinarySearch(r.lists[schools].ids, s.School); ok {
			of := &r.bySchool[school].sections
			*of = append(*of, span{rank, rank + 1})
		}
	}
}

// membership is one role of a user and the schools that it names, the primary
// one first, none of them twice or empty.
type membership struct {
	role    role
	schools []string
}

func newMembership(r role, primary string, others []string) membership {
	m := membership{role: r}
	for _, id := range append([]string{primary}, others...) {
		if id != "" && !slices.Contains(m.schools, id) {
			m.schools = append(m.schools, id)
		}
	}
	return m
}

// memberships returns the roles of the user.
func (u *User) memberships() []membership {
	var in []membership
	if s := u.Student; s != nil {
		in = append(in, newMembership(student, s.School, s.Schools))
	}
	if t := u.Teacher; t != nil {
		in = append(in, newMembership(teacher, t.School, t.Schools))
	}
	if s := u.Staff; s != nil {
		in = append(in, newMembership(staff, "", s.Schools))
	}
	if u.Admin != nil {
		in = append(in, membership{role: admin})
	}
	if u.Contact != nil {
		in = append(in, membership{role: contact})
	}
	return in
}

func pickAll[M ~map[K][]int, K comparable](ranks M) map[K]spans {
	picked := make(map[K]spans, len(ranks))
	for key, list := range ranks {
		picked[key] = pick(list)
	}
	return picked
}
