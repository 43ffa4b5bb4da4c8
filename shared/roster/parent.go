package roster

import (
	"cmp"
	"slices"
	"strings"
)

// Contact decides whether a contact is a parent. synced tells whether the user
// with an id is a student of this run.
//
// A contact that is none has one issue: the first reason that holds, and no
// other. A parent keeps every relationship of a selected type, also those to
// students who are not synced now: they stay unresolved until the student is.
func (m *Mapper) Contact(in Received[SourceUser], synced func(id string) bool) (Parent, bool, []Issue) {
	r, readable := begin(KindParent, in)
	if !readable {
		return Parent{}, false, r.issues
	}
	src := in.Record.Roles.Contact
	if src == nil {
		return Parent{}, false, nil
	}
	p := Parent{ID: in.ID, Email: r.text("email", in.Record.Email)}
	if reason := m.noParent(&r, p.Email, src.Relationships, synced); reason != "" {
		return Parent{}, false, []Issue{{Code: reason, Kind: KindParent, ID: in.ID}}
	}
	p.Name = r.text("name", fullName(in.Record.Name))
	p.Phone = r.text("roles.contact.phone", src.Phone)
	p.PhoneType = r.text("roles.contact.phone_type", src.PhoneType)
	p.Links = m.links(&r, src.Relationships)
	return p, true, r.end()
}

// noParent gives the first reason that holds why a contact is no parent, empty
// where none does.
func (m *Mapper) noParent(r *review, email string, all []SourceRelationship, synced func(string) bool) IssueCode {
	var related, typed, selected bool
	for _, rel := range all {
		if !ValidID(rel.Student) || !synced(rel.Student) {
			continue
		}
		related = true
		kind := r.text(fieldType, rel.Type)
		typed = typed || kind != ""
		selected = selected || m.selects(kind)
	}
	switch {
	case !related:
		return ParentWithoutStudent
	case email == "":
		return ParentWithoutEmail
	case !typed:
		return ParentWithoutRole
	case !selected:
		return ParentRoleNotSelected
	}
	return ""
}

func (m *Mapper) selects(kind string) bool { return kind != "" && m.types[kind] }

const (
	fieldStudent      = "roles.contact.student_relationships.student"
	fieldRelationship = "roles.contact.student_relationships.relationship"
	fieldType         = "roles.contact.student_relationships.type"
)

// links gives the relationships of a selected type, sorted, one per student and
// type. Of two that differ in the relationship only, one that names it is kept.
func (m *Mapper) links(r *review, all []SourceRelationship) []Link {
	links := make([]Link, 0, len(all))
	for _, rel := range all {
		kind := r.text(fieldType, rel.Type)
		if !m.selects(kind) {
			continue
		}
		if student := r.reference(fieldStudent, rel.Student); student != "" {
			links = append(links, Link{Student: student, Relationship: r.text(fieldRelationship, rel.Relationship), Type: kind})
		}
	}
	slices.SortFunc(links, func(a, b Link) int {
		return cmp.Or(
			strings.Compare(a.Student, b.Student), strings.Compare(a.Type, b.Type),
			// The empty relationship sorts last.
			-cmp.Compare(min(len(a.Relationship), 1), min(len(b.Relationship), 1)),
			strings.Compare(a.Relationship, b.Relationship))
	})
	return slices.CompactFunc(links, func(a, b Link) bool { return a.Student == b.Student && a.Type == b.Type })
}

// fullName is nearly always Last alone, since Clever keeps a contact's whole
// name there.
func fullName(n SourceName) string {
	if n.First == "" && n.Middle == "" {
		return n.Last
	}
	parts := slices.DeleteFunc([]string{strings.TrimSpace(n.First), strings.TrimSpace(n.Middle), strings.TrimSpace(n.Last)},
		func(s string) bool { return s == "" })
	return strings.Join(parts, " ")
}
