package schoolmanager

import (
	"strings"

	"cleversync/shared/roster"
)

// guard is how the breaker watches one kind. Each statement reads the change
// rows c of the run; those that a change of options removes count nowhere.
type guard struct {
	what string
	// edges says that the larger number holds.
	edges bool
	// tallies selects kind, school, and how many rows are removed, added,
	// created, and updated in a way that counts. The school '' is the tenant.
	tallies string
	// sizes selects kind, school and the number of applied rows, of the schools
	// @measured.
	sizes string
	// withhold turns what the trips concern into withheld rows.
	withhold []string
	// dropped withholds what a change of options removes; "" where none can.
	dropped string
}

func (g guard) floor(l roster.Limits) int64 {
	if g.edges {
		return l.Edges
	}
	return l.Rows
}

// Of the applied rows t: whether the options still ask for them. Who is at no
// selected school any more, or a parent of nobody else, left by a choice.
const (
	userInScope = `(@whole OR t.schools && @schools)`

	parentInScope = `t.id IN (SELECT l.parent_id
	                          FROM school_manager.parent_links l
	                          JOIN school_manager.users u ON u.tenant_id = l.tenant_id AND u.id = l.student_id
	                          WHERE l.tenant_id = @tenant
	                            AND l.source = 'clever'
	                            AND l.archived_at IS NULL
	                            AND l.type = ANY (@types)
	                            AND (@whole OR u.schools && @schools))`

	classroomInScope = `(@classrooms_on AND (@whole OR t.school_id = ANY (@schools)))`

	linkInScope = `(c.type = ANY (@types) AND (t.id IS NULL OR @whole OR t.schools && @schools))`

	// A section whose term has ended was to go: that is no loss.
	notEnded = `({}term_end IS NULL OR {}term_end >= current_date)`
)

// tripped tells of a row, with its kinds and schools, whether a trip of an
// operation concerns it.
func tripped(op, kind, schools string) string {
	return `EXISTS (SELECT
	                FROM unnest(@trip_kinds::text[], @trip_schools::text[], @trip_ops::text[]) AS trip (kind, school, op)
	                WHERE trip.op = '` + op + `'
	                  AND ` + kind + `
	                  AND (trip.school = '' OR trip.school = ANY (` + schools + `)))`
}

// role matches a trip with a user's roles.
func role(alias string) string {
	return `(trip.kind = 'student' AND ` + alias + `.student OR trip.kind = 'teacher' AND ` + alias + `.teacher)`
}

// held writes the withheld form of change rows.
const held = `
	SET op = CASE c.op WHEN 'archive' THEN 'hold' ELSE 'hold_' || c.op END,
	    review = true`

// guardSchools has no limit of its own: a school that goes takes its people
// along, and theirs are exceeded.
func guardSchools() guard {
	return guard{
		what: string(roster.KindSchool),
		dropped: `
			UPDATE staging.school_changes c` + held + `
			WHERE c.run_id = @run
			  AND c.op = 'archive'
			  AND NOT (@whole OR c.clever_id = ANY (@schools))`,
	}
}

