package daemon

import (
	"runtime"
	"runtime/debug"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Registry makes the metrics registry of a program, with what every program
// has: the Go runtime, the process, and which build of what this is.
func Registry(program string) *prometheus.Registry {
	reg := prometheus.NewRegistry()
	reg.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "cleversync_build_info",
		Help: "Always 1; the labels name the program, its revision and its Go.",
	}, []string{"program", "revision", "go"})
	build.WithLabelValues(program, revision(), runtime.Version()).Set(1)
	reg.MustRegister(build)
	return reg
}

func revision() string {
	info, _ := debug.ReadBuildInfo()
	if info == nil {
		return ""
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			return setting.Value
		}
	}
	return ""
}

// PoolMetrics lets reg gather how busy a pool of database connections is: a
// pool whose waits grow is too small or has slow queries.
func PoolMetrics(reg prometheus.Registerer, pool *pgxpool.Pool) {
	gauge := func(name, help string, value func(*pgxpool.Stat) float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return value(pool.Stat()) })
	}
	counter := func(name, help string, value func(*pgxpool.Stat) float64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return value(pool.Stat()) })
	}
	reg.MustRegister(
		gauge("cleversync_postgres_connections_max", "The most connections that the pool may open.",
			func(s *pgxpool.Stat) float64 { return float64(s.MaxConns()) }),
		gauge("cleversync_postgres_connections_open", "Connections that the pool has open.",
			func(s *pgxpool.Stat) float64 { return float64(s.TotalConns()) }),
		gauge("cleversync_postgres_connections_used", "Connections in use right now.",
			func(s *pgxpool.Stat) float64 { return float64(s.AcquiredConns()) }),
		counter("cleversync_postgres_acquires_total", "Connections taken from the pool.",
			func(s *pgxpool.Stat) float64 { return float64(s.AcquireCount()) }),
		counter("cleversync_postgres_waits_total", "Connections that had to be waited for.",
			func(s *pgxpool.Stat) float64 { return float64(s.EmptyAcquireCount()) }),
		counter("cleversync_postgres_wait_seconds_total", "Time spent waiting for a connection.",
			func(s *pgxpool.Stat) float64 { return s.EmptyAcquireWaitTime().Seconds() }),
	)
}
