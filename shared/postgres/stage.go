package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"cleversync/shared/roster"
	"cleversync/shared/syncrun"
)

// Staged is a mapped record on its way into staging. An elided one is unchanged
// against the applied roster: of it only the key, the hash and what rules
// compare across rows are staged.
type Staged[T any] struct {
	List   string
	Record T
	Hash   roster.Hash
	Elided bool
}

// stageKey is what all staging tables begin with.
var stageKey = []string{"run_id", "generation", "step", "list", "clever_id"}

// copyRows is one COPY. A doubled key is an error on purpose: a page is staged
// once or not at all.
func copyRows(ctx context.Context, tx pgx.Tx, table string, columns []string, n int, row func(int) ([]any, error)) error {
	if n == 0 {
		return nil
	}
	copied, err := tx.CopyFrom(ctx, pgx.Identifier{"staging", table}, append(stageKey[:len(stageKey):len(stageKey)], columns...), pgx.CopyFromSlice(n, row))
	if err != nil {
		return fmt.Errorf("stage %s: %w", table, err)
	}
	if copied != int64(n) {
		return fmt.Errorf("stage %s: %d of %d rows arrived", table, copied, n)
	}
	return nil
}

// newID makes the id that a row gets if it has to be created: v7, so that the
// rows of one run lie together in the index.
func newID(elided bool) (*uuid.UUID, error) {
	if elided {
		return nil, nil
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("make id: %w", err)
	}
	return &id, nil
}

// StageUsers copies students or teachers into staging.
func StageUsers(ctx context.Context, tx pgx.Tx, c *Claim, users []Staged[roster.User]) error {
	columns := []string{"hash", "elided", "new_id", "student", "teacher", "email_key",
		"first_name", "middle_name", "last_name", "email", "username", "sis_id",
		"schools", "grade", "student_number", "teacher_number"}
	return copyRows(ctx, tx, "users", columns, len(users), func(i int) ([]any, error) {
		s := &users[i]
		id, err := newID(s.Elided)
		u := &s.Record
		row := []any{c.Run, c.Generation, c.Step, s.List, u.ID, uuid.UUID(s.Hash), s.Elided, id, u.Student, u.Teacher, u.EmailKey}
		if s.Elided {
			return append(row, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil), err
		}
		return append(row, u.First, u.Middle, u.Last, u.Email, u.Username, u.SISID,
			u.Schools, u.Grade, u.StudentNumber, u.TeacherNumber), err
	})
}

// StageClassrooms copies sections into staging.
func StageClassrooms(ctx context.Context, tx pgx.Tx, c *Claim, rooms []Staged[roster.Classroom]) error {
	columns := []string{"hash", "elided", "new_id", "source_name", "sis_id", "school_id",
		"course_id", "term_id", "subject", "grade", "period", "students", "teachers"}
	return copyRows(ctx, tx, "classrooms", columns, len(rooms), func(i int) ([]any, error) {
		s := &rooms[i]
		id, err := newID(s.Elided)
		r := &s.Record
		row := []any{c.Run, c.Generation, c.Step, s.List, r.ID, uuid.UUID(s.Hash), s.Elided, id, r.Name, r.SISID, r.School}
		if s.Elided {
			return append(row, nil, nil, nil, nil, nil, nil, nil), err
		}
		return append(row, r.Course, r.Term, r.Subject, r.Grade, r.Period, r.Students, r.Teachers), err
	})
}

// StageParents copies contacts that are parents into staging.
func StageParents(ctx context.Context, tx pgx.Tx, c *Claim, parents []Staged[roster.Parent]) error {
	columns := []string{"hash", "elided", "new_id", "name", "email", "phone", "phone_type",
		"link_students", "link_relationships", "link_types"}
	return copyRows(ctx, tx, "parents", columns, len(parents), func(i int) ([]any, error) {
		s := &parents[i]
		id, err := newID(s.Elided)
		p := &s.Record
		row := []any{c.Run, c.Generation, c.Step, s.List, p.ID, uuid.UUID(s.Hash), s.Elided, id}
		if s.Elided {
			return append(row, nil, nil, nil, nil, nil, nil, nil), err
		}
		students, relationships, types := make([]string, len(p.Links)), make([]string, len(p.Links)), make([]string, len(p.Links))
		for k, link := range p.Links {
			students[k], relationships[k], types[k] = link.Student, link.Relationship, link.Type
		}
		return append(row, p.Name, p.Email, p.Phone, p.PhoneType, students, relationships, types), err
	})
}

