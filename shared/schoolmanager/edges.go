package schoolmanager

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Who will be live after this run: applied and not archived by it, or created
// or restored by it. A user whose removal is withheld is among them.
const livePerson = `
	  SELECT u.clever_id, u.id
	  FROM school_manager.users u
	  WHERE u.tenant_id = @tenant
	    AND u.clever_id IS NOT NULL
	    AND u.archived_at IS NULL
	    AND u.id NOT IN (SELECT c.id
	                     FROM staging.user_changes c
	                     WHERE c.run_id = @run
	                       AND c.op = 'archive')
	    {among}
	  UNION ALL
	  SELECT c.clever_id, c.id
	  FROM staging.user_changes c
	  WHERE c.run_id = @run
	    AND c.op IN ('create', 'restore')`

// compareEdges compares the edges of every owner that came whole. The owners'
// ids are handed to the index as an array, so that the cost is that of the
// owners concerned whatever the planner believes.
const compareEdges = `
	WITH wanted AS ({wanted}
	), person AS ({live_person}
	), resolved AS (
	  SELECT w.*, p.id AS {person}
	  FROM wanted w
	  LEFT JOIN person p ON p.clever_id = w.{key}
	), present AS (
	  SELECT {keys}, source, {value}, {person}, archived_at
	  FROM school_manager.{table}
	  WHERE tenant_id = @tenant
	    AND {owner} = ANY (ARRAY(SELECT o.id
	                             FROM staging.{owner_changes} o
	                             WHERE o.run_id = @run
	                               AND o.op IN ('update', 'restore')
	                               AND o.{list} IS NOT NULL))
	)
	INSERT INTO staging.{changes} (run_id, op, {keys}, live, {value}_before, {before}, {value}, {person})
	SELECT @run,
	       CASE
	         WHEN w.{key} IS NULL THEN CASE WHEN @hold_all OR m.{person} IN (SELECT c.id
	                                                                         FROM staging.user_changes c
	                                                                         WHERE c.run_id = @run
	                                                                           AND c.op = 'hold') THEN 'hold' ELSE 'archive' END
	         WHEN m.{key} IS NULL THEN 'create'
	         WHEN m.archived_at IS NOT NULL THEN 'restore'
	         ELSE 'update'
	       END,
	       {either.keys},
	       m.{key} IS NOT NULL AND m.archived_at IS NULL AND m.{person} IS NOT NULL,
	       m.{value}, m.{person}, coalesce(w.{value}, m.{value}),
	       CASE WHEN w.{key} IS NULL THEN m.{person} ELSE w.{person} END
	FROM resolved w
	FULL JOIN present m ON {w=m}
	WHERE CASE
	        WHEN w.{key} IS NULL THEN m.source = 'clever' AND m.archived_at IS NULL
	        WHEN m.{key} IS NULL THEN true
	        ELSE m.source = 'clever'
	         AND (m.archived_at IS NOT NULL OR m.{value} <> w.{value} OR m.{person} IS DISTINCT FROM w.{person})
	      END`

// archiveEdges takes along what hangs on owners that go in this run, or that
// somebody outside the sync has archived.
const archiveEdges = `
	INSERT INTO staging.{changes} (run_id, op, {keys}, live, {value}_before, {before}, {value}, {person})
	SELECT @run, 'archive', {m.keys}, m.{person} IS NOT NULL, m.{value}, m.{person}, m.{value}, m.{person}
	FROM school_manager.{table} m
	WHERE m.tenant_id = @tenant
	  AND m.{owner} = ANY (ARRAY(SELECT o.id
	                             FROM staging.{owner_changes} o
	                             WHERE o.run_id = @run
	                               AND o.op = 'archive'
	                             UNION ALL
	                             SELECT t.id
	                             FROM school_manager.{owners} t
	                             WHERE t.tenant_id = @tenant
	                               AND t.clever_id IS NOT NULL
	                               AND t.archived_at IS NOT NULL
	                               AND t.hash IS NULL
	                               AND t.id NOT IN (SELECT o.id
	                                                FROM staging.{owner_changes} o
	                                                WHERE o.run_id = @run
	                                                  AND o.id IS NOT NULL)))
	  AND m.source = 'clever'
	  AND m.archived_at IS NULL`

