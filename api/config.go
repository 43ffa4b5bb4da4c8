package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/hibiken/asynq"
	"github.com/jackc/pgx/v5"

	"cleversync/api/internal/connect"
	"cleversync/shared/daemon"
	"cleversync/shared/region"
	"cleversync/shared/seal"
)

// Config is everything that the environment decides about the api.
type Config struct {
	// Addr is where to listen, host:port; port 0 takes a free one.
	Addr string `env:"ADDR" envDefault:"127.0.0.1:8080"`
	// DatabaseURL is postgres://…, logging in as cleversync_app. The owner's
	// login is refused.
	DatabaseURL daemon.Secret `env:"DATABASE_URL,required"`
	// DatabaseMaxConns bounds the connections to Postgres. The sum over all
	// programs must stay below the server's max_connections.
	DatabaseMaxConns int32 `env:"DATABASE_MAX_CONNS" envDefault:"10"`
	// RedisURL is redis://… of the queues. Redis itself may be away.
	RedisURL daemon.Secret `env:"REDIS_URL,required"`
	// EncryptionKeys open and seal the districts' tokens: "id:base64 of 32
	// bytes", the first one encrypts. They are the workers'.
	EncryptionKeys daemon.Secret `env:"ENCRYPTION_KEYS,required"`

	// Which Clever to talk to, and as which application. CleverURL is where
	// browsers are sent to log in, so they must reach it, too.
	CleverAPIURL       string        `env:"CLEVER_API_URL" envDefault:"https://api.clever.com"`
	CleverURL          string        `env:"CLEVER_URL" envDefault:"https://clever.com"`
	CleverClientID     string        `env:"CLEVER_CLIENT_ID,required"`
	CleverClientSecret daemon.Secret `env:"CLEVER_CLIENT_SECRET,required"`
	// PublicURL is where browsers reach us: https, or http on a loopback
	// address. With /clever/callback behind it, it must stand among the redirect
	// URIs of our application at Clever. Empty, only a browser on this very
	// machine can log in.
	PublicURL string `env:"PUBLIC_URL"`

	// Regions are those that this deployment serves; a tenant is created in one
	// of them.
	Regions []string `env:"REGIONS" envDefault:"us-nz,au,uk"`
	// PageSize is the number of records that new runs ask Clever for at once.
	PageSize int `env:"PAGE_SIZE" envDefault:"2000"`
	// LogLevel is debug, info, warn or error.
	LogLevel slog.Level `env:"LOG_LEVEL" envDefault:"info"`
	// ShutdownTimeout is how long requests under way may take to end once the
	// program is told to stop.
	ShutdownTimeout time.Duration `env:"SHUTDOWN_TIMEOUT" envDefault:"25s"`

	keys *seal.Keys
}

// Clever takes at most 10,000 records a page; above 1,000 connections
// something else is meant than a pool.
const (
	maxPageSize = 10_000
	maxConns    = 1000
	maxShutdown = 10 * time.Minute
)

// Validate gives every fault at once.
func (c *Config) Validate() error {
	var faults []error
	add := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if _, _, err := net.SplitHostPort(c.Addr); err != nil {
		add("ADDR: must be host:port")
	}
	if err := checkDatabaseURL(c.DatabaseURL); err != nil {
		faults = append(faults, err)
	}
	if _, err := asynq.ParseRedisURI(c.RedisURL.Reveal()); err != nil {
		add("REDIS_URL: must look like redis://:password@host:port/0")
	}
	if c.DatabaseMaxConns < 2 || c.DatabaseMaxConns > maxConns {
		add("DATABASE_MAX_CONNS: must be from 2 to %d", maxConns)
	}
	if c.PageSize < 1 || c.PageSize > maxPageSize {
		add("PAGE_SIZE: must be from 1 to %d", maxPageSize)
	}
	if c.ShutdownTimeout <= 0 || c.ShutdownTimeout > maxShutdown {
		add("SHUTDOWN_TIMEOUT: must be above zero and at most %s", maxShutdown)
	}
	if err := connect.CheckPublicURL(c.PublicURL); err != nil {
		add("PUBLIC_URL: %w", err)
	}
	if c.EncryptionKeys.Reveal() != "" {
		keys, err := seal.ParseKeys(c.EncryptionKeys.Reveal())
		if c.keys = keys; err != nil {
			add("ENCRYPTION_KEYS: %w", err)
		}
	}
	faults = append(faults, c.checkRegions()...)
	return errors.Join(faults...)
}

func checkDatabaseURL(url daemon.Secret) error {
	plain := url.Reveal()
	if _, err := pgx.ParseConfig(plain); err != nil || !strings.HasPrefix(plain, "postgres") {
		return errors.New("DATABASE_URL: must look like postgres://user:password@host:port/database")
	}
	return nil
}

func (c *Config) checkRegions() []error {
	if len(c.Regions) == 0 {
		return []error{errors.New("REGIONS: must name at least one region")}
	}
	var faults []error
	for i, name := range c.Regions {
		if _, err := region.Find(region.Builtin(), name); err != nil {
			faults = append(faults, fmt.Errorf("REGIONS: %w", err))
		}
		if slices.Contains(c.Regions[:i], name) {
			faults = append(faults, fmt.Errorf("REGIONS: names %q twice", name))
		}
	}
	return faults
}

// regions are the deployment's, once Validate has found them good.
func (c *Config) regions() []region.Region {
	return slices.DeleteFunc(region.Builtin(), func(r region.Region) bool { return !slices.Contains(c.Regions, r.Name) })
}
