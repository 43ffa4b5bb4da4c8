package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"cleversync/scheduler/internal/dispatcher"
	"cleversync/scheduler/internal/duty"
	"cleversync/scheduler/internal/gauges"
	"cleversync/scheduler/internal/planner"
	"cleversync/scheduler/internal/sweeper"
	"cleversync/shared/daemon"
	"cleversync/shared/dispatch"
	"cleversync/shared/postgres"
	"cleversync/shared/queue"
)

// Sizes that nobody needs to change: how many rows one statement takes, and how
// many such statements one tick runs of a kind.
const (
	dispatchBatch = 200
	sweepBatch    = 200
	sweepBatches  = 20
	pruneBatch    = 5000
	pruneBatches  = 40
	// truncatePatience is how long everybody who stages may have to wait behind
	// the pruner.
	truncatePatience = 100 * time.Millisecond
)

// newDuties wires what the scheduler does. close ends what they keep.
func newDuties(c Config, pool *pgxpool.Pool, tasks *queue.Client, log *slog.Logger, reg prometheus.Registerer) (duties *duty.Runner, close func()) {
	runs := dispatch.New(dispatch.Config{Pool: pool, Queue: tasks, Log: log, PageSize: c.PageSize})
	plan := planner.New(planner.Config{
		Pool: pool, Dispatch: runs, Log: log, Metrics: planner.NewMetrics(reg), Regions: c.regions,
		StartLimit: c.StartLimit, Batch: c.PlanBatch, StatementTimeout: c.StatementTimeout,
	})
	move := dispatcher.New(dispatcher.Config{
		Pool: pool, Queue: tasks, Dispatch: runs, InFlight: c.InFlight, Batch: dispatchBatch, StatementTimeout: c.StatementTimeout,
	})
	swept := sweeper.NewMetrics(reg)
	sweep := sweeper.New(sweeper.Config{
		Pool: pool, Queue: tasks, Dispatch: runs, Log: log, Metrics: swept, Kick: move.Tick,
		Lease: c.Lease, SilentAfter: c.SilentAfter, InFlight: c.InFlight,
		Batch: sweepBatch, Batches: sweepBatches, StatementTimeout: c.StatementTimeout,
	})
	prune := sweeper.NewPruner(sweeper.PruneConfig{
		Pool: pool, Log: log, Metrics: swept, Batch: pruneBatch, Batches: pruneBatches,
		TruncateAbove: c.TruncateAbove, Patience: truncatePatience, StatementTimeout: c.StatementTimeout,
	})
	export := gauges.New(reg, gauges.Config{
		Pool: pool, Queue: tasks, Regions: c.Regions, StatementTimeout: c.StatementTimeout,
		Patience: 3*c.GaugeInterval + c.TickTimeout,
	})
	return duty.New(log, reg, c.TickTimeout,
		duty.Duty{Name: "enrol", Interval: c.EnrolInterval, Tick: plan.Enrol},
		duty.Duty{Name: "plan", Interval: c.PlanInterval, Tick: plan.Tick},
		duty.Duty{Name: "dispatch", Interval: c.DispatchInterval, Tick: move.Tick},
		duty.Duty{Name: "sweep", Interval: c.SweepInterval, Tick: sweep.Tick},
		duty.Duty{Name: "prune", Interval: c.PruneInterval, Tick: prune.Tick},
		duty.Duty{Name: "gauges", Interval: c.GaugeInterval, Tick: export.Tick},
	), func() { export.Close(context.Background()) }
}

// newHandler is what every program answers, but that /healthz fails when a duty
// hangs: then only a restart helps. Ready is who reaches Postgres with the
// schema it needs; Redis may be away, since a run begins in Postgres.
func newHandler(log *slog.Logger, reg *prometheus.Registry, pool *pgxpool.Pool, duties *duty.Runner) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", daemon.Health(reg, daemon.Logged(log, daemon.Check{
		Name: "postgres", Probe: func(ctx context.Context) error { return postgres.CheckSchema(ctx, pool) },
	})))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		status, body := http.StatusOK, map[string]any{"status": "ok"}
		if hanging := duties.Hanging(); len(hanging) > 0 {
			status, body = http.StatusServiceUnavailable, map[string]any{"status": "hanging", "duties": hanging}
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(status)
		// An error here means that the asker has gone.
		_ = json.NewEncoder(w).Encode(body)
	})
	return mux
}

// await returns when Postgres answers, or ctx ends. /readyz says meanwhile that
// it does not. A login that Postgres refuses is not waited for.
func await(ctx context.Context, log *slog.Logger, pool *pgxpool.Pool) error {
	const pause = time.Second
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	for waiting := false; ; waiting = true {
		bound, cancel := context.WithTimeout(ctx, 5*pause)
		err := pool.Ping(bound)
		cancel()
		if err == nil || ctx.Err() != nil {
			return nil
		}
		if !postgres.IsOutage(err) {
			return fmt.Errorf("reach postgres: %w", err)
		}
		if !waiting {
			log.WarnContext(ctx, "waiting for postgres", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}
