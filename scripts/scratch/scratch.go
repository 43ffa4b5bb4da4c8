// Package scratch starts a private Postgres and a private Redis for the demo and for tests, and stops them again.
//
// They listen on ports of their own on the loopback address, keep their data in a directory that only they and we may
// enter, want a password made for this start, and touch no service that the machine runs itself. Root starts them as
// another user. However this process ends, they end too, and so does their directory, unless it is to be kept (Guard).
//
// Who has services already, names both in SCRATCH_DATABASE_URL and SCRATCH_REDIS_URL: then nothing is started, and what
// is named is used only if it is empty or marked as ours (given.go). DATABASE_URL and REDIS_URL are never read: in
// somebody's shell they may name production.
package scratch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Options say how services are started. The zero value is what most callers want.
type Options struct {
	// Dir is where the data goes: with Keep, itself; else a fresh directory below it. Empty: below a usual place (placesFor).
	Dir string
	// Keep leaves the data when the services stop, and takes up what an earlier start left in Dir.
	Keep bool
	// Private starts services even where SCRATCH_DATABASE_URL is set: for tests that stop them on purpose.
	Private bool
	// Disposable makes Postgres faster and forgetful: commits may be lost in a crash. For tests without crashes.
	Disposable bool
	// Log receives a line for what takes time. Nil: silent.
	Log io.Writer
}

// Services are a running Postgres and Redis. All methods may be called from any goroutine, one at a time.
type Services struct {
	// DatabaseURL opens the database postgres as a user who may do everything in it.
	DatabaseURL string
	// RedisURL opens Redis' logical database 0.
	RedisURL string
	// Dir holds the data and the logs postgres.log and redis.log. Empty: the services were given.
	Dir string

	keep     bool
	group    *Guard // nil: the services were given, so that we may neither stop nor start them
	postgres *postgresServer
	redis    *redisServer
	stop     func() error
}

// Start returns services that answer. The context bounds the start only; they run until Stop.
func Start(ctx context.Context, options Options) (*Services, error) {
	if options.Log == nil {
		options.Log = io.Discard
	}
	if !options.Private {
		given, err := Given(ctx)
		if err != nil {
			return nil, err
		}
		if given != nil {
			fmt.Fprintf(options.Log, "scratch: using %s and %s\n", databaseVar, redisVar)
			return given, nil
		}
	}
	began := time.Now()
	services, err := startPrivate(ctx, options)
	if err != nil {
		return nil, fmt.Errorf("start private services: %w", err)
	}
	fmt.Fprintf(options.Log, "scratch: Postgres and Redis started in %s (%.1f s)\n", services.Dir, time.Since(began).Seconds())
	return services, nil
}

func startPrivate(ctx context.Context, options Options) (*Services, error) {
	postgresBin, err := postgresBin()
	redisBin, redisErr := redisServerFile()
	if err := errors.Join(err, redisErr); err != nil {
		return nil, err
	}
	host, err := prepareHost(options)
	if err != nil {
		return nil, err
	}
	s := &Services{Dir: host.dir, keep: options.Keep, group: host.group}
	s.stop = sync.OnceValue(s.end)
	s.postgres = &postgresServer{bin: postgresBin, data: host.file("postgres"), options: settings, host: host}
	if options.Disposable {
		s.postgres.options = append(settings[:len(settings):len(settings)], disposable...)
	}
	s.redis = &redisServer{bin: redisBin, data: host.file("redis"), host: host}
	if err := s.begin(ctx); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// begin starts both at the same time and marks them as ours, so that programs that are handed their addresses take them.
func (s *Services) begin(ctx context.Context) error {
	var both errgroup.Group
	both.Go(func() error {
		if err := s.postgres.initialise(ctx); err != nil {
			return err
		}
		return onFreePort(&s.postgres.port, func() error { return s.postgres.start(ctx) })
	})
	both.Go(func() error {
		return onFreePort(&s.redis.port, func() error { return s.redis.start(ctx) })
	})
	if err := both.Wait(); err != nil {
		return err
	}
	s.DatabaseURL, s.RedisURL = s.postgres.url(), s.redis.url()
	return s.claim(ctx)
}

// onFreePort tries a few ports, since between choosing one and listening on it another program may take it.
func onFreePort(port *int, start func() error) error {
	const tries = 5
	var err error
	for range tries {
		if *port, err = freePort(); err != nil {
			return err
		}
		if err = start(); !errors.Is(err, errPortTaken) {
			return err
		}
	}
	return err
}
