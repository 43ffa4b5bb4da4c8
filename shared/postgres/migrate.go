package postgres

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
	"github.com/pressly/goose/v3/lock"
)

// SchemaVersion is the migration that this build needs at least.
const SchemaVersion = 10

const versionTable = "sync.goose_migrations"

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Migrations gives the migration files, for whoever names a template database
// after their content.
func Migrations() fs.FS {
	sub, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		panic(err) // the directory is embedded above
	}
	return sub
}

// Migrate brings the schema to the newest version. The URL is the owner's, not
// that of the programs. It may be called by several at once: one works, the
// others wait.
func Migrate(ctx context.Context, url string) error {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return fmt.Errorf("database url: malformed (it must look like postgres://user:password@host:port/database)")
	}
	db := stdlib.OpenDB(*config)
	defer db.Close()
	return migrate(ctx, db)
}

func migrate(ctx context.Context, db *sql.DB) error {
	if _, err := db.ExecContext(ctx, `CREATE SCHEMA IF NOT EXISTS sync`); err != nil {
		return fmt.Errorf("make schema sync: %w", err)
	}
	store, err := database.NewStore(goose.DialectPostgres, versionTable)
	if err != nil {
		return fmt.Errorf("open version table: %w", err)
	}
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return fmt.Errorf("make migration lock: %w", err)
	}
	provider, err := goose.NewProvider("", db, Migrations(), goose.WithStore(store), goose.WithSessionLocker(locker))
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// CheckSchema refuses a database whose schema is older than this build needs.
// A newer one is accepted, so that a rolling deploy can migrate first.
func CheckSchema(ctx context.Context, pool *pgxpool.Pool) error {
	var version int64
	err := pool.QueryRow(ctx, `SELECT coalesce(max(version_id), 0) FROM sync.goose_migrations WHERE is_applied`).Scan(&version)
	if err != nil {
		return fmt.Errorf("read schema version (has deploy/migrate been run?): %w", err)
	}
	if version < SchemaVersion {
		return fmt.Errorf("schema version %d is older than %d, which this build needs: run deploy/migrate first", version, SchemaVersion)
	}
	return nil
}

// AllowLogin lets the role of the programs log in with this password. The
// owner calls it after migrating.
func AllowLogin(ctx context.Context, url, password string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("connect as owner: %w", err)
	}
	defer conn.Close(ctx)
	var statement string
	err = conn.QueryRow(ctx, `SELECT format('ALTER ROLE cleversync_app LOGIN PASSWORD %L', $1::text)`, password).Scan(&statement)
	if err != nil {
		return fmt.Errorf("quote password: %w", err)
	}
	if _, err := conn.Exec(ctx, statement); err != nil {
		return fmt.Errorf("let cleversync_app log in: role change refused")
	}
	return nil
}
