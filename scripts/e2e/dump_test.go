package e2e

import (
	"strings"

	"github.com/jackc/pgx/v5"
)

// dumps are the roster as readers see it, without what differs from run to run
// by nature: ids of ours, runs, and sequence numbers.
var dumps = []string{
	`SELECT concat_ws('|', 'school', clever_id, name, sis_id, number, archived_at IS NOT NULL)
	 FROM school_manager.schools ORDER BY 1`,
	`SELECT concat_ws('|', 'user', clever_id, student, teacher, first_name, middle_name, last_name, email, username, sis_id,
	                  schools, grade, student_number, teacher_number, hash, archived_at IS NOT NULL)
	 FROM school_manager.users ORDER BY 1`,
	`SELECT concat_ws('|', 'classroom', clever_id, name, sis_id, school_id, course_name, course_number, term_name, term_start, term_end,
	                  subject, grade, period, hash, archived_at IS NOT NULL)
	 FROM school_manager.classrooms ORDER BY 1`,
	`SELECT concat_ws('|', 'member', c.clever_id, m.user_key, u.clever_id, m.role, m.archived_at IS NOT NULL)
	 FROM school_manager.classroom_members m
	 JOIN school_manager.classrooms c ON c.tenant_id = m.tenant_id AND c.id = m.classroom_id
	 LEFT JOIN school_manager.users u ON u.tenant_id = m.tenant_id AND u.id = m.user_id
	 ORDER BY 1`,
	`SELECT concat_ws('|', 'parent', clever_id, name, email, phone, phone_type, hash, archived_at IS NOT NULL)
	 FROM school_manager.parents ORDER BY 1`,
	`SELECT concat_ws('|', 'link', p.clever_id, l.student_key, l.type, l.relationship, u.clever_id, l.archived_at IS NOT NULL)
	 FROM school_manager.parent_links l
	 JOIN school_manager.parents p ON p.tenant_id = l.tenant_id AND p.id = l.parent_id
	 LEFT JOIN school_manager.users u ON u.tenant_id = l.tenant_id AND u.id = l.student_id
	 ORDER BY 1`,
}

// roster dumps School Manager as one line per row.
func (w *world) roster() string {
	w.t.Helper()
	var all []string
	for _, dump := range dumps {
		rows, err := w.pool.Query(w.t.Context(), dump)
		must(w.t, err)
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		must(w.t, err)
		all = append(all, lines...)
	}
	return strings.Join(all, "\n")
}

// leftovers counts what no ended run may leave: staged rows, and steps that
// are not over.
func (w *world) leftovers() (n int) {
	w.t.Helper()
	must(w.t, w.pool.QueryRow(w.t.Context(), `
		SELECT (SELECT count(*) FROM staging.users) + (SELECT count(*) FROM staging.classrooms)
		     + (SELECT count(*) FROM staging.parents) + (SELECT count(*) FROM staging.progress)
		     + (SELECT count(*) FROM sync.run_steps WHERE state IN ('ready', 'running', 'waiting'))`).Scan(&n))
	return n
}
