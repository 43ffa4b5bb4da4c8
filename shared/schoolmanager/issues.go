package schoolmanager

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"cleversync/shared/roster"
)

// maxStoredIssues bounds the rows that a run stores; its counts are exact.
const maxStoredIssues = 10_000

// IssueCount is how often a run met one kind of issue.
type IssueCount struct {
	Code     roster.IssueCode
	Severity roster.Severity
	Count    int64
}

// The issues that only a look across rows can find join those of the mapping,
// in staging.
const (
	// sharedEmails are hashes of addresses that several users may share:
	// grouping numbers takes a third of the time of grouping texts, and whom a
	// collision brings in is looked at again.
	sharedEmails = `
		SELECT coalesce(array_agg(suspect), '{}')
		FROM (SELECT hashtextextended(email_key, 0) AS suspect
		      FROM staging.users
		      WHERE run_id = @run
		        AND generation = @generation
		        AND email_key <> ''
		      GROUP BY 1
		      HAVING count(*) > 1) AS shared`

	// findDuplicateEmails reports every user but the first, by Clever id, of
	// those who share an address.
	findDuplicateEmails = `
		WITH staged AS (
		  SELECT DISTINCT ON (clever_id) clever_id, email_key
		  FROM staging.users
		  WHERE run_id = @run
		    AND generation = @generation
		    AND clever_id IN (SELECT clever_id
		                      FROM staging.users
		                      WHERE run_id = @run
		                        AND generation = @generation
		                        AND hashtextextended(email_key, 0) = ANY (@suspects))
		  ORDER BY clever_id, step, list
		), first AS (
		  SELECT email_key, min(clever_id) AS clever_id
		  FROM staged
		  WHERE email_key <> ''
		  GROUP BY email_key
		)
		INSERT INTO staging.issues (run_id, generation, step, code, kind, clever_id, field)
		SELECT @run, @generation, 'plan', 'duplicate_email', 'user', s.clever_id, 'email'
		FROM staged s
		JOIN first f ON f.email_key = s.email_key AND f.clever_id <> s.clever_id`

	// crowdedStudents are hashes of those with six or more links.
	crowdedStudents = `
		SELECT coalesce(array_agg(suspect), '{}')
		FROM (SELECT hashtextextended(student, 0) AS suspect
		      FROM (SELECT unnest(p.link_students) AS student
		            FROM staging.parents p
		            WHERE p.run_id = @run
		              AND p.generation = @generation) AS link
		      GROUP BY 1
		      HAVING count(*) > 5) AS crowded`

	// findManyGuardians reports synced students with six or more parents: one
	// parent may have several links to a student.
	findManyGuardians = `
		INSERT INTO staging.issues (run_id, generation, step, code, kind, clever_id, field)
		SELECT @run, @generation, 'plan', 'guardians_many', 'user', g.student, ''
		FROM (SELECT l.student
		      FROM (SELECT p.clever_id, unnest(p.link_students) AS student
		            FROM staging.parents p
		            WHERE p.run_id = @run
		              AND p.generation = @generation) AS l
		      WHERE hashtextextended(l.student, 0) = ANY (@suspects)
		      GROUP BY l.student
		      HAVING count(DISTINCT l.clever_id) > 5) AS g
		WHERE g.student IN (SELECT u.clever_id
		                    FROM staging.users u
		                    WHERE u.run_id = @run
		                      AND u.generation = @generation)`

	// findUnshared reports the sections that came and name somebody who is not
	// synced: in a row that stays as it is, in a change row, or as a new one.
	findUnshared = `
		WITH person AS ({live_person}
		), unresolved AS (
		  SELECT m.classroom_id
		  FROM school_manager.classroom_members m
		  WHERE m.tenant_id = @tenant
		    AND m.user_id IS NULL
		    AND m.archived_at IS NULL
		    AND m.source = 'clever'
		    AND NOT EXISTS (SELECT
		                    FROM staging.member_changes c
		                    WHERE c.run_id = @run
		                      AND c.classroom_id = m.classroom_id
		                      AND c.user_key = m.user_key)
		  UNION
		  SELECT c.classroom_id
		  FROM staging.member_changes c
		  WHERE c.run_id = @run
		    AND c.op IN ('create', 'update', 'restore')
		    AND c.user_id IS NULL
		  UNION
		  SELECT w.classroom_id
		  FROM ({wanted_new}) AS w
		  WHERE NOT EXISTS (SELECT
		                    FROM person p
		                    WHERE p.clever_id = w.user_key)
		), room AS (
		  SELECT t.id, t.clever_id
		  FROM school_manager.classrooms t
		  WHERE EXISTS (SELECT FROM unresolved)
		    AND t.tenant_id = @tenant
		    AND t.clever_id IS NOT NULL
		    AND t.id IN (SELECT u.classroom_id FROM unresolved u)
		  UNION
		  SELECT c.id, c.clever_id
		  FROM staging.classroom_changes c
		  WHERE c.run_id = @run
		    AND c.op = 'create'
		)
		INSERT INTO staging.issues (run_id, generation, step, code, kind, clever_id, field)
		SELECT @run, @generation, 'plan', 'member_not_shared', 'classroom', r.clever_id, ''
		FROM unresolved u
		JOIN room r ON r.id = u.classroom_id
		WHERE r.clever_id IN (SELECT s.clever_id
		                      FROM staging.classrooms s
		                      WHERE s.run_id = @run
		                        AND s.generation = @generation)`

	// findWholeKinds reports issues that concern a kind and no record.
	findWholeKinds = `
		INSERT INTO staging.issues (run_id, generation, step, code, kind, clever_id, field)
		SELECT @run::uuid, @generation::integer, 'plan', 'total_differs', k.kind, '', ''
		FROM unnest(@differing::text[]) AS k (kind)
		UNION ALL
		SELECT @run::uuid, @generation::integer, 'plan', 'nothing_shared', k.kind, '', ''
		FROM unnest(@nothing::text[]) AS k (kind)
		UNION ALL
		SELECT @run::uuid, @generation::integer, 'plan', 'snapshot_torn', @district::text, '', ''
		WHERE @torn::boolean`
)

