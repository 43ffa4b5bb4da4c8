package clevertest

import (
	"encoding/json"
	"strings"
)

// appendItem appends an item of a list: the record and its uri.
func (d *District) appendItem(dst []byte, k kind, r ref, version string, sc *scratch) []byte {
	dst = append(dst, `{"data":`...)
	dst = d.appendRecord(dst, k, r, version, sc)
	dst = append(dst, `,"uri":"/`...)
	dst = append(dst, version...)
	dst = append(dst, '/')
	dst = append(dst, k.path()...)
	dst = append(dst, '/')
	dst = d.appendID(dst, k, r)
	return append(dst, `"}`...)
}

// appendRecord appends a record: as recorded, where it was and nobody edited
// it, else in the simulator's own order of keys. JSON is appended by hand
// because the simulator shares its processors with what it is to test.
func (d *District) appendRecord(dst []byte, k kind, r ref, version string, sc *scratch) []byte {
	if rank, ok := r.asSource(); ok {
		if raw := d.source.raw(k, rank); raw != nil {
			return append(dst, raw...)
		}
	}
	switch k {
	case users:
		return appendAny(dst, d.user(r, sc), form{version: version})
	case sections:
		return appendAny(dst, d.section(r, sc), form{version: version})
	case schools:
		s := d.school(r)
		return appendAny(dst, &s, form{version: version})
	case courses:
		c := d.course(r)
		return appendAny(dst, &c, form{version: version})
	default:
		t := d.term(r)
		return appendAny(dst, &t, form{version: version})
	}
}

// form is how a record is written: as which version of the API has it, and
// whether as the object of an event, which lacks a key that lists have.
type form struct {
	version string
	event   bool
}

// appendAny appends a record of any kind, broken where it is to be.
func appendAny(dst []byte, record any, f form) []byte {
	start := len(dst)
	var broken *Breakage
	switch record := record.(type) {
	case *User:
		dst, broken = appendUser(dst, record, f), record.Broken
	case *Section:
		dst, broken = appendSection(dst, record), record.Broken
	case *School:
		dst, broken = appendSchool(dst, record), record.Broken
	case *Course:
		dst, broken = appendCourse(dst, record), record.Broken
	case *Term:
		dst, broken = appendTerm(dst, record), record.Broken
	}
	if broken != nil {
		return broken.apply(dst, start)
	}
	return dst
}

// apply replaces the broken value in the record that begins at start. Broken
// records are rare, so this may be slow.
func (b *Breakage) apply(dst []byte, start int) []byte {
	var record map[string]any
	if err := json.Unmarshal(dst[start:], &record); err != nil {
		panic("clevertest: the simulator wrote a record that is no JSON: " + err.Error())
	}
	at, path := record, strings.Split(b.Path, ".")
	for _, key := range path[:len(path)-1] {
		next, ok := at[key].(map[string]any)
		if !ok {
			next = map[string]any{}
			at[key] = next
		}
		at = next
	}
	at[path[len(path)-1]] = b.Value
	text, err := json.Marshal(record)
	if err != nil {
		panic("clevertest: breakage of " + b.Path + " is no JSON: " + err.Error())
	}
	return append(dst[:start], text...)
}

func appendSection(dst []byte, s *Section) []byte {
	dst = append(dst, '{')
	if !s.omit.has(noCourse) {
		dst = append(field(dst, `"course":`, s.Course), ',')
	}
	dst = field(dst, `"created":`, s.Created)
	dst = field(dst, `,"district":`, s.District)
	dst = field(dst, `,"ext":{},"grade":`, s.Grade)
	dst = field(dst, `,"last_modified":`, s.LastModified)
	if !s.omit.has(noName) {
		dst = field(dst, `,"name":`, s.Name)
	}
	dst = field(dst, `,"period":`, s.Period)
	dst = field(dst, `,"school":`, s.School)
	dst = field(dst, `,"section_number":"","sis_id":`, s.SisID)
	dst = texts(dst, `,"students":`, s.Students)
	dst = field(dst, `,"subject":`, s.Subject)
	if !s.omit.has(noTeacher) {
		dst = field(dst, `,"teacher":`, s.Teacher)
	}
	dst = texts(dst, `,"teachers":`, s.Teachers)
	if !s.omit.has(noTerm) {
		dst = field(dst, `,"term_id":`, s.Term)
	}
	return append(field(dst, `,"id":`, s.ID), '}')
}

func appendSchool(dst []byte, s *School) []byte {
	dst = field(dst, `{"created":`, s.Created)
	dst = field(dst, `,"district":`, s.District)
	dst = field(dst, `,"ext":{},"high_grade":`, s.HighGrade)
	dst = field(dst, `,"last_modified":`, s.LastModified)
	dst = field(dst, `,"location":{"address":`, s.Address)
	dst = field(dst, `,"city":`, s.City)
	dst = field(dst, `,"state":`, s.State)
	dst = field(dst, `,"zip":`, s.Zip)
	dst = field(dst, `},"low_grade":`, s.LowGrade)
	dst = field(dst, `,"mdr_number":"","name":`, s.Name)
	dst = field(dst, `,"nces_id":"","phone":`, s.Phone)
	dst = field(dst, `,"principal":{"email":`, s.PrincipalEmail)
	dst = field(dst, `,"name":`, s.Principal)
	dst = field(dst, `},"school_number":`, s.Number)
	dst = field(dst, `,"sis_id":`, s.SisID)
	dst = field(dst, `,"state_id":`, s.StateID)
	return append(field(dst, `,"id":`, s.ID), '}')
}

func appendCourse(dst []byte, c *Course) []byte {
	dst = field(dst, `{"district":`, c.District)
	if !c.omit.has(noName) {
		dst = field(dst, `,"name":`, c.Name)
	}
	if !c.omit.has(noNumber) {
		dst = field(dst, `,"number":`, c.Number)
	}
	return append(field(dst, `,"id":`, c.ID), '}')
}

func appendTerm(dst []byte, t *Term) []byte {
	dst = field(dst, `{"district":`, t.District)
	dst = field(dst, `,"name":`, t.Name)
	if !t.omit.has(noDates) {
		dst = field(dst, `,"start_date":`, t.Start)
		dst = field(dst, `,"end_date":`, t.End)
	}
	return append(field(dst, `,"id":`, t.ID), '}')
}

func appendLink(dst []byte, rel, uri string) []byte {
	dst = field(dst, `{"rel":`, rel)
	return append(field(dst, `,"uri":`, uri), '}')
}

// field appends a key, given with the punctuation around it, and a string.
func field(dst []byte, key, value string) []byte {
	dst = append(dst, key...)
	return quote(dst, value)
}

func texts(dst []byte, key string, values []string) []byte {
	dst = append(dst, key...)
	dst = append(dst, '[')
	for i, v := range values {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = quote(dst, v)
	}
	return append(dst, ']')
}
