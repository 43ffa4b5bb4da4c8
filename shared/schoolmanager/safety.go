package schoolmanager

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"cleversync/shared/fault"
	"cleversync/shared/roster"
	"cleversync/shared/syncrun"
)

// statePaused is the state of a district whose data is last year's.
const statePaused = "paused"

// survey is what a plan must know of the fetch before it compares anything:
// how complete it was, and what was there before.
type survey struct {
	steps map[syncrun.Step]fetched
	// previous is the tenant's last completed run, nil before the first.
	previous *uuid.UUID
	// came tells whether any record of a kind is staged.
	came came
	// people tells whether the tenant has any synced user.
	people bool
	// missing are selected schools that did not come.
	missing []string
	// unread counts students and teachers that could not be decoded.
	unread int64
	// oneList names the tables of staging whose rows all come from one list,
	// so that no record can be there twice.
	oneList map[string]bool
}

type came struct{ schools, students, teachers, classrooms, parents bool }

// fetched is one stream's outcome.
type fetched struct {
	rows, records, blind int64
	total                *int64
	complete             bool
	// before is the number of records of the last run that was applied.
	before int64
}

// differs tells whether Clever sent another number than it announced.
func (f fetched) differs() bool { return f.total != nil && *f.total != f.records }

// doubtful tells whether records may be missing from the list, so that no
// absence from it proves a removal: some could not even be named, or the number
// differs from Clever's and has dropped by more than a tenth since last time.
func (f fetched) doubtful() bool {
	return f.blind > 0 || f.differs() && f.records*10 < f.before*9
}

