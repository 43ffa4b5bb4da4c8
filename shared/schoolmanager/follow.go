package schoolmanager

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// A membership or link names its person by Clever id. Of a person who is
// re-keyed it
//
//   - takes the new id, where its owner now names that (moves);
//   - becomes unresolved, where its owner still names the old one (unresolveEdges);
//   - takes the new id all the same where its removal, or that of its owner, is
//     withheld: what is withheld stays visible (followWithheld).

// Present edges as compareEdges joins them: by the key that they have, or by
// the one that they take. Where the owner has a row of the new id already, the
// old row has been replaced, and goes even where removals are withheld.
const (
	stays = `
	  SELECT p.*, NULL::text AS key_before, false AS replaced
	  FROM present p`

	moves = `
	  SELECT {p.columns_moved}, p.source, p.{value}, p.{person}, p.archived_at,
	         CASE WHEN NOT v.replaced THEN p.{key} END AS key_before, coalesce(v.replaced, false) AS replaced
	  FROM present p
	  LEFT JOIN (SELECT {m.keys}, k.clever_id AS new_key, n.{key} IS NOT NULL AS replaced
	             FROM present m
	             JOIN staging.user_changes k ON k.id = m.{person} AND k.clever_before = m.{key}
	             JOIN wanted w ON {w=m, new}
	             LEFT JOIN wanted o ON {o=m}
	             LEFT JOIN present n ON {n=m, new}
	             WHERE k.run_id = @run
	               AND k.op = 'rekey'
	               AND m.source = 'clever'
	               AND m.archived_at IS NULL
	               AND o.{key} IS NULL) AS v ON {v=p}`
)

// follow fills in how present edges are joined; only where somebody was re-keyed
// any of them can move.
func follow(statement string, rekeyed bool) string {
	how := stays
	if rekeyed {
		how = moves
	}
	return strings.ReplaceAll(statement, "{followed}", how)
}

const (
	moveEdges = `
		UPDATE school_manager.{table} m
		SET {key} = c.{key},
		    {value} = c.{value},
		    {person} = c.{person},
		    change_seq = @seq
		FROM staging.{changes} c
		WHERE c.run_id = @run
		  AND c.op = 'rekey'
		  AND m.tenant_id = @tenant
		  AND {among}
		  AND {before=m}
		  AND m.source = 'clever'
		  AND m.{value} = c.{value}_before
		  AND m.{person} IS NOT DISTINCT FROM c.{before}
		  AND m.archived_at IS NULL
		  {free}`

	// Nobody has the key that a member moves to, or it is left alone.
	freeKey = `AND NOT EXISTS (SELECT
		                  FROM school_manager.{table} n
		                  WHERE n.tenant_id = @tenant
		                    AND {n=c})`

	// Whatever is left under the old id of a re-keyed person is withheld, since
	// all else has moved, become unresolved or been archived by now.
	withheldEdges = `
		WITH left_behind AS (
		  SELECT {m.keys}, k.clever_id AS new_key,
		         EXISTS (SELECT
		                 FROM school_manager.{table} n
		                 WHERE n.tenant_id = @tenant
		                   AND {n=m, new}) AS replaced
		  FROM school_manager.{table} m
		  JOIN staging.user_changes k ON k.id = m.{person} AND k.clever_before = m.{key}
		  JOIN school_manager.users u ON u.tenant_id = @tenant AND u.id = k.id AND u.clever_id = k.clever_id
		  WHERE k.run_id = @run
		    AND k.op = 'rekey'
		    AND m.tenant_id = @tenant
		    AND m.source = 'clever'
		    AND m.archived_at IS NULL
		), written AS (
		  UPDATE school_manager.{table} m
		  SET {key} = CASE WHEN v.replaced THEN m.{key} ELSE v.new_key END,
		      {person} = CASE WHEN NOT v.replaced THEN m.{person} END,
		      change_seq = @seq
		  FROM left_behind v
		  WHERE m.tenant_id = @tenant
		    AND {v=m}
		  RETURNING m.{owner}, v.replaced
		), kept AS (
		  INSERT INTO sync.journal (tenant_id, run_id, kind, op, before, key_after)
		  SELECT @tenant, @run, '{kind}', 'update', to_jsonb(m), CASE WHEN NOT v.replaced THEN v.new_key END
		  FROM left_behind v
		  JOIN school_manager.{table} m ON m.tenant_id = @tenant AND {v=m}
		), unsettled AS (
		  UPDATE school_manager.{owners} t
		  SET hash = NULL
		  WHERE t.tenant_id = @tenant
		    AND t.id IN (SELECT w.{owner} FROM written w)
		)
		SELECT count(*), count(*) FILTER (WHERE replaced)
		FROM written`
)

