// Package postgres keeps what the sync remembers: tenants and their
// connections, runs and their steps, and the rows that a run has staged.
//
// It is the truth of the whole system. Every write of a step happens in a
// transaction that locks the step's row and checks its epoch (the fence), so a
// worker that was thought dead can come back without doing harm. Locks are
// always taken in one order: run, steps by name, tenant, roster rows; a page's
// transaction locks only its step.
//
// The package knows the schemas sync and staging. What School Manager holds is
// known to package schoolmanager alone; the two share a pgx.Tx.
package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Options are what a program decides about its pool.
type Options struct {
	// URL is a postgres:// URL; it holds a password, so it is never logged.
	URL string
	// MaxConns bounds the pool. The sum over all programs must stay below the
	// server's max_connections; each program logs its share.
	MaxConns int32
	// Name is shown as application_name in pg_stat_activity.
	Name string
}

// Open makes a pool. It does not wait for Postgres to be there: programs start
// without it and say so at /readyz. Queries use no server-side prepared
// statements, so that PgBouncer in transaction mode can stand between.
func Open(ctx context.Context, o Options) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(o.URL)
	if err != nil {
		return nil, fmt.Errorf("database url: malformed (it must look like postgres://user:password@host:port/database)")
	}
	config.MaxConns = o.MaxConns
	config.MaxConnIdleTime = 5 * time.Minute
	config.ConnConfig.ConnectTimeout = 5 * time.Second
	config.ConnConfig.RuntimeParams["application_name"] = o.Name
	config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open pool: %w", err)
	}
	return pool, nil
}

// CheckRole refuses a login that row level security cannot bind.
func CheckRole(ctx context.Context, pool *pgxpool.Pool) error {
	var name string
	var super, bypass bool
	err := pool.QueryRow(ctx, `
		SELECT rolname, rolsuper, rolbypassrls
		FROM pg_roles
		WHERE rolname = current_user`).Scan(&name, &super, &bypass)
	if err != nil {
		return fmt.Errorf("read own role: %w", err)
	}
	if super || bypass {
		return fmt.Errorf("role %s is a superuser or bypasses row level security: log in as a member of cleversync_app instead", name)
	}
	return nil
}

// Tenant runs fn in one transaction that can see and change this tenant's rows
// only, whatever fn's queries say: row level security is what decides.
func Tenant(ctx context.Context, pool *pgxpool.Pool, tenant string, fn func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SET LOCAL ROLE cleversync_tenant`); err != nil {
			return fmt.Errorf("take the tenant role: %w", err)
		}
		if _, err := tx.Exec(ctx, `SELECT set_config('cleversync.tenant', $1, true)`, tenant); err != nil {
			return fmt.Errorf("name the tenant: %w", err)
		}
		return fn(tx)
	})
}
