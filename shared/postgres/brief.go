package postgres

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Brief runs fn in a transaction of which no statement may last longer than
// bound, nor may the transaction lie idle longer. It is for work that comes
// again anyhow and must never stand in anybody's way. The bounds end with the
// transaction, so that PgBouncer in transaction mode can stand between.
func Brief(ctx context.Context, pool *pgxpool.Pool, bound time.Duration, fn func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		ms := strconv.FormatInt(max(bound.Milliseconds(), 1), 10)
		_, err := tx.Exec(ctx, `
			SELECT set_config('statement_timeout', $1, true),
			       set_config('idle_in_transaction_session_timeout', $1, true)`, ms)
		if err != nil {
			return fmt.Errorf("bound transaction: %w", err)
		}
		return fn(tx)
	})
}

// Now is the time of the database, the only clock by which runs are due and
// leases run out.
func Now(ctx context.Context, q Querier) (time.Time, error) {
	var now time.Time
	if err := q.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&now); err != nil {
		return now, fmt.Errorf("read database time: %w", err)
	}
	return now, nil
}

// Uptime gives the time of the database, and how long this server has been up.
func Uptime(ctx context.Context, q Querier) (now time.Time, up time.Duration, err error) {
	var seconds float64
	err = q.QueryRow(ctx, `
		SELECT clock_timestamp(),
		       extract(epoch FROM clock_timestamp() - pg_postmaster_start_time())::float8`).Scan(&now, &seconds)
	if err != nil {
		return now, 0, fmt.Errorf("read the server's uptime: %w", err)
	}
	return now, time.Duration(seconds * float64(time.Second)), nil
}
