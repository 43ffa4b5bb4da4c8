package clever_test

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cleversync/shared/clever"
	"cleversync/shared/clever/clevertest"
	"cleversync/shared/roster"
)

// recorded are bodies that the real Clever answered, beside the project.
const recorded = "../../../shared/data/clever-demo-district"

// tally counts what a mapper said.
type tally struct {
	received, kept int
	issues         map[roster.IssueCode]int
	hashes         map[roster.Hash]bool
}

func (c *tally) add(hash roster.Hash, ok bool, issues []roster.Issue) {
	c.received++
	if ok {
		c.kept++
		c.hashes[hash] = true
	}
	for _, i := range issues {
		c.issues[i.Code]++
	}
}

func newTally() *tally {
	return &tally{issues: map[roster.IssueCode]int{}, hashes: map[roster.Hash]bool{}}
}

// TestDemoDistrict takes the whole way from the wire to mapped records with a
// real district's data.
func TestDemoDistrict(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat(recorded); err != nil {
		t.Skipf("the recorded district is not beside the project: %v", err)
	}
	_, client, who := simulate(t, clevertest.Config{Dir: recorded})
	m := roster.NewMapper(roster.Options{Whole: true})

	students, people := map[string]bool{}, newTally()
	user := func(r roster.Received[roster.SourceUser]) {
		wellFormed(t, r.ID, r.Undecodable, r.BadFields)
		u, ok, issues := m.User(r)
		people.add(u.Hash(), ok, issues)
		students[u.ID] = students[u.ID] || u.Student
	}
	list(t, client, who, clever.StudentsOf("", 300), user)
	same(t, "students", 1004, people.kept)
	list(t, client, who, clever.TeachersOf("", 300), user)
	same(t, "students and teachers", []int{1093, 1093, 1093}, []int{people.received, people.kept, len(people.hashes)})
	same(t, "issues of people", map[roster.IssueCode]int{roster.EmailInvalid: 2}, people.issues)

	rooms, memberships := newTally(), 0
	list(t, client, who, clever.SectionsOf("", 100), func(r roster.Received[roster.SourceSection]) {
		wellFormed(t, r.ID, r.Undecodable, r.BadFields)
		c, ok, issues := m.Section(r)
		rooms.add(c.Hash(), ok, issues)
		memberships += len(c.Students) + len(c.Teachers)
		if len(c.Teachers) == 0 || c.Teachers[0] != r.Record.Teacher {
			t.Errorf("the primary teacher of %s does not come first", c.ID)
		}
	})
	same(t, "classrooms, memberships", []int{378, 378, 8954 + 452}, []int{rooms.kept, len(rooms.hashes), memberships})
	same(t, "issues of classrooms", map[roster.IssueCode]int{}, rooms.issues)

	for _, c := range []struct {
		types                []string
		parents, notSelected int
		links                int
	}{
		{[]string{"Parent/Guardian", "Family", "Emergency", "Other"}, 1002, 0, 1004},
		{[]string{"Parent/Guardian"}, 226, 776, 227},
		{[]string{"Family"}, 535, 467, 536},
		{[]string{"Other"}, 241, 761, 241},
		{[]string{"Emergency"}, 0, 1002, 0},
	} {
		m := roster.NewMapper(roster.Options{Whole: true, ParentTypes: c.types})
		parents, links := newTally(), 0
		list(t, client, who, clever.AllContacts(500), func(r roster.Received[roster.SourceUser]) {
			wellFormed(t, r.ID, r.Undecodable, r.BadFields)
			p, ok, issues := m.Contact(r, func(id string) bool { return students[id] })
			parents.add(p.Hash(), ok, issues)
			links += len(p.Links)
		})
		want := map[roster.IssueCode]int{}
		if c.notSelected > 0 {
			want[roster.ParentRoleNotSelected] = c.notSelected
		}
		same(t, "parents, links", []int{c.parents, c.links}, []int{parents.kept, links})
		same(t, "issues of contacts", want, parents.issues)
	}
}

func wellFormed(t *testing.T, id string, undecodable bool, bad []string) {
	t.Helper()
	if undecodable || len(bad) > 0 {
		t.Errorf("%q: undecodable %v, bad fields %v", id, undecodable, bad)
	}
}

func same[T any](t *testing.T, what string, want, got T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}
