// Command worker performs the steps of runs: it takes them from the queue,
// reads Clever, stages and applies. Any number of workers may run; each works
// on what it is given and remembers nothing.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"cleversync/shared/clever"
	"cleversync/shared/credential"
	"cleversync/shared/daemon"
	"cleversync/shared/dispatch"
	"cleversync/shared/postgres"
	"cleversync/shared/queue"
	"cleversync/worker/internal/consumer"
	"cleversync/worker/internal/syncer"
)

func main() {
	queue.LogTo(daemon.Logger(os.Stderr, slog.LevelWarn, "worker"))
	daemon.Main("worker", func(ctx context.Context, getenv func(string) string) error {
		return run(ctx, getenv, nil)
	})
}

// run is the program: it wires, works until ctx ends, and stops in order: take
// no more, let steps give themselves back, close. ready is told the address.
func run(ctx context.Context, getenv func(string) string, ready func(addr string)) error {
	config, err := daemon.Parse[Config](getenv)
	if err != nil {
		return err
	}
	log := daemon.Logger(os.Stderr, config.LogLevel, "worker")
	reg := daemon.Registry("worker")

	pool, err := postgres.Open(ctx, postgres.Options{
		URL: config.DatabaseURL.Reveal(), MaxConns: config.DatabaseMaxConns, Name: "cleversync worker",
	})
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := admit(ctx, pool); err != nil {
		return err
	}
	daemon.PoolMetrics(reg, pool)
	log.InfoContext(ctx, "database pool", "max_conns", config.DatabaseMaxConns)

	tasks, err := queue.Open(config.RedisURL.Reveal())
	if err != nil {
		return err
	}
	defer tasks.Close()
	work, err := newConsumer(config, pool, tasks, log, reg)
	if err != nil {
		return err
	}
	servers, err := newServers(config, work, log)
	if err != nil {
		return err
	}
	stop, err := start(servers, work, log)
	if err != nil {
		return err
	}
	defer stop()
	return daemon.Serve(ctx, log, daemon.Server{
		Addr:  config.Addr,
		Drain: config.ShutdownTimeout,
		Handler: daemon.Health(reg,
			daemon.Logged(log, daemon.Check{Name: "postgres", Probe: func(ctx context.Context) error { return postgres.CheckSchema(ctx, pool) }}),
			daemon.Logged(log, daemon.Check{Name: "redis", Probe: tasks.Ping}),
		),
	}, ready)
}

// admit refuses a database that this build must not work on.
func admit(ctx context.Context, pool *pgxpool.Pool) error {
	if err := postgres.CheckSchema(ctx, pool); err != nil {
		return err
	}
	return postgres.CheckRole(ctx, pool)
}

// newConsumer wires what performs steps.
func newConsumer(c Config, pool *pgxpool.Pool, tasks *queue.Client, log *slog.Logger, reg *prometheus.Registry) (*consumer.Consumer, error) {
	client, err := clever.New(clever.Config{
		APIURL: c.CleverAPIURL, URL: c.CleverURL,
		ClientID: c.CleverClientID, ClientSecret: clever.Secret(c.CleverClientSecret.Reveal()),
		Budget: queue.NewBudget(tasks, reg), Registerer: reg,
	})
	if err != nil {
		return nil, err
	}
	dispatcher := dispatch.New(dispatch.Config{Pool: pool, Queue: tasks, Log: log})
	patience := consumer.DefaultPatience()
	patience.First, patience.Longest, patience.Outage = c.RetryFirst, c.RetryLongest, c.Outage
	pools := map[queue.Pool]int{}
	for name, size := range map[queue.Pool]int{queue.PoolFetch: c.FetchConcurrency, queue.PoolApply: c.ApplyConcurrency} {
		if size > 0 {
			pools[name] = size
		}
	}
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("read host name: %w", err)
	}
	return consumer.New(consumer.Config{
		Pool: pool, Queue: tasks, Dispatch: dispatcher, Log: log,
		Syncer: syncer.New(syncer.Config{
			Pool: pool, Clever: client, Dispatch: dispatcher, Metrics: syncer.NewMetrics(reg), Log: log,
			Tokens: credential.New(credential.Config{Pool: pool, Clever: client, Keys: c.keys}),
			Slice:  c.Slice, Bound: c.InFlight, StatementTimeout: c.StatementTimeout, LockTimeout: c.LockTimeout,
		}),
		Metrics: consumer.NewMetrics(reg),
		Owner:   fmt.Sprintf("%s/%d", host, os.Getpid()),
		Lease:   c.Lease, Heartbeat: c.Heartbeat, Poll: c.Poll,
		PerTenant: c.FetchPerTenant, PerDistrict: c.FetchPerDistrict,
		Pools: pools, Patience: patience,
	}), nil
}

// newServers makes one asynq server per pool.
func newServers(c Config, work *consumer.Consumer, log *slog.Logger) ([]*queue.Server, error) {
	var servers []*queue.Server
	for pool, size := range work.Pools {
		server, err := queue.NewServer(queue.ServerConfig{
			URL: c.RedisURL.Reveal(), Pool: pool, Concurrency: size, Drain: c.ShutdownTimeout, Handler: work.Handle, Log: log,
		})
		if err != nil {
			return nil, err
		}
		servers = append(servers, server)
	}
	return servers, nil
}

// start begins to take tasks. The returned function stops in order.
func start(servers []*queue.Server, work *consumer.Consumer, log *slog.Logger) (stop func(), err error) {
	for _, server := range servers {
		if err := server.Start(); err != nil {
			return nil, err
		}
	}
	return func() {
		for _, server := range servers {
			server.Stop()
		}
		work.Stop()
		for _, server := range servers {
			if err := server.Shutdown(); err != nil {
				log.Warn("queue not closed well", "error", err)
			}
		}
		work.Wait()
	}, nil
}