// StageSchools copies schools into staging.
func StageSchools(ctx context.Context, tx pgx.Tx, c *Claim, schools []Staged[roster.School]) error {
	columns := []string{"hash", "elided", "new_id", "name", "sis_id", "number"}
	return copyRows(ctx, tx, "schools", columns, len(schools), func(i int) ([]any, error) {
		s := &schools[i]
		id, err := newID(false)
		r := &s.Record
		return []any{c.Run, c.Generation, c.Step, s.List, r.ID, uuid.UUID(s.Hash), false, id, r.Name, r.SISID, r.Number}, err
	})
}

// StageCourses copies courses into staging.
func StageCourses(ctx context.Context, tx pgx.Tx, c *Claim, courses []Staged[roster.Course]) error {
	return copyRows(ctx, tx, "courses", []string{"name", "number"}, len(courses), func(i int) ([]any, error) {
		s := &courses[i]
		return []any{c.Run, c.Generation, c.Step, s.List, s.Record.ID, s.Record.Name, s.Record.Number}, nil
	})
}

// StageTerms copies terms into staging.
func StageTerms(ctx context.Context, tx pgx.Tx, c *Claim, terms []Staged[roster.Term]) error {
	return copyRows(ctx, tx, "terms", []string{"name", "start_date", "end_date"}, len(terms), func(i int) ([]any, error) {
		s := &terms[i]
		start, err := dateOf(s.Record.Start)
		if err != nil {
			return nil, err
		}
		end, err := dateOf(s.Record.End)
		return []any{c.Run, c.Generation, c.Step, s.List, s.Record.ID, s.Record.Name, start, end}, err
	})
}

// StageIssues copies a page's issues into staging, one row each time one was met.
func StageIssues(ctx context.Context, tx pgx.Tx, c *Claim, issues []roster.Issue) error {
	if len(issues) == 0 {
		return nil
	}
	columns := []string{"run_id", "generation", "step", "code", "kind", "clever_id", "field"}
	n, err := tx.CopyFrom(ctx, pgx.Identifier{"staging", "issues"}, columns, pgx.CopyFromSlice(len(issues), func(i int) ([]any, error) {
		is := &issues[i]
		return []any{c.Run, c.Generation, c.Step, is.Code, is.Kind, is.ID, is.Field}, nil
	}))
	if err != nil || n != int64(len(issues)) {
		return fmt.Errorf("stage %d issues, %d arrived: %w", len(issues), n, err)
	}
	return nil
}

// StagedStudents tells which of these ids the run has staged as students. The
// names of the lists in which they came complete the primary key. The scalar
// subquery looks each id up by it, all columns by equality, whatever the planner
// believes of a table that was filled a moment ago and has no statistics; joined,
// or with = ANY, it would read the district's students once a page or worse.
func StagedStudents(ctx context.Context, q Querier, c *Claim, lists, ids []string) (map[string]struct{}, error) {
	rows, err := q.Query(ctx, `
		SELECT i.id
		FROM unnest($4::text[]) AS l (list), unnest($5::text[]) AS i (id)
		WHERE (SELECT true
		       FROM staging.users
		       WHERE run_id = $1
		         AND generation = $2
		         AND step = $3
		         AND list = l.list
		         AND clever_id = i.id
		         AND student
		       LIMIT 1)`, c.Run, c.Generation, syncrun.FetchStudents, lists, ids)
	if err != nil {
		return nil, fmt.Errorf("look up staged students: %w", err)
	}
	found := make(map[string]struct{}, len(ids))
	var id string
	if _, err := pgx.ForEachRow(rows, []any{&id}, func() error {
		found[id] = struct{}{}
		return nil
	}); err != nil {
		return nil, fmt.Errorf("look up staged students: %w", err)
	}
	return found, nil
}

// dateOf reads a date as the mapping leaves it; empty is null.
func dateOf(s string) (*time.Time, error) {
	if s == "" {
		return nil, nil
	}
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return nil, fmt.Errorf("a term's date is not YYYY-MM-DD")
	}
	return &t, nil
}
