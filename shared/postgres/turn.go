package postgres

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Turn is a duty that one process at a time has, for as long as it likes. It is
// an advisory lock of a transaction that is kept open: PgBouncer in transaction
// mode keeps such a transaction on one server connection, and the server gives
// the lock up by itself when its holder dies, or falls silent for longer than
// patience. The transaction has no snapshot between its statements, so it keeps
// nothing from being vacuumed; it costs one connection of the holder's pool.
// A Turn is not safe for concurrent use.
type Turn struct {
	pool     *pgxpool.Pool
	name     string
	patience time.Duration
	tx       pgx.Tx
}

// NewTurn makes a Turn that nobody holds yet.
func NewTurn(pool *pgxpool.Pool, name string, patience time.Duration) *Turn {
	return &Turn{pool: pool, name: name, patience: patience}
}

// Hold tells whether the duty is the caller's, and takes it where it is free.
// It must be called again within patience, each time before the duty is done.
func (t *Turn) Hold(ctx context.Context) (bool, error) {
	if t.tx == nil {
		return t.take(ctx)
	}
	if _, err := t.tx.Exec(ctx, `SELECT 1`); err != nil {
		t.Release(ctx)
		return false, fmt.Errorf("keep the turn of %s: %w", t.name, err)
	}
	return true, nil
}

func (t *Turn) take(ctx context.Context) (bool, error) {
	tx, err := t.pool.Begin(ctx)
	if err != nil {
		return false, fmt.Errorf("ask for the turn of %s: %w", t.name, err)
	}
	var mine bool
	err = tx.QueryRow(ctx, `
		SELECT pg_try_advisory_xact_lock(hashtextextended('turn of ' || $1, 0))
		FROM set_config('idle_in_transaction_session_timeout', $2, true)`,
		t.name, strconv.FormatInt(max(t.patience.Milliseconds(), 1), 10)).Scan(&mine)
	t.tx = tx
	if err != nil || !mine {
		t.Release(ctx)
	}
	if err != nil {
		return false, fmt.Errorf("ask for the turn of %s: %w", t.name, err)
	}
	return mine, nil
}

// Release gives the duty to others. It must be called before the pool closes;
// calling it again is harmless.
func (t *Turn) Release(ctx context.Context) {
	if t.tx == nil {
		return
	}
	// It has written nothing: a rollback that does not get through has lost its
	// connection, and the lock with it.
	_ = t.tx.Rollback(context.WithoutCancel(ctx))
	t.tx = nil
}
