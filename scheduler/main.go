// Command scheduler starts the nightly runs, moves ready steps to the queue,
// and puts right what got lost on the way. Any number of schedulers may run:
// Postgres decides between them. It begins in Postgres whatever it does, so it
// is of use while Redis is away.
package main

import (
	"context"
	"log/slog"
	"os"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"cleversync/shared/daemon"
	"cleversync/shared/postgres"
	"cleversync/shared/queue"
)

func main() {
	queue.LogTo(daemon.Logger(os.Stderr, slog.LevelWarn, "scheduler"))
	daemon.Main("scheduler", func(ctx context.Context, getenv func(string) string) error {
		return run(ctx, getenv, nil)
	})
}

// run is the program: it wires, works until ctx ends, and stops in order: let
// the ticks end, close the listener, close the pools. ready is told the address.
func run(ctx context.Context, getenv func(string) string, ready func(addr string)) error {
	config, err := daemon.Parse[Config](getenv)
	if err != nil {
		return err
	}
	log := daemon.Logger(os.Stderr, config.LogLevel, "scheduler")
	reg := daemon.Registry("scheduler")

	pool, err := postgres.Open(ctx, postgres.Options{
		URL: config.DatabaseURL.Reveal(), MaxConns: config.DatabaseMaxConns, Name: "cleversync scheduler",
	})
	if err != nil {
		return err
	}
	defer pool.Close()
	daemon.PoolMetrics(reg, pool)
	log.InfoContext(ctx, "database pool", "max_conns", config.DatabaseMaxConns)
	tasks, err := queue.Open(config.RedisURL.Reveal())
	if err != nil {
		return err
	}
	defer closeQueue(log, tasks)

	duties, closeDuties := newDuties(config, pool, tasks, log, reg)
	defer closeDuties()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		return daemon.Serve(ctx, log, daemon.Server{
			Addr: config.Addr, Drain: config.ShutdownTimeout, Handler: newHandler(log, reg, pool, duties),
		}, ready)
	})
	group.Go(func() error {
		err := admit(ctx, log, pool)
		if ctx.Err() != nil {
			return nil // told to stop before it began
		}
		if err != nil {
			return err
		}
		duties.Run(ctx)
		return nil
	})
	return group.Wait()
}

func closeQueue(log *slog.Logger, tasks *queue.Client) {
	if err := tasks.Close(); err != nil {
		log.Warn("queue not closed well", "error", err)
	}
}

// admit waits for Postgres and refuses a database that this build must not
// work on: one with an older schema, or a login that may do anything.
func admit(ctx context.Context, log *slog.Logger, pool *pgxpool.Pool) error {
	if err := await(ctx, log, pool); err != nil {
		return err
	}
	if err := postgres.CheckSchema(ctx, pool); err != nil {
		return err
	}
	return postgres.CheckRole(ctx, pool)
}
