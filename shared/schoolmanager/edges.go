package schoolmanager

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// livePerson selects who will be live after this run, and under which Clever
// id: applied and not archived or re-keyed by it, or created, restored, adopted
// or re-keyed by it. A user whose removal is withheld is among them.
const livePerson = `
	  SELECT u.clever_id, u.id
	  FROM school_manager.users u
	  WHERE u.tenant_id = @tenant
	    AND u.clever_id IS NOT NULL
	    AND u.archived_at IS NULL
	    AND NOT EXISTS (SELECT
	                    FROM staging.user_changes c
	                    WHERE c.run_id = @run
	                      AND c.op IN ({leaving})
	                      AND c.id = u.id)
	    AND {such}
	  UNION ALL
	  SELECT c.clever_id, c.id
	  FROM staging.user_changes c
	  WHERE c.run_id = @run
	    AND c.op IN ({to_come})`

// plannedPerson is livePerson before anything is applied.
func plannedPerson(such string) string {
	return strings.NewReplacer("{such}", such, "{leaving}", `'archive', 'rekey'`,
		"{to_come}", `'create', 'restore', 'adopt', 'rekey'`).Replace(livePerson)
}

// appliedPerson is livePerson while edges are applied: whoever is new in the
// roster is there already, and who goes or comes back is not yet written.
func appliedPerson() string {
	return strings.NewReplacer("{such}", "true", "{leaving}", `'archive'`, "{to_come}", `'restore'`).Replace(livePerson)
}

// compareEdges compares the edges of every known owner that came whole.
const (
	knownOwners = `
	  SELECT o.id
	  FROM staging.{owner_changes} o
	  WHERE o.run_id = @run
	    AND o.op IN ('update', 'restore', 'rekey')
	    AND o.{list} IS NOT NULL`

	compareEdges = `
	WITH wanted AS ({wanted_known}
	), person AS ({live_person}
	), resolved AS (
	  SELECT w.*, p.id AS {person}
	  FROM wanted w
	  LEFT JOIN person p ON p.clever_id = w.{key}
	), present AS (
	  SELECT {keys}, source, {value}, {person}, archived_at
	  FROM school_manager.{table}
	  WHERE tenant_id = @tenant
	    AND {among}
	), followed AS ({followed}
	)
	INSERT INTO staging.{changes} (run_id, op, {keys}, {key}_before, live, {value}_before, {before}, {value}, {person})
	SELECT @run,
	       CASE
	         WHEN w.{key} IS NULL AND m.replaced THEN 'archive'
	         WHEN w.{key} IS NULL THEN CASE WHEN @hold_all OR {in_scope} AND m.{person} IN (SELECT c.id
	                                                                                        FROM staging.user_changes c
	                                                                                        WHERE c.run_id = @run
	                                                                                          AND c.op = 'hold') THEN 'hold' ELSE 'archive' END
	         WHEN m.{key} IS NULL THEN 'create'
	         WHEN m.archived_at IS NOT NULL THEN 'restore'
	         WHEN m.key_before IS NOT NULL THEN 'rekey'
	         ELSE 'update'
	       END,
	       {either.keys}, m.key_before,
	       m.{key} IS NOT NULL AND m.archived_at IS NULL AND m.{person} IS NOT NULL,
	       m.{value}, m.{person}, coalesce(w.{value}, m.{value}),
	       CASE WHEN w.{key} IS NULL THEN m.{person} ELSE w.{person} END
	FROM resolved w
	FULL JOIN followed m ON {w=m}
	WHERE CASE
	        WHEN w.{key} IS NULL THEN m.source = 'clever' AND m.archived_at IS NULL
	        WHEN m.{key} IS NULL THEN true
	        ELSE m.source = 'clever'
	         AND (m.archived_at IS NOT NULL OR m.{value} <> w.{value} OR m.{person} IS DISTINCT FROM w.{person} OR m.key_before IS NOT NULL)
	      END`
)

// archiveEdges takes along what hangs on owners that go in this run, or that
// somebody outside the sync has archived: such a row has no hash.
const (
	goneOwners = `
	  SELECT o.id
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
	    AND NOT EXISTS (SELECT
	                    FROM staging.{owner_changes} o
	                    WHERE o.run_id = @run
	                      AND o.id = t.id)`

	archiveEdges = `
	INSERT INTO staging.{changes} (run_id, op, {keys}, live, {value}_before, {before}, {value}, {person})
	SELECT @run, 'archive', {m.keys}, m.{person} IS NOT NULL, m.{value}, m.{person}, m.{value}, m.{person}
	FROM school_manager.{table} m
	WHERE m.tenant_id = @tenant
	  AND m.{among}
	  AND m.source = 'clever'
	  AND m.archived_at IS NULL`
)

