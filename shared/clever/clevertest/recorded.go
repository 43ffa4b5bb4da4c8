package clevertest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// recorded serves bodies that the real Clever answered: the lists of
// users.json and sections.json and the district of districts.json. A
// directory may also hold schools.json, courses.json and terms.json; what
// records name and no file holds is made up, consistently with its name's use
// (madeup.go).
type recorded struct {
	uid      string
	about    []byte
	lists    [terms + 1]list
	roles    map[role]spans
	bySchool []schoolLists
	contacts map[string]spans // by student
}

// list is the records of one kind in the order of their ids.
type list struct {
	ids  []string
	raws [][]byte // nil where the record is made up
	// Of these, one is in use.
	users    []User
	sections []Section
	schools  []School
	courses  []Course
	terms    []Term
}

// schoolLists is who and what is at one school.
type schoolLists struct {
	sections       spans
	users, primary map[role]spans
}

// load reads a directory of recorded bodies.
func load(dir string) (*recorded, error) {
	r := &recorded{roles: map[role]spans{}, contacts: map[string]spans{}}
	districts, err := readBody(dir, "districts.json")
	if err != nil {
		return nil, err
	}
	if len(districts) != 1 {
		return nil, fmt.Errorf("read %s: want one district, have %d", filepath.Join(dir, "districts.json"), len(districts))
	}
	r.uid, r.about = districts[0].id, districts[0].raw
	for k := users; k <= terms; k++ {
		if err := r.read(dir, k); err != nil {
			return nil, err
		}
	}
	r.makeUp()
	r.index()
	return r, nil
}

// item is one record of a body with its id.
type item struct {
	id  string
	raw []byte
}

// readBody reads the records of one body, in the order of their ids.
func readBody(dir, name string) ([]item, error) {
	path := filepath.Join(dir, name)
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err // it names the path
	}
	var body struct {
		Data []struct{ Data json.RawMessage }
	}
	if err := json.Unmarshal(text, &body); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	items := make([]item, len(body.Data))
	for i, wrapped := range body.Data {
		var record struct{ ID string }
		if err := json.Unmarshal(wrapped.Data, &record); err != nil {
			return nil, fmt.Errorf("read record %d of %s: %w", i, path, err)
		}
		if record.ID == "" {
			return nil, fmt.Errorf("read record %d of %s: it has no id", i, path)
		}
		items[i] = item{record.ID, wrapped.Data}
	}
	slices.SortFunc(items, func(a, b item) int { return strings.Compare(a.id, b.id) })
	for i := range items[min(1, len(items)):] {
		if items[i].id == items[i+1].id {
			return nil, fmt.Errorf("read %s: two records have the id %s", path, items[i].id)
		}
	}
	return items, nil
}

// read reads the records of a kind. Those of users and sections must be there.
func (r *recorded) read(dir string, k kind) error {
	name := k.path() + ".json"
	items, err := readBody(dir, name)
	if errors.Is(err, fs.ErrNotExist) && k > sections {
		return nil
	}
	if err != nil {
		return err
	}
	l := &r.lists[k]
	for i, it := range items {
		l.ids, l.raws = append(l.ids, it.id), append(l.raws, it.raw)
		if err := l.decode(k, it.raw); err != nil {
			return fmt.Errorf("read record %d of %s: %w", i, filepath.Join(dir, name), err)
		}
	}
	return nil
}

func (r *recorded) districtID() string { return r.uid }
func (r *recorded) district() []byte   { return r.about }

func (r *recorded) size(k kind) int                 { return len(r.lists[k].ids) }
func (r *recorded) id(k kind, rank int) string      { return r.lists[k].ids[rank] }
func (r *recorded) raw(k kind, rank int) []byte     { return r.lists[k].raws[rank] }
func (r *recorded) school(rank int) School          { return r.lists[schools].schools[rank] }
func (r *recorded) course(rank int) Course          { return r.lists[courses].courses[rank] }
func (r *recorded) term(rank int) Term              { return r.lists[terms].terms[rank] }
func (r *recorded) schoolSections(school int) spans { return r.bySchool[school].sections }

func (r *recorded) appendID(dst []byte, k kind, rank int) []byte {
	return append(dst, r.lists[k].ids[rank]...)
}

func (r *recorded) contactsNear(student int) spans {
	return r.contacts[r.lists[users].ids[student]]
}

func (r *recorded) withRole(want role) spans {
	if want == anyRole {
		return spans{{0, r.size(users)}}
	}
	return r.roles[want]
}

func (r *recorded) schoolUsers(school int, want role, primary bool) spans {
	if primary {
		return r.bySchool[school].primary[want]
	}
	return r.bySchool[school].users[want]
}

// user copies the record deep enough for an edit to change the copy only.
func (r *recorded) user(rank int, into *scratch) *User {
	into.usr = r.lists[users].users[rank]
	u := &into.usr
	if u.Student != nil {
		into.stu = *u.Student
		into.stu.Schools = slices.Clone(into.stu.Schools)
		u.Student = &into.stu
	}
	if u.Teacher != nil {
		into.tea = *u.Teacher
		into.tea.Schools = slices.Clone(into.tea.Schools)
		u.Teacher = &into.tea
	}
	if u.Staff != nil {
		into.stf = *u.Staff
		into.stf.Schools = slices.Clone(into.stf.Schools)
		u.Staff = &into.stf
	}
	if u.Contact != nil {
		into.con = *u.Contact
		into.con.Relationships = slices.Clone(into.con.Relationships)
		u.Contact = &into.con
	}
	if u.Admin != nil {
		into.adm = *u.Admin
		u.Admin = &into.adm
	}
	return u
}

func (r *recorded) section(rank int, into *scratch) *Section {
	into.sec = r.lists[sections].sections[rank]
	into.sec.Students = slices.Clone(into.sec.Students)
	into.sec.Teachers = slices.Clone(into.sec.Teachers)
	return &into.sec
}
