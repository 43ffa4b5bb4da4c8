package schoolmanager

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	insertRecords = `
		INSERT INTO school_manager.{table} (tenant_id, id, clever_id, source, {columns}, hash, created_run, change_seq)
		SELECT @tenant, c.id, c.clever_id, 'clever', {c.columns}, c.hash, @run, @seq
		FROM staging.{changes} c
		WHERE c.run_id = @run
		  AND c.op = 'create'
		ORDER BY c.id`

	updateRecords = `
		UPDATE school_manager.{table} t
		SET {set},
		    hash = c.hash,
		    archived_at = NULL,
		    change_seq = @seq
		FROM staging.{changes} c
		WHERE c.run_id = @run
		  AND c.op = @op
		  AND t.tenant_id = @tenant
		  AND t.id = c.id
		  AND t.clever_id = c.clever_id
		  AND t.hash IS NOT DISTINCT FROM c.hash_before
		  AND (t.archived_at IS NOT NULL) = (c.op = 'restore')`

	archiveRecords = `
		UPDATE school_manager.{table} t
		SET archived_at = now(),
		    change_seq = @seq
		FROM staging.{changes} c
		WHERE c.run_id = @run
		  AND c.op = 'archive'
		  AND t.tenant_id = @tenant
		  AND t.id = c.id
		  AND t.clever_id = c.clever_id
		  AND t.hash IS NOT DISTINCT FROM c.hash_before
		  AND t.archived_at IS NULL`

	insertEdges = `
		INSERT INTO school_manager.{table} (tenant_id, {keys}, {person}, source, {value}, created_run, change_seq)
		SELECT @tenant, {c.keys}, c.{person}, 'clever', c.{value}, @run, @seq
		FROM staging.{changes} c
		WHERE c.run_id = @run
		  AND c.op = 'create'
		ORDER BY c.{owner}`

	// The value of an edge is its hash: where it, or the person, was changed
	// from outside, the row is left alone.
	updateEdges = `
		WITH written AS (
		  UPDATE school_manager.{table} m
		  SET {value} = c.{value},
		      {person} = c.{person},
		      archived_at = CASE c.op WHEN 'archive' THEN now() END,
		      change_seq = @seq
		  FROM staging.{changes} c
		  WHERE c.run_id = @run
		    AND c.op IN ('update', 'archive', 'restore')
		    AND m.tenant_id = @tenant
		    AND {c=m}
		    AND m.source = 'clever'
		    AND m.{value} = c.{value}_before
		    AND m.{person} IS NOT DISTINCT FROM c.{before}
		    AND (m.archived_at IS NOT NULL) = (c.op = 'restore')
		  RETURNING c.op, c.live, m.archived_at IS NULL AND m.{person} IS NOT NULL AS visible
		)
		SELECT count(*),
		       count(*) FILTER (WHERE live AND visible),
		       count(*) FILTER (WHERE live AND NOT visible),
		       count(*) FILTER (WHERE NOT live AND visible AND op = 'update'),
		       count(*) FILTER (WHERE NOT live AND visible AND op = 'restore')
		FROM written`

	// What an owner's or a person's failed creation means for the edges that
	// name it: without the owner there is no edge, without the person it stays
	// unresolved.
	dropOrphans = `
		UPDATE staging.{changes} c
		SET op = 'skip'
		WHERE c.run_id = @run
		  AND c.op = 'create'
		  AND c.{owner} IN (SELECT o.id
		                    FROM staging.{owner_changes} o
		                    WHERE o.run_id = @run
		                      AND o.op = 'create'
		                      AND NOT EXISTS (SELECT
		                                      FROM school_manager.{owners} t
		                                      WHERE t.tenant_id = @tenant
		                                        AND t.id = o.id))`

	unresolveMissing = `
		UPDATE staging.{changes} c
		SET {person} = NULL
		WHERE c.run_id = @run
		  AND c.{person} IN (SELECT u.id
		                     FROM staging.user_changes u
		                     WHERE u.run_id = @run
		                       AND u.op = 'create'
		                       AND NOT EXISTS (SELECT
		                                       FROM school_manager.users t
		                                       WHERE t.tenant_id = @tenant
		                                         AND t.id = u.id))`
)

