package schoolmanager

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"cleversync/shared/roster"
)

// Counts are the numbers of one kind of one run, as sync.run_counts has them.
// Of memberships and links only those that readers see are counted: one that
// becomes resolved is added, one that becomes unresolved is archived.
type Counts struct {
	Kind                                          roster.Kind
	Unchanged, Added, Updated, Archived, Restored int64
	// Held are changes that were withheld; HeldUpdates are those among them
	// that are updates, not removals.
	Held, HeldUpdates int64
	// Skipped rows were written from outside between plan and apply, or
	// between fetch and plan.
	Skipped int64
	// Written counts roster rows really written, whatever they count as.
	Written int64
}

// Synced is the number that people are told: what Clever shares and School
// Manager has after the run.
func (c Counts) Synced() int64 {
	return c.Unchanged + c.Added + c.Updated + c.Restored + c.HeldUpdates
}

// What readers see and no change row touches is unchanged.
const (
	countRecords = `
		SELECT count(*),
		       (SELECT count(*)
		        FROM school_manager.{table} t
		        WHERE t.tenant_id = @tenant
		          AND t.clever_id IS NOT NULL
		          AND t.archived_at IS NULL) - count(*) FILTER (WHERE c.live AND c.op <> 'adopt'),
		       count(*) FILTER (WHERE c.op LIKE 'hold%'),
		       count(*) FILTER (WHERE c.op = 'hold_update'),
		       count(*) FILTER (WHERE c.op = 'skip')
		FROM staging.{changes} c
		WHERE c.run_id = @run`

	countEdges = `
		SELECT count(*),
		       (SELECT count(*)
		        FROM school_manager.{table} m
		        WHERE m.tenant_id = @tenant
		          AND m.source = 'clever'
		          AND m.archived_at IS NULL
		          AND m.{person} IS NOT NULL) - count(*) FILTER (WHERE c.live),
		       count(*) FILTER (WHERE c.op LIKE 'hold%' AND c.live),
		       count(*) FILTER (WHERE c.op = 'hold_update' AND c.live),
		       0
		FROM staging.{changes} c
		WHERE c.run_id = @run`

	// Edges of an owner whose removal is withheld stay as they are, without a
	// change row of their own.
	countHanging = `
		SELECT count(*)
		FROM school_manager.{table} m
		WHERE m.tenant_id = @tenant
		  AND m.{owner} IN (SELECT o.id
		                    FROM staging.{owner_changes} o
		                    WHERE o.run_id = @run
		                      AND o.op = 'hold')
		  AND m.source = 'clever'
		  AND m.archived_at IS NULL
		  AND m.{person} IS NOT NULL
		  AND NOT EXISTS (SELECT
		                  FROM staging.{changes} c
		                  WHERE c.run_id = @run
		                    AND {c=m})`
)

// countPlanned gives what is known before anything is applied, and the number
// of all change rows.
func countPlanned(ctx context.Context, tx pgx.Tx, args pgx.NamedArgs) (counts []Counts, changes int64, err error) {
	of := map[roster.Kind]Counts{}
	count := func(kind roster.Kind, statement string) error {
		c := Counts{Kind: kind}
		var rows int64
		if err := tx.QueryRow(ctx, statement, args).Scan(&rows, &c.Unchanged, &c.Held, &c.HeldUpdates, &c.Skipped); err != nil {
			return fmt.Errorf("count planned %s: %w", kind, err)
		}
		changes += rows
		of[kind] = c
		return nil
	}
	for _, r := range records() {
		if err := count(r.kind, r.sql(countRecords)); err != nil {
			return nil, 0, err
		}
	}
	for _, e := range edges() {
		if err := count(e.kind, e.sql(countEdges)); err != nil {
			return nil, 0, err
		}
		if of[e.owners.kind].Held == 0 {
			continue
		}
		var hanging int64
		if err := tx.QueryRow(ctx, e.sql(countHanging), args).Scan(&hanging); err != nil {
			return nil, 0, fmt.Errorf("count what hangs on withheld %s: %w", e.owners.table, err)
		}
		c := of[e.kind]
		c.Unchanged -= hanging
		c.Held += hanging
		of[e.kind] = c
	}
	for _, kind := range roster.Kinds() {
		counts = append(counts, of[kind])
	}
	return counts, changes, nil
}

// CountPreview stores what a run would have done to records and edges that are
// there, had it been applied.
func CountPreview(ctx context.Context, tx pgx.Tx, run, tenant uuid.UUID) error {
	todo, err := loadTodo(ctx, tx, run)
	if err != nil {
		return err
	}
	counts, err := loadCounts(ctx, tx, run)
	if err != nil {
		return err
	}
	for t, n := range todo {
		c := counts[t.kind]
		switch t.op {
		case "create":
			c.Added += n
		case "update", "rekey", "adopt":
			c.Updated += n
		case "archive":
			c.Archived += n
		case "restore":
			c.Restored += n
		}
	}
	for _, e := range edges() {
		var added int64
		if err := tx.QueryRow(ctx, e.sql(countNewEdges), pgx.NamedArgs{"run": run, "tenant": tenant}).Scan(&added); err != nil {
			return fmt.Errorf("count new %s: %w", e.table, err)
		}
		counts[e.kind].Added += added
	}
	all := make([]Counts, 0, len(counts))
	for _, kind := range roster.Kinds() {
		all = append(all, *counts[kind])
	}
	return storeCounts(ctx, tx, run, tenant, all)
}

// storeCounts writes a run's counts, replacing those of an earlier plan.
func storeCounts(ctx context.Context, tx pgx.Tx, run, tenant uuid.UUID, counts []Counts) error {
	for _, c := range counts {
		_, err := tx.Exec(ctx, `
			INSERT INTO sync.run_counts (run_id, tenant_id, kind, unchanged, added, updated, archived, restored, held, held_updates, skipped, written)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
			ON CONFLICT (run_id, kind) DO UPDATE
			SET unchanged = excluded.unchanged,
			    added = excluded.added,
			    updated = excluded.updated,
			    archived = excluded.archived,
			    restored = excluded.restored,
			    held = excluded.held,
			    held_updates = excluded.held_updates,
			    skipped = excluded.skipped,
			    written = excluded.written`,
			run, tenant, c.Kind, c.Unchanged, c.Added, c.Updated, c.Archived, c.Restored, c.Held, c.HeldUpdates, c.Skipped, c.Written)
		if err != nil {
			return fmt.Errorf("store counts of %s: %w", c.Kind, err)
		}
	}
	return nil
}

// loadCounts reads what plan has stored.
func loadCounts(ctx context.Context, tx pgx.Tx, run uuid.UUID) (map[roster.Kind]*Counts, error) {
	rows, err := tx.Query(ctx, `
		SELECT kind, unchanged, held, held_updates, skipped
		FROM sync.run_counts
		WHERE run_id = $1`, run)
	if err != nil {
		return nil, fmt.Errorf("read counts of the plan: %w", err)
	}
	counts := map[roster.Kind]*Counts{}
	for _, kind := range roster.Kinds() {
		counts[kind] = &Counts{Kind: kind}
	}
	var c Counts
	_, err = pgx.ForEachRow(rows, []any{&c.Kind, &c.Unchanged, &c.Held, &c.HeldUpdates, &c.Skipped}, func() error {
		*counts[c.Kind] = c
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read counts of the plan: %w", err)
	}
	return counts, nil
}