// takeOver executes the re-keys or adoptions of a kind, which count as updates.
func (a *applying) takeOver(ctx context.Context, r record, op string) error {
	planned := a.todo[task{r.kind, op}]
	if planned == 0 {
		return nil
	}
	a.args["op"] = op
	among, err := among[uuid.UUID](ctx, a.tx, a.args, "t.id", "ids", r.sql(`
		SELECT c.id
		FROM staging.{changes} c
		WHERE c.run_id = @run
		  AND c.op = @op`))
	if err != nil {
		return err
	}
	journal := strings.NewReplacer("{among}", among, "{kind}", string(r.kind), "{image}", imageOf("t")).Replace(r.sql(journalTaken))
	if _, err := a.tx.Exec(ctx, journal, a.args); err != nil {
		return fmt.Errorf("journal %s of %s: %w", op, r.table, err)
	}
	written, err := a.unlessTaken(ctx, strings.ReplaceAll(r.sql(takeOver), "{among}", among), r.sql(freeID))
	if err != nil {
		return fmt.Errorf("%s %s: %w", op, r.table, err)
	}
	c := a.counts[r.kind]
	c.Updated += written
	c.Written += written
	c.Skipped += planned - written
	a.short = a.short || written < planned
	return nil
}

// attempts is how often unlessTaken looks again: each time somebody else must
// have made such a row between its look and its write.
const attempts = 5

// unlessTaken tries the plain statement first, as insert does, and then leaves
// out rows whose new key somebody has taken.
func (a *applying) unlessTaken(ctx context.Context, statement, free string) (written int64, err error) {
	condition := ""
	for range attempts {
		err = pgx.BeginFunc(ctx, a.tx, func(savepoint pgx.Tx) error {
			tag, err := savepoint.Exec(ctx, strings.ReplaceAll(statement, "{free}", condition), a.args)
			written = tag.RowsAffected()
			return err
		})
		if !taken(err) {
			return written, err
		}
		condition = free
	}
	return 0, err
}

// rekeyEdges moves edges to the new ids of their people.
func (a *applying) rekeyEdges(ctx context.Context, e edge) error {
	planned := a.todo[task{e.kind, "rekey"}]
	if planned == 0 {
		return nil
	}
	among, err := among[uuid.UUID](ctx, a.tx, a.args, "m."+e.owner, "ids", e.sql(`
		SELECT DISTINCT c.{owner} AS id
		FROM staging.{changes} c
		WHERE c.run_id = @run
		  AND c.op = 'rekey'`))
	if err != nil {
		return err
	}
	journal := strings.NewReplacer("{among}", among, "{kind}", string(e.kind)).Replace(e.sql(journalMoved))
	if _, err := a.tx.Exec(ctx, journal, a.args); err != nil {
		return fmt.Errorf("journal re-keyed %s: %w", e.table, err)
	}
	written, err := a.unlessTaken(ctx, strings.ReplaceAll(e.sql(moveEdges), "{among}", among), e.sql(freeKey))
	if err != nil {
		return fmt.Errorf("re-key %s: %w", e.table, err)
	}
	c := a.counts[e.kind]
	c.Written += written
	c.Updated += written
	c.Skipped += planned - written
	return nil
}

// followWithheld gives the new ids of re-keyed people to what is withheld. Their
// owner is then not what Clever sent, so its hash is cleared, after it was
// written: the next run must read it whole.
func (a *applying) followWithheld(ctx context.Context) error {
	if a.todo[task{users.kind, "rekey"}] == 0 {
		return nil
	}
	for _, e := range edges() {
		if a.todo[task{e.owners.kind, "hold"}]+a.todo[task{e.kind, "hold"}] == 0 {
			continue
		}
		var written, replaced int64
		if err := a.tx.QueryRow(ctx, strings.ReplaceAll(e.sql(withheldEdges), "{kind}", string(e.kind)), a.args).Scan(&written, &replaced); err != nil {
			return fmt.Errorf("take withheld %s along: %w", e.table, err)
		}
		c := a.counts[e.kind]
		c.Written += written
		c.Held -= replaced
		c.Archived += replaced
	}
	return nil
}
