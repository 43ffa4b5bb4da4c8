package schoolmanager

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// compareClassrooms differs from the other kinds in what depends on other
// rows: the facts of course and term, and the name. They are compared value by
// value, because a section's own hash says nothing of them.
//
// An elided section brings only its name, sis_id and school; everything else is
// what is applied. Course and term facts that cannot be known, since that list
// came incomplete or that record was unreadable, stay as they are.
const compareClassrooms = `
	WITH staged AS (
	  SELECT {each_once} clever_id, hash, elided, new_id,
	         coalesce(source_name, '') AS source_name, coalesce(sis_id, '') AS sis_id, coalesce(school_id, '') AS school_id,
	         coalesce(course_id, '') AS course_id, coalesce(term_id, '') AS term_id,
	         coalesce(subject, '') AS subject, coalesce(grade, '') AS grade, coalesce(period, '') AS period,
	         coalesce(students, '{}') AS students, coalesce(teachers, '{}') AS teachers
	  FROM staging.classrooms
	  WHERE run_id = @run
	    AND generation = @generation
	  {first_list}
	), course AS (
	  SELECT DISTINCT ON (clever_id) clever_id, coalesce(name, '') AS name, coalesce(number, '') AS number
	  FROM staging.courses
	  WHERE run_id = @run
	    AND generation = @generation
	  ORDER BY clever_id, step, list
	), term AS (
	  SELECT DISTINCT ON (clever_id) clever_id, coalesce(name, '') AS name, start_date, end_date
	  FROM staging.terms
	  WHERE run_id = @run
	    AND generation = @generation
	  ORDER BY clever_id, step, list
	), applied AS (
	  SELECT id, clever_id, hash, archived_at, {columns}
	  FROM school_manager.classrooms
	  WHERE tenant_id = @tenant
	    AND clever_id IS NOT NULL
	), paired AS (
	  SELECT coalesce(s.clever_id, t.clever_id) AS clever_id, coalesce(t.id, s.new_id) AS id,
	         s.clever_id IS NOT NULL AS staged, coalesce(s.elided, false) AS elided,
	         t.id IS NOT NULL AS known, t.id IS NOT NULL AND t.archived_at IS NULL AS live,
	         t.hash AS hash_before, s.hash,
	         s.source_name, s.sis_id, s.school_id, s.students, s.teachers,
	         CASE WHEN s.elided THEN t.course_id ELSE s.course_id END AS course_id,
	         CASE WHEN s.elided THEN t.term_id ELSE s.term_id END AS term_id,
	         CASE WHEN s.elided THEN t.subject ELSE s.subject END AS subject,
	         CASE WHEN s.elided THEN t.grade ELSE s.grade END AS grade,
	         CASE WHEN s.elided THEN t.period ELSE s.period END AS period,
	         {old}, {shared} AS shared
	  FROM staged s
	  FULL JOIN applied t ON t.clever_id = s.clever_id
	), looked_up AS (
	  SELECT p.*,
	         CASE WHEN k.clever_id IS NOT NULL THEN k.name WHEN {course_unknown} THEN p.old_course_name ELSE '' END AS course_name,
	         CASE WHEN k.clever_id IS NOT NULL THEN k.number WHEN {course_unknown} THEN p.old_course_number ELSE '' END AS course_number,
	         CASE WHEN e.clever_id IS NOT NULL THEN e.name WHEN {term_unknown} THEN p.old_term_name ELSE '' END AS term_name,
	         CASE WHEN e.clever_id IS NOT NULL THEN e.start_date WHEN {term_unknown} THEN p.old_term_start END AS term_start,
	         CASE WHEN e.clever_id IS NOT NULL THEN e.end_date WHEN {term_unknown} THEN p.old_term_end END AS term_end
	  FROM paired p
	  LEFT JOIN course k ON k.clever_id = p.course_id
	  LEFT JOIN term e ON e.clever_id = p.term_id
	), named AS MATERIALIZED (
	  SELECT l.*,
	         coalesce(nullif(source_name, ''), nullif(course_name, ''), nullif(sis_id, ''), clever_id)
	         || CASE
	              WHEN NOT @unique_names THEN ''
	              WHEN sis_id = '' OR shared THEN ' - ' || clever_id
	              ELSE ' - ' || sis_id
	            END AS name
	  FROM looked_up l
	), compared AS (
	  SELECT c.*,
	         (old_name, old_course_name, old_course_number, old_term_name, old_term_start, old_term_end)
	           IS DISTINCT FROM (name, course_name, course_number, term_name, term_start, term_end) AS facts_differ
	  FROM named c
	)
	INSERT INTO staging.classroom_changes (run_id, op, id, clever_id, live, hash_before, hash, {columns}, differs, students, teachers)
	SELECT @run,
	       CASE
	         WHEN NOT staged THEN CASE WHEN {withheld} THEN 'hold' ELSE 'archive' END
	         WHEN elided AND NOT (live AND hash_before IS NOT DISTINCT FROM hash) THEN 'skip'
	         WHEN NOT known THEN 'create'
	         WHEN NOT live THEN 'restore'
	         ELSE 'update'
	       END,
	       id, clever_id, live, hash_before, hash, {columns},
	       ({old_columns}) IS DISTINCT FROM ({columns}),
	       CASE WHEN staged AND NOT elided THEN students END,
	       CASE WHEN staged AND NOT elided THEN teachers END
	FROM compared
	WHERE CASE
	        WHEN NOT staged THEN live
	        ELSE NOT live OR hash_before IS DISTINCT FROM hash OR facts_differ
	      END
	ORDER BY id`

