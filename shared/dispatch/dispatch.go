// Package dispatch is the one way in which a run begins, and the one way in
// which a delivery gets from Postgres to the queue.
//
// A run begins in Postgres, in one transaction: the run with its copy of what
// it works by, and its first step. Telling the queue comes after and may fail
// without harm: the sweeper tells it again.
package dispatch

import (
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"cleversync/shared/postgres"
	"cleversync/shared/queue"
	"cleversync/shared/syncrun"
)

// Config is what a Dispatcher works with.
type Config struct {
	Pool  *pgxpool.Pool
	Queue *queue.Client
	Log   *slog.Logger
	// PageSize is the number of records that new runs ask Clever for at once;
	// 0 means 2,000.
	PageSize int
}

// Dispatcher begins and cancels runs and delivers steps. It is safe for
// concurrent use.
type Dispatcher struct {
	pool     *pgxpool.Pool
	queue    *queue.Client
	log      *slog.Logger
	pageSize int
}

const defaultPageSize = 2000

// New makes a Dispatcher.
func New(c Config) *Dispatcher {
	d := &Dispatcher{pool: c.Pool, queue: c.Queue, log: c.Log, pageSize: c.PageSize}
	if d.pageSize == 0 {
		d.pageSize = defaultPageSize
	}
	return d
}

// deliverTimeout bounds how long a caller waits for Redis.
const deliverTimeout = 3 * time.Second

// Deliver puts steps on the queue that are marked as told already. What Redis
// does not take is unmarked, so that the dispatcher tells it later; the failure
// is logged, not returned, because nothing is lost by it.
func (d *Dispatcher) Deliver(ctx context.Context, deliveries []syncrun.Delivery) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), deliverTimeout)
	defer cancel()
	for _, delivery := range deliveries {
		if err := d.queue.Enqueue(ctx, delivery); err != nil {
			d.log.WarnContext(ctx, "step not put on the queue", "run", delivery.Run, "step", delivery.Step, "error", err)
			d.unmark(ctx, delivery)
		}
	}
}

// unmark has a bound of its own: Deliver's may be used up by Redis.
func (d *Dispatcher) unmark(ctx context.Context, delivery syncrun.Delivery) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), deliverTimeout)
	defer cancel()
	if err := postgres.Unmark(ctx, d.pool, delivery); err != nil {
		d.log.WarnContext(ctx, "step stays marked as told until swept", "run", delivery.Run, "step", delivery.Step, "error", err)
	}
}
