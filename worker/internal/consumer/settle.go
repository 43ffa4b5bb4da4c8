package consumer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"cleversync/shared/fault"
	"cleversync/shared/postgres"
	"cleversync/shared/queue"
	"cleversync/shared/syncrun"
	"cleversync/worker/internal/syncer"
)

// settleTimeout bounds the recording of what became of a step. It runs on a
// context of its own: the step's may be over.
const settleTimeout = 10 * time.Second

// settle records what became of a step. Whatever cannot be recorded comes back
// as an error, the step stays claimed, and its lease runs out.
func (c *Consumer) settle(ctx context.Context, claim *postgres.Claim, next []syncrun.Delivery, err error) ([]syncrun.Delivery, error) {
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	switch {
	case err == nil:
		return next, nil
	case errors.Is(err, postgres.ErrFenced):
		return nil, c.unlessFenced(ctx, claim, err)
	case errors.Is(err, postgres.ErrCancelled):
		return c.end(ctx, claim, postgres.Ending{State: syncrun.Cancelled})
	case errors.Is(err, syncer.ErrSliceOver), errors.Is(err, ErrStopping):
		c.Metrics.outcome("yielded", claim.Step)
		d, err := postgres.YieldStep(ctx, c.Pool, claim.Fence)
		if err != nil {
			return nil, c.unlessFenced(ctx, claim, err)
		}
		c.Dispatch.Deliver(ctx, []syncrun.Delivery{d})
		return nil, nil
	}
	return c.fail(ctx, claim, err)
}

// unlessFenced drops the news that a step was taken over: its new holder works
// on it. Any other error stays.
func (c *Consumer) unlessFenced(ctx context.Context, claim *postgres.Claim, err error) error {
	if !errors.Is(err, postgres.ErrFenced) {
		return err
	}
	c.Log.InfoContext(ctx, "step was taken over", "run", claim.Run, "tenant", claim.Tenant, "step", claim.Step, "attempt", claim.Attempt)
	c.Metrics.outcome("fenced", claim.Step)
	return nil
}

// fail lets a step wait for another try or ends its run, as the table of
// Patience says.
func (c *Consumer) fail(ctx context.Context, claim *postgres.Claim, err error) ([]syncrun.Delivery, error) {
	f := asFault(err)
	v := c.Patience.judge(f, claim)
	log := c.Log.With("run", claim.Run, "tenant", claim.Tenant, "step", claim.Step, "attempt", claim.Attempt)
	if v.again {
		log.WarnContext(ctx, "step waits", "code", f.Code, "wait", v.wait.Delay, "error", err)
		c.Metrics.retries.WithLabelValues(claim.Step.Stage(), string(f.Code)).Inc()
		if err := postgres.WaitStep(ctx, c.Pool, claim.Fence, v.wait); err != nil {
			return nil, c.unlessFenced(ctx, claim, err)
		}
		return nil, &queue.Later{Delay: v.wait.Delay, Reason: fmt.Sprintf("%s: %s", f.Code, f.Detail)}
	}
	log.ErrorContext(ctx, "run failed", "code", f.Code, "error", err)
	ending := postgres.Ending{State: syncrun.Failed, Code: f.Code, Message: f.Detail}
	if f.Code == fault.Internal {
		ending.Reference = claim.Run.String()
	}
	return c.end(ctx, claim, ending)
}

// asFault gives an outage of Postgres its own kind; the rest of what nobody
// foresaw is internal.
func asFault(err error) *fault.Fault {
	if f, ok := errors.AsType[*fault.Fault](err); ok {
		return f
	}
	if postgres.IsOutage(err) {
		return fault.Wrap(err, fault.RosterStoreUnavailable, "the roster store did not answer in time")
	}
	return fault.Of(err)
}

// end ends the run of a claimed step, and begins the one more that a person may
// have asked for.
func (c *Consumer) end(ctx context.Context, claim *postgres.Claim, e postgres.Ending) (next []syncrun.Delivery, err error) {
	err = claim.FencedRun(ctx, c.Pool, func(tx pgx.Tx) error {
		if e.State == syncrun.Failed {
			if err := postgres.FailStep(ctx, tx, claim.Fence, fmt.Sprintf("%s: %s", e.Code, e.Message)); err != nil {
				return err
			}
		}
		if _, err := postgres.EndRun(ctx, tx, claim.Run, e); err != nil {
			return err
		}
		next, err = c.Dispatch.Rerun(ctx, tx, claim.Run)
		return err
	})
	if err != nil {
		return nil, c.unlessFenced(ctx, claim, err)
	}
	if err := postgres.ClearStaging(ctx, c.Pool, claim.Run); err != nil {
		c.Log.WarnContext(ctx, "staged rows left to the pruner", "run", claim.Run, "error", err)
	}
	return next, nil
}
