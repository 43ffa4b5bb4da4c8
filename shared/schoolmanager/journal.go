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

// The journal keeps each row as it was before a run overwrote it. It is written
// just before the row, under the same conditions. Who writes from outside
// between the two leaves an entry too many, which undo passes over since the
// row is not as the run left it.
const (
	journalRecords = `
		INSERT INTO sync.journal (tenant_id, run_id, kind, op, before, hash_after)
		SELECT @tenant, @run, '{kind}', @op, to_jsonb(t), CASE @op WHEN 'archive' THEN t.hash ELSE c.hash END
		FROM school_manager.{table} t, staging.{changes} c
		WHERE c.run_id = @run
		  AND c.op = @op
		  AND t.tenant_id = @tenant
		  AND {among}
		  AND t.id = c.id
		  AND t.clever_id = c.clever_id
		  AND t.hash IS NOT DISTINCT FROM c.hash_before
		  AND (t.archived_at IS NOT NULL) = (c.op = 'restore')`

	// Of rows that become those of another Clever id.
	journalTaken = `
		INSERT INTO sync.journal (tenant_id, run_id, kind, op, before, hash_after)
		SELECT @tenant, @run, '{kind}', 'update', to_jsonb(t), c.hash
		FROM school_manager.{table} t, staging.{changes} c
		WHERE c.run_id = @run
		  AND c.op = @op
		  AND t.tenant_id = @tenant
		  AND {among}
		  AND t.id = c.id
		  AND t.clever_id IS NOT DISTINCT FROM c.clever_before
		  AND t.archived_at IS NULL
		  AND {image} = c.hash_before`

	journalMoved = `
		INSERT INTO sync.journal (tenant_id, run_id, kind, op, before, key_after)
		SELECT @tenant, @run, '{kind}', 'update', to_jsonb(m), c.{key}
		FROM school_manager.{table} m, staging.{changes} c
		WHERE c.run_id = @run
		  AND c.op = 'rekey'
		  AND m.tenant_id = @tenant
		  AND {among}
		  AND {before=m}
		  AND m.source = 'clever'
		  AND m.{value} = c.{value}_before
		  AND m.{person} IS NOT DISTINCT FROM c.{before}
		  AND m.archived_at IS NULL`

	journalEdges = `
		INSERT INTO sync.journal (tenant_id, run_id, kind, op, before)
		SELECT @tenant, @run, '{kind}', c.op, to_jsonb(m)
		FROM school_manager.{table} m, staging.{changes} c
		WHERE c.run_id = @run
		  AND c.op IN ('update', 'archive', 'restore')
		  AND m.tenant_id = @tenant
		  AND {among}
		  AND {c=m}
		  AND m.source = 'clever'
		  AND m.{value} = c.{value}_before
		  AND m.{person} IS NOT DISTINCT FROM c.{before}
		  AND (m.archived_at IS NOT NULL) = (c.op = 'restore')`
)

// UndoInput says which run is undone, by which.
type UndoInput struct {
	Run, Tenant, Of uuid.UUID
	// RemovalsOnly brings back what the run removed and leaves the rest.
	RemovalsOnly bool
	// WorkMem is as in PlanInput.
	WorkMem string
}

// ErrNothingToUndo says that the run cannot be undone: it is not the tenant's
// newest applied one, wrote nothing, or is undone already.
var ErrNothingToUndo = errors.New("the run cannot be undone")

// Undo gives every row back as it was before a run: what the run updated,
// archived or restored from the journal, what it created by archiving it. A row
// that is no longer as the run left it is left alone and counted as Skipped.
// It works in the caller's transaction, which has locked the undoing run, and
// ends in it.
func Undo(ctx context.Context, tx pgx.Tx, in UndoInput) ([]Counts, error) {
	u := &undoing{in: in, a: applying{
		tx: tx, run: in.Run, counts: map[roster.Kind]*Counts{},
		args: pgx.NamedArgs{"run": in.Run, "tenant": in.Tenant, "of": in.Of, "removals_only": in.RemovalsOnly},
	}}
	for _, kind := range roster.Kinds() {
		u.a.counts[kind] = &Counts{Kind: kind}
	}
	settings := setBased(in.WorkMem)
	settings["cleversync.run"] = in.Run.String()
	if err := withSettings(ctx, tx, settings, func() error { return u.undo(ctx) }); err != nil {
		return nil, err
	}
	counts := make([]Counts, 0, len(u.a.counts))
	for _, kind := range roster.Kinds() {
		counts = append(counts, *u.a.counts[kind])
	}
	return counts, storeCounts(ctx, tx, in.Run, in.Tenant, counts)
}

type undoing struct {
	in UndoInput
	a  applying
}

