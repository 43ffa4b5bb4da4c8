package clever_test

import (
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cleversync/shared/clever"
	"cleversync/shared/clever/clevertest"
	"cleversync/shared/fault"
	"cleversync/shared/roster"
)

// simulate starts a simulated Clever, and gives a client and a caller for it.
func simulate(t *testing.T, config clevertest.Config) (*clevertest.Server, *clever.Client, clever.Caller) {
	t.Helper()
	sim, err := clevertest.New(config)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(sim)
	t.Cleanup(s.Close)
	client := connect(t, s.URL, func(c *clever.Config) {
		c.ClientID, c.ClientSecret = sim.ClientID(), clever.Secret(sim.ClientSecret())
	})
	return sim, client, clever.Caller{District: sim.District().ID(), Token: clever.Secret(sim.Token())}
}

// sourceOf is the record that a user of the simulator should become.
func sourceOf(u clevertest.User) roster.SourceUser {
	s := roster.SourceUser{ID: u.ID, Email: u.Email, Name: roster.SourceName{First: u.Name.First, Middle: u.Name.Middle, Last: u.Name.Last}}
	if r := u.Student; r != nil {
		s.Roles.Student = &roster.SourceStudent{
			School: r.School, Schools: r.Schools, SISID: r.SisID, StudentNumber: r.Number, Grade: r.Grade,
			Credentials: roster.SourceCredentials{Username: r.Username},
		}
	}
	if r := u.Teacher; r != nil {
		s.Roles.Teacher = &roster.SourceTeacher{
			School: r.School, Schools: r.Schools, SISID: r.SisID, TeacherNumber: r.Number,
			Credentials: roster.SourceCredentials{Username: r.Username},
		}
	}
	if r := u.Contact; r != nil {
		s.Roles.Contact = &roster.SourceContact{Phone: r.Phone, PhoneType: r.PhoneType}
		for _, rel := range r.Relationships {
			s.Roles.Contact.Relationships = append(s.Roles.Contact.Relationships, roster.SourceRelationship(rel))
		}
	}
	return s
}

// TestSimulator_Users reads every person of a generated district, page by page,
// and compares each with the truth.
func TestSimulator_Users(t *testing.T) {
	t.Parallel()
	for _, zip := range []bool{false, true} {
		sim, client, who := simulate(t, clevertest.Config{Students: 1000, Seed: 7, Gzip: zip})
		d := sim.District()
		for _, c := range []struct {
			list clever.List
			want []clevertest.User
		}{
			{clever.StudentsOf("", 300), slices.Collect(d.Students())},
			{clever.TeachersOf("", 10000), slices.Collect(d.Teachers())},
			{clever.AllContacts(250), slices.Collect(d.Contacts())},
		} {
			i := 0
			list(t, client, who, c.list, func(got roster.Received[roster.SourceUser]) {
				want := roster.Received[roster.SourceUser]{Record: sourceOf(c.want[i]), ID: c.want[i].ID}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("record %d of %s (-want +got):\n%s", i, c.list.Path, diff)
				}
				i++
			})
			if i != len(c.want) {
				t.Errorf("%d records of %s; want %d", i, c.list.Path, len(c.want))
			}
		}
	}
}