// An issue counts once for each code, kind and Clever id, in however many lists
// its record came.
const (
	countIssues = `
		INSERT INTO sync.run_issue_counts (run_id, tenant_id, code, severity, count)
		SELECT @run, @tenant, i.code, t.severity, count(*)
		FROM (SELECT DISTINCT code, kind, clever_id
		      FROM staging.issues
		      WHERE run_id = @run
		        AND generation = @generation) i
		LEFT JOIN unnest(@codes::text[], @severities::text[]) AS t (code, severity) ON t.code = i.code
		GROUP BY i.code, t.severity
		RETURNING code, severity, count`

	// stored are the issues that a run stores: infos are counted only.
	stored = `
		WITH stored AS (
		  SELECT code, kind, clever_id, min(field) AS field
		  FROM staging.issues
		  WHERE run_id = @run
		    AND generation = @generation
		    AND code <> ALL (@infos::text[])
		  GROUP BY code, kind, clever_id
		)`

	digestIssues = stored + `
		SELECT count(*),
		       sha256(convert_to(coalesce(string_agg(concat_ws(' ', code, kind, clever_id, field), E'\n' ORDER BY code, kind, clever_id), ''), 'UTF8'))
		FROM stored`

	storeIssues = stored + `
		INSERT INTO sync.run_issues (run_id, tenant_id, code, kind, clever_id, field)
		SELECT @run, @tenant, code, kind, clever_id, field
		FROM stored
		ORDER BY code <> ALL (@errors::text[]), code, kind, clever_id
		LIMIT @most`
)

// reportIssues finds the issues across rows, counts all of the run's, and
// stores them unless the tenant's last completed run had the same ones.
func reportIssues(ctx context.Context, tx pgx.Tx, in PlanInput, s survey, args pgx.NamedArgs) ([]IssueCount, *uuid.UUID, error) {
	describe(in, s, args)
	if err := findIssues(ctx, tx, in, args); err != nil {
		return nil, nil, err
	}
	rows, err := tx.Query(ctx, countIssues, args)
	if err != nil {
		return nil, nil, fmt.Errorf("count issues: %w", err)
	}
	counts, err := pgx.CollectRows(rows, pgx.RowToStructByPos[IssueCount])
	if err != nil {
		return nil, nil, fmt.Errorf("count issues: %w", err)
	}
	of, err := storeOrRefer(ctx, tx, in, s, args)
	return counts, of, err
}

