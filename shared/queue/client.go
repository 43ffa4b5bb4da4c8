package queue

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"cleversync/shared/syncrun"
)

// Client puts deliveries on the queue and looks at it. It is safe for
// concurrent use.
type Client struct {
	redis     *redis.Client
	budget    *redis.Client // connects when a Budget first asks
	inspector *asynq.Inspector
}

// Open makes a client. Redis need not be there yet.
func Open(url string) (*Client, error) {
	rdb, err := open(url, 2, 10)
	if err != nil {
		return nil, err
	}
	budget, err := openBudget(url)
	if err != nil {
		return nil, errors.Join(err, rdb.Close())
	}
	return &Client{
		redis:     rdb,
		budget:    budget,
		inspector: asynq.NewInspectorFromRedisClient(rdb),
	}, nil
}

// Close ends the connections.
func (c *Client) Close() error { return errors.Join(c.redis.Close(), c.budget.Close()) }

// Ping tells whether Redis answers.
func (c *Client) Ping(ctx context.Context) error { return c.redis.Ping(ctx).Err() }

// Enqueue makes one delivery. That it is there already is success: a late reply
// of Redis makes go-redis try again, and the second try meets the first.
func (c *Client) Enqueue(ctx context.Context, d syncrun.Delivery) error {
	return c.EnqueueAfter(ctx, d, 0)
}

// EnqueueAfter is Enqueue for a step that has to wait first.
func (c *Client) EnqueueAfter(ctx context.Context, d syncrun.Delivery, delay time.Duration) error {
	t, err := task(d)
	if err != nil {
		return err
	}
	var options []asynq.Option
	if delay > 0 {
		options = append(options, asynq.ProcessIn(delay))
	}
	// A client of asynq registers each queue once and remembers that it did.
	// After Redis has lost everything the queue would stay unknown to whoever
	// looks at it (the sweeper, the dashboard), so each delivery is a client's
	// first: one SADD more.
	_, err = asynq.NewClientFromRedisClient(c.redis).EnqueueContext(ctx, t, options...)
	if err != nil && !errors.Is(err, asynq.ErrTaskIDConflict) {
		return fmt.Errorf("enqueue %s: %w", d.ID(), err)
	}
	return nil
}

// Whereabouts says what the queue knows of a delivery.
type Whereabouts int

const (
	// Missing: the queue has no such task.
	Missing Whereabouts = iota
	// Coming: a worker will get it.
	Coming
	// Stuck: the task's id is taken, but no worker will get it soon (archived
	// by hand, or active with a worker that died). Only a new number helps.
	Stuck
)

// Find looks a delivery up.
func (c *Client) Find(d syncrun.Delivery) (Whereabouts, error) {
	info, err := c.inspector.GetTaskInfo(Queue(PoolOf(d.Step), d.Lane), d.ID())
	switch {
	case errors.Is(err, asynq.ErrTaskNotFound), errors.Is(err, asynq.ErrQueueNotFound), isNoQueue(err):
		return Missing, nil
	case err != nil:
		return Missing, fmt.Errorf("look up %s: %w", d.ID(), err)
	}
	switch info.State {
	case asynq.TaskStatePending, asynq.TaskStateScheduled, asynq.TaskStateRetry:
		return Coming, nil
	default:
		return Stuck, nil
	}
}

// isNoQueue knows the one "no such queue" error that asynq does not type.
func isNoQueue(err error) bool {
	return err != nil && strings.Contains(err.Error(), "NOT_FOUND: queue")
}