// classroomsWithheld is written over the columns of paired and of applied
// alike: both know school_id of a classroom that is not staged by its old name.
const classroomsWithheld = `@hold_classrooms
	OR @no_classrooms AND (@whole OR %[1]s = ANY (@schools))
	OR %[2]s IN `

// sharedSISID tells whether another section of the tenant has the same sis_id.
// Those whose removal is withheld count, since they stay.
const sharedSISID = `count(*) FILTER (WHERE s.clever_id IS NOT NULL OR t.archived_at IS NULL AND ({withheld_applied}))
	OVER (PARTITION BY coalesce(s.sis_id, t.sis_id)) > 1`

func unknown(id, keep, step string) string {
	return `p.` + id + ` <> '' AND p.` + id + ` = p.old_` + id + ` AND (` + keep + ` OR p.` + id + ` IN ` + undecodable(step) + `)`
}

func classroomsStatement(uniqueNames bool) string {
	withheld := func(school, id string) string {
		return fmt.Sprintf(classroomsWithheld, school, id) + undecodable(`'fetch-sections'`)
	}
	shared := "false"
	if uniqueNames {
		shared = strings.ReplaceAll(sharedSISID, "{withheld_applied}", withheld("t.school_id", "t.clever_id"))
	}
	return classrooms.sql(strings.NewReplacer(
		"{old}", each(classrooms.columns, "t.{} AS old_{}", ", "),
		"{old_columns}", prefixed("old_", classrooms.columns),
		"{shared}", shared,
		"{course_unknown}", unknown("course_id", "@keep_courses", `'fetch-courses'`),
		"{term_unknown}", unknown("term_id", "@keep_terms", `'fetch-terms'`),
		"{withheld}", withheld("old_school_id", "clever_id"),
	).Replace(compareClassrooms))
}

// compareAllClassrooms writes the change rows of classrooms and tells how many.
func compareAllClassrooms(ctx context.Context, tx pgx.Tx, args pgx.NamedArgs, uniqueNames, oneList bool) (int64, error) {
	tag, err := tx.Exec(ctx, eachOnce(classroomsStatement(uniqueNames), oneList), args)
	if err != nil {
		return 0, fmt.Errorf("compare classrooms: %w", err)
	}
	return tag.RowsAffected(), nil
}