func guardUsers() guard {
	changed := `(t.first_name, t.middle_name, t.last_name, t.email, t.username, t.student, t.teacher)
		IS DISTINCT FROM (c.first_name, c.middle_name, c.last_name, c.email, c.username, c.student, c.teacher)`
	return guard{
		what: string(roster.KindUser),
		tallies: `
			SELECT r.kind, s.school,
			       count(*) FILTER (WHERE c.op = 'archive'),
			       0,
			       count(*) FILTER (WHERE c.op = 'create'),
			       count(*) FILTER (WHERE c.op = 'update' AND ` + changed + `)
			FROM staging.user_changes c
			LEFT JOIN school_manager.users t ON t.tenant_id = @tenant AND t.id = c.id
			CROSS JOIN LATERAL (VALUES ('student', CASE c.op WHEN 'create' THEN c.student ELSE t.student END),
			                           ('teacher', CASE c.op WHEN 'create' THEN c.teacher ELSE t.teacher END)) AS r (kind, holds)
			CROSS JOIN LATERAL unnest(CASE c.op WHEN 'create' THEN c.schools ELSE t.schools END || ''::text) AS s (school)
			WHERE c.run_id = @run
			  AND r.holds
			  AND (c.op = 'create' OR c.op IN ('archive', 'update') AND ` + userInScope + `)
			GROUP BY r.kind, s.school
			HAVING count(*) FILTER (WHERE c.op IN ('archive', 'update')) > 0`,
		sizes: `
			SELECT r.kind, s.school, count(*)
			FROM school_manager.users t
			CROSS JOIN LATERAL (VALUES ('student', t.student), ('teacher', t.teacher)) AS r (kind, holds)
			CROSS JOIN LATERAL unnest(t.schools || ''::text) AS s (school)
			WHERE t.tenant_id = @tenant
			  AND t.clever_id IS NOT NULL
			  AND t.archived_at IS NULL
			  AND r.holds
			  AND s.school = ANY (@measured)
			  AND ` + userInScope + `
			GROUP BY r.kind, s.school`,
		withhold: []string{`
			UPDATE staging.user_changes c` + held + `
			FROM school_manager.users t
			WHERE c.run_id = @run
			  AND t.tenant_id = @tenant
			  AND t.id = c.id
			  AND c.op IN ('archive', 'update')
			  AND ` + userInScope + `
			  AND CASE c.op
			        WHEN 'archive' THEN ` + tripped("archive", role("t"), "t.schools") + `
			        ELSE ` + tripped("update", role("t"), "t.schools") + `
			      END`, `
			UPDATE staging.user_changes c` + held + `
			WHERE c.run_id = @run
			  AND c.op = 'create'
			  AND ` + tripped("create", role("c"), "c.schools"),
		},
		dropped: `
			UPDATE staging.user_changes c` + held + `
			FROM school_manager.users t
			WHERE c.run_id = @run
			  AND t.tenant_id = @tenant
			  AND t.id = c.id
			  AND c.op = 'archive'
			  AND NOT ` + userInScope,
	}
}

func guardParents() guard {
	return guard{
		what: string(roster.KindParent),
		tallies: `
			SELECT 'parent', '',
			       count(*) FILTER (WHERE c.op = 'archive' AND ` + parentInScope + `),
			       0,
			       count(*) FILTER (WHERE c.op = 'create'),
			       count(*) FILTER (WHERE c.op = 'update' AND (t.name, t.email) IS DISTINCT FROM (c.name, c.email))
			FROM staging.parent_changes c
			LEFT JOIN school_manager.parents t ON t.tenant_id = @tenant AND t.id = c.id
			WHERE c.run_id = @run
			HAVING count(*) FILTER (WHERE c.op IN ('archive', 'update')) > 0`,
		sizes: `
			SELECT 'parent', '', count(*)
			FROM school_manager.parents t
			WHERE t.tenant_id = @tenant
			  AND t.clever_id IS NOT NULL
			  AND t.archived_at IS NULL`,
		withhold: []string{`
			UPDATE staging.parent_changes c` + held + `
			FROM school_manager.parents t
			WHERE c.run_id = @run
			  AND t.tenant_id = @tenant
			  AND t.id = c.id
			  AND c.op IN ('archive', 'update')
			  AND ` + tripped("{c.op}", "trip.kind = 'parent'", "'{}'") + `
			  AND (c.op <> 'archive' OR ` + parentInScope + `)`, `
			UPDATE staging.parent_changes c` + held + `
			WHERE c.run_id = @run
			  AND c.op = 'create'
			  AND ` + tripped("create", "trip.kind = 'parent'", "'{}'"),
		},
		dropped: `
			UPDATE staging.parent_changes c` + held + `
			FROM school_manager.parents t
			WHERE c.run_id = @run
			  AND t.tenant_id = @tenant
			  AND t.id = c.id
			  AND c.op = 'archive'
			  AND NOT ` + parentInScope,
	}.rowsOwn()
}

// rowsOwn lets a statement take the operation of each row.
func (g guard) rowsOwn() guard {
	for i := range g.withhold {
		g.withhold[i] = strings.ReplaceAll(g.withhold[i], "'{c.op}'", "c.op")
	}
	return g
}