// resolveEdges looks at every other edge whose person comes or goes. All
// unresolved ones are tried, not only those of users that this run creates: a
// user may also have come back by a write from outside. In the same way users
// go by this run's archiving or by one from outside, which has no hash.
const resolveEdges = `
	WITH person AS ({live_person}
	), gone AS (
	  SELECT c.id
	  FROM staging.user_changes c
	  WHERE c.run_id = @run
	    AND c.op = 'archive'
	  UNION ALL
	  SELECT u.id
	  FROM school_manager.users u
	  WHERE u.tenant_id = @tenant
	    AND u.clever_id IS NOT NULL
	    AND u.archived_at IS NOT NULL
	    AND u.hash IS NULL
	    AND u.id NOT IN (SELECT c.id
	                     FROM staging.user_changes c
	                     WHERE c.run_id = @run
	                       AND c.id IS NOT NULL)
	), found AS (
	  SELECT {m.keys}, m.{value}, m.{person} AS before, p.id AS after
	  FROM school_manager.{table} m
	  JOIN person p ON p.clever_id = m.{key}
	  WHERE m.tenant_id = @tenant
	    AND m.{person} IS NULL
	    AND m.archived_at IS NULL
	    AND m.source = 'clever'
	  UNION ALL
	  SELECT {m.keys}, m.{value}, m.{person}, NULL
	  FROM school_manager.{table} m
	  WHERE m.tenant_id = @tenant
	    AND m.{person} IN (SELECT g.id FROM gone g)
	    AND m.archived_at IS NULL
	    AND m.source = 'clever'
	)
	INSERT INTO staging.{changes} (run_id, op, {keys}, live, {value}_before, {before}, {value}, {person})
	SELECT @run, 'update', {m.keys}, m.before IS NOT NULL, m.{value}, m.before, m.{value}, m.after
	FROM found m
	WHERE NOT EXISTS (SELECT
	                  FROM staging.{changes} c
	                  WHERE c.run_id = @run
	                    AND {c=m})`

// amongUnresolved keeps resolveEdges from reading every user of the tenant.
const amongUnresolved = `AND u.clever_id = ANY (ARRAY(SELECT DISTINCT m.{key}
	                                                    FROM school_manager.{table} m
	                                                    WHERE m.tenant_id = @tenant
	                                                      AND m.{person} IS NULL
	                                                      AND m.archived_at IS NULL
	                                                      AND m.source = 'clever'))`

// An owner of which an edge is withheld is not what Clever sent, so it must not
// look so tonight or tomorrow: its hash is cleared. Where that leaves nothing to
// write, the change row goes.
const unsettleOwners = `
	UPDATE staging.{owner_changes} o
	SET hash = NULL
	WHERE o.run_id = @run
	  AND o.op IN ('update', 'restore')
	  AND o.id IN (SELECT c.{owner}
	               FROM staging.{changes} c
	               WHERE c.run_id = @run
	                 AND c.op = 'hold')`

const dropSettled = `
	DELETE FROM staging.{owner_changes} o
	WHERE o.run_id = @run
	  AND o.op = 'update'
	  AND NOT o.differs
	  AND o.hash IS NOT DISTINCT FROM o.hash_before`

// compare writes the change rows of one kind of edge. It comes after users and
// owners, whose change rows it reads.
func (e edge) compare(ctx context.Context, tx pgx.Tx, args pgx.NamedArgs) error {
	for _, s := range []struct{ doing, statement string }{
		{"compare", compareEdges},
		{"archive", archiveEdges},
		{"resolve", resolveEdges},
		{"unsettle owners of", unsettleOwners},
		{"drop settled owners of", dropSettled},
	} {
		among := ""
		if s.statement == resolveEdges {
			among = amongUnresolved
		}
		if _, err := tx.Exec(ctx, e.sql(withPersons(s.statement, among)), args); err != nil {
			return fmt.Errorf("%s %s: %w", s.doing, e.table, err)
		}
	}
	return nil
}

// withPersons fills in livePerson, limited to those that a statement needs.
func withPersons(statement, among string) string {
	return strings.ReplaceAll(statement, "{live_person}", strings.ReplaceAll(livePerson, "{among}", among))
}