// TestSimulator_Others reads the lists of all that is no person.
func TestSimulator_Others(t *testing.T) {
	t.Parallel()
	sim, client, who := simulate(t, clevertest.Config{Students: 1000, Seed: 7})
	d := sim.District()
	ids := func(yield func(func(string))) (all []string) {
		yield(func(id string) { all = append(all, id) })
		return all
	}
	var got, want []string
	list(t, client, who, clever.SectionsOf("", 100), func(r roster.Received[roster.SourceSection]) {
		got = append(got, r.Record.ID+r.Record.School+r.Record.Teacher+r.Record.Term+r.Record.Course)
	})
	for s := range d.Sections() {
		want = append(want, s.ID+s.School+s.Teacher+s.Term+s.Course)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sections (-want +got):\n%s", diff)
	}

	got = ids(func(add func(string)) {
		list(t, client, who, clever.CoursesOf("", 7), func(r roster.Received[roster.SourceCourse]) { add(r.Record.ID + r.Record.Name) })
		list(t, client, who, clever.TermsOf("", 1), func(r roster.Received[roster.SourceTerm]) { add(r.Record.ID + r.Record.Start) })
		schools, err := client.Schools(t.Context(), who)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range schools {
			add(s.ID + s.Name)
		}
	})
	want = ids(func(add func(string)) {
		for c := range d.Courses() {
			add(c.ID + c.Name)
		}
		for term := range d.Terms() {
			add(term.ID + term.Start)
		}
		for s := range d.Schools() {
			add(s.ID + s.Name)
		}
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("courses, terms, schools (-want +got):\n%s", diff)
	}
}

// TestSimulator_Broken meets records with a value of the wrong type each.
func TestSimulator_Broken(t *testing.T) {
	t.Parallel()
	sim, client, who := simulate(t, clevertest.Config{Students: 1000, Seed: 3, Broken: true})
	decisive := []string{"id", "name", "roles", "roles.student.school"}
	// By the path of the broken value; "" where nothing is broken, or only null.
	want, got := map[string]int{}, map[string]int{}
	for u := range sim.District().Students() {
		switch b := u.Broken; {
		case b == nil || b.Value == nil:
			want[""]++
		case slices.Contains(decisive, b.Path):
			want["undecodable"]++
		default:
			want[b.Path]++
		}
	}
	list(t, client, who, clever.StudentsOf("", 100), func(r roster.Received[roster.SourceUser]) {
		if r.Undecodable {
			got["undecodable"]++
		} else {
			got[strings.Join(r.BadFields, " ")]++
		}
	})
	if diff := cmp.Diff(want, got); diff != "" || len(want) < 5 {
		t.Errorf("records by what is wrong (-want +got):\n%s", diff)
	}
}

// TestSimulator_Scopes reads one school's lists and one student's.
func TestSimulator_Scopes(t *testing.T) {
	t.Parallel()
	sim, client, who := simulate(t, clevertest.Config{Students: 1000, Seed: 7})
	d := sim.District()
	school := slices.Collect(d.Schools())[0]
	want := 0
	for u := range d.Students() {
		if slices.Contains(u.Student.Schools, school.ID) {
			want++
		}
	}
	got := 0
	list(t, client, who, clever.StudentsOf(school.ID, 100), func(r roster.Received[roster.SourceUser]) { got++ })
	if got != want || got == 0 {
		t.Errorf("%d students at the school; want %d", got, want)
	}
	one, err := client.School(t.Context(), who, school.ID)
	if diff := cmp.Diff(roster.SourceSchool{ID: school.ID, Name: school.Name, SISID: school.SisID, Number: school.Number}, one); err != nil || diff != "" {
		t.Errorf("%v, school (-want +got):\n%s", err, diff)
	}
	contact := slices.Collect(d.Contacts())[0]
	found := false
	list(t, client, who, clever.ContactsOf(contact.Contact.Relationships[0].Student, 100), func(r roster.Received[roster.SourceUser]) {
		found = found || r.ID == contact.ID
	})
	if !found {
		t.Error("a student's contacts lack one who names the student")
	}

	sim.HideSchool(school.ID)
	_, err = client.School(t.Context(), who, school.ID)
	wantFault(t, err, fault.CleverNotShared)
	_, _, err = readAs(t, client, who, clever.SectionsOf(school.ID, 100).Path)
	wantFault(t, err, fault.CleverNotShared)
}

func readAs(t *testing.T, c *clever.Client, who clever.Caller, path string) (int, clever.Page, error) {
	t.Helper()
	n := 0
	page, err := clever.ReadPage(t.Context(), c, who, path, "", func(roster.Received[roster.SourceSection]) error {
		n++
		return nil
	})
	return n, page, err
}

// TestSimulator_Tokens follows a token from its replacement to its end.
func TestSimulator_Tokens(t *testing.T) {
	t.Parallel()
	sim, client, who := simulate(t, clevertest.Config{Students: 50})
	if d, err := client.District(t.Context(), who); err != nil || d.State != sim.District().State().State || d.LastSync.IsZero() {
		t.Errorf("district %+v, %v", d, err)
	}
	sim.RotateToken()
	_, err := client.District(t.Context(), who)
	wantFault(t, err, fault.CleverTokenRevoked)
	tokens, err := client.Tokens(t.Context(), who.District)
	if err != nil || len(tokens) != 1 || tokens[0].District != who.District || string(tokens[0].Token) != sim.Token() {
		t.Fatalf("tokens %+v, %v", tokens, err)
	}
	who.Token = tokens[0].Token
	if _, err := client.District(t.Context(), who); err != nil {
		t.Error(err)
	}
	sim.Disconnect()
	if tokens, err := client.Tokens(t.Context(), who.District); err != nil || len(tokens) != 0 {
		t.Errorf("after disconnecting: tokens %v, %v", tokens, err)
	}
	_, err = client.District(t.Context(), who)
	wantFault(t, err, fault.CleverTokenRevoked)
}

func TestSimulator_RateLimit(t *testing.T) {
	t.Parallel()
	_, client, who := simulate(t, clevertest.Config{Students: 50, RateLimit: 2})
	for range 2 {
		if _, err := client.District(t.Context(), who); err != nil {
			t.Fatal(err)
		}
	}
	_, err := client.District(t.Context(), who)
	if f := wantFault(t, err, fault.CleverRateLimited); f.RetryAfter < 30*time.Second || f.RetryAfter > 61*time.Second {
		t.Errorf("retry after %v; the window has just begun", f.RetryAfter)
	}
}

// TestSimulator_TooLarge asks for more than Clever gives in a page.
func TestSimulator_TooLarge(t *testing.T) {
	t.Parallel()
	_, client, who := simulate(t, clevertest.Config{Students: 50})
	_, _, err := readAs(t, client, who, clever.SectionsOf("", 10001).Path)
	if f := wantFault(t, err, fault.CleverBadResponse); !f.Final {
		t.Error("trying again cannot help, yet the fault is not final")
	}
}
