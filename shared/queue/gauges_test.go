package queue_test

import (
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"cleversync/shared/queue"
	"cleversync/shared/queue/queuetest"
	"cleversync/shared/syncrun"
)

func TestDepths(t *testing.T) {
	t.Parallel()
	url := queuetest.New(t)
	options, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	rdb := redis.NewClient(options)
	defer rdb.Close()
	c, err := queue.Open(url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	empty := map[string]int{"pending": 0, "active": 0, "scheduled": 0, "retry": 0, "archived": 0}
	with := func(state string, n int) map[string]int {
		m := maps.Clone(empty)
		m[state] = n
		return m
	}
	look := func() map[string]map[string]int {
		t.Helper()
		depths, err := c.Depths(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]map[string]int{}
		for _, d := range depths {
			got[d.Queue] = d.Tasks
			if d.Oldest > 0 != (d.Tasks["pending"] > 0) || d.Oldest > time.Minute {
				t.Errorf("%s: %v pending, the oldest for %v", d.Queue, d.Tasks["pending"], d.Oldest)
			}
		}
		return got
	}
	nothing := map[string]map[string]int{"fetch-manual": empty, "fetch": empty, "apply-manual": empty, "apply": empty}
	if diff := cmp.Diff(nothing, look()); diff != "" {
		t.Errorf("of queues that never were (-want +got):\n%s", diff)
	}

	put := func() {
		t.Helper()
		for _, d := range []syncrun.Delivery{
			{Step: syncrun.Prepare, Lane: syncrun.LaneManual}, {Step: syncrun.Prepare, Lane: syncrun.LaneManual},
			{Step: syncrun.Plan, Lane: syncrun.LaneScheduled},
		} {
			d.Run = uuid.Must(uuid.NewV7())
			if err := c.Enqueue(t.Context(), d); err != nil {
				t.Fatal(err)
			}
		}
	}
	full := map[string]map[string]int{"fetch-manual": with("pending", 2), "fetch": empty, "apply-manual": empty, "apply": with("pending", 1)}
	put()
	if diff := cmp.Diff(full, look()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// After a loss of everything the queues are seen again.
	if err := rdb.FlushDB(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	put()
	if diff := cmp.Diff(full, look()); diff != "" {
		t.Errorf("after Redis lost everything (-want +got):\n%s", diff)
	}
	if _, err := asynq.NewInspectorFromRedisClient(rdb).ArchiveAllPendingTasks("apply"); err != nil {
		t.Fatal(err)
	}
	full["apply"] = with("archived", 1)
	if diff := cmp.Diff(full, look()); diff != "" {
		t.Errorf("with an archived task (-want +got):\n%s", diff)
	}
}

func TestDepths_withoutRedis(t *testing.T) {
	t.Parallel()
	c, err := queue.Open("redis://127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if depths, err := c.Depths(t.Context()); err == nil {
		t.Errorf("got %v without Redis", depths)
	}
}

// A queue that asynq cannot read does not hide the others.
func TestDepths_oneQueueIsBroken(t *testing.T) {
	t.Parallel()
	url := queuetest.New(t)
	options, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	rdb := redis.NewClient(options)
	defer rdb.Close()
	c, err := queue.Open(url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Enqueue(t.Context(), syncrun.Delivery{Run: uuid.Must(uuid.NewV7()), Step: syncrun.Plan}); err != nil {
		t.Fatal(err)
	}
	if err := rdb.Set(t.Context(), "asynq:{apply}:pending", "no list", 0).Err(); err != nil {
		t.Fatal(err)
	}
	depths, err := c.Depths(t.Context())
	if err == nil || len(depths) != 3 {
		t.Errorf("got %v, %v; want the three other queues and an error", depths, err)
	}
}
