package schoolmanager

import (
	"strings"

	"cleversync/shared/roster"
)

// rekeyRecords finds who leaves under one Clever id and comes under another.
// Whatever could identify a person is a key, the role part of it; a key counts
// only where one person comes and one leaves with it. Whoever has a key that
// several share is in doubt and is not matched by another key either: so all
// that comes and all that leaves is looked at, without comparing each with each.
//
// A record that was sent but could not be read is no leaving one.
const rekeyRecords = `
	WITH person AS (
	  SELECT true AS anew, c.clever_id, {new_facts}
	  FROM staging.{changes} c
	  WHERE c.run_id = @run
	    AND c.op = 'create'
	  UNION ALL
	  SELECT false, t.clever_id, {old_facts}
	  FROM school_manager.{table} t
	  WHERE t.tenant_id = @tenant
	    AND t.archived_at IS NULL
	    AND t.clever_id IN (SELECT c.clever_id
	                        FROM staging.{changes} c
	                        WHERE c.run_id = @run
	                          AND c.op IN ('archive', 'hold'))
	    AND t.clever_id NOT IN {unread}
	), known AS ({keys}
	), shared AS (
	  SELECT key, count(*) = 2 AS clear,
	         min(clever_id) FILTER (WHERE anew) AS new_id, min(clever_id) FILTER (WHERE NOT anew) AS old_id,
	         {siblings} AS siblings
	  FROM known
	  GROUP BY key
	  HAVING bool_or(anew) AND NOT bool_and(anew)
	), doubtful AS (
	  SELECT k.anew, k.clever_id
	  FROM known k
	  JOIN shared s ON s.key = k.key
	  WHERE NOT s.clear
	), pair AS (
	  SELECT DISTINCT new_id, old_id
	  FROM shared
	  WHERE clear
	    AND NOT siblings
	), counted AS (
	  SELECT new_id, old_id, count(*) OVER (PARTITION BY new_id) AS olds, count(*) OVER (PARTITION BY old_id) AS news
	  FROM pair
	), rekeyed AS (
	  UPDATE staging.{changes} c
	  SET op = 'rekey',
	      id = t.id,
	      live = true,
	      clever_before = t.clever_id,
	      hash_before = {image}
	  FROM counted k
	  JOIN school_manager.{table} t ON t.tenant_id = @tenant AND t.clever_id = k.old_id AND t.archived_at IS NULL
	  WHERE k.olds = 1
	    AND k.news = 1
	    AND k.new_id NOT IN (SELECT d.clever_id FROM doubtful d WHERE d.anew)
	    AND k.old_id NOT IN (SELECT d.clever_id FROM doubtful d WHERE NOT d.anew)
	    AND c.run_id = @run
	    AND c.op = 'create'
	    AND c.clever_id = k.new_id
	  RETURNING c.clever_before
	)
	DELETE FROM staging.{changes} c
	USING rekeyed k
	WHERE c.run_id = @run
	  AND c.op IN ('archive', 'hold')
	  AND c.clever_id = k.clever_before`

// rekey is what rekeyRecords needs to know of a kind.
type rekey struct {
	// facts are what keys are made of: name, and the column that is folded or
	// an expression over the row x.
	facts [][2]string
	// keys selects, from person, whoever has one, with anew, clever_id and key.
	keys string
	// siblings tells of the two who share a key that they are two people.
	siblings string
	unread   string
}

// rekeys are the kinds whose people keep their row. Siblings who share an
// address are two people, also where their school gives a family one number.
var rekeys = map[roster.Kind]rekey{
	roster.KindUser: {
		facts: [][2]string{{"role", "concat(x.student, x.teacher)"}, {"sis", "sis_id"}, {"email", "email"},
			{"first", "first_name"}, {"middle", "middle_name"}, {"last", "last_name"}},
		keys: `
		  SELECT anew, clever_id, ARRAY['sis', role, sis, last] AS key, email, first
		  FROM person
		  WHERE sis <> ''
		    AND last <> ''
		  UNION ALL
		  SELECT anew, clever_id, ARRAY['email', role, email, first, middle, last], email, first
		  FROM person
		  WHERE email <> ''
		    AND first <> ''
		    AND last <> ''`,
		siblings: `min(email) <> '' AND min(email) = max(email) AND min(first) <> '' AND min(first) <> max(first)`,
		unread:   `'fetch-students', 'fetch-teachers'`,
	},
	roster.KindParent: {
		facts: [][2]string{{"email", "email"}, {"name", "name"}},
		keys: `
		  SELECT anew, clever_id, ARRAY[email, name] AS key
		  FROM person
		  WHERE email <> ''
		    AND name <> ''`,
		siblings: `false`,
		unread:   `'fetch-contacts'`,
	},
}

// sql is rekeyRecords for one kind.
func (k rekey) sql(r record) string {
	facts := func(alias string) string {
		parts := make([]string, len(k.facts))
		for i, f := range k.facts {
			parts[i] = folded(alias, f[1]) + " AS " + f[0]
		}
		return strings.Join(parts, ", ")
	}
	return r.sql(strings.NewReplacer(
		"{new_facts}", facts("c"),
		"{old_facts}", facts("t"),
		"{keys}", k.keys,
		"{siblings}", k.siblings,
		"{unread}", undecodable(k.unread),
		"{image}", imageOf("t"),
	).Replace(rekeyRecords))
}

// folded is a column of a row as it is compared; an expression over x is taken
// as it is.
func folded(alias, column string) string {
	if strings.Contains(column, "x.") {
		return strings.ReplaceAll(column, "x.", alias+".")
	}
	return "school_manager.fold(coalesce(" + alias + "." + column + ", ''))"
}
