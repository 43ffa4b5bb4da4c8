package clevertest

import (
	"slices"
	"strconv"
)

// rollover ends the school year, if that is what the night is for.
func (p *plot) rollover() {
	if !p.Rollover {
		return
	}
	next := p.nextTerms()
	closed := make([]*Section, 0, len(p.sectionIDs))
	for _, id := range slices.Clone(p.sectionIDs) {
		closed = append(closed, p.peekSection(id).clone())
		p.close(id)
	}
	p.begin(p.promote())
	p.reopen(closed, next)
}

// nextTerms makes the terms of next year, and returns their ids by those of
// this year.
func (p *plot) nextTerms() map[string]string {
	next := map[string]string{"": ""}
	for _, id := range p.inUse(terms) {
		t := p.term(id).clone()
		t.ID = p.newID()
		t.Name, t.Start, t.End = yearLater(t.Name), yearLater(t.Start), yearLater(t.End)
		p.insert(terms, t.ID, t)
		next[id] = t.ID
	}
	return next
}

// yearLater raises the first year in a text, be it a date or a name.
func yearLater(text string) string {
	for i := 0; i+4 <= len(text); i++ {
		if year, err := strconv.Atoi(text[i : i+4]); err == nil && year >= 1900 && year < 2200 {
			return text[:i] + strconv.Itoa(year+1) + text[i+4:]
		}
	}
	return text
}

// promote raises everybody's grade and returns how many left.
func (p *plot) promote() int {
	left := 0
	for _, id := range slices.Clone(p.students) {
		was := p.peek(id).Student
		grade := slices.Index(grades[:], was.Grade)
		if grade < 0 {
			continue // ungraded, or not at school yet
		}
		to := p.schoolFor(was.School, grade+1)
		if to == "" {
			p.leave(id)
			left++
			continue
		}
		u := p.user(id)
		u.Student.Grade = grades[grade+1]
		if to != u.Student.School {
			p.move(id, to)
		}
	}
	return left
}

// schoolFor finds the school where a pupil of a school goes on: the same while
// it has the grade.
func (p *plot) schoolFor(school string, grade int) string {
	if grade >= len(grades) {
		return ""
	}
	if at := p.of[school]; at == nil || at.teaches(grade) {
		return school
	}
	var others []string
	for _, id := range p.schoolIDs {
		if p.of[id].teaches(grade) {
			others = append(others, id)
		}
	}
	return p.one(others)
}

// teaches reports whether a school has a grade; one that does not say has all.
func (at *place) teaches(grade int) bool {
	low, high := slices.Index(grades[:], at.low), slices.Index(grades[:], at.high)
	return (low < 0 || grade >= low) && (high < 0 || grade <= high)
}

// begin lets beginners come, to the schools with the lowest grade.
func (p *plot) begin(n int) {
	lowest := len(grades)
	var at []*place
	for _, id := range p.schoolIDs {
		switch low := max(0, slices.Index(grades[:], p.of[id].low)); {
		case low < lowest:
			lowest, at = low, []*place{p.of[id]}
		case low == lowest:
			at = append(at, p.of[id])
		}
	}
	for range n {
		p.join(at[p.dice.roll(len(at))], grades[lowest])
	}
}

// hour is the sections among which the pupils of a grade are divided.
type hour struct{ school, grade, period string }

// reopen opens closed sections anew, each for pupils who are in its grade now.
// A section without any is for who of the old ones is still at the school, and
// is not opened where nobody is.
func (p *plot) reopen(closed []*Section, next map[string]string) {
	classes := map[hour]int{}
	for _, s := range closed {
		classes[hour{s.School, s.Grade, s.Period}]++
	}
	pupils := map[hour][]string{} // without a period
	for _, id := range p.students {
		u := p.peek(id).Student
		at := hour{school: u.School, grade: u.Grade}
		pupils[at] = append(pupils[at], id)
	}
	done := map[hour]int{}
	for _, old := range closed {
		at := hour{old.School, old.Grade, old.Period}
		all, n, i := pupils[hour{school: at.school, grade: at.grade}], classes[at], done[at]
		done[at]++
		members := all[i*len(all)/n : (i+1)*len(all)/n]
		if len(members) == 0 {
			members = slices.DeleteFunc(slices.Clone(old.Students), func(id string) bool {
				return !p.students.has(id) || p.peek(id).Student.School != old.School
			})
		}
		if len(members) > 0 {
			p.reopenFor(old, slices.Clone(members), next)
		}
	}
}

func (p *plot) reopenFor(old *Section, members []string, next map[string]string) {
	s := p.again(old)
	s.Students, s.Term = members, next[old.Term]
	s.Teachers = slices.DeleteFunc(s.Teachers, func(id string) bool { return !p.teachers.has(id) })
	if len(s.Teachers) > 0 {
		s.Teacher = s.Teachers[0]
	} else if len(old.Teachers) > 0 {
		s.Teacher = p.one(p.teachers)
		s.Teachers = []string{s.Teacher}
	}
	if s.Dirt == MemberNotShared || s.Dirt == WithoutStudents {
		s.Dirt = ""
	}
	p.open(s)
}
