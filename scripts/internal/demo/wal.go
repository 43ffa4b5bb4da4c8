package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// quiet leaves Postgres with nothing of its own to do, and returns the position in its write-ahead log. Everything that is
// written from then on counts as the run's: the scheduler's and the API's rows, too, and the full page that Postgres logs
// when a page is changed for the first time after a checkpoint. Autovacuum stays on, as in production; what a run before
// left for it has been done here, and the next timed checkpoint is minutes away. In a Postgres that was given, others'
// writes count, too.
func (s *services) quiet(ctx context.Context) (int64, error) {
	conn, err := pgx.Connect(ctx, s.databaseURL(nil))
	if err != nil {
		return 0, err
	}
	_, vacuumErr := conn.Exec(ctx, `VACUUM (ANALYZE)`)
	_, checkpointErr := conn.Exec(ctx, `CHECKPOINT`)
	if err := errors.Join(vacuumErr, checkpointErr, conn.Close(ctx)); err != nil {
		return 0, fmt.Errorf("bring postgres to rest: %w", err)
	}
	return s.walPosition(ctx)
}

func (s *services) walPosition(ctx context.Context) (int64, error) {
	var position int64
	err := s.admin.QueryRow(ctx, `SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint`).Scan(&position)
	if err != nil {
		return 0, fmt.Errorf("read position in write-ahead log: %w", err)
	}
	return position, nil
}
