package schoolmanager

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"cleversync/shared/roster"
)

// PlanInput says of which run a plan is made, by which options.
type PlanInput struct {
	Run, Tenant uuid.UUID
	Generation  int
	Options     roster.Options
	// DistrictState is Clever's word on the district; paused means that its
	// data is last year's.
	DistrictState string
	// Torn says that the staged lists are of two moments of the district: who
	// is missing from them may only have moved from one to another.
	Torn bool
	// Limits are those of the breaker.
	Limits roster.Limits
	// Unconfirmed says that nobody has confirmed what the last change of
	// options or schools removes, so that it is withheld.
	Unconfirmed bool
	// Hold names kept changes that are to be applied, instead of comparing what
	// was fetched.
	Hold *uuid.UUID
	// WorkMem bounds the memory of each sort and hash, in Postgres' spelling;
	// empty is 256MB.
	WorkMem string
}

// Planned is what a plan has found.
type Planned struct {
	// Changes is the number of rows in all change tables, those of withheld
	// removals included: apply looks whether they are still there.
	Changes int64
	// Counts has, of each kind, what is known before anything is applied:
	// Unchanged, Held, and those Skipped already.
	Counts []Counts
	// Issues are the exact numbers of the run's issues.
	Issues []IssueCount
	// Trips say why the breaker has withheld changes; none on most nights.
	Trips []Trip
	// IssuesOf is the run that stores the same issues already, so that this
	// one stores none.
	IssuesOf *uuid.UUID
}

// analyzeFrom is the number of staged rows from which the planner gets fresh
// statistics: below, the statements' own shape is enough.
const analyzeFrom = 50_000

// Plan compares what the run has staged with the roster and writes the change
// rows, the issues and their counts. It writes nothing to the roster. Called
// again for the same run it replaces what it wrote.
//
// Where the rules say that the run fails, the error is a *fault.Fault
// (snapshot_incomplete, clever_not_shared, no_school_selected) and nothing has
// been compared. The caller has checked that every staged row is still there.
func Plan(ctx context.Context, tx pgx.Tx, in PlanInput) (Planned, error) {
	if err := forget(ctx, tx, in); err != nil {
		return Planned{}, err
	}
	if in.Hold != nil {
		var out Planned
		err := withSettings(ctx, tx, setBased(in.WorkMem), func() (err error) {
			out, err = planKept(ctx, tx, in)
			return err
		})
		return out, err
	}
	s, err := look(ctx, tx, in)
	if err != nil {
		return Planned{}, err
	}
	if refused := s.refuse(in); refused != nil {
		return Planned{}, refused
	}
	var out Planned
	err = withSettings(ctx, tx, setBased(in.WorkMem), func() (err error) {
		out, err = s.plan(ctx, tx, in)
		return err
	})
	return out, err
}

// plan goes on where nothing refuses the run.
func (s survey) plan(ctx context.Context, tx pgx.Tx, in PlanInput) (Planned, error) {
	if err := analyze(ctx, tx, s); err != nil {
		return Planned{}, err
	}
	args := arguments(in)
	s.withheld(in, args)
	b, err := newBreaker(ctx, tx, in, s, args)
	if err != nil {
		return Planned{}, err
	}
	if err := compareAll(ctx, tx, in, s, args, b); err != nil {
		return Planned{}, err
	}
	if err := b.report(ctx); err != nil {
		return Planned{}, err
	}
	out := Planned{Trips: b.trips}
	if out.Issues, out.IssuesOf, err = reportIssues(ctx, tx, in, s, args); err != nil {
		return Planned{}, err
	}
	if out.Counts, out.Changes, err = countPlanned(ctx, tx, args); err != nil {
		return Planned{}, err
	}
	return out, storeCounts(ctx, tx, in.Run, in.Tenant, out.Counts)
}