func guardClassrooms() guard {
	old, new := strings.ReplaceAll(notEnded, "{}", "t."), strings.ReplaceAll(notEnded, "{}", "c.")
	return guard{
		what: string(roster.KindClassroom),
		tallies: `
			SELECT 'classroom', s.school,
			       count(*) FILTER (WHERE c.op = 'archive' AND ` + classroomInScope + ` AND ` + old + `),
			       count(*) FILTER (WHERE c.op IN ('create', 'restore') AND ` + new + `),
			       0,
			       count(*) FILTER (WHERE c.op = 'update' AND t.source_name <> c.source_name)
			FROM staging.classroom_changes c
			LEFT JOIN school_manager.classrooms t ON t.tenant_id = @tenant AND t.id = c.id
			CROSS JOIN LATERAL unnest(ARRAY[CASE c.op WHEN 'create' THEN c.school_id ELSE t.school_id END, '']) AS s (school)
			WHERE c.run_id = @run
			GROUP BY s.school
			HAVING count(*) FILTER (WHERE c.op IN ('archive', 'update')) > 0`,
		sizes: `
			SELECT 'classroom', s.school, count(*)
			FROM school_manager.classrooms t
			CROSS JOIN LATERAL unnest(ARRAY[t.school_id, '']) AS s (school)
			WHERE t.tenant_id = @tenant
			  AND t.clever_id IS NOT NULL
			  AND t.archived_at IS NULL
			  AND s.school = ANY (@measured)
			  AND ` + classroomInScope + `
			  AND ` + old + `
			GROUP BY s.school`,
		withhold: []string{`
			UPDATE staging.classroom_changes c` + held + `
			FROM school_manager.classrooms t
			WHERE c.run_id = @run
			  AND t.tenant_id = @tenant
			  AND t.id = c.id
			  AND c.op IN ('archive', 'update')
			  AND ` + tripped("{c.op}", "trip.kind = 'classroom'", "ARRAY[t.school_id]") + `
			  AND (c.op <> 'archive' OR ` + classroomInScope + ` AND ` + old + `)`},
		dropped: `
			UPDATE staging.classroom_changes c` + held + `
			FROM school_manager.classrooms t
			WHERE c.run_id = @run
			  AND t.tenant_id = @tenant
			  AND t.id = c.id
			  AND c.op = 'archive'
			  AND NOT ` + classroomInScope,
	}.rowsOwn()
}

// guardMembers watches what readers lose of memberships. Those that go with
// their user are that user's loss, and those of a classroom that goes are not
// withheld without it.
func guardMembers() guard {
	current := strings.ReplaceAll(notEnded, "{}", "t.")
	return guard{
		what: string(roster.KindMembership), edges: true,
		tallies: `
			WITH counted AS (
			  SELECT t.school_id AS school,
			         count(*) FILTER (WHERE c.op = 'archive' AND c.live) AS removed,
			         count(*) FILTER (WHERE c.op IN ('create', 'restore', 'update') AND NOT c.live AND c.user_id IS NOT NULL) AS added,
			         count(*) FILTER (WHERE c.op = 'update' AND c.live AND c.role <> c.role_before) AS updated
			  FROM staging.member_changes c
			  JOIN school_manager.classrooms t ON t.tenant_id = @tenant AND t.id = c.classroom_id
			  WHERE c.run_id = @run
			    AND ` + classroomInScope + `
			    AND ` + current + `
			  GROUP BY t.school_id
			  UNION ALL
			  SELECT t.school_id, 0, sum(cardinality(t.students) + cardinality(t.teachers)), 0
			  FROM staging.classroom_changes t
			  WHERE t.run_id = @run
			    AND t.op = 'create'
			    AND ` + current + `
			  GROUP BY t.school_id
			)
			SELECT 'membership', s.school, sum(removed)::bigint, sum(added)::bigint, 0, sum(updated)::bigint
			FROM counted
			CROSS JOIN LATERAL unnest(ARRAY[school, '']) AS s (school)
			GROUP BY s.school
			HAVING sum(removed) + sum(updated) > 0`,
		sizes: `
			SELECT 'membership', s.school, count(*)
			FROM school_manager.classrooms t
			JOIN school_manager.classroom_members m ON m.tenant_id = t.tenant_id AND m.classroom_id = t.id
			CROSS JOIN LATERAL unnest(ARRAY[t.school_id, '']) AS s (school)
			WHERE t.tenant_id = @tenant
			  AND t.clever_id IS NOT NULL
			  AND t.archived_at IS NULL
			  AND m.source = 'clever'
			  AND m.archived_at IS NULL
			  AND m.user_id IS NOT NULL
			  AND s.school = ANY (@measured)
			  AND ` + classroomInScope + `
			  AND ` + current + `
			GROUP BY s.school`,
		withhold: []string{`
			UPDATE staging.member_changes c` + held + `
			FROM school_manager.classrooms t
			WHERE c.run_id = @run
			  AND t.tenant_id = @tenant
			  AND t.id = c.classroom_id
			  AND (c.op = 'archive' OR c.op = 'update' AND c.role <> c.role_before)
			  AND ` + classroomInScope + `
			  AND ` + current + `
			  AND NOT EXISTS (SELECT
			                  FROM staging.classroom_changes o
			                  WHERE o.run_id = @run
			                    AND o.op = 'archive'
			                    AND o.id = c.classroom_id)
			  AND ` + tripped("{c.op}", "trip.kind = 'membership'", "ARRAY[t.school_id]")},
	}.rowsOwn()
}

