// Package gauges exports facts about the whole system: how full the queues
// are, how far behind the schedule is, how runs end. They are the same whoever
// asks, so only one scheduler exports them at a time; if each did, every sum in
// a dashboard would be too large.
//
// The one is whoever holds the turn (postgres.Turn). When it dies another takes
// over within the turn's patience. Runs are counted here, from what the
// database says has ended, and not by those who end them: workers, the api and
// sweepers all do, and a process that dies between the commit and its counter
// would lose one.
package gauges

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"cleversync/shared/postgres"
	"cleversync/shared/queue"
)

// Config is what an Exporter works with.
type Config struct {
	Pool  *pgxpool.Pool
	Queue *queue.Client
	// Regions are the names of those that this deployment serves.
	Regions []string
	// Patience is how long the turn lasts without a tick.
	Patience time.Duration
	// StatementTimeout bounds each statement.
	StatementTimeout time.Duration
}

// Exporter exports while it has the turn. Its ticks must not overlap.
type Exporter struct {
	Config
	turn    *postgres.Turn
	metrics *metrics
	runs    *runCounter
}

// New makes an Exporter and registers its metrics.
func New(reg prometheus.Registerer, c Config) *Exporter {
	m := newMetrics(reg)
	return &Exporter{Config: c, turn: postgres.NewTurn(c.Pool, "gauges", c.Patience), metrics: m}
}

// Tick brings the metrics up to date, or takes them away where another
// scheduler has the turn. What cannot be read is taken away too: no value is
// better than an old one.
func (e *Exporter) Tick(ctx context.Context) error {
	mine, err := e.turn.Hold(ctx)
	e.metrics.export(mine)
	if err != nil || !mine {
		e.runs = nil
		e.metrics.clear()
		return err
	}
	return errors.Join(e.readQueues(ctx), e.readDatabase(ctx))
}

// Close gives the turn to another scheduler.
func (e *Exporter) Close(ctx context.Context) {
	e.metrics.clear()
	e.turn.Release(ctx)
}

func (e *Exporter) readQueues(ctx context.Context) error {
	depths, err := e.Queue.Depths(ctx)
	e.metrics.tasks.Reset()
	e.metrics.oldestTask.Reset()
	for _, d := range depths {
		for state, n := range d.Tasks {
			e.metrics.tasks.WithLabelValues(d.Queue, state).Set(float64(n))
		}
		e.metrics.oldestTask.WithLabelValues(d.Queue).Set(d.Oldest.Seconds())
	}
	return err
}

func (e *Exporter) readDatabase(ctx context.Context) error {
	err := postgres.Brief(ctx, e.Pool, e.StatementTimeout, func(tx pgx.Tx) error {
		return errors.Join(e.readWork(ctx, tx), e.countRuns(ctx, tx))
	})
	if err != nil {
		e.metrics.clearDatabase()
	}
	return err
}

func (e *Exporter) readWork(ctx context.Context, tx pgx.Tx) error {
	backlog, err := postgres.ReadBacklog(ctx, tx)
	if err != nil {
		return err
	}
	lag, err := postgres.DueLag(ctx, tx, e.Regions)
	if err != nil {
		return err
	}
	tables, err := postgres.StagingTables(ctx, tx)
	if err != nil {
		return err
	}
	e.metrics.setBacklog(backlog)
	e.metrics.setLag(lag)
	e.metrics.setStaging(tables)
	return nil
}

// countRuns counts the runs that have ended since the turn was taken.
func (e *Exporter) countRuns(ctx context.Context, tx pgx.Tx) error {
	if e.runs == nil {
		now, err := postgres.Now(ctx, tx)
		if err != nil {
			return err
		}
		e.runs = newRunCounter(now)
	}
	ended, err := postgres.EndedSince(ctx, tx, e.runs.since())
	if err != nil {
		return err
	}
	for _, run := range e.runs.fresh(ended) {
		e.metrics.runs.WithLabelValues(string(run.State), run.Region, string(run.Trigger)).Inc()
	}
	return nil
}