// create inserts the rows of a kind that plan found missing. Where somebody has
// inserted the same Clever id meanwhile, that row is left alone.
func (a *applying) create(ctx context.Context, r record) error {
	planned := a.todo[task{r.kind, "create"}].rows
	if planned == 0 {
		return nil
	}
	written, err := a.insert(ctx, r.sql(insertRecords))
	if err != nil {
		return fmt.Errorf("create %s: %w", r.table, err)
	}
	c := a.counts[r.kind]
	c.Added += written
	c.Written += written
	c.Skipped += planned - written
	a.short = a.short || written < planned
	return nil
}

// mend keeps edges from naming what was not created. It comes after all
// creations and before the edges.
func (a *applying) mend(ctx context.Context) error {
	if !a.short {
		return nil
	}
	for _, e := range edges() {
		for _, statement := range []string{dropOrphans, unresolveMissing} {
			if _, err := a.tx.Exec(ctx, e.sql(statement), a.args); err != nil {
				return fmt.Errorf("mend %s: %w", e.table, err)
			}
		}
	}
	return nil
}

// insert tries the plain statement first. ON CONFLICT, which a row from outside
// between plan and apply would need, looks into every index twice and costs
// half as much again; so it is the second try.
func (a *applying) insert(ctx context.Context, statement string) (int64, error) {
	var written int64
	err := pgx.BeginFunc(ctx, a.tx, func(savepoint pgx.Tx) error {
		tag, err := savepoint.Exec(ctx, statement, a.args)
		written = tag.RowsAffected()
		return err
	})
	const uniqueViolation = "23505"
	if refused, ok := errors.AsType[*pgconn.PgError](err); !ok || refused.Code != uniqueViolation {
		return written, err
	}
	tag, err := a.tx.Exec(ctx, statement+` ON CONFLICT DO NOTHING`, a.args)
	return tag.RowsAffected(), err
}

// change updates, restores and archives the rows of a kind.
func (a *applying) change(ctx context.Context, r record) error {
	c := a.counts[r.kind]
	for _, s := range []struct {
		op, statement string
		counted       *int64
	}{
		{"update", updateRecords, &c.Updated},
		{"restore", updateRecords, &c.Restored},
		{"archive", archiveRecords, &c.Archived},
	} {
		planned := a.todo[task{r.kind, s.op}].rows
		if planned == 0 {
			continue
		}
		a.args["op"] = s.op
		tag, err := a.tx.Exec(ctx, r.sql(s.statement), a.args)
		if err != nil {
			return fmt.Errorf("%s %s: %w", s.op, r.table, err)
		}
		*s.counted += tag.RowsAffected()
		c.Written += tag.RowsAffected()
		c.Skipped += planned - tag.RowsAffected()
	}
	return nil
}

func (a *applying) createEdges(ctx context.Context, e edge) error {
	planned := a.todo[task{e.kind, "create"}]
	if planned.rows == 0 {
		return nil
	}
	written, err := a.insert(ctx, e.sql(insertEdges))
	if err != nil {
		return fmt.Errorf("create %s: %w", e.table, err)
	}
	c := a.counts[e.kind]
	c.Written += written
	c.Skipped += planned.rows - written
	if c.Added = planned.resolved; written == planned.rows {
		return nil
	}
	// Rare: what was really written must be looked up.
	err = a.tx.QueryRow(ctx, e.sql(`
		SELECT count(m.{person})
		FROM school_manager.{table} m
		JOIN staging.{changes} c ON {c=m}
		WHERE m.tenant_id = @tenant
		  AND m.created_run = @run
		  AND c.run_id = @run
		  AND c.op = 'create'`), a.args).Scan(&c.Added)
	if err != nil {
		return fmt.Errorf("count created %s: %w", e.table, err)
	}
	return nil
}

func (a *applying) changeEdges(ctx context.Context, e edge) error {
	planned := a.todo[task{e.kind, "update"}].rows + a.todo[task{e.kind, "archive"}].rows + a.todo[task{e.kind, "restore"}].rows
	if planned == 0 {
		return nil
	}
	var written, updated, archived, resolved, restored int64
	err := a.tx.QueryRow(ctx, e.sql(updateEdges), a.args).Scan(&written, &updated, &archived, &resolved, &restored)
	if err != nil {
		return fmt.Errorf("change %s: %w", e.table, err)
	}
	c := a.counts[e.kind]
	c.Written += written
	c.Updated += updated
	c.Archived += archived
	c.Added += resolved
	c.Restored += restored
	c.Skipped += planned - written
	return nil
}
