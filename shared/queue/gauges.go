package queue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hibiken/asynq"
)

// Depth is how full one queue is.
type Depth struct {
	Queue string
	// Tasks counts by state; each state is there, with 0 too.
	Tasks map[string]int
	// Oldest is how long the task at the head has been waiting to be taken, 0
	// where none waits.
	Oldest time.Duration
}

// Depths looks at every queue. A queue that nothing was ever put on has no
// trace in Redis; it is empty, not an error. The queues that can be read are
// given along with the error of those that cannot.
//
// These are facts about Redis, the same whoever asks: only one process may
// export them, or sums over processes are wrong.
func (c *Client) Depths(ctx context.Context) ([]Depth, error) {
	if err := c.Ping(ctx); err != nil { // the inspector's own calls know no context
		return nil, fmt.Errorf("reach the queue: %w", err)
	}
	var depths []Depth
	var failures []error
	for _, name := range Queues() {
		info, err := c.inspector.GetQueueInfo(name)
		if isNoQueue(err) {
			info, err = &asynq.QueueInfo{}, nil
		}
		if err != nil {
			failures = append(failures, fmt.Errorf("look at queue %s: %w", name, err))
			continue
		}
		depths = append(depths, Depth{
			Queue: name,
			Tasks: map[string]int{
				"pending": info.Pending, "active": info.Active, "scheduled": info.Scheduled,
				"retry": info.Retry, "archived": info.Archived,
			},
			Oldest: max(info.Latency, 0),
		})
	}
	return depths, errors.Join(failures...)
}