// compareAll compares every kind and finds who is known by another id: users
// before parents and edges, since those depend on who stays; owners before
// their edges. The breaker looks at each before the next: nobody who is known by
// another id is lost.
func compareAll(ctx context.Context, tx pgx.Tx, in PlanInput, s survey, args pgx.NamedArgs, b *breaker) error {
	changed := map[string]int64{}
	var rekeyed int64 // users, whom edges follow
	var err error
	for _, c := range comparisons() {
		if changed[c.changes], err = c.compare(ctx, tx, args, s.oneList[c.table]); err != nil {
			return err
		}
		if changed[c.changes] == 0 {
			continue
		}
		n, err := identify(ctx, tx, args, c.record)
		if err != nil {
			return err
		}
		if c.kind == roster.KindUser {
			rekeyed = n
		}
		if err := b.after(ctx, c.kind); err != nil {
			return err
		}
	}
	changed[classrooms.changes], err = compareAllClassrooms(ctx, tx, args, in.Options.UniqueClassNames, s.oneList[classrooms.table])
	if err != nil {
		return err
	}
	if err := b.after(ctx, classrooms.kind); err != nil {
		return err
	}
	for _, e := range edges() {
		if err := e.compare(ctx, tx, args, changed[e.owners.changes], rekeyed > 0, b); err != nil {
			return err
		}
	}
	return nil
}

func arguments(in PlanInput) pgx.NamedArgs {
	types := in.Options.ParentTypes
	if !in.Options.Parents {
		types = nil // an option that is off may remember its types
	}
	return pgx.NamedArgs{
		"run":          in.Run,
		"tenant":       in.Tenant,
		"generation":   in.Generation,
		"whole":        in.Options.Whole,
		"schools":      notNil(in.Options.Schools),
		"types":        notNil(types),
		"unique_names": in.Options.UniqueClassNames,

		"match_by_name": in.Options.MatchByName,
	}
}

// notNil keeps an absent list from becoming NULL, with which nothing compares.
func notNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// forget removes what an earlier plan of the same run has written. Its counts
// tell whether there was one: they are stored in the same transaction.
func forget(ctx context.Context, tx pgx.Tx, in PlanInput) error {
	var planned bool
	if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM sync.run_counts WHERE run_id = $1)`, in.Run).Scan(&planned); err != nil {
		return fmt.Errorf("look for an earlier plan: %w", err)
	}
	if !planned {
		return nil
	}
	for _, table := range changeTables() {
		if _, err := tx.Exec(ctx, `DELETE FROM staging.`+table+` WHERE run_id = $1`, in.Run); err != nil {
			return fmt.Errorf("forget %s of an earlier plan: %w", table, err)
		}
	}
	for _, statement := range []string{
		`DELETE FROM staging.issues WHERE run_id = $1 AND generation = $2 AND step = 'plan'`,
		`DELETE FROM sync.run_issues WHERE run_id = $1 AND $2 > 0`,
		`DELETE FROM sync.removals WHERE run_id = $1 AND $2 > 0`,
		`DELETE FROM sync.trips WHERE run_id = $1 AND $2 > 0`,
		`DELETE FROM sync.run_issue_counts WHERE run_id = $1 AND $2 > 0`,
	} {
		if _, err := tx.Exec(ctx, statement, in.Run, in.Generation); err != nil {
			return fmt.Errorf("forget issues of an earlier plan: %w", err)
		}
	}
	return nil
}

func analyze(ctx context.Context, tx pgx.Tx, s survey) error {
	var staged int64
	for _, f := range s.steps {
		staged += f.rows
	}
	if staged <= analyzeFrom {
		return nil
	}
	// The lock is kept until the transaction ends: whoever plans at the same
	// time goes without instead of waiting.
	_, err := tx.Exec(ctx, `
		ANALYZE (SKIP_LOCKED)
		  staging.schools (run_id),
		  staging.users (run_id),
		  staging.classrooms (run_id),
		  staging.courses (run_id),
		  staging.terms (run_id),
		  staging.parents (run_id),
		  staging.issues (run_id, step)`)
	if err != nil {
		return fmt.Errorf("analyze %d staged rows: %w", staged, err)
	}
	return nil
}

// changeTables names the tables that hold change rows.
func changeTables() []string {
	var tables []string
	for _, r := range records() {
		tables = append(tables, r.changes)
	}
	for _, e := range edges() {
		tables = append(tables, e.changes)
	}
	return tables
}
