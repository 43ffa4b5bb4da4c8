package schoolmanager

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"cleversync/shared/roster"
)

// ApplyInput says which plan is executed.
type ApplyInput struct {
	Run, Tenant uuid.UUID
	// Changes is Planned.Changes: as many change rows must be there.
	Changes int64
	// WorkMem is as in PlanInput.
	WorkMem string
}

// ErrChangesLost says that the change rows are not those that plan wrote: a
// crash of Postgres has emptied the UNLOGGED tables. Nothing has been written.
var ErrChangesLost = errors.New("the change rows of the plan were lost")

// Apply executes the change rows in the caller's transaction and returns the
// counts, one for each kind, which it also stores. The caller has locked the
// run and its step, and completes the run in the same transaction.
//
// Each row is written only where it is still as plan saw it. Where nothing is
// to be written, no roster row and no tenant is touched.
func Apply(ctx context.Context, tx pgx.Tx, in ApplyInput) ([]Counts, error) {
	a, err := begin(ctx, tx, in)
	if err != nil {
		return nil, err
	}
	if a.work {
		settings := setBased(in.WorkMem)
		// By this name the triggers of the roster know that it is the sync.
		settings["cleversync.run"] = in.Run.String()
		if err := withSettings(ctx, tx, settings, func() error { return a.execute(ctx) }); err != nil {
			return nil, err
		}
	}
	counts := make([]Counts, 0, len(a.counts))
	for _, kind := range roster.Kinds() {
		counts = append(counts, *a.counts[kind])
	}
	return counts, storeCounts(ctx, tx, in.Run, in.Tenant, counts)
}

// CountChanges counts the change rows of a run.
func CountChanges(ctx context.Context, tx pgx.Tx, run uuid.UUID) (int64, error) {
	statement := `SELECT 0`
	for _, table := range changeTables() {
		statement += ` + (SELECT count(*) FROM staging.` + table + ` WHERE run_id = $1)`
	}
	var all int64
	if err := tx.QueryRow(ctx, statement, run).Scan(&all); err != nil {
		return 0, fmt.Errorf("count change rows: %w", err)
	}
	return all, nil
}

// applying is one apply under way.
type applying struct {
	tx     pgx.Tx
	run    uuid.UUID
	args   pgx.NamedArgs
	seq    int64
	todo   map[task]int64
	work   bool
	short  bool // not every row could be created
	counts map[roster.Kind]*Counts
}

// task is one operation on one kind.
type task struct {
	kind roster.Kind
	op   string
}

func begin(ctx context.Context, tx pgx.Tx, in ApplyInput) (*applying, error) {
	a := &applying{tx: tx, run: in.Run, args: pgx.NamedArgs{"run": in.Run, "tenant": in.Tenant}}
	var err error
	if a.todo, err = loadTodo(ctx, tx, in.Run); err != nil {
		return nil, err
	}
	var all int64
	for t, n := range a.todo {
		all += n
		a.work = a.work || t.op != "skip" && !strings.HasPrefix(t.op, "hold")
	}
	if all != in.Changes {
		return nil, ErrChangesLost
	}
	a.counts, err = loadCounts(ctx, tx, in.Run)
	return a, err
}

// loadTodo counts the change rows of each task.
func loadTodo(ctx context.Context, tx pgx.Tx, run uuid.UUID) (map[task]int64, error) {
	var parts []string
	for _, r := range records() {
		parts = append(parts, r.sql(`SELECT '`+string(r.kind)+`', op, count(*) FROM staging.{changes} WHERE run_id = $1 GROUP BY op`))
	}
	for _, e := range edges() {
		parts = append(parts, e.sql(`SELECT '`+string(e.kind)+`', op, count(*) FROM staging.{changes} WHERE run_id = $1 GROUP BY op`))
	}
	rows, err := tx.Query(ctx, strings.Join(parts, " UNION ALL "), run)
	if err != nil {
		return nil, fmt.Errorf("count change rows: %w", err)
	}
	todo := map[task]int64{}
	var t task
	var n int64
	if _, err := pgx.ForEachRow(rows, []any{&t.kind, &t.op, &n}, func() error {
		todo[t] = n
		return nil
	}); err != nil {
		return nil, fmt.Errorf("count change rows: %w", err)
	}
	return todo, nil
}

// execute writes the roster. Who is new comes first, created, adopted or under a
// new id, then edges, then what changes or goes: whoever writes to a member from
// outside locks the member and then, by the trigger, its classroom, and so do
// we. Whoever deletes a user locks it before its edges.
func (a *applying) execute(ctx context.Context) error {
	if err := a.lockTenant(ctx); err != nil {
		return err
	}
	for _, r := range records() {
		if err := a.create(ctx, r); err != nil {
			return err
		}
	}
	for _, op := range []string{"rekey", "adopt"} {
		if err := a.takeOver(ctx, users, op); err != nil {
			return err
		}
	}
	if err := a.mend(ctx); err != nil {
		return err
	}
	for _, e := range edges() {
		if err := a.createEdges(ctx, e); err != nil {
			return err
		}
		if err := a.rekeyEdges(ctx, e); err != nil {
			return err
		}
		if err := a.changeEdges(ctx, e); err != nil {
			return err
		}
	}
	if err := a.takeOver(ctx, parents, "rekey"); err != nil {
		return err
	}
	for _, r := range records() {
		if err := a.change(ctx, r); err != nil {
			return err
		}
	}
	if err := a.followWithheld(ctx); err != nil {
		return err
	}
	return a.raiseSequence(ctx)
}

// lockTenant reads the value that every row written will carry. It is stored
// last, and only if any row was.
func (a *applying) lockTenant(ctx context.Context) error {
	err := a.tx.QueryRow(ctx, `
		SELECT change_seq + 1
		FROM sync.tenants
		WHERE id = @tenant
		FOR NO KEY UPDATE`, a.args).Scan(&a.seq)
	if err != nil {
		return fmt.Errorf("lock tenant: %w", err)
	}
	a.args["seq"] = a.seq
	return nil
}

func (a *applying) raiseSequence(ctx context.Context) error {
	var written int64
	for _, c := range a.counts {
		written += c.Written
	}
	if written == 0 {
		return nil
	}
	if _, err := a.tx.Exec(ctx, `
		UPDATE sync.tenants
		SET change_seq = @seq
		WHERE id = @tenant`, a.args); err != nil {
		return fmt.Errorf("raise change sequence: %w", err)
	}
	if _, err := a.tx.Exec(ctx, `
		UPDATE sync.runs
		SET change_seq = @seq
		WHERE id = @run`, a.args); err != nil {
		return fmt.Errorf("note change sequence: %w", err)
	}
	return nil
}
