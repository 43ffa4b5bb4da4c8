package schoolmanager_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"cleversync/shared/schoolmanager"
	"cleversync/shared/syncrun"
)

// BenchmarkSync measures plan and apply of a district's first run and of an
// unchanged one, beside the floor: the same rows inserted into the same tables
// by plain statements, for a second tenant. Reported in milliseconds.
func BenchmarkSync(b *testing.B) {
	for _, students := range []int{20_000, 200_000} {
		b.Run(fmt.Sprintf("students=%d", students), func(b *testing.B) {
			for b.Loop() {
				benchmarkSync(b, students)
			}
		})
	}
}

func benchmarkSync(b *testing.B, students int) {
	w := newWorld(b)
	for _, name := range []string{"first", "unchanged"} {
		run := w.begin()
		stageLarge(w, run, students, name == "unchanged")
		before := one[int64](w, `SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint`)
		plan, apply := timed(w, run)
		wal := one[int64](w, `SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint`) - before
		w.end(run, syncrun.Completed)
		b.ReportMetric(float64(plan.Milliseconds()), name+"-plan-ms")
		b.ReportMetric(float64(apply.Milliseconds()), name+"-apply-ms")
		b.ReportMetric(float64(wal), name+"-wal-bytes")
	}
	b.ReportMetric(float64(floor(w).Milliseconds()), "floor-ms")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkNewIDs measures a district's first run, and one in which every
// student comes under a new id: in the sections and contacts too.
func BenchmarkNewIDs(b *testing.B) {
	const students = 20_000
	for b.Loop() {
		w := newWorld(b)
		for _, name := range []string{"first", "rekeyed"} {
			run := w.begin()
			stageLarge(w, run, students, false)
			if name == "rekeyed" {
				w.exec(`UPDATE staging.users SET clever_id = 'd' || substr(clever_id, 2), hash = gen_random_uuid() WHERE run_id = $1 AND student`, run)
				w.exec(`UPDATE staging.classrooms SET students = ARRAY(SELECT 'd' || substr(s, 2) FROM unnest(students) s), hash = gen_random_uuid() WHERE run_id = $1`, run)
				w.exec(`UPDATE staging.parents SET link_students = ARRAY(SELECT 'd' || substr(s, 2) FROM unnest(link_students) s), hash = gen_random_uuid() WHERE run_id = $1`, run)
			}
			plan, apply := timed(w, run)
			w.end(run, syncrun.Completed)
			b.ReportMetric(float64(plan.Milliseconds()), name+"-plan-ms")
			b.ReportMetric(float64(apply.Milliseconds()), name+"-apply-ms")
		}
		if n := one[int64](w, `SELECT count(*) FROM school_manager.users WHERE clever_id LIKE 'd%'`); n != students {
			b.Fatalf("%d students were re-keyed, want %d", n, students)
		}
		if n := one[int64](w, `SELECT count(*) FROM school_manager.classroom_members WHERE user_key LIKE '5%' OR archived_at IS NOT NULL`); n != 0 {
			b.Fatalf("%d memberships did not follow", n)
		}
		b.ReportMetric(0, "ns/op")
	}
}

func timed(w *world, run uuid.UUID) (plan, apply time.Duration) {
	var planned schoolmanager.Planned
	measure := func(fn func(context.Context, pgx.Tx) error) time.Duration {
		start := time.Now()
		if err := w.inTx(fn); err != nil {
			w.t.Fatal(err)
		}
		return time.Since(start)
	}
	o := everything()
	plan = measure(func(ctx context.Context, tx pgx.Tx) (err error) {
		planned, err = schoolmanager.Plan(ctx, tx, w.input(run, o, ""))
		return err
	})
	apply = measure(func(ctx context.Context, tx pgx.Tx) error {
		_, err := schoolmanager.Apply(ctx, tx, schoolmanager.ApplyInput{Run: run, Tenant: w.tenant, Changes: planned.Changes})
		return err
	})
	return plan, apply
}

// stageLarge stages a district of n students with as many parents, a teacher
// for fifteen and a section of twenty-five for each three and a third of them.
func stageLarge(w *world, run uuid.UUID, n int, elided bool) {
	w.t.Helper()
	const id = `($2::text || lpad(to_hex(i), 23, '0'))`
	const fresh = `((lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') || '7' || substr(md5(i::text), 1, 3) || '8' || substr(md5(i::text), 4, 15))::uuid)`
	for _, s := range []struct {
		step   syncrun.Step
		prefix string
		rows   int
		insert string
	}{
		{syncrun.FetchSchools, "a", max(1, n/1000), `schools (run_id, generation, step, list, clever_id, hash, elided, new_id, name)
			SELECT $1, 1, $3, '*', ` + id + `, md5(i::text)::uuid, false, ` + fresh + `, 'School ' || i`},
		{syncrun.FetchStudents, "5", n, `users (run_id, generation, step, list, clever_id, hash, elided, new_id, student, teacher, email_key, first_name, last_name, email, username, sis_id, schools, grade, student_number)
			SELECT $1, 1, $3, '*', ` + id + `, md5(i::text)::uuid, $5::boolean, CASE WHEN NOT $5 THEN ` + fresh + ` END, true, false, 's' || i || '@school.example',
			       x, 'Last ' || i, 's' || i || '@school.example', 'user' || i, i::text, ARRAY['a'], '7', i::text
			FROM (SELECT i, CASE WHEN NOT $5::boolean THEN 'First ' || i END AS x FROM generate_series(1, $4::int) i) g (i, x)`},
		{syncrun.FetchTeachers, "7", n / 15, `users (run_id, generation, step, list, clever_id, hash, elided, new_id, student, teacher, email_key, first_name, last_name, email, schools)
			SELECT $1, 1, $3, '*', ` + id + `, md5(i::text)::uuid, $5::boolean, CASE WHEN NOT $5 THEN ` + fresh + ` END, false, true, 't' || i || '@school.example',
			       'First', 'Last ' || i, 't' || i || '@school.example', ARRAY['a']`},
		{syncrun.FetchSections, "c", n * 3 / 10, `classrooms (run_id, generation, step, list, clever_id, hash, elided, new_id, source_name, sis_id, school_id, course_id, term_id, students, teachers)
			SELECT $1, 1, $3, '*', ` + id + `, md5(i::text)::uuid, $5::boolean, CASE WHEN NOT $5 THEN ` + fresh + ` END, 'Class ' || i, i::text, 'a',
			       CASE WHEN NOT $5 THEN 'k' || i % 400 END, CASE WHEN NOT $5 THEN 'e' || i % 4 END,
			       CASE WHEN NOT $5 THEN ARRAY(SELECT '5' || lpad(to_hex(1 + (i * 83 + k * 7919) % ($4::int * 10 / 3)), 23, '0') FROM generate_series(1, 24) k) END,
			       CASE WHEN NOT $5 THEN ARRAY['7' || lpad(to_hex(1 + i % ($4::int * 2 / 9)), 23, '0')] END`},
		{syncrun.FetchCourses, "", 400, `courses (run_id, generation, step, list, clever_id, name, number)
			SELECT $1, 1, $3, '*', 'k' || i % 400, 'Course ' || i, $2 || i`},
		{syncrun.FetchTerms, "", 4, `terms (run_id, generation, step, list, clever_id, name, start_date, end_date)
			SELECT $1, 1, $3, '*', 'e' || i % 4, 'Term ' || i || $2, '2025-01-01', '2025-06-30'`},
		{syncrun.FetchContacts, "9", n, `parents (run_id, generation, step, list, clever_id, hash, elided, new_id, name, email, phone, phone_type, link_students, link_relationships, link_types)
			SELECT $1, 1, $3, '*', ` + id + `, md5(i::text)::uuid, false, ` + fresh + `, 'Parent ' || i, 'p' || i || '@home.example', '0123', 'home',
			       ARRAY['5' || lpad(to_hex(i), 23, '0')], ARRAY['Mother'], ARRAY['Parent/Guardian']`},
	} {
		statement := `INSERT INTO staging.` + s.insert
		args := []any{run, s.prefix, s.step, s.rows, elided}
		if s.step != syncrun.FetchStudents {
			statement += ` FROM generate_series(1, $4::int) i WHERE $5::boolean IS NOT NULL`
		}
		w.exec(statement, args...)
		w.exec(`INSERT INTO staging.progress (run_id, generation, step, records, rows, complete) VALUES ($1, 1, $2, $3, $3, true)`, run, s.step, s.rows)
	}
}

// floor is the time that the roster's rows take without any rule: copied from a
// temporary table into the same tables under another tenant, sorted by key.
func floor(w *world) time.Duration {
	w.t.Helper()
	tables := []string{"schools", "users", "classrooms", "classroom_members", "parents", "parent_links"}
	conn, err := w.pool.Acquire(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Release()
	exec := func(statement string) {
		if _, err := conn.Exec(w.t.Context(), statement); err != nil {
			w.t.Fatalf("%s: %v", statement, err)
		}
	}
	for _, table := range tables {
		exec(`CREATE TEMP TABLE raw_` + table + ` AS SELECT * FROM school_manager.` + table)
		exec(`UPDATE raw_` + table + ` SET tenant_id = '` + uuid.NewString() + `'`)
	}
	start := time.Now()
	exec(`BEGIN`)
	exec(`SELECT set_config('cleversync.run', 'floor', true)`)
	for _, table := range tables {
		exec(`INSERT INTO school_manager.` + table + ` SELECT * FROM raw_` + table)
	}
	exec(`COMMIT`)
	return time.Since(start)
}