func guardLinks() guard {
	return guard{
		what: string(roster.KindLink), edges: true,
		tallies: `
			SELECT 'parent_link', '',
			       count(*) FILTER (WHERE c.op = 'archive' AND c.live AND ` + linkInScope + `),
			       0, 0, 0
			FROM staging.link_changes c
			LEFT JOIN school_manager.users t ON t.tenant_id = @tenant AND t.id = c.student_before
			WHERE c.run_id = @run
			HAVING count(*) FILTER (WHERE c.op = 'archive') > 0`,
		sizes: `
			SELECT 'parent_link', '', count(*)
			FROM school_manager.parent_links l
			WHERE l.tenant_id = @tenant
			  AND l.source = 'clever'
			  AND l.archived_at IS NULL
			  AND l.student_id IS NOT NULL`,
		withhold: []string{`
			UPDATE staging.link_changes c` + held + `
			FROM (SELECT c.parent_id, c.student_key, c.type
			      FROM staging.link_changes c
			      LEFT JOIN school_manager.users t ON t.tenant_id = @tenant AND t.id = c.student_before
			      WHERE c.run_id = @run
			        AND c.op = 'archive'
			        AND ` + linkInScope + `) AS lost
			WHERE c.run_id = @run
			  AND c.op = 'archive'
			  AND c.parent_id = lost.parent_id
			  AND c.student_key = lost.student_key
			  AND c.type = lost.type
			  AND NOT EXISTS (SELECT
			                  FROM staging.parent_changes o
			                  WHERE o.run_id = @run
			                    AND o.op = 'archive'
			                    AND o.id = c.parent_id)
			  AND ` + tripped("archive", "trip.kind = 'parent_link'", "'{}'")},
	}
}

// What hangs on people whom the breaker has withheld is for the same person to
// decide: parents and edges whose removal waits for that of a user, and parents
// who would come for withheld pupils alone.
var (
	reviewParents = `
		UPDATE staging.parent_changes c
		SET review = true
		WHERE c.run_id = @run
		  AND c.op = 'hold'
		  AND NOT c.review
		  AND c.id IN (SELECT l.parent_id
		               FROM school_manager.parent_links l
		               WHERE l.tenant_id = @tenant
		                 AND l.source = 'clever'
		                 AND l.archived_at IS NULL
		                 AND l.student_id IN (SELECT u.id
		                                      FROM staging.user_changes u
		                                      WHERE u.run_id = @run
		                                        AND u.op = 'hold'
		                                        AND u.review))`

	withholdTheirParents = `
		WITH withheld AS (
		  SELECT u.clever_id
		  FROM staging.user_changes u
		  WHERE u.run_id = @run
		    AND u.op = 'hold_create'
		), named AS (
		  SELECT c.id, bool_and(w.clever_id IS NOT NULL) AS all_withheld
		  FROM staging.parent_changes c
		  CROSS JOIN LATERAL unnest(c.link_students) AS l (student)
		  LEFT JOIN withheld w ON w.clever_id = l.student
		  WHERE c.run_id = @run
		    AND c.op = 'create'
		  GROUP BY c.id
		)
		UPDATE staging.parent_changes c` + held + `
		FROM named n
		WHERE c.run_id = @run
		  AND c.op = 'create'
		  AND n.id = c.id
		  AND n.all_withheld`

	reviewEdges = `
		UPDATE staging.{changes} c
		SET review = true
		WHERE c.run_id = @run
		  AND c.op = 'hold'
		  AND NOT c.review
		  AND c.{before} IN (SELECT u.id
		                     FROM staging.user_changes u
		                     WHERE u.run_id = @run
		                       AND u.op = 'hold'
		                       AND u.review)`
)