func (u *undoing) undo(ctx context.Context) error {
	if err := u.a.lockTenant(ctx); err != nil {
		return err
	}
	var was *int64
	err := u.a.tx.QueryRow(ctx, `
		UPDATE sync.runs
		SET undone_by = @run
		WHERE id = @of
		  AND tenant_id = @tenant
		  AND undone_by IS NULL
		  AND NOT config ? 'undo'
		  AND change_seq = (SELECT change_seq
		                    FROM sync.tenants
		                    WHERE id = @tenant)
		RETURNING change_seq`, u.a.args).Scan(&was)
	if errors.Is(err, pgx.ErrNoRows) {
		return ErrNothingToUndo
	}
	if err != nil {
		return fmt.Errorf("mark run %s undone: %w", u.in.Of, err)
	}
	u.a.args["was"] = *was
	for _, r := range records() {
		if err := u.table(ctx, r.kind, r.table, revertRecord(r)); err != nil {
			return err
		}
	}
	for _, e := range edges() {
		if err := u.table(ctx, e.kind, e.table, revertEdge(e)); err != nil {
			return err
		}
	}
	if err := u.a.raiseSequence(ctx); err != nil {
		return err
	}
	return u.countUnchanged(ctx)
}

// revertRecord sets a row to what the journal has, found by its id.
func revertRecord(r record) string {
	return revert(r.table, string(r.kind), append([]string{"clever_id", "source", "hash", "archived_at"}, r.columns...),
		"t.id = b.id AND t.hash IS NOT DISTINCT FROM j.hash_after")
}

// revertEdge does so with an edge, found by its keys.
func revertEdge(e edge) string {
	same := strings.Replace(each(e.keys(), "t.{} = b.{}", " AND "), "b."+e.key, "coalesce(j.key_after, b."+e.key+")", 1)
	return revert(e.table, string(e.kind), []string{e.key, e.value, e.person, "archived_at"}, same)
}

// revert counts what becomes of each journal entry: rows in all, and rows
// written by the operation that they revert. What is archived is archived for
// readers, whether it was before or not.
func revert(table, kind string, columns []string, same string) string {
	return strings.NewReplacer("{table}", table, "{kind}", kind, "{set}", each(columns, "{} = b.{}", ", "), "{same}", same).Replace(`
		WITH entry AS (
		  SELECT op, before, hash_after, key_after
		  FROM sync.journal
		  WHERE run_id = @of
		    AND tenant_id = @tenant
		    AND kind = '{kind}'
		    AND (NOT @removals_only OR op = 'archive')
		), written AS (
		  UPDATE school_manager.{table} t
		  SET {set},
		      change_seq = @seq
		  FROM entry j
		  CROSS JOIN LATERAL jsonb_populate_record(NULL::school_manager.{table}, j.before) AS b
		  WHERE t.tenant_id = @tenant
		    AND t.change_seq = @was
		    AND {same}
		  RETURNING j.op
		)
		SELECT (SELECT count(*) FROM entry),
		       count(*) FILTER (WHERE op = 'update'),
		       count(*) FILTER (WHERE op = 'archive'),
		       count(*) FILTER (WHERE op = 'restore')
		FROM written`)
}

// table undoes one table. Updates that made an edge visible or hid it count as
// updates here.
func (u *undoing) table(ctx context.Context, kind roster.Kind, table, statement string) error {
	var entries, updated, archived, restored, created, removed int64
	if err := u.a.tx.QueryRow(ctx, statement, u.a.args).Scan(&entries, &updated, &archived, &restored); err != nil {
		return fmt.Errorf("undo %s: %w", table, err)
	}
	c := u.a.counts[kind]
	if !u.in.RemovalsOnly {
		err := u.a.tx.QueryRow(ctx, strings.ReplaceAll(`
			WITH created AS (
			  SELECT count(*) AS all
			  FROM school_manager.{table}
			  WHERE tenant_id = @tenant
			    AND created_run = @of
			    AND change_seq = @was
			    AND archived_at IS NULL
			), gone AS (
			  UPDATE school_manager.{table}
			  SET archived_at = now(),
			      change_seq = @seq
			  WHERE tenant_id = @tenant
			    AND created_run = @of
			    AND change_seq = @was
			    AND archived_at IS NULL
			    AND source = 'clever'
			  RETURNING 1
			)
			SELECT created.all, (SELECT count(*) FROM gone)
			FROM created`, "{table}", table), u.a.args).Scan(&created, &removed)
		if err != nil {
			return fmt.Errorf("undo what was created in %s: %w", table, err)
		}
	}
	c.Updated, c.Restored, c.Archived = updated, archived, restored+removed
	c.Written = updated + archived + restored + removed
	c.Skipped = entries + created - c.Written
	return nil
}

// countUnchanged counts what readers see and the undoing run has not written.
func (u *undoing) countUnchanged(ctx context.Context) error {
	count := func(kind roster.Kind, table, visible string) error {
		err := u.a.tx.QueryRow(ctx, `
			SELECT count(*)
			FROM school_manager.`+table+`
			WHERE tenant_id = @tenant
			  AND source = 'clever'
			  AND archived_at IS NULL
			  AND change_seq <> @seq`+visible, u.a.args).Scan(&u.a.counts[kind].Unchanged)
		if err != nil {
			return fmt.Errorf("count unchanged %s: %w", table, err)
		}
		return nil
	}
	for _, r := range records() {
		if err := count(r.kind, r.table, ""); err != nil {
			return err
		}
	}
	for _, e := range edges() {
		if err := count(e.kind, e.table, " AND "+e.person+" IS NOT NULL"); err != nil {
			return err
		}
	}
	return nil
}