// findIssues looks across rows. What can be only where some address or student
// is suspect is looked for in full only then: on most nights there is none.
func findIssues(ctx context.Context, tx pgx.Tx, in PlanInput, args pgx.NamedArgs) error {
	for _, f := range []struct {
		wanted        bool
		suspect, find string
	}{
		{true, sharedEmails, findDuplicateEmails},
		{in.Options.Parents, crowdedStudents, findManyGuardians},
		{in.Options.Classrooms, "", members.sql(withAmong(findUnshared, "true"))},
		{true, "", identified},
		{true, "", findWholeKinds},
	} {
		if !f.wanted {
			continue
		}
		if f.suspect != "" {
			var suspects []int64
			if err := tx.QueryRow(ctx, f.suspect, args).Scan(&suspects); err != nil {
				return fmt.Errorf("look for issues across rows: %w", err)
			}
			if len(suspects) == 0 {
				continue
			}
			args["suspects"] = suspects
		}
		if _, err := tx.Exec(ctx, f.find, args); err != nil {
			return fmt.Errorf("find issues across rows: %w", err)
		}
	}
	return nil
}

// describe adds to the arguments what the statements on issues need.
func describe(in PlanInput, s survey, args pgx.NamedArgs) {
	var codes, severities, infos, errs []string
	for _, t := range roster.IssueTexts() {
		codes = append(codes, string(t.Code))
		severities = append(severities, string(t.Severity))
		switch t.Severity {
		case roster.Info:
			infos = append(infos, string(t.Code))
		case roster.Error:
			errs = append(errs, string(t.Code))
		}
	}
	args["codes"], args["severities"] = codes, severities
	args["infos"], args["errors"] = notNil(infos), notNil(errs)
	args["most"] = maxStoredIssues
	args["differing"], args["nothing"] = s.differing(), s.nothing(in.Options)
	args["torn"], args["district"] = in.Torn, roster.KindDistrict
}

// storeOrRefer stores the issues, or names the run that has stored the same.
func storeOrRefer(ctx context.Context, tx pgx.Tx, in PlanInput, s survey, args pgx.NamedArgs) (*uuid.UUID, error) {
	var found int64
	var digest []byte
	if err := tx.QueryRow(ctx, digestIssues, args).Scan(&found, &digest); err != nil {
		return nil, fmt.Errorf("digest issues: %w", err)
	}
	of, err := sameIssues(ctx, tx, s.previous, digest)
	if err != nil {
		return nil, err
	}
	if found == 0 {
		of = nil
	}
	if of == nil {
		if _, err := tx.Exec(ctx, storeIssues, args); err != nil {
			return nil, fmt.Errorf("store %d issues: %w", found, err)
		}
	}
	if _, err := tx.Exec(ctx, `
		UPDATE sync.runs
		SET issues_digest = $2,
		    issues_of = $3
		WHERE id = $1`, in.Run, digest, of); err != nil {
		return nil, fmt.Errorf("note issues of run: %w", err)
	}
	return of, nil
}

// sameIssues gives the run that stores the issues of the previous run where
// those have this digest, nil where they have not or are no longer there.
func sameIssues(ctx context.Context, tx pgx.Tx, previous *uuid.UUID, digest []byte) (*uuid.UUID, error) {
	if previous == nil {
		return nil, nil
	}
	var of uuid.UUID
	err := tx.QueryRow(ctx, `
		SELECT s.id
		FROM sync.runs s
		WHERE s.id = (SELECT coalesce(p.issues_of, p.id)
		              FROM sync.runs p
		              WHERE p.id = $1
		                AND p.issues_digest = $2)`, previous, digest).Scan(&of)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("compare issues with the run before: %w", err)
	}
	return &of, nil
}
