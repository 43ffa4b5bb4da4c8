package postgrestest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"

	"cleversync/scripts/scratch"
	"cleversync/shared/postgres"
)

// templateLock is an advisory lock: of all test programs that run at the same time, one makes the template.
const templateLock = 4015081935

// known remembers the template of this program's server. The lock is held while one is made, so that parallel tests
// wait for it instead of for one another's connections.
var known struct {
	sync.Mutex
	name string
}

// ensureTemplate returns the name of a database that has all migrations and that nobody can connect to, since Postgres
// does not clone one that is in use.
func ensureTemplate(ctx context.Context, server string) (string, error) {
	known.Lock()
	defer known.Unlock()
	if known.name != "" {
		return known.name, nil
	}
	hash, err := migrationsHash(postgres.Migrations())
	if err != nil {
		return "", err
	}
	name := scratch.TestPrefix + "template_" + hash
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		return "", fmt.Errorf("connect: %w", err)
	}
	defer conn.Close(ctx) // and with it the lock
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock($1)`, templateLock); err != nil {
		return "", fmt.Errorf("lock: %w", err)
	}
	var exists bool
	err = conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`, name).Scan(&exists)
	if err != nil {
		return "", fmt.Errorf("look for %s: %w", name, err)
	}
	if !exists {
		if err := makeTemplate(ctx, conn, server, name); err != nil {
			return "", err
		}
	}
	if err := postgres.AllowLogin(ctx, server, appPassword(server)); err != nil {
		return "", err
	}
	known.name = name
	return name, nil
}

// makeTemplate migrates under another name and renames last, so that a template is whole whenever it can be seen.
func makeTemplate(ctx context.Context, conn *pgx.Conn, server, name string) error {
	draft := scratch.TestPrefix + "draft_" + strings.ToLower(rand.Text()[:12])
	if _, err := conn.Exec(ctx, `CREATE DATABASE `+quote(draft)); err != nil {
		return fmt.Errorf("create: %w", err)
	}
	err := postgres.Migrate(ctx, in(server, draft, nil))
	for _, statement := range []string{
		fmt.Sprintf(`ALTER DATABASE %s ALLOW_CONNECTIONS false`, quote(draft)),
		fmt.Sprintf(`ALTER DATABASE %s RENAME TO %s`, quote(draft), quote(name)),
	} {
		if err == nil {
			_, err = conn.Exec(ctx, statement)
		}
	}
	if err == nil {
		return nil
	}
	if _, dropErr := conn.Exec(ctx, fmt.Sprintf(`DROP DATABASE %s WITH (FORCE)`, quote(draft))); dropErr != nil {
		return fmt.Errorf("%w (and drop the draft: %w)", err, dropErr)
	}
	return err
}

// migrationsHash changes with any name or content of a migration.
func migrationsHash(files fs.FS) (string, error) {
	sum := sha256.New()
	err := fs.WalkDir(files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(files, path)
		if err != nil {
			return err
		}
		fmt.Fprintf(sum, "%s %d\n", path, len(content))
		_, err = sum.Write(content)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("read migrations: %w", err)
	}
	return fmt.Sprintf("%x", sum.Sum(nil)[:8]), nil
}
