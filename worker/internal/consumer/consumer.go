// Package consumer stands between the queue and the syncer: it claims the step
// that a delivery names, keeps the claim alive while the step is performed, and
// decides what becomes of an error: try again and when, give the step back, or
// end the run.
//
// A handler returns nil once everything about its delivery is recorded in
// Postgres. It never trusts the queue to deliver a step once only.
package consumer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"cleversync/shared/dispatch"
	"cleversync/shared/postgres"
	"cleversync/shared/queue"
	"cleversync/shared/syncrun"
	"cleversync/worker/internal/syncer"
)

// ErrStopping is why steps are given back while the worker shuts down.
var ErrStopping = errors.New("the worker is stopping")

// Config is what a Consumer works with.
type Config struct {
	Pool     *pgxpool.Pool
	Queue    *queue.Client
	Dispatch *dispatch.Dispatcher
	Syncer   *syncer.Syncer
	Log      *slog.Logger
	Metrics  *Metrics
	// Owner names this worker in the rows of the steps that it works on.
	Owner string
	// Lease is how long a claim lasts without a sign of life, Heartbeat how old
	// the last sign may get, and Poll how often a step looks for a cancel.
	Lease, Heartbeat, Poll time.Duration
	// PerTenant and PerDistrict bound the fetch steps that run at once.
	PerTenant, PerDistrict int
	// Pools are the pools that this worker runs, with their sizes: only their
	// steps are continued without the queue.
	Pools map[queue.Pool]int
	// Patience are the bounds of trying again.
	Patience Patience
}

// Consumer works on deliveries.
type Consumer struct {
	Config
	stopping context.Context
	stop     context.CancelCauseFunc
	lanes    map[queue.Pool]chan struct{}
	local    sync.WaitGroup
}

// New makes a Consumer. Stop must be called, and Wait after it.
func New(c Config) *Consumer {
	ctx, stop := context.WithCancelCause(context.Background())
	lanes := map[queue.Pool]chan struct{}{}
	for pool, size := range c.Pools {
		lanes[pool] = make(chan struct{}, size)
	}
	return &Consumer{Config: c, stopping: ctx, stop: stop, lanes: lanes}
}

// Stop makes every running step give itself back at its next page.
func (c *Consumer) Stop() { c.stop(ErrStopping) }

// Wait waits for the steps that were continued without the queue. The queue's
// servers wait for theirs.
func (c *Consumer) Wait() { c.local.Wait() }

// Handle works on one delivery and on whatever follows from it in the same
// process. It leaves asynq's own context: Redis going away is no reason to stop
// a step whose lease is in Postgres, and a person's cancel comes from there too.
func (c *Consumer) Handle(ctx context.Context, d syncrun.Delivery) error {
	ctx = context.WithoutCancel(ctx)
	next, err := c.perform(ctx, d)
	if err != nil {
		return err
	}
	c.follow(ctx, next)
	return nil
}

// perform claims the step of a delivery and does it.
func (c *Consumer) perform(ctx context.Context, d syncrun.Delivery) ([]syncrun.Delivery, error) {
	claim, answer, wait, err := postgres.ClaimStep(ctx, c.Pool, postgres.ClaimRequest{
		Delivery: d, Owner: c.Owner, Lease: c.Lease, PerTenant: c.PerTenant, PerDistrict: c.PerDistrict,
	})
	switch {
	case err != nil:
		return nil, err
	case answer == postgres.NotYet:
		c.Metrics.claims.WithLabelValues("not yet").Inc()
		return nil, &queue.Later{Delay: wait, Reason: "not yet: the step waits or is held"}
	case answer == postgres.Obsolete:
		c.Metrics.claims.WithLabelValues("obsolete").Inc()
		return nil, nil
	}
	c.Metrics.claims.WithLabelValues("taken").Inc()
	began := time.Now()
	next, err := c.guarded(ctx, claim)
	next, err = c.settle(ctx, claim, next, err)
	c.Metrics.steps.WithLabelValues(d.Step.Stage(), d.Step.Stream(), outcomeOf(err)).Observe(time.Since(began).Seconds())
	return next, err
}

// guarded performs a step while a second goroutine keeps its claim alive. The
// step's context ends, with the reason as its cause, when the claim is lost,
// the run is cancelled, or the worker stops.
func (c *Consumer) guarded(ctx context.Context, claim *postgres.Claim) (next []syncrun.Delivery, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(c.stopping, func() { cancel(ErrStopping) })()

	done := make(chan struct{})
	var beating sync.WaitGroup
	beating.Go(func() { c.beat(ctx, claim, cancel, done) })
	defer beating.Wait()
	defer close(done)
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in step %s: %v", claim.Step, p)
		}
	}()
	next, err = c.Syncer.Perform(ctx, claim)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return nil, cause
	}
	return next, err
}

// beat renews the claim and looks for a cancel, at once and until done. An outage of
// Postgres is not its business: the lease runs out by itself.
func (c *Consumer) beat(ctx context.Context, claim *postgres.Claim, cancel context.CancelCauseFunc, done <-chan struct{}) {
	tick := time.NewTicker(c.Poll)
	defer tick.Stop()
	for ; ; c.next(ctx, tick, done) {
		if isOver(ctx, done) {
			return
		}
		beat, stop := context.WithTimeout(ctx, c.Lease/2)
		pulse, err := claim.Beat(beat, c.Pool, c.Lease-c.Heartbeat)
		stop()
		switch {
		case err != nil:
			c.Log.DebugContext(ctx, "no heartbeat", "run", claim.Run, "step", claim.Step, "error", err)
		case !pulse.Alive:
			cancel(postgres.ErrFenced)
			return
		case pulse.Cancelled:
			cancel(postgres.ErrCancelled)
			return
		}
	}
}

// next waits for the next beat or the end.
func (c *Consumer) next(ctx context.Context, tick *time.Ticker, done <-chan struct{}) {
	select {
	case <-done:
	case <-ctx.Done():
	case <-tick.C:
	}
}

func isOver(ctx context.Context, done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return ctx.Err() != nil
	}
}

// follow puts what comes next on the queue, and takes what this worker has a
// free hand for at once, instead of waiting for the queue's next poll. The
// claim drops whichever delivery comes second.
func (c *Consumer) follow(ctx context.Context, next []syncrun.Delivery) {
	c.Dispatch.Deliver(ctx, next)
	for _, d := range next {
		lane := c.lanes[queue.PoolOf(d.Step)]
		if c.stopping.Err() != nil {
			return
		}
		select {
		case lane <- struct{}{}: // a nil lane is never ready
			c.local.Go(func() {
				defer func() { <-lane }()
				c.carryOn(ctx, d)
			})
		default:
		}
	}
}

// carryOn works on a delivery outside the queue. What must come again goes back
// to the queue, which may have dropped its own copy meanwhile.
func (c *Consumer) carryOn(ctx context.Context, d syncrun.Delivery) {
	err := c.Handle(ctx, d)
	if err == nil {
		return
	}
	later, waits := errors.AsType[*queue.Later](err)
	if !waits {
		c.Log.ErrorContext(ctx, "step left to the sweeper", "run", d.Run, "step", d.Step, "error", err)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	if err := c.Queue.EnqueueAfter(ctx, d, later.Delay); err != nil {
		c.Log.WarnContext(ctx, "waiting step left to the sweeper", "run", d.Run, "step", d.Step, "error", err)
	}
}
