package clever

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"cleversync/shared/roster"
)

func TestDecode_User(t *testing.T) {
	t.Parallel()
	student := func(s roster.SourceStudent) roster.SourceUser {
		return roster.SourceUser{ID: "u1", Name: roster.SourceName{Last: "L"}, Roles: roster.SourceRoles{Student: &s}}
	}
	// Each element is that of a user with id and last name, and what is added.
	const frame = `{"data":{"id":"u1","name":{"last":"L"},"roles":{"student":{%}}},"uri":"/v3.1/users/u1"}`
	in := func(members string) string { return strings.Replace(frame, "%", members, 1) }
	for _, c := range []struct {
		name, element string
		want          roster.Received[roster.SourceUser]
	}{
		{"well formed", in(`"school":"s1","schools":["s1","s2"],"grade":"7","credentials":{"district_username":"al"},"dob":"2/11/2007"`),
			roster.Received[roster.SourceUser]{ID: "u1", Record: student(roster.SourceStudent{School: "s1", Schools: []string{"s1", "s2"}, Grade: "7", Credentials: roster.SourceCredentials{Username: "al"}})}},
		{"null is absent", in(`"school":"s1","schools":null,"grade":null,"credentials":null`),
			roster.Received[roster.SourceUser]{ID: "u1", Record: student(roster.SourceStudent{School: "s1"})}},
		{"a role of null", `{"data":{"id":"u1","name":{"last":"L","first":null},"roles":{"student":{},"teacher":null}}}`,
			roster.Received[roster.SourceUser]{ID: "u1", Record: student(roster.SourceStudent{})}},
		{"what is not kept may be anything", in(`"dob":5,"location":[],"ext":"x","school":"s1"`),
			roster.Received[roster.SourceUser]{ID: "u1", Record: student(roster.SourceStudent{School: "s1"})}},
		{"names are case-sensitive", in(`"Grade":7,"grade":"7"`),
			roster.Received[roster.SourceUser]{ID: "u1", Record: student(roster.SourceStudent{Grade: "7"})}},
		{"a name given twice", in(`"grade":"6","grade":"7"`),
			roster.Received[roster.SourceUser]{ID: "u1", Record: student(roster.SourceStudent{Grade: "7"})}},
		{"broken UTF-8 and escapes", in("\"grade\":\"a\xffb\\u0000\\ud800c\""),
			roster.Received[roster.SourceUser]{ID: "u1", Record: student(roster.SourceStudent{Grade: "a\ufffdb\x00\ufffdc"})}},

		{"values of the wrong type", in(`"school":"s1","grade":7,"sis_id":{"x":1},"student_number":true`),
			roster.Received[roster.SourceUser]{ID: "u1", Record: student(roster.SourceStudent{School: "s1"}), BadFields: []string{"roles.student.grade", "roles.student.sis_id", "roles.student.student_number"}}},
		{"an object of the wrong type", in(`"grade":"7","credentials":"al"`),
			roster.Received[roster.SourceUser]{ID: "u1", Record: student(roster.SourceStudent{Grade: "7"}), BadFields: []string{"roles.student.credentials"}}},
		{"a wrong value beside broken UTF-8, null and repetition", in("\"school\":null,\"grade\":\"\xff\",\"sis_id\":1,\"sis_id\":2,\"schools\":[null,\"s1\"]"),
			roster.Received[roster.SourceUser]{ID: "u1", Record: student(roster.SourceStudent{Grade: "\ufffd", Schools: []string{"", "s1"}}), BadFields: []string{"roles.student.sis_id"}}},

		{"the id a number", `{"data":{"id":5,"name":{"last":"L"}}}`, roster.Received[roster.SourceUser]{Undecodable: true}},
		{"the id absent", `{"data":{"name":{"last":"L"}}}`, roster.Received[roster.SourceUser]{Undecodable: true}},
		{"the id no id", `{"data":{"id":"a\u0000b"}}`, roster.Received[roster.SourceUser]{Undecodable: true}},
		{"the name a string", `{"data":{"id":"u1","name":"L"}}`, roster.Received[roster.SourceUser]{ID: "u1", Undecodable: true}},
		{"the id after the broken name", `{"data":{"name":"L","id":"u1"}}`, roster.Received[roster.SourceUser]{ID: "u1", Undecodable: true}},
		{"a part of the name a number", `{"data":{"id":"u1","name":{"last":5}}}`, roster.Received[roster.SourceUser]{ID: "u1", Undecodable: true}},
		{"roles a list", `{"data":{"id":"u1","roles":["student"]}}`, roster.Received[roster.SourceUser]{ID: "u1", Undecodable: true}},
		{"a role true", `{"data":{"id":"u1","roles":{"teacher":true}}}`, roster.Received[roster.SourceUser]{ID: "u1", Undecodable: true}},
		{"the school a number", in(`"school":5`), roster.Received[roster.SourceUser]{ID: "u1", Undecodable: true}},
		{"one of the schools a number", in(`"schools":["s1",5]`), roster.Received[roster.SourceUser]{ID: "u1", Undecodable: true}},
		{"the record a list", `{"data":[]}`, roster.Received[roster.SourceUser]{Undecodable: true}},
		{"the record null", `{"data":null}`, roster.Received[roster.SourceUser]{Undecodable: true}},
		{"the element not wrapped", `{"id":"u1"}`, roster.Received[roster.SourceUser]{Undecodable: true}},
		{"the element a string", `"u1"`, roster.Received[roster.SourceUser]{Undecodable: true}},
		{"the element null", `null`, roster.Received[roster.SourceUser]{Undecodable: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, decode[roster.SourceUser](jsontext.Value(c.element))); diff != "" {
				t.Errorf("decoded (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecode_Others(t *testing.T) {
	t.Parallel()
	section := decode[roster.SourceSection](jsontext.Value(`{"data":{"id":"k1","name":"N","school":"s1","students":["a",5,"b",{}],"teachers":["t"],"period":3}}`))
	if diff := cmp.Diff(roster.Received[roster.SourceSection]{
		ID: "k1", Record: roster.SourceSection{ID: "k1", Name: "N", School: "s1", Students: []string{"a", "b"}, Teachers: []string{"t"}},
		BadFields: []string{"students", "period"},
	}, section); diff != "" {
		t.Errorf("section (-want +got):\n%s", diff)
	}
	// Taken for empty, such a list would take every member from the class.
	for _, element := range []string{`{"data":{"id":"k1","students":"t"}}`, `{"data":{"id":"k1","teachers":{}}}`} {
		if got := decode[roster.SourceSection](jsontext.Value(element)); !got.Undecodable || got.ID != "k1" {
			t.Errorf("%s decodes to %+v, want it undecodable", element, got)
		}
	}
	contact := decode[roster.SourceUser](jsontext.Value(`{"data":{"id":"p1","roles":{"contact":{"student_relationships":[{"student":"a","type":5},"x",{"student":"b","type":"Family"}]}}}}`))
	if diff := cmp.Diff([]roster.SourceRelationship{{Student: "a"}, {Student: "b", Type: "Family"}}, contact.Record.Roles.Contact.Relationships); diff != "" {
		t.Errorf("relationships (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"roles.contact.student_relationships.type", "roles.contact.student_relationships"}, contact.BadFields); diff != "" {
		t.Errorf("bad fields (-want +got):\n%s", diff)
	}
	for _, element := range []string{`{"data":{"id":"x","name":5}}`, `{"data":{"id":"x","school":5,"name":[]}}`} {
		v := jsontext.Value(element)
		if !decode[roster.SourceSection](v).Undecodable || !decode[roster.SourceSchool](v).Undecodable ||
			!decode[roster.SourceCourse](v).Undecodable || !decode[roster.SourceTerm](v).Undecodable {
			t.Errorf("%s is decodable as something", element)
		}
	}
	for _, part := range []string{"first", "middle", "last"} {
		if r := decode[roster.SourceUser](jsontext.Value(`{"data":{"id":"u1","name":{"` + part + `":5}}}`)); !r.Undecodable {
			t.Errorf("a user is decodable without its %s name", part)
		}
	}
	term := decode[roster.SourceTerm](jsontext.Value(`{"data":{"id":"t1","start_date":20260801,"end_date":"2027-06-01"}}`))
	if diff := cmp.Diff([]string{"start_date"}, term.BadFields); diff != "" || term.Record.End != "2027-06-01" {
		t.Errorf("term %+v, bad fields (-want +got):\n%s", term.Record, diff)
	}
}
