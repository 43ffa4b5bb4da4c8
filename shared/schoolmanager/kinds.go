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
	// scope tells of a present edge m whether the options still ask for its
	// like: only then it can hang on a person whose removal is withheld.
	scope string
	// wanted selects from such change rows c of owners what Clever names, in
	// their order. It unnests lists in the target list, not by a lateral join:
	// into that the planner would pull the join with people, once for each
	// owner, which is quadratic.
	wanted string
}

var (
	members = edge{
		kind: roster.KindMembership, table: "classroom_members", changes: "member_changes",
		owners: classrooms, owner: "classroom_id", key: "user_key", person: "user_id", before: "user_before",
		value: "role", list: "students", scope: "true",
		wanted: `
		  SELECT classroom_id, user_key,
		         CASE
		           WHEN place <= students THEN 'student'
		           WHEN place = students + 1 THEN 'primary_teacher'
		           ELSE 'teacher'
		         END AS role
		  FROM (SELECT c.id AS classroom_id, unnest(c.students || c.teachers) AS user_key,
		               generate_subscripts(c.students || c.teachers, 1) AS place, cardinality(c.students) AS students
		        FROM staging.classroom_changes c
		        WHERE c.run_id = @run
		          AND {such}) AS named`,
	}
	links = edge{
		kind: roster.KindLink, table: "parent_links", changes: "link_changes",
		owners: parents, owner: "parent_id", key: "student_key", also: "type", person: "student_id", before: "student_before",
		value: "relationship", list: "link_students", scope: "m.type = ANY (@types)",
		wanted: `
		  SELECT c.id AS parent_id, unnest(c.link_students) AS student_key, unnest(c.link_types) AS type,
		         unnest(c.link_relationships) AS relationship
		  FROM staging.parent_changes c
		  WHERE c.run_id = @run
		    AND {such}`,
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
		"{in_scope}", e.scope,
		"{key}", e.key,
		"{keys}", strings.Join(e.keys(), ", "),
		"{m.keys}", prefixed("m.", e.keys()),
		"{w.keys}", prefixed("w.", e.keys()),
		"{c.keys}", prefixed("c.", e.keys()),
		"{n=c}", each(e.keys(), "n.{} = c.{}", " AND "),
		"{o=m}", each(e.keys(), "o.{} = m.{}", " AND "),
		"{v=m}", each(e.keys(), "v.{} = m.{}", " AND "),
		"{v=p}", each(e.keys(), "v.{} = p.{}", " AND "),
		"{w=m, new}", e.newKey("w", "m"),
		"{n=m, new}", e.newKey("n", "m"),
		"{p.columns_moved}", strings.Replace(prefixed("p.", e.keys()), "p."+e.key, "CASE WHEN NOT v.replaced THEN v.new_key ELSE p."+e.key+" END AS "+e.key, 1),
		"{either.keys}", each(e.keys(), "coalesce(w.{}, m.{})", ", "),
		"{w=m}", each(e.keys(), "w.{} = m.{}", " AND "),
		"{c=m}", each(e.keys(), "c.{} = m.{}", " AND "),
		"{person}", e.person,
		"{before}", e.before,
		"{before=m}", strings.ReplaceAll(each(e.keys(), "c.{} = m.{}", " AND "), "c."+e.key+" =", "coalesce(c."+e.key+"_before, c."+e.key+") ="),
		"{value}", e.value,
		"{wanted_new}", strings.ReplaceAll(e.wanted, "{such}", "c.op = 'create'"),
		"{wanted_created}", strings.ReplaceAll(e.wanted, "{such}", "c.op = 'create'"+e.owners.sql(`
		    AND EXISTS (SELECT
		                FROM school_manager.{table} t
		                WHERE t.tenant_id = @tenant
		                  AND t.id = c.id)`)),
		"{wanted_known}", strings.ReplaceAll(e.wanted, "{such}", "c.op IN ('update', 'restore', 'rekey')"),
	).Replace(statement)
}

// newKey joins by the key that an edge takes of the re-keyed person k.
func (e edge) newKey(one, other string) string {
	same := each(e.keys(), one+".{} = "+other+".{}", " AND ")
	return strings.Replace(same, other+"."+e.key, "k.clever_id", 1)
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
