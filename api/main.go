// Command api is the JSON API of Clever sync, with its documentation at /docs
// the pages of "Log in with Clever" at /clever, and the dashboard of the queues
// at /queues. "api create-token" makes the first token, by which others are made
// through the API; "api rotate-keys" puts every stored token of a district under
// the newest encryption key.
//
// It needs Postgres to answer and starts without: until the database has been
// found to be the right one it answers 503. Redis may be away: a run begins in
// Postgres and is delivered when Redis is back.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"cleversync/api/internal/connect"
	"cleversync/api/internal/httpapi"
	"cleversync/shared/clever"
	"cleversync/shared/credential"
	"cleversync/shared/daemon"
	"cleversync/shared/dispatch"
	"cleversync/shared/postgres"
	"cleversync/shared/queue"
)

func main() {
	queue.LogTo(daemon.Logger(os.Stderr, slog.LevelWarn, "api"))
	daemon.Main("api", func(ctx context.Context, getenv func(string) string) error {
		return command(ctx, os.Args[1:], getenv, os.Stdout, os.Stderr)
	})
}

func command(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		return run(ctx, getenv, stderr, nil)
	}
	switch args[0] {
	case "create-token":
		return createToken(ctx, args[1:], getenv, stdout)
	case "rotate-keys":
		return rotateKeys(ctx, args[1:], getenv, stdout)
	}
	return &daemon.Misuse{Faults: []error{fmt.Errorf("unknown command %q: there are create-token and rotate-keys, and none to serve", args[0])}}
}

// run serves until ctx ends. ready, where not nil, gets the address.
func run(ctx context.Context, getenv func(string) string, logs io.Writer, ready func(addr string)) error {
	config, err := daemon.Parse[Config](getenv)
	if err != nil {
		return err
	}
	log := daemon.Logger(logs, config.LogLevel, "api")
	pool, err := postgres.Open(ctx, postgres.Options{URL: config.DatabaseURL.Reveal(), MaxConns: config.DatabaseMaxConns, Name: "cleversync api"})
	if err != nil {
		return err
	}
	defer pool.Close()
	log.InfoContext(ctx, "starting", "database_max_conns", config.DatabaseMaxConns, "regions", config.Regions)
	deliveries, err := queue.Open(config.RedisURL.Reveal())
	if err != nil {
		return err
	}
	defer deliveries.Close()
	queues, err := dashboard(config.RedisURL.Reveal())
	if err != nil {
		return err
	}
	defer queues.Close()

	reg := daemon.Registry("api")
	daemon.PoolMetrics(reg, pool)
	health := daemon.Health(reg, daemon.Logged(log, daemon.Check{
		Name:  "postgres",
		Probe: func(ctx context.Context) error { return postgres.CheckSchema(ctx, pool) },
	}))
	logins, closeClever, err := newConnector(config, pool, deliveries, log, reg)
	if err != nil {
		return err
	}
	defer closeClever()
	api, err := httpapi.New(httpapi.Config{
		Pool: pool, Log: log, Metrics: reg, Regions: config.regions(), Health: health, Queues: queues, Connect: logins,
		Dispatch: dispatch.New(dispatch.Config{Pool: pool, Queue: deliveries, Log: log, PageSize: config.PageSize}),
	})
	if err != nil {
		return fmt.Errorf("make the api: %w", err)
	}
	door := &gate{closed: httpapi.Closed(health), open: api}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return door.openFor(ctx, log, pool) })
	group.Go(func() error {
		return daemon.Serve(ctx, log, daemon.Server{Addr: config.Addr, Handler: door, Drain: config.ShutdownTimeout}, ready)
	})
	return group.Wait()
}

// newConnector wires what talks to Clever, within the budget that the workers
// share.
func newConnector(c Config, pool *pgxpool.Pool, tasks *queue.Client, log *slog.Logger, reg *prometheus.Registry) (*connect.Connector, func(), error) {
	client, err := clever.New(clever.Config{
		APIURL: c.CleverAPIURL, URL: c.CleverURL,
		ClientID: c.CleverClientID, ClientSecret: clever.Secret(c.CleverClientSecret.Reveal()),
		Budget: queue.NewBudget(tasks, reg), Registerer: reg,
	})
	if err != nil {
		return nil, nil, err
	}
	logins, err := connect.New(connect.Config{
		Pool: pool, Clever: client, Log: log, PublicURL: c.PublicURL,
		Tokens: credential.New(credential.Config{Pool: pool, Clever: client, Keys: c.keys}),
	})
	if err != nil {
		client.Close()
		return nil, nil, fmt.Errorf("make the pages: %w", err)
	}
	return logins, client.Close, nil
}
