package main

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"cleversync/shared/daemon"
	"cleversync/shared/seal"
)

// Config is everything that a worker takes from its environment.
type Config struct {
	// Addr serves /healthz, /readyz and /metrics.
	Addr     string     `env:"ADDR" envDefault:"127.0.0.1:8081"`
	LogLevel slog.Level `env:"LOG_LEVEL" envDefault:"INFO"`

	// DatabaseURL logs in as a member of cleversync_app; it holds a password.
	DatabaseURL      daemon.Secret `env:"DATABASE_URL,required"`
	DatabaseMaxConns int32         `env:"DATABASE_MAX_CONNS" envDefault:"24"`
	// RedisURL is where tasks come from; it may hold a password.
	RedisURL daemon.Secret `env:"REDIS_URL,required"`
	// EncryptionKeys open the districts' tokens: "id:base64 of 32 bytes", the
	// first one encrypts.
	EncryptionKeys daemon.Secret `env:"ENCRYPTION_KEYS,required"`

	// Which Clever to talk to, and as which application.
	CleverAPIURL       string        `env:"CLEVER_API_URL" envDefault:"https://api.clever.com"`
	CleverURL          string        `env:"CLEVER_URL" envDefault:"https://clever.com"`
	CleverClientID     string        `env:"CLEVER_CLIENT_ID,required"`
	CleverClientSecret daemon.Secret `env:"CLEVER_CLIENT_SECRET,required"`

	// FetchConcurrency is the size of the fetch pool, which waits for the
	// network; ApplyConcurrency that of the apply pool, which works in the
	// database. 0 runs no such pool. As many steps again may be those that a
	// worker goes on with by itself instead of waiting for the queue.
	FetchConcurrency int `env:"FETCH_CONCURRENCY" envDefault:"8"`
	ApplyConcurrency int `env:"APPLY_CONCURRENCY" envDefault:"2"`
	// FetchPerTenant and FetchPerDistrict bound the fetch steps that run at once
	// over all workers. The budget of a district reckons with 30 requests on
	// their way at most.
	FetchPerTenant   int `env:"FETCH_PER_TENANT" envDefault:"6"`
	FetchPerDistrict int `env:"FETCH_PER_DISTRICT" envDefault:"12"`

	// Lease is how long a step belongs to a worker that gives no sign of life,
	// Heartbeat how often it gives one, Poll how often it looks for a cancel.
	Lease     time.Duration `env:"LEASE" envDefault:"45s"`
	Heartbeat time.Duration `env:"HEARTBEAT" envDefault:"10s"`
	Poll      time.Duration `env:"POLL" envDefault:"1s"`
	// Slice is how long one task works on a stream before another gets its turn.
	Slice time.Duration `env:"SLICE" envDefault:"5m"`
	// InFlight is how many steps the queue and the workers hold before further
	// ones wait in Postgres.
	InFlight int `env:"IN_FLIGHT" envDefault:"500"`

	// StatementTimeout and LockTimeout bound plan and apply.
	StatementTimeout time.Duration `env:"STATEMENT_TIMEOUT" envDefault:"20m"`
	LockTimeout      time.Duration `env:"LOCK_TIMEOUT" envDefault:"30s"`
	// RetryFirst and RetryLongest are the shortest and longest pause between
	// tries, Outage how long an outage may last before a run fails.
	RetryFirst   time.Duration `env:"RETRY_FIRST" envDefault:"1s"`
	RetryLongest time.Duration `env:"RETRY_LONGEST" envDefault:"30s"`
	Outage       time.Duration `env:"OUTAGE" envDefault:"30m"`
	// ShutdownTimeout is how long running steps get to give themselves back.
	ShutdownTimeout time.Duration `env:"SHUTDOWN_TIMEOUT" envDefault:"25s"`

	keys *seal.Keys
}

// Validate checks what no single field shows, all faults at once.
func (c *Config) Validate() error {
	var faults []error
	check := func(good bool, format string, args ...any) {
		if !good {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	check(c.FetchConcurrency >= 0 && c.ApplyConcurrency >= 0, "FETCH_CONCURRENCY: and APPLY_CONCURRENCY must not be negative")
	check(c.FetchConcurrency+c.ApplyConcurrency > 0, "FETCH_CONCURRENCY: and APPLY_CONCURRENCY are both 0: the worker would do nothing")
	check(c.FetchPerTenant > 0 && c.FetchPerDistrict > 0, "FETCH_PER_TENANT: and FETCH_PER_DISTRICT must be at least 1")
	check(c.FetchPerDistrict <= 30, "FETCH_PER_DISTRICT: must be at most 30")
	check(c.Poll > 0 && c.Poll <= c.Heartbeat, "POLL: must be positive and at most HEARTBEAT")
	check(c.Heartbeat > 0 && c.Heartbeat*2 < c.Lease, "HEARTBEAT: must be positive and less than half of LEASE")
	check(c.Slice > 0, "SLICE: must be positive")
	check(c.InFlight > 0, "IN_FLIGHT: must be at least 1")
	check(c.StatementTimeout > 0 && c.LockTimeout > 0, "STATEMENT_TIMEOUT: and LOCK_TIMEOUT must be positive")
	check(c.RetryFirst > 0 && c.RetryFirst <= c.RetryLongest, "RETRY_FIRST: must be positive and at most RETRY_LONGEST")
	check(c.ShutdownTimeout > 0, "SHUTDOWN_TIMEOUT: must be positive")
	// A step holds at most one connection for its transaction and one for the
	// heartbeat, and a fetch step a third for its reader.
	need := 3*c.FetchConcurrency + 2*c.ApplyConcurrency
	check(int(c.DatabaseMaxConns)*2 >= need, "DATABASE_MAX_CONNS: %d is too few for the pools' sizes: use at least %d", c.DatabaseMaxConns, (need+1)/2)
	if c.EncryptionKeys.Reveal() != "" {
		keys, err := seal.ParseKeys(c.EncryptionKeys.Reveal())
		c.keys = keys
		check(err == nil, "ENCRYPTION_KEYS: %w", err)
	}
	return errors.Join(faults...)
}