// resolveEdges looks at every other edge whose person comes or goes. All
// unresolved ones are tried, not only those of users that this run creates: a
// user may also have come back by a write from outside. In the same way users
// go by this run's archiving or by one from outside. What names the old
// id of a re-keyed one names nobody any more, unless its owner is withheld: then
// it follows (follow.go).
const (
	unresolvedKeys = `
	  SELECT DISTINCT m.{key} AS id
	  FROM school_manager.{table} m
	  WHERE m.tenant_id = @tenant
	    AND m.{person} IS NULL
	    AND m.archived_at IS NULL
	    AND m.source = 'clever'`

	gonePersons = `
	  SELECT c.id
	  FROM staging.user_changes c
	  WHERE c.run_id = @run
	    AND c.op IN ('archive', 'rekey')
	  UNION ALL
	  SELECT u.id
	  FROM school_manager.users u
	  WHERE u.tenant_id = @tenant
	    AND u.clever_id IS NOT NULL
	    AND u.archived_at IS NOT NULL
	    AND u.hash IS NULL
	    AND NOT EXISTS (SELECT
	                    FROM staging.user_changes c
	                    WHERE c.run_id = @run
	                      AND c.id = u.id)`

	resolveEdges = `
	WITH person AS ({live_person}
	), found AS (
	  SELECT {m.keys}, m.{value}, m.{person} AS before, p.id AS after
	  FROM school_manager.{table} m
	  JOIN person p ON p.clever_id = m.{key}
	  WHERE m.tenant_id = @tenant
	    AND m.{person} IS NULL
	    AND m.archived_at IS NULL
	    AND m.source = 'clever'
	)` + writeResolved

	unresolveEdges = `
	WITH found AS (
	  SELECT {m.keys}, m.{value}, m.{person} AS before, NULL::uuid AS after
	  FROM school_manager.{table} m
	  WHERE m.tenant_id = @tenant
	    AND m.{among}
	    AND m.archived_at IS NULL
	    AND m.source = 'clever'
	    AND NOT (m.{owner} IN (SELECT o.id
	                           FROM staging.{owner_changes} o
	                           WHERE o.run_id = @run
	                             AND o.op = 'hold')
	             AND m.{person} IN (SELECT c.id
	                                FROM staging.user_changes c
	                                WHERE c.run_id = @run
	                                  AND c.op = 'rekey'))
	)` + writeResolved

	writeResolved = `
	INSERT INTO staging.{changes} (run_id, op, {keys}, live, {value}_before, {before}, {value}, {person})
	SELECT @run, 'update', {m.keys}, m.before IS NOT NULL, m.{value}, m.before, m.{value}, m.after
	FROM found m
	WHERE NOT EXISTS (SELECT
	                  FROM staging.{changes} c
	                  WHERE c.run_id = @run
	                    AND {before=m})`
)

// An owner of which an edge is withheld is not what Clever sent, so it must not
// look so tonight or tomorrow: its hash is cleared. Where that leaves nothing to
// write, the change row goes.
const unsettleOwners = `
	UPDATE staging.{owner_changes} o
	SET hash = NULL
	WHERE o.run_id = @run
	  AND o.op IN ('update', 'restore', 'rekey')
	  AND o.id IN (SELECT c.{owner}
	               FROM staging.{changes} c
	               WHERE c.run_id = @run
	                 AND c.op IN ('hold', 'hold_update'))`

const dropSettled = `
	DELETE FROM staging.{owner_changes} o
	WHERE o.run_id = @run
	  AND o.op = 'update'
	  AND NOT o.differs
	  AND o.hash IS NOT DISTINCT FROM o.hash_before`

// manyOwners is the number of changed owners from which the planner is told of
// them: knowing nothing it would hash what is wanted instead of the people, and
// the order of the owners, in which apply fills the primary key, would be lost.
const manyOwners = 500

// compare writes the change rows of one kind of edge, but not of new owners:
// what they name is in their own change rows, and apply takes it from there. It
// comes after users and owners, whose change rows it reads.
func (e edge) compare(ctx context.Context, tx pgx.Tx, args pgx.NamedArgs, ownersChanged int64, rekeyed bool, b *breaker) error {
	if ownersChanged >= manyOwners {
		if _, err := tx.Exec(ctx, e.sql(`ANALYZE (SKIP_LOCKED) staging.{owner_changes} (run_id, op)`)); err != nil {
			return fmt.Errorf("analyze %d changed %s: %w", ownersChanged, e.owners.table, err)
		}
	}
	known, err := among[uuid.UUID](ctx, tx, args, e.owner, "known", e.sql(knownOwners))
	if err != nil {
		return err
	}
	gone, err := among[uuid.UUID](ctx, tx, args, e.owner, "gone", e.sql(goneOwners))
	if err != nil {
		return err
	}
	left, err := among[uuid.UUID](ctx, tx, args, e.person, "left", e.sql(gonePersons))
	if err != nil {
		return err
	}
	unresolved, err := among[string](ctx, tx, args, "u.clever_id", "unresolved", e.sql(unresolvedKeys))
	if err != nil {
		return err
	}
	for _, s := range []struct{ doing, statement, among string }{
		{"compare", compareEdges, known},
		{"archive", archiveEdges, gone},
		{"resolve", resolveEdges, unresolved},
		{"unresolve", unresolveEdges, left},
	} {
		if s.among == "" {
			continue
		}
		if _, err := tx.Exec(ctx, e.sql(withAmong(follow(s.statement, rekeyed), s.among)), args); err != nil {
			return fmt.Errorf("%s %s: %w", s.doing, e.table, err)
		}
	}
	if err := b.after(ctx, e.kind); err != nil {
		return err
	}
	if known == "" {
		return nil
	}
	for _, s := range []struct{ doing, statement string }{{"unsettle", unsettleOwners}, {"drop settled", dropSettled}} {
		if _, err := tx.Exec(ctx, e.sql(s.statement), args); err != nil {
			return fmt.Errorf("%s owners of %s: %w", s.doing, e.table, err)
		}
	}
	return nil
}

// withAmong fills in livePerson and the condition that limits a statement; of
// resolveEdges it limits who is asked.
func withAmong(statement, among string) string {
	such := "true"
	if statement == resolveEdges {
		such = among
	}
	return strings.NewReplacer(
		"{live_person}", plannedPerson(such),
		"{among}", among,
	).Replace(statement)
}
