// Package queue delivers steps to workers through asynq on Redis. It only
// delivers: Postgres is the truth. A task that is lost is delivered again, one
// that comes twice is dropped by the claim, and Redis may lose everything at
// any time without harm.
//
// Kinds, payloads and policies of tasks stand here and nowhere else.
package queue

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/hibiken/asynq"

	"cleversync/shared/syncrun"
)

// The kinds of tasks. They are never renamed and none is a prefix of another.
const (
	KindPrepare = "sync:prepare"
	KindFetch   = "sync:fetch"
	KindPlan    = "sync:plan"
	KindApply   = "sync:apply"
)

// Kinds lists all kinds.
func Kinds() []string { return []string{KindPrepare, KindFetch, KindPlan, KindApply} }

// Pool is a set of queues that one asynq server works off.
type Pool string

// The pools: fetch is network-bound and large, apply database-bound and small.
const (
	PoolFetch Pool = "fetch"
	PoolApply Pool = "apply"
)

// PoolOf tells which pool works on a step.
func PoolOf(step syncrun.Step) Pool {
	if step == syncrun.Plan || step == syncrun.Apply {
		return PoolApply
	}
	return PoolFetch
}

// Queue is the name of the queue of a pool and lane.
func Queue(pool Pool, lane syncrun.Lane) string {
	if lane == syncrun.LaneManual {
		return string(pool) + "-manual"
	}
	return string(pool)
}

// Queues lists every queue.
func Queues() []string {
	return []string{
		Queue(PoolFetch, syncrun.LaneManual), Queue(PoolFetch, syncrun.LaneScheduled),
		Queue(PoolApply, syncrun.LaneManual), Queue(PoolApply, syncrun.LaneScheduled),
	}
}

// maxRetry is far above what Postgres may decide: 30 minutes of outage are some
// 65 retries. asynq archives a task that has none left.
const maxRetry = 1000

// Timeouts after which asynq gives a handler up. asynq does not wait for such a
// handler, so each lies well above what a step allows itself: three slices of a
// fetch, and the statement timeout of plan and apply.
const (
	fetchTimeout = 15 * time.Minute
	applyTimeout = 30 * time.Minute
)

type payload struct {
	Run  uuid.UUID    `json:"run"`
	Step syncrun.Step `json:"step"`
	Seq  int          `json:"seq"`
}

// task makes a new task for each enqueue: asynq appends to the options of a
// shared one.
func task(d syncrun.Delivery) (*asynq.Task, error) {
	body, err := json.Marshal(payload{Run: d.Run, Step: d.Step, Seq: d.Seq})
	if err != nil {
		return nil, fmt.Errorf("encode payload: %w", err)
	}
	pool, timeout := PoolOf(d.Step), fetchTimeout
	if pool == PoolApply {
		timeout = applyTimeout
	}
	return asynq.NewTask("sync:"+d.Step.Stage(), body,
		asynq.TaskID(d.ID()),
		asynq.Queue(Queue(pool, d.Lane)),
		asynq.MaxRetry(maxRetry),
		asynq.Timeout(timeout),
	), nil
}

// parse reads a task's payload back.
func parse(t *asynq.Task) (syncrun.Delivery, error) {
	var p payload
	if err := json.Unmarshal(t.Payload(), &p); err != nil {
		return syncrun.Delivery{}, fmt.Errorf("decode payload of a %s task: %w", t.Type(), err)
	}
	return syncrun.Delivery{Run: p.Run, Step: p.Step, Seq: p.Seq}, nil
}
