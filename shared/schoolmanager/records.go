package schoolmanager

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// comparison is how one record kind is compared where its columns are simply
// those of staging; classrooms have a statement of their own.
type comparison struct {
	record
	// more are further columns of the change row: name, and expression over
	// the staged row s and the applied row t.
	more [][2]string
	// withheld tells of an applied row t that came in no list whether its
	// removal is withheld.
	withheld string
}

// undecodable are the Clever ids of records that could not be read, in these
// steps: what is applied under them stays as it is.
func undecodable(steps string) string {
	return `(SELECT i.clever_id
	         FROM staging.issues i
	         WHERE i.run_id = @run
	           AND i.generation = @generation
	           AND i.step IN (` + steps + `)
	           AND i.code = 'record_undecodable'
	           AND i.clever_id <> '')`
}

func comparisons() []comparison {
	return []comparison{
		{record: schools, withheld: `@hold_schools
			OR @no_schools AND (@whole OR t.clever_id = ANY (@schools))
			OR t.clever_id IN ` + undecodable(`'fetch-schools'`)},
		{record: users, withheld: `@hold_students AND t.student
			OR @hold_teachers AND t.teacher
			OR (@whole OR t.schools && @schools) AND (@no_students AND t.student OR @no_teachers AND t.teacher)
			OR t.clever_id IN ` + undecodable(`'fetch-students', 'fetch-teachers'`)},
		{record: parents, withheld: parentsWithheld, more: [][2]string{
			{"differs", "(" + prefixed("t.", parents.columns) + ") IS DISTINCT FROM (" + each(parents.columns, "coalesce(s.{}, '')", ", ") + ")"},
			{"link_students", "s.link_students"},
			{"link_relationships", "s.link_relationships"},
			{"link_types", "s.link_types"},
		}},
	}
}

// parentsWithheld: a parent also stays where it hangs on a student who stays
// only because the removal is withheld, since contacts were read by the staged
// students. Where no parent came at all, those whom the present options would
// still bring are withheld. In both, links of types that the options no longer
// ask for hold nobody.
var parentsWithheld = `@hold_parents
	OR t.clever_id IN ` + undecodable(`'fetch-contacts'`) + `
	OR t.id IN (SELECT l.parent_id
	            FROM school_manager.parent_links l
	            WHERE l.tenant_id = @tenant
	              AND l.source = 'clever'
	              AND l.archived_at IS NULL
	              AND l.type = ANY (@types)
	              AND l.student_id IN (SELECT c.id
	                                   FROM staging.user_changes c
	                                   WHERE c.run_id = @run
	                                     AND c.op = 'hold'))
	OR @no_parents AND t.id IN (SELECT l.parent_id
	                            FROM school_manager.parent_links l
	                            JOIN school_manager.users u ON u.tenant_id = l.tenant_id AND u.id = l.student_id
	                            WHERE l.tenant_id = @tenant
	                              AND l.source = 'clever'
	                              AND l.archived_at IS NULL
	                              AND l.type = ANY (@types)
	                              AND u.archived_at IS NULL
	                              AND NOT EXISTS (SELECT
	                                              FROM staging.user_changes c
	                                              WHERE c.run_id = @run
	                                                AND c.op = 'archive'
	                                                AND c.id = u.id))`

// compareRecords writes a change row for every record that differs. A record
// may come in several lists; the first list counts. Change rows are written in
// the order of ids, in which apply fills the primary keys without sorting.
const compareRecords = `
	WITH staged AS (
	  SELECT {each_once} clever_id, hash, elided, new_id, {columns}{lists}
	  FROM staging.{table}
	  WHERE run_id = @run
	    AND generation = @generation
	  {first_list}
	), applied AS (
	  SELECT id, clever_id, hash, archived_at, {columns}
	  FROM school_manager.{table}
	  WHERE tenant_id = @tenant
	    AND clever_id IS NOT NULL
	)
	INSERT INTO staging.{changes} (run_id, op, id, clever_id, live, hash_before, hash, {columns}{more})
	SELECT @run,
	       CASE
	         WHEN s.clever_id IS NULL THEN CASE WHEN {withheld} THEN 'hold' ELSE 'archive' END
	         WHEN s.elided THEN 'skip'
	         WHEN t.id IS NULL THEN 'create'
	         WHEN t.archived_at IS NOT NULL THEN 'restore'
	         ELSE 'update'
	       END,
	       coalesce(t.id, s.new_id), coalesce(s.clever_id, t.clever_id),
	       t.id IS NOT NULL AND t.archived_at IS NULL,
	       t.hash, s.hash, {values}{more_values}
	FROM staged s
	FULL JOIN applied t ON t.clever_id = s.clever_id
	WHERE CASE
	        WHEN s.clever_id IS NULL THEN t.archived_at IS NULL
	        ELSE t.id IS NULL OR t.archived_at IS NOT NULL OR t.hash IS DISTINCT FROM s.hash
	      END
	ORDER BY coalesce(t.id, s.new_id)`

// compare writes the change rows of one kind and tells how many.
func (c comparison) compare(ctx context.Context, tx pgx.Tx, args pgx.NamedArgs, oneList bool) (int64, error) {
	values := make([]string, len(c.columns))
	for i, column := range c.columns {
		values[i] = stagedValue(column)
	}
	var lists, more, moreValues strings.Builder
	for _, m := range c.more {
		more.WriteString(", " + m[0])
		moreValues.WriteString(", " + m[1])
		if list, ok := strings.CutPrefix(m[1], "s."); ok {
			lists.WriteString(", " + list)
		}
	}
	statement := strings.NewReplacer(
		"{lists}", lists.String(),
		"{withheld}", c.withheld,
		"{values}", strings.Join(values, ", "),
		"{more}", more.String(),
		"{more_values}", moreValues.String(),
	).Replace(compareRecords)
	tag, err := tx.Exec(ctx, c.sql(eachOnce(statement, oneList)), args)
	if err != nil {
		return 0, fmt.Errorf("compare %s: %w", c.table, err)
	}
	return tag.RowsAffected(), nil
}

// eachOnce makes a statement take one row of each record, that of the first
// list. Where there is but one list, sorting for that is spared.
func eachOnce(statement string, oneList bool) string {
	distinct, first := "DISTINCT ON (clever_id)", "ORDER BY clever_id, step, list"
	if oneList {
		distinct, first = "", ""
	}
	return strings.NewReplacer("{each_once}", distinct, "{first_list}", first).Replace(statement)
}

// stagedValue reads a column of staging, where an absent value is NULL, as the
// roster has it.
func stagedValue(column string) string {
	switch column {
	case "student", "teacher":
		return "s." + column
	case "schools":
		return "coalesce(s.schools, '{}')"
	}
	return "coalesce(s." + column + ", '')"
}
