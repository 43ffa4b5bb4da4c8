package roster

import (
	"slices"
	"testing"
)

func contact(email string, relationships ...SourceRelationship) SourceUser {
	return SourceUser{
		ID: "p1", Email: email, Name: SourceName{Last: " Maria Ruiz"},
		Roles: SourceRoles{Contact: &SourceContact{Phone: "(555) 010-0199", PhoneType: "Cell", Relationships: relationships}},
	}
}

func related(student, kind string) SourceRelationship {
	return SourceRelationship{Student: student, Relationship: "Parent", Type: kind}
}

// ours knows the students a and b.
func ours(id string) bool { return id == "a" || id == "b" }

func TestContact_Reasons(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		contact SourceUser
		reason  IssueCode
	}{
		{"no relationship", contact("m@x.org"), ParentWithoutStudent},
		{"foreign student", contact("m@x.org", related("zz", "Family")), ParentWithoutStudent},
		{"foreign student comes before no e-mail", contact("", related("zz", "")), ParentWithoutStudent},
		{"blank e-mail", contact(" \u00a0", related("a", "Family")), ParentWithoutEmail},
		{"no e-mail comes before no type", contact("", related("a", "")), ParentWithoutEmail},
		{"no type", contact("m@x.org", related("a", " "), related("b", "")), ParentWithoutRole},
		{"a foreign student's type does not help", contact("m@x.org", related("a", ""), related("zz", "Family")), ParentWithoutRole},
		{"not selected", contact("m@x.org", related("a", "Primary")), ParentRoleNotSelected},
		{"one empty, one not selected", contact("m@x.org", related("a", ""), related("a", "Primary")), ParentRoleNotSelected},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			in := received("p1", c.contact)
			in.BadFields = []string{"roles.contact.phone"}
			check(t, said(Parent{}, false, []Issue{{c.reason, KindParent, "p1", ""}}), said(tenant().Contact(in, ours)))
		})
	}
}

func TestContact_IsParent(t *testing.T) {
	t.Parallel()
	want := Parent{ID: "p1", Name: "Maria Ruiz", Email: "M@x.org", Phone: "(555) 010-0199", PhoneType: "Cell", Links: []Link{
		{"a", "Parent", "Family"}, {"a", "Parent", "Parent/Guardian"}, {"zz", "Parent", "Family"},
	}}
	src := contact(" M@x.org", related("zz", "Family"), related("a", "Parent/Guardian"),
		SourceRelationship{Student: "a", Type: "Family"}, related("a", "Family"), related("a", "Family"),
		related("b", ""), related("b", "Primary"))
	check(t, said(want, true, nil), said(tenant().Contact(received("p1", src), ours)))

	slices.Reverse(src.Roles.Contact.Relationships)
	check(t, said(want, true, nil), said(tenant().Contact(received("p1", src), ours)))
}

func TestContact_NoContact(t *testing.T) {
	t.Parallel()
	check(t, said(Parent{}, false, nil), said(tenant().Contact(received("u1", person(SourceRoles{Student: student("s1")})), ours)))
}

func TestContact_KeepsValuesAndSaysSo(t *testing.T) {
	t.Parallel()
	in := received("p1", contact("m@x.org", related("a", "Family"), related("no id", "Family")))
	in.Record.Name = SourceName{First: "Maria ", Last: "Ruiz"}
	p, ok, issues := tenant().Contact(in, ours)
	want := []Issue{{ValueInvalid, KindParent, "p1", "roles.contact.student_relationships.student"}}
	check(t, said([]string{"Maria Ruiz"}, true, want), said([]string{p.Name}, ok, issues))
}
