package scratch

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
)

const (
	// databaseMark is the comment on a database that is ours to fill and to empty. The tables' names would not do:
	// production has the same ones.
	databaseMark = "cleversync scratch: may be emptied at any time"
	// redisMark is the key that says the same of a Redis.
	redisMark = "cleversync:scratch"
	// claimLock is an advisory lock: several test programs may claim the same database at the same time.
	claimLock = 4015081934
	// tidyTimeout bounds the removal of what tests left in a Postgres that was given.
	tidyTimeout = 30 * time.Second
)

// claimDatabase accepts a database that has our mark, or nothing in it: then it sets the mark.
func (s *Services) claimDatabase(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, s.DatabaseURL)
	if err != nil {
		return err
	}
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, claimLock); err != nil {
			return err
		}
		return markDatabase(ctx, tx)
	})
	return errors.Join(err, conn.Close(ctx))
}

func markDatabase(ctx context.Context, tx pgx.Tx) error {
	var database, mark string
	var version int
	var mayAll bool
	err := tx.QueryRow(ctx, `
		SELECT d.datname, COALESCE(shobj_description(d.oid, 'pg_database'), ''),
		       current_setting('server_version_num')::int / 10000,
		       r.rolsuper OR (r.rolcreatedb AND r.rolcreaterole)
		FROM pg_database d, pg_roles r
		WHERE d.datname = current_database()
		  AND r.rolname = current_user`).Scan(&database, &mark, &version, &mayAll)
	switch {
	case err != nil:
		return fmt.Errorf("look at database: %w", err)
	case version < oldestPostgres:
		return fmt.Errorf("this is Postgres %d, %d is the oldest that works", version, oldestPostgres)
	case !mayAll:
		return errors.New("its user must be allowed to make databases and roles (a superuser, or CREATEDB and CREATEROLE)")
	case mark == databaseMark:
		return nil
	}
	found, err := contents(ctx, tx)
	if err != nil {
		return err
	}
	if len(found) > 0 {
		return fmt.Errorf("database %q is neither empty nor marked as ours; it has %s: name a new, empty database",
			database, strings.Join(found, ", "))
	}
	_, err = tx.Exec(ctx, fmt.Sprintf(`COMMENT ON DATABASE %s IS '%s'`, pgx.Identifier{database}.Sanitize(), databaseMark))
	if err != nil {
		return fmt.Errorf("mark database: %w", err)
	}
	return nil
}

// contents names up to three things that somebody made in the database: schemas, relations, functions. What belongs to
// an extension does not count.
func contents(ctx context.Context, tx pgx.Tx) ([]string, error) {
	rows, err := tx.Query(ctx, `
		WITH made AS (
			SELECT oid, 'schema ' || nspname AS name, nspname AS schema
			FROM pg_namespace
			WHERE nspname <> 'public'
			UNION ALL
			SELECT c.oid, 'relation ' || n.nspname || '.' || c.relname, n.nspname
			FROM pg_class c
			JOIN pg_namespace n ON n.oid = c.relnamespace
			UNION ALL
			SELECT p.oid, 'function ' || n.nspname || '.' || p.proname, n.nspname
			FROM pg_proc p
			JOIN pg_namespace n ON n.oid = p.pronamespace
		)
		SELECT name
		FROM made
		WHERE schema NOT LIKE 'pg\_%' AND schema <> 'information_schema'
		  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = made.oid AND d.deptype = 'e')
		ORDER BY name
		LIMIT 3`)
	if err != nil {
		return nil, fmt.Errorf("list contents: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("list contents: %w", err)
	}
	return found, nil
}

// claimRedis accepts a Redis that has our mark, or no key in any of its logical databases: then it sets the mark. All
// of them count, since tests use them all (queuetest).
func (s *Services) claimRedis(ctx context.Context) error {
	options, err := redis.ParseURL(s.RedisURL)
	if err != nil {
		return errors.New("not an address")
	}
	client := redis.NewClient(options)
	return errors.Join(markRedis(ctx, client), client.Close())
}

func markRedis(ctx context.Context, client *redis.Client) error {
	keyspace, err := client.Info(ctx, "keyspace").Result()
	if err != nil {
		return fmt.Errorf("look at keys: %w", err)
	}
	// The mark is asked for second: another test program may set it in between, and then its key is among those seen.
	marked, err := client.Exists(ctx, redisMark).Result()
	if err != nil {
		return fmt.Errorf("look at keys: %w", err)
	}
	if marked > 0 {
		return nil
	}
	_, databases, _ := strings.Cut(strings.ReplaceAll(keyspace, "\r\n", " "), "# Keyspace")
	if found := strings.TrimSpace(databases); found != "" {
		return fmt.Errorf("this Redis is neither empty nor marked as ours; it has %s: name an empty one", found)
	}
	if err := client.Set(ctx, redisMark, "may be emptied at any time", 0).Err(); err != nil {
		return fmt.Errorf("mark redis: %w", err)
	}
	return nil
}

// Tidy drops the databases that tests have left in a Postgres that was given: the template, and those of killed tests.
// One that is in use stays, and is dropped by whoever uses it. A private Postgres goes as a whole, so there it does
// nothing.
func (s *Services) Tidy() error {
	if s.group != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), tidyTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.DatabaseURL)
	if err != nil {
		return fmt.Errorf("remove test databases: %w", err)
	}
	rows, err := conn.Query(ctx, `
		SELECT datname
		FROM pg_database d
		WHERE starts_with(datname, $1)
		  AND NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.datid = d.oid)`, TestPrefix)
	if err == nil {
		var names []string
		names, err = pgx.CollectRows(rows, pgx.RowTo[string])
		for _, name := range names {
			_, dropErr := conn.Exec(ctx, `DROP DATABASE IF EXISTS `+pgx.Identifier{name}.Sanitize())
			err = errors.Join(err, dropErr)
		}
	}
	if err != nil {
		err = fmt.Errorf("remove test databases: %w", err)
	}
	return errors.Join(err, conn.Close(ctx))
}
