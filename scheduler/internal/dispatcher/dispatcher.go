// Package dispatcher moves ready steps from Postgres to the queue, as many as
// the bound on what is in flight allows, manual ones first. The backlog stays
// in Postgres, so that Redis holds only what is about to run.
package dispatcher

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"cleversync/shared/dispatch"
	"cleversync/shared/postgres"
	"cleversync/shared/queue"
	"cleversync/shared/syncrun"
)

// Config is what a Dispatcher works with.
type Config struct {
	Pool     *pgxpool.Pool
	Queue    *queue.Client
	Dispatch *dispatch.Dispatcher
	// InFlight is how many steps the queue and the workers hold together; Batch
	// is how many are moved at once.
	InFlight, Batch int
	// StatementTimeout bounds each statement.
	StatementTimeout time.Duration
}

// Dispatcher moves steps. Several may work at once: rows that one has locked
// are skipped by the others, at the price that each may fill the bound once.
type Dispatcher struct{ Config }

// New makes a Dispatcher.
func New(c Config) *Dispatcher { return &Dispatcher{c} }

// Tick moves what is ready, until the bound is reached or nothing is left.
// While Redis is away it does nothing: steps that nobody is told of are best
// left unmarked.
func (d *Dispatcher) Tick(ctx context.Context) error {
	for {
		if err := d.Queue.Ping(ctx); err != nil {
			return fmt.Errorf("reach the queue: %w", err)
		}
		var deliveries []syncrun.Delivery
		err := postgres.Brief(ctx, d.Pool, d.StatementTimeout, func(tx pgx.Tx) (err error) {
			deliveries, err = postgres.MarkReady(ctx, tx, d.InFlight, d.Batch)
			return err
		})
		if err != nil {
			return err
		}
		d.Dispatch.Deliver(ctx, deliveries)
		if len(deliveries) < d.Batch {
			return nil
		}
	}
}
