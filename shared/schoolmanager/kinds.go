package schoolmanager

import (
	"slices"
	"strings"

	"cleversync/shared/roster"
)

// record describes a kind whose rows have a Clever id of their own. Its table
// has the same name in school_manager and in staging.
type record struct {
	kind    roster.Kind
	table   string
	changes string
	// columns are the content, alike in the roster and in its change rows.
	columns []string
}

var (
	schools = record{
		kind: roster.KindSchool, table: "schools", changes: "school_changes",
		columns: []string{"name", "sis_id", "number"},
	}
	users = record{
		kind: roster.KindUser, table: "users", changes: "user_changes",
		columns: []string{"student", "teacher", "first_name", "middle_name", "last_name", "email", "email_key",
			"username", "sis_id", "schools", "grade", "student_number", "teacher_number"},
	}
	classrooms = record{
		kind: roster.KindClassroom, table: "classrooms", changes: "classroom_changes",
		columns: []string{"name", "source_name", "sis_id", "school_id", "course_id", "course_name", "course_number",
			"term_id", "term_name", "term_start", "term_end", "subject", "grade", "period"},
	}
	parents = record{
		kind: roster.KindParent, table: "parents", changes: "parent_changes",
		columns: []string{"name", "email", "phone", "phone_type"},
	}
)

// records lists these kinds in the order in which a plan treats them: users
// before parents, because a parent may hang on a user whose removal is withheld.
func records() []record { return []record{schools, users, classrooms, parents} }

func recordOf(kind roster.Kind) (record, bool) {
	all := records()
	i := slices.IndexFunc(all, func(r record) bool { return r.kind == kind })
	if i < 0 {
		return record{}, false
	}
	return all[i], true
}

// edge describes a kind that ties a person to an owner: a membership to its
// classroom, a link to its parent. It is known by its ends (and a link by its
// type), and its hash is its value: the role, the relationship.
type edge struct {
	kind    roster.Kind
	table   string
	changes string
	owners  record
	owner   string // the column that names the owner
	key     string // the column with the person's Clever id
	also    string // one more column of the key, or ""
	person  string // the column with the person, NULL while unresolved
	before  string // the change row's column for person as it was
	value   string
	// list is the column of the owner's change row that is NULL where the
	// owner came elided, so that its edges need no comparing.
	list string
	// wanted selects from the owners' change rows c what Clever names.
	wanted string
}

var (
	members = edge{
		kind: roster.KindMembership, table: "classroom_members", changes: "member_changes",
		owners: classrooms, owner: "classroom_id", key: "user_key", person: "user_id", before: "user_before",
		value: "role", list: "students",
		wanted: `
		  SELECT c.id AS classroom_id, m.id AS user_key,
		         CASE
		           WHEN m.place <= cardinality(c.students) THEN 'student'
		           WHEN m.place = cardinality(c.students) + 1 THEN 'primary_teacher'
		           ELSE 'teacher'
		         END AS role
		  FROM staging.classroom_changes c, unnest(c.students || c.teachers) WITH ORDINALITY AS m (id, place)
		  WHERE c.run_id = @run
		    AND c.op IN ('create', 'update', 'restore')`,
	}
	links = edge{
		kind: roster.KindLink, table: "parent_links", changes: "link_changes",
		owners: parents, owner: "parent_id", key: "student_key", also: "type", person: "student_id", before: "student_before",
		value: "relationship", list: "link_students",
		wanted: `
		  SELECT c.id AS parent_id, l.student AS student_key, l.type, l.relationship
		  FROM staging.parent_changes c, unnest(c.link_students, c.link_types, c.link_relationships) AS l (student, type, relationship)
		  WHERE c.run_id = @run
		    AND c.op IN ('create', 'update', 'restore')`,
	}
)

func edges() []edge { return []edge{members, links} }

// keys are the columns that name an edge within its tenant.
func (e edge) keys() []string {
	if e.also == "" {
		return []string{e.owner, e.key}
	}
	return []string{e.owner, e.key, e.also}
}

// sql fills the names of a record into a statement.
func (r record) sql(statement string) string {
	return strings.NewReplacer(
		"{table}", r.table,
		"{changes}", r.changes,
		"{columns}", strings.Join(r.columns, ", "),
		"{c.columns}", prefixed("c.", r.columns),
		"{s.columns}", prefixed("s.", r.columns),
		"{t.columns}", prefixed("t.", r.columns),
		"{set}", each(r.columns, "{} = c.{}", ", "),
	).Replace(statement)
}

// sql fills the names of an edge into a statement.
func (e edge) sql(statement string) string {
	return strings.NewReplacer(
		"{table}", e.table,
		"{changes}", e.changes,
		"{owner}", e.owner,
		"{owners}", e.owners.table,
		"{owner_changes}", e.owners.changes,
		"{list}", e.list,
		"{key}", e.key,
		"{keys}", strings.Join(e.keys(), ", "),
		"{m.keys}", prefixed("m.", e.keys()),
		"{c.keys}", prefixed("c.", e.keys()),
		"{either.keys}", each(e.keys(), "coalesce(w.{}, m.{})", ", "),
		"{w=m}", each(e.keys(), "w.{} = m.{}", " AND "),
		"{c=m}", each(e.keys(), "c.{} = m.{}", " AND "),
		"{person}", e.person,
		"{before}", e.before,
		"{value}", e.value,
		"{wanted}", e.wanted,
	).Replace(statement)
}

// prefixed lists columns of one alias.
func prefixed(alias string, columns []string) string { return each(columns, alias+"{}", ", ") }

// each writes a pattern once for every name.
func each(names []string, pattern, separator string) string {
	parts := make([]string, len(names))
	for i, name := range names {
		parts[i] = strings.ReplaceAll(pattern, "{}", name)
	}
	return strings.Join(parts, separator)
}
