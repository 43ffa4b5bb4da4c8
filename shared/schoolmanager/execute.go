package schoolmanager

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// Plan wrote the change rows in the order of ids, so that the primary keys
	// fill from left to right; sorting again would cost more than it gains.
	insertRecords = `
		INSERT INTO school_manager.{table} (tenant_id, id, clever_id, source, {columns}, hash, created_run, change_seq)
		SELECT @tenant, c.id, c.clever_id, 'clever', {c.columns}, c.hash, @run, @seq
		FROM staging.{changes} c
		WHERE c.run_id = @run
		  AND c.op = 'create'
		{conflict}`

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
		  AND {among}
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
		  AND c.op = @op
		  AND t.tenant_id = @tenant
		  AND {among}
		  AND t.id = c.id
		  AND t.clever_id = c.clever_id
		  AND t.hash IS NOT DISTINCT FROM c.hash_before
		  AND t.archived_at IS NULL`

	// Edges of new owners come from the change rows of these. The join with the
	// owners refuses orphans of one that could not be created.
	insertNewEdges = `
		WITH person AS ({live_person}
		)
		INSERT INTO school_manager.{table} (tenant_id, {keys}, {person}, source, {value}, created_run, change_seq)
		SELECT @tenant, {w.keys}, p.id, 'clever', w.{value}, @run, @seq
		FROM ({wanted_created}) AS w
		LEFT JOIN person p ON p.clever_id = w.{key}
		{conflict}`

	countNewEdges = `
		SELECT count(*)
		FROM ({wanted_new}) AS w`

	insertEdges = `
		INSERT INTO school_manager.{table} (tenant_id, {keys}, {person}, source, {value}, created_run, change_seq)
		SELECT @tenant, {c.keys}, c.{person}, 'clever', c.{value}, @run, @seq
		FROM staging.{changes} c
		WHERE c.run_id = @run
		  AND c.op = 'create'
		{conflict}`

	// Few are unresolved, and an index knows them; returning every row that is
	// inserted would cost a tenth of inserting it.
	countUnresolved = `
		SELECT count(*)
		FROM school_manager.{table}
		WHERE tenant_id = @tenant
		  AND {person} IS NULL
		  AND archived_at IS NULL
		  AND created_run = @run`

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
		    AND {among}
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

	// A person that could not be created, adopted or re-keyed leaves the edges
	// that name it unresolved.
	unresolveMissing = `
		UPDATE staging.{changes} c
		SET {person} = NULL
		WHERE c.run_id = @run
		  AND c.{person} IN (SELECT u.id
		                     FROM staging.user_changes u
		                     WHERE u.run_id = @run
		                       AND u.op IN ('create', 'adopt', 'rekey')
		                       AND NOT EXISTS (SELECT
		                                       FROM school_manager.users t
		                                       WHERE t.tenant_id = @tenant
		                                         AND t.id = u.id
		                                         AND t.clever_id = u.clever_id))`
)

// create inserts the rows of a kind that plan found missing. Where somebody has
// inserted the same Clever id meanwhile, that row is left alone.
func (a *applying) create(ctx context.Context, r record) error {
	planned := a.todo[task{r.kind, "create"}]
	if planned == 0 {
		return nil
	}
	written, err := a.insert(ctx, r.table, r.sql(insertRecords))
	if err != nil {
		return err
	}
	c := a.counts[r.kind]
	c.Added += written
	c.Written += written
	c.Skipped += planned - written
	a.short = a.short || written < planned
	return nil
}

// mend keeps change rows of edges from naming people who did not become those
// of the id that the edges name. It comes after all these and before the edges.
func (a *applying) mend(ctx context.Context) error {
	if !a.short {
		return nil
	}
	for _, e := range edges() {
		if _, err := a.tx.Exec(ctx, e.sql(unresolveMissing), a.args); err != nil {
			return fmt.Errorf("mend %s: %w", e.table, err)
		}
	}
	return nil
}

// insert tries the plain statement first. ON CONFLICT, which a row from outside
// between plan and apply would need, looks into every index twice and costs
// half as much again; so it is the second try.
func (a *applying) insert(ctx context.Context, table, statement string) (int64, error) {
	var written int64
	try := func(tx pgx.Tx, conflict string) error {
		tag, err := tx.Exec(ctx, strings.ReplaceAll(statement, "{conflict}", conflict), a.args)
		written = tag.RowsAffected()
		return err
	}
	err := pgx.BeginFunc(ctx, a.tx, func(savepoint pgx.Tx) error { return try(savepoint, "") })
	if taken(err) {
		err = try(a.tx, "ON CONFLICT DO NOTHING")
	}
	if err != nil {
		return 0, fmt.Errorf("create %s: %w", table, err)
	}
	return written, nil
}

// taken tells whether somebody else has made a row with the same key.
func taken(err error) bool {
	const uniqueViolation = "23505"
	refused, ok := errors.AsType[*pgconn.PgError](err)
	return ok && refused.Code == uniqueViolation
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
		planned := a.todo[task{r.kind, s.op}]
		if planned == 0 {
			continue
		}
		a.args["op"] = s.op
		among, err := among[uuid.UUID](ctx, a.tx, a.args, "t.id", "ids", r.sql(`
			SELECT c.id
			FROM staging.{changes} c
			WHERE c.run_id = @run
			  AND c.op = @op`))
		if err != nil {
			return err
		}
		if _, err := a.tx.Exec(ctx, strings.NewReplacer("{among}", among, "{kind}", string(r.kind)).Replace(r.sql(journalRecords)), a.args); err != nil {
			return fmt.Errorf("journal %s of %s: %w", s.op, r.table, err)
		}
		tag, err := a.tx.Exec(ctx, strings.ReplaceAll(r.sql(s.statement), "{among}", among), a.args)
		if err != nil {
			return fmt.Errorf("%s %s: %w", s.op, r.table, err)
		}
		*s.counted += tag.RowsAffected()
		c.Written += tag.RowsAffected()
		c.Skipped += planned - tag.RowsAffected()
	}
	return nil
}

// createEdges inserts what new owners name, and what known owners name anew.
func (a *applying) createEdges(ctx context.Context, e edge) error {
	c := a.counts[e.kind]
	if a.todo[task{e.owners.kind, "create"}] > 0 {
		statement := strings.ReplaceAll(insertNewEdges, "{live_person}", appliedPerson())
		written, err := a.insert(ctx, e.table, e.sql(statement))
		if err != nil {
			return err
		}
		c.Written += written
		if a.short {
			var named int64
			if err := a.tx.QueryRow(ctx, e.sql(countNewEdges), a.args).Scan(&named); err != nil {
				return fmt.Errorf("count new %s: %w", e.table, err)
			}
			c.Skipped += named - written
		}
	}
	if planned := a.todo[task{e.kind, "create"}]; planned > 0 {
		written, err := a.insert(ctx, e.table, e.sql(insertEdges))
		if err != nil {
			return err
		}
		c.Written += written
		c.Skipped += planned - written
	}
	if c.Written == 0 {
		return nil
	}
	var unresolved int64
	if err := a.tx.QueryRow(ctx, e.sql(countUnresolved), a.args).Scan(&unresolved); err != nil {
		return fmt.Errorf("count unresolved %s: %w", e.table, err)
	}
	c.Added += c.Written - unresolved
	return nil
}

func (a *applying) changeEdges(ctx context.Context, e edge) error {
	planned := a.todo[task{e.kind, "update"}] + a.todo[task{e.kind, "archive"}] + a.todo[task{e.kind, "restore"}]
	if planned == 0 {
		return nil
	}
	var written, updated, archived, resolved, restored int64
	among, err := among[uuid.UUID](ctx, a.tx, a.args, "m."+e.owner, "ids", e.sql(`
		SELECT DISTINCT c.{owner} AS id
		FROM staging.{changes} c
		WHERE c.run_id = @run
		  AND c.op IN ('update', 'archive', 'restore')`))
	if err != nil {
		return err
	}
	if _, err := a.tx.Exec(ctx, strings.NewReplacer("{among}", among, "{kind}", string(e.kind)).Replace(e.sql(journalEdges)), a.args); err != nil {
		return fmt.Errorf("journal changes of %s: %w", e.table, err)
	}
	err = a.tx.QueryRow(ctx, strings.ReplaceAll(e.sql(updateEdges), "{among}", among), a.args).Scan(&written, &updated, &archived, &resolved, &restored)
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
