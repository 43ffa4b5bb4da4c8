package clevertest

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// makeUp adds the schools, courses and terms that records name and no file
// holds. What can be read off their use is: a course is called as its
// sections say, a school spans the grades of its pupils.
func (r *recorded) makeUp() {
	named := [terms + 1]map[string]bool{schools: {}, courses: {}, terms: {}}
	for _, u := range r.lists[users].users {
		for _, in := range u.memberships() {
			for _, id := range in.schools {
				named[schools][id] = true
			}
		}
	}
	title := map[string]string{}
	for _, s := range r.lists[sections].sections {
		named[schools][s.School] = true
		named[courses][s.Course] = true
		named[terms][s.Term] = true
		title[s.Course], _, _ = strings.Cut(s.Name, " - ")
	}
	low, high := r.gradeSpans()
	for n, id := range r.missing(schools, named[schools]) {
		number := strconv.Itoa(n + 1)
		r.add(schools, id, func(l *list, at int) {
			l.schools = slices.Insert(l.schools, at, School{
				ID: id, District: r.uid, Created: "2017-12-05T02:09:00.000Z", LastModified: "2017-12-05T02:09:00.000Z",
				Name: "Demo School " + number, SisID: number, Number: number, LowGrade: low[id], HighGrade: high[id],
				Principal: "Pat Principal", PrincipalEmail: "principal" + number + "@example.org",
			})
		})
	}
	for n, id := range r.missing(courses, named[courses]) {
		r.add(courses, id, func(l *list, at int) {
			l.courses = slices.Insert(l.courses, at, Course{ID: id, District: r.uid, Name: title[id], Number: strconv.Itoa(n + 1)})
		})
	}
	for n, id := range r.missing(terms, named[terms]) {
		made := Term{ID: id, District: r.uid, Name: "Term " + strconv.Itoa(n+1), Start: "2020-08-01", End: "2021-06-01T00:00:00.000Z"}
		r.add(terms, id, func(l *list, at int) { l.terms = slices.Insert(l.terms, at, made) })
	}
}

// missing lists the named ids that no record has, in order.
func (r *recorded) missing(k kind, named map[string]bool) []string {
	delete(named, "")
	for _, id := range r.lists[k].ids {
		delete(named, id)
	}
	return slices.Sorted(maps.Keys(named))
}

// add inserts a made-up record in the order of ids.
func (r *recorded) add(k kind, id string, insert func(l *list, at int)) {
	l := &r.lists[k]
	at, _ := slices.BinarySearch(l.ids, id)
	l.ids = slices.Insert(l.ids, at, id)
	l.raws = slices.Insert(l.raws, at, nil)
	insert(l, at)
}

// gradeSpans returns the lowest and highest grade of the pupils of each
// school.
func (r *recorded) gradeSpans() (low, high map[string]string) {
	order := append([]string{"InfantToddler", "Preschool", "PreKindergarten", "TransitionalKindergarten"}, grades[:]...)
	low, high = map[string]string{}, map[string]string{}
	for _, u := range r.lists[users].users {
		if u.Student == nil || !slices.Contains(order, u.Student.Grade) {
			continue
		}
		place := slices.Index(order, u.Student.Grade)
		for _, id := range u.Student.Schools {
			if low[id] == "" || place < slices.Index(order, low[id]) {
				low[id] = u.Student.Grade
			}
			if place > slices.Index(order, high[id]) {
				high[id] = u.Student.Grade
			}
		}
	}
	return low, high
}