func look(ctx context.Context, tx pgx.Tx, in PlanInput) (survey, error) {
	var s survey
	var err error
	if s.previous, err = previousRun(ctx, tx, in); err != nil {
		return survey{}, err
	}
	if s.steps, err = fetchedSteps(ctx, tx, in); err != nil {
		return survey{}, err
	}
	if s.oneList, err = oneList(ctx, tx, in); err != nil {
		return survey{}, err
	}
	err = tx.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM staging.schools WHERE run_id = $1 AND generation = $2),
		       EXISTS (SELECT FROM staging.users WHERE run_id = $1 AND generation = $2 AND student),
		       EXISTS (SELECT FROM staging.users WHERE run_id = $1 AND generation = $2 AND step = $8 AND teacher)
		       OR EXISTS (SELECT FROM staging.users WHERE run_id = $1 AND generation = $2 AND teacher),
		       EXISTS (SELECT FROM staging.classrooms WHERE run_id = $1 AND generation = $2),
		       EXISTS (SELECT FROM staging.parents WHERE run_id = $1 AND generation = $2),
		       EXISTS (SELECT FROM school_manager.users
		               WHERE tenant_id = $3 AND clever_id IS NOT NULL AND archived_at IS NULL),
		       ARRAY(SELECT wanted.id
		             FROM unnest($4::text[]) AS wanted (id)
		             EXCEPT
		             SELECT clever_id FROM staging.schools WHERE run_id = $1 AND generation = $2
		             EXCEPT
		             SELECT clever_id FROM staging.issues
		             WHERE run_id = $1 AND generation = $2 AND step = $5 AND code = $6
		             ORDER BY 1),
		       (SELECT count(*) FROM staging.issues
		        WHERE run_id = $1 AND generation = $2 AND step IN ($7, $8) AND code = $6)`,
		in.Run, in.Generation, in.Tenant, in.Options.Schools, syncrun.FetchSchools, roster.RecordUndecodable,
		syncrun.FetchStudents, syncrun.FetchTeachers,
	).Scan(&s.came.schools, &s.came.students, &s.came.teachers, &s.came.classrooms, &s.came.parents,
		&s.people, &s.missing, &s.unread)
	if err != nil {
		return survey{}, fmt.Errorf("look at what was fetched: %w", err)
	}
	return s, nil
}

// oneList compares the first and the last list of each table, as the primary
// key has them in order.
func oneList(ctx context.Context, tx pgx.Tx, in PlanInput) (map[string]bool, error) {
	one := map[string]bool{}
	for _, r := range records() {
		var is bool
		err := tx.QueryRow(ctx, r.sql(`
			SELECT (SELECT step || ' ' || list
			        FROM staging.{table}
			        WHERE run_id = $1 AND generation = $2
			        ORDER BY step, list
			        LIMIT 1)
			       = (SELECT step || ' ' || list
			          FROM staging.{table}
			          WHERE run_id = $1 AND generation = $2
			          ORDER BY step DESC, list DESC
			          LIMIT 1) IS NOT FALSE`), in.Run, in.Generation).Scan(&is)
		if err != nil {
			return nil, fmt.Errorf("look at the lists of %s: %w", r.table, err)
		}
		one[r.table] = is
	}
	return one, nil
}

func previousRun(ctx context.Context, tx pgx.Tx, in PlanInput) (*uuid.UUID, error) {
	var id uuid.UUID
	err := tx.QueryRow(ctx, `
		SELECT id
		FROM sync.runs
		WHERE tenant_id = $1
		  AND state = 'completed'
		  AND id <> $2
		ORDER BY id DESC
		LIMIT 1`, in.Tenant, in.Run).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find the run before: %w", err)
	}
	return &id, nil
}

// fetchedSteps reads each stream's outcome. It is compared with the last run
// that was applied: one in which Clever's total differed and removals of the
// kind were withheld does not count, or the same short list would be believed
// the second time it comes.
func fetchedSteps(ctx context.Context, tx pgx.Tx, in PlanInput) (map[syncrun.Step]fetched, error) {
	var steps, kinds []string
	for _, step := range neededSteps(in.Options) {
		steps = append(steps, string(step))
		kinds = append(kinds, string(kindOf(step)))
	}
	rows, err := tx.Query(ctx, `
		SELECT p.step, p.rows, p.records, p.blind, p.total, p.complete,
		       coalesce((SELECT s.records
		                 FROM sync.runs r
		                 JOIN sync.run_steps s ON s.run_id = r.id AND s.name = p.step
		                 WHERE r.tenant_id = $3
		                   AND r.state = 'completed'
		                   AND r.id <> $1
		                   AND NOT (EXISTS (SELECT
		                                    FROM sync.run_issue_counts i
		                                    WHERE i.run_id = r.id
		                                      AND i.code = $6)
		                            AND EXISTS (SELECT
		                                        FROM sync.run_counts c
		                                        WHERE c.run_id = r.id
		                                          AND c.kind = k.kind
		                                          AND c.held > 0))
		                 ORDER BY r.id DESC
		                 LIMIT 1), 0)
		FROM staging.progress p
		JOIN unnest($4::text[], $5::text[]) AS k (step, kind) ON k.step = p.step
		WHERE p.run_id = $1
		  AND p.generation = $2`, in.Run, in.Generation, in.Tenant, steps, kinds, roster.TotalDiffers)
	if err != nil {
		return nil, fmt.Errorf("read progress: %w", err)
	}
	found := map[syncrun.Step]fetched{}
	var name syncrun.Step
	var f fetched
	_, err = pgx.ForEachRow(rows, []any{&name, &f.rows, &f.records, &f.blind, &f.total, &f.complete, &f.before}, func() error {
		found[name] = f
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read progress: %w", err)
	}
	return found, nil
}

// neededSteps are the streams without which nothing may be compared.
func neededSteps(o roster.Options) []syncrun.Step {
	steps := syncrun.Config{Options: o}.Fetches()
	if o.Parents {
		steps = append(steps, syncrun.FetchContacts)
	}
	return steps
}

// refuse gives the fault by which the run fails, nil where it may go on.
func (s survey) refuse(in PlanInput) *fault.Fault {
	if !in.Options.Whole && len(in.Options.Schools) == 0 {
		return fault.New(fault.NoSchoolSelected, "no school is selected")
	}
	for _, step := range neededSteps(in.Options) {
		if !s.steps[step].complete {
			return fault.New(fault.SnapshotIncomplete, "the list of %s is not complete", step.Stream())
		}
	}
	if len(s.missing) > 0 && s.steps[syncrun.FetchSchools].blind == 0 {
		return fault.New(fault.CleverNotShared, "Clever no longer shares %d of the selected schools, the first is %s", len(s.missing), s.missing[0])
	}
	nobody := !s.came.students && !s.came.teachers && s.unread == 0
	if nobody && (s.people || s.previous == nil) {
		return fault.New(fault.CleverNotShared, "Clever shares no student and no teacher at the selected schools")
	}
	return nil
}

// withheld adds to the arguments of the comparing statements which removals are
// withheld: hold_… all of the kind, since its list is in doubt; no_… those of
// records that the options still ask for, since none came at all. Rows that an
// option or a deselected school has dropped are not among the latter.
func (s survey) withheld(in PlanInput, args pgx.NamedArgs) {
	all := in.DistrictState == statePaused || in.Torn
	doubtful := func(step syncrun.Step) bool { return all || s.steps[step].doubtful() }
	args["hold_all"] = all
	args["hold_schools"] = doubtful(syncrun.FetchSchools)
	args["hold_students"] = doubtful(syncrun.FetchStudents)
	args["hold_teachers"] = doubtful(syncrun.FetchTeachers)
	args["hold_classrooms"] = all || in.Options.Classrooms && doubtful(syncrun.FetchSections)
	args["hold_parents"] = all || in.Options.Parents && doubtful(syncrun.FetchContacts)
	args["no_schools"] = !s.came.schools
	args["no_students"] = !s.came.students
	args["no_teachers"] = !s.came.teachers
	args["no_classrooms"] = in.Options.Classrooms && !s.came.classrooms
	args["no_parents"] = in.Options.Parents && !s.came.parents
	// A course or term is no row of the roster, but what classrooms show of it
	// must not vanish for a list in doubt either.
	unsure := func(step syncrun.Step) bool { f := s.steps[step]; return all || f.blind > 0 || f.differs() }
	args["keep_courses"] = unsure(syncrun.FetchCourses)
	args["keep_terms"] = unsure(syncrun.FetchTerms)
}

// kindOf is the kind that a stream feeds, as issues name it: courses and terms
// are nothing but facts of classrooms.
func kindOf(step syncrun.Step) roster.Kind {
	switch step {
	case syncrun.FetchSchools:
		return roster.KindSchool
	case syncrun.FetchStudents, syncrun.FetchTeachers:
		return roster.KindUser
	case syncrun.FetchContacts:
		return roster.KindParent
	}
	return roster.KindClassroom
}

// differing lists the kinds of which Clever sent another number than it said.
func (s survey) differing() []roster.Kind {
	var kinds []roster.Kind
	for step, f := range s.steps {
		if kind := kindOf(step); f.differs() && !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	slices.Sort(kinds)
	return kinds
}

// nothing lists the kinds that an option asks for and of which Clever sent no
// record, on a first sync.
func (s survey) nothing(o roster.Options) []roster.Kind {
	if s.previous != nil {
		return nil
	}
	var kinds []roster.Kind
	if o.Classrooms && s.steps[syncrun.FetchSections].records == 0 {
		kinds = append(kinds, roster.KindClassroom)
	}
	if o.Parents && s.steps[syncrun.FetchContacts].records == 0 {
		kinds = append(kinds, roster.KindParent)
	}
	return kinds
}
