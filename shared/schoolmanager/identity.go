package schoolmanager

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"cleversync/shared/roster"
)

// Who comes under a Clever id that no applied row has may be known all the
// same. Once a kind is compared, its change rows are looked at again, and a
// create becomes one of two:
//
//   - a re-key, where the same person leaves in this run under another id: the
//     row takes the new one, and its removal goes, withheld or not, since nobody
//     leaves (rekey.go);
//   - an adoption, where School Manager has a local user who fits: the row
//     becomes the sync's (adopt.go).
//
// A re-key comes first: it has more than an address to go by, and a history to
// keep. A restore is no question of matching: an archived row has the very id,
// so there is no create to look at. What hangs on a re-keyed person follows
// (follow.go).

// openIdentities tells whether there is anybody new, and anybody whose row they
// could take.
const openIdentities = `
	SELECT EXISTS (SELECT
	               FROM staging.{changes} c
	               WHERE c.run_id = @run
	                 AND c.op = 'create'),
	       EXISTS (SELECT
	               FROM staging.{changes} c
	               WHERE c.run_id = @run
	                 AND c.op IN ('archive', 'hold')),
	       EXISTS (SELECT
	               FROM school_manager.users t
	               WHERE t.tenant_id = @tenant
	                 AND t.clever_id IS NULL
	                 AND t.archived_at IS NULL)`

// identify turns creates of a kind into re-keys and adoptions and tells how
// many people were re-keyed. It comes right after the comparison, whose change
// rows it reads, and before that of any kind that depends on who stays.
func identify(ctx context.Context, tx pgx.Tx, args pgx.NamedArgs, r record) (rekeyed int64, err error) {
	rekey, ok := rekeys[r.kind]
	if !ok {
		return 0, nil
	}
	var anew, leaving, local bool
	if err := tx.QueryRow(ctx, r.sql(openIdentities), args).Scan(&anew, &leaving, &local); err != nil {
		return 0, fmt.Errorf("look for new %s: %w", r.table, err)
	}
	if anew && leaving {
		tag, err := tx.Exec(ctx, rekey.sql(r), args)
		if err != nil {
			return 0, fmt.Errorf("re-key %s: %w", r.table, err)
		}
		rekeyed = tag.RowsAffected()
	}
	if anew && local && r.kind == roster.KindUser {
		if _, err := tx.Exec(ctx, adoptUsers, args); err != nil {
			return 0, fmt.Errorf("adopt users: %w", err)
		}
	}
	return rekeyed, nil
}

// imageOf is the digest of a whole row of the roster. Plan keeps it as the hash
// before of a row that it matched by its values, and apply looks whether it
// still holds: a local row has no hash, and one may lack it.
func imageOf(alias string) string {
	return `encode(substr(sha256(convert_to(` + alias + `::text, 'UTF8')), 1, 16), 'hex')::uuid`
}

// takeOver executes re-keys or adoptions: the rows keep their id and become
// those of the new Clever id. Where somebody has made that id's row meanwhile,
// {free} keeps to those of which nobody has.
var takeOver = `
	UPDATE school_manager.{table} t
	SET {set},
	    clever_id = c.clever_id,
	    source = 'clever',
	    hash = c.hash,
	    change_seq = @seq
	FROM staging.{changes} c
	WHERE c.run_id = @run
	  AND c.op = @op
	  AND t.tenant_id = @tenant
	  AND {among}
	  AND t.id = c.id
	  AND t.clever_id IS NOT DISTINCT FROM c.clever_before
	  AND t.archived_at IS NULL
	  AND ` + imageOf("t") + ` = c.hash_before
	  {free}`

const freeID = `AND NOT EXISTS (SELECT
	                  FROM school_manager.{table} o
	                  WHERE o.tenant_id = @tenant
	                    AND o.clever_id = c.clever_id)`

// identified are the issues that tell how many were matched.
const identified = `
	INSERT INTO staging.issues (run_id, generation, step, code, kind, clever_id, field)
	SELECT @run::uuid, @generation::integer, 'plan', CASE c.op WHEN 'adopt' THEN 'user_adopted' ELSE 'record_rekeyed' END, 'user', c.clever_id, ''
	FROM staging.user_changes c
	WHERE c.run_id = @run
	  AND c.op IN ('adopt', 'rekey')
	UNION ALL
	SELECT @run::uuid, @generation::integer, 'plan', 'record_rekeyed', 'parent', c.clever_id, ''
	FROM staging.parent_changes c
	WHERE c.run_id = @run
	  AND c.op = 'rekey'`
