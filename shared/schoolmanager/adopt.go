package schoolmanager

// adoptUsers finds local users whom new ones are: by e-mail, else by username,
// else, where the option says so, by first and last name. Each of both sides is
// decided by the strongest of these that it shares with anybody of the other
// side, and they are one where that names exactly these two. Everybody counts
// who is new, whoever was re-keyed too, and every local user, whatever the role
// and rights: only then it is asked whether these allow it.
//
// Who shares something and is matched with nobody is reported, unless nothing
// is in doubt but it may not be: another role, or administrative rights.
var adoptUsers = `
	WITH person AS (
	  SELECT true AS anew, c.clever_id AS who, ` + adoptable("c") + `
	  FROM staging.user_changes c
	  WHERE c.run_id = @run
	    AND c.op IN ('create', 'rekey')
	  UNION ALL
	  SELECT false, t.id::text COLLATE "C", ` + adoptable("t") + `
	  FROM school_manager.users t
	  WHERE t.tenant_id = @tenant
	    AND t.clever_id IS NULL
	    AND t.archived_at IS NULL
	), known AS (
	  SELECT anew, who, 1 AS rank, ARRAY[email] AS key
	  FROM person
	  WHERE email <> ''
	  UNION ALL
	  SELECT anew, who, 2, ARRAY[username]
	  FROM person
	  WHERE username <> ''
	  UNION ALL
	  SELECT anew, who, 3, ARRAY[first, last]
	  FROM person
	  WHERE @match_by_name
	    AND first <> ''
	    AND last <> ''
	), shared AS (
	  SELECT rank, key, count(*) = 2 AS clear, min(who) FILTER (WHERE NOT anew) AS local
	  FROM known
	  GROUP BY rank, key
	  HAVING bool_or(anew) AND NOT bool_and(anew)
	), decided AS (
	  SELECT DISTINCT ON (k.anew, k.who) k.anew, k.who, s.rank, s.clear, s.local
	  FROM known k
	  JOIN shared s ON s.rank = k.rank AND s.key = k.key
	  ORDER BY k.anew, k.who, s.rank
	), pair AS (
	  SELECT n.who AS new_id, n.local
	  FROM decided n
	  JOIN decided l ON l.who = n.local AND l.rank = n.rank
	  WHERE n.anew
	    AND NOT l.anew
	    AND n.clear
	), ambiguous AS (
	  INSERT INTO staging.issues (run_id, generation, step, code, kind, clever_id, field)
	  SELECT @run, @generation, 'plan', 'ambiguous_match', 'user', d.who, (ARRAY['email', 'username', 'name'])[d.rank]
	  FROM decided d
	  JOIN staging.user_changes c ON c.clever_id = d.who
	  WHERE d.anew
	    AND d.who NOT IN (SELECT p.new_id FROM pair p)
	    AND c.run_id = @run
	    AND c.op = 'create'
	)
	UPDATE staging.user_changes c
	SET op = 'adopt',
	    id = t.id,
	    live = true,
	    hash_before = ` + imageOf("t") + `
	FROM pair p
	JOIN school_manager.users t ON t.tenant_id = @tenant AND t.id = p.local::uuid
	WHERE c.run_id = @run
	  AND c.op = 'create'
	  AND c.clever_id = p.new_id
	  AND t.student = c.student
	  AND t.teacher = c.teacher
	  AND NOT t.administrator`

// adoptable are the facts by which a new user is looked for.
func adoptable(alias string) string {
	return folded(alias, "email") + " AS email, " + folded(alias, "username") + " AS username, " +
		folded(alias, "first_name") + " AS first, " + folded(alias, "last_name") + " AS last"
}
