package main

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"cleversync/shared/daemon"
	"cleversync/shared/region"
)

// Config is everything that a scheduler takes from its environment.
type Config struct {
	// Addr serves /healthz, /readyz and /metrics.
	Addr     string     `env:"ADDR" envDefault:"127.0.0.1:8082"`
	LogLevel slog.Level `env:"LOG_LEVEL" envDefault:"INFO"`

	// DatabaseURL logs in as a member of cleversync_app; it holds a password.
	DatabaseURL      daemon.Secret `env:"DATABASE_URL,required"`
	DatabaseMaxConns int32         `env:"DATABASE_MAX_CONNS" envDefault:"10"`
	// RedisURL is where steps are put; it may hold a password.
	RedisURL daemon.Secret `env:"REDIS_URL,required"`

	// Regions are the regions that this deployment serves. RegionWindows may
	// change their windows or add regions, as name=offset,start,length with
	// semicolons between: "uk=0h,18h,2m" makes nights of two minutes. It is for
	// tests and rehearsals.
	Regions       []string `env:"REGIONS" envDefault:"us-nz,au,uk"`
	RegionWindows string   `env:"REGION_WINDOWS"`
	// EnrolInterval is how often tenants are looked for whose first run has
	// completed, to give them their first slot.
	EnrolInterval time.Duration `env:"ENROL_INTERVAL" envDefault:"10s"`
	// PlanInterval is how often due tenants are looked for, StartLimit how many
	// runs each region starts at one such time at most, PlanBatch how many
	// tenants are locked at once.
	PlanInterval time.Duration `env:"PLAN_INTERVAL" envDefault:"1s"`
	StartLimit   int           `env:"START_LIMIT" envDefault:"500"`
	PlanBatch    int           `env:"PLAN_BATCH" envDefault:"250"`
	// PageSize is how many records nightly runs ask Clever for at once.
	PageSize int `env:"PAGE_SIZE" envDefault:"2000"`

	// DispatchInterval is how often ready steps are moved to the queue, InFlight
	// how many the queue and the workers hold before further ones wait in
	// Postgres. It must be the workers'.
	DispatchInterval time.Duration `env:"DISPATCH_INTERVAL" envDefault:"500ms"`
	InFlight         int           `env:"IN_FLIGHT" envDefault:"500"`

	// SweepInterval is how often lost work is looked for, SilentAfter how long a
	// step may be on the queue before somebody looks there. Lease is the longest
	// that any worker uses.
	SweepInterval time.Duration `env:"SWEEP_INTERVAL" envDefault:"5s"`
	SilentAfter   time.Duration `env:"SILENT_AFTER" envDefault:"1m"`
	Lease         time.Duration `env:"LEASE" envDefault:"45s"`
	// PruneInterval is how often staged rows that nobody needs are looked for;
	// TruncateAbove is the size in bytes of all staging tables from which on
	// they are emptied as a whole when no run is under way.
	PruneInterval time.Duration `env:"PRUNE_INTERVAL" envDefault:"30s"`
	TruncateAbove int64         `env:"TRUNCATE_ABOVE" envDefault:"67108864"`

	// GaugeInterval is how often the facts about the whole system are read by
	// the one scheduler that exports them.
	GaugeInterval time.Duration `env:"GAUGE_INTERVAL" envDefault:"5s"`

	// TickTimeout bounds one tick of any of these duties, StatementTimeout one
	// statement. A duty that has not ended a tick for three intervals and twice
	// this long makes /healthz fail.
	TickTimeout      time.Duration `env:"TICK_TIMEOUT" envDefault:"30s"`
	StatementTimeout time.Duration `env:"STATEMENT_TIMEOUT" envDefault:"10s"`
	// ShutdownTimeout is how long the program may take to stop.
	ShutdownTimeout time.Duration `env:"SHUTDOWN_TIMEOUT" envDefault:"25s"`

	regions []region.Region
}

// minConns: the turn to export keeps one connection, and with three more no
// duty waits long for another.
const minConns = 4

// Validate checks what no single field shows, all faults at once.
func (c *Config) Validate() error {
	var faults []error
	check := func(good bool, format string, args ...any) {
		if !good {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	regions, err := region.Parse(c.Regions, c.RegionWindows)
	c.regions = regions
	check(err == nil, "REGIONS: or REGION_WINDOWS: %w", err)
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"ENROL_INTERVAL", c.EnrolInterval}, {"PLAN_INTERVAL", c.PlanInterval}, {"DISPATCH_INTERVAL", c.DispatchInterval}, {"SWEEP_INTERVAL", c.SweepInterval},
		{"PRUNE_INTERVAL", c.PruneInterval}, {"GAUGE_INTERVAL", c.GaugeInterval}, {"SILENT_AFTER", c.SilentAfter}, {"LEASE", c.Lease},
		{"TICK_TIMEOUT", c.TickTimeout}, {"STATEMENT_TIMEOUT", c.StatementTimeout}, {"SHUTDOWN_TIMEOUT", c.ShutdownTimeout},
	} {
		check(d.value > 0, "%s: must be positive", d.name)
	}
	for _, n := range []struct {
		name  string
		value int
	}{
		{"START_LIMIT", c.StartLimit}, {"PLAN_BATCH", c.PlanBatch}, {"PAGE_SIZE", c.PageSize}, {"IN_FLIGHT", c.InFlight},
	} {
		check(n.value > 0, "%s: must be at least 1", n.name)
	}
	check(c.PageSize <= 10_000, "PAGE_SIZE: must be at most 10000, which is Clever's own bound")
	check(c.TruncateAbove >= 0, "TRUNCATE_ABOVE: must not be negative")
	check(c.DatabaseMaxConns >= minConns, "DATABASE_MAX_CONNS: must be at least %d", minConns)
	check(c.StatementTimeout <= c.TickTimeout || c.TickTimeout <= 0, "STATEMENT_TIMEOUT: must be at most TICK_TIMEOUT")
	check(c.SweepInterval < c.Lease || c.Lease <= 0, "SWEEP_INTERVAL: must be less than LEASE: a longer gap counts as a pause, after which no lease is judged")
	return errors.Join(faults...)
}
