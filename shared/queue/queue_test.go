package queue_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"cleversync/shared/queue"
	"cleversync/shared/queue/queuetest"
	"cleversync/shared/syncrun"
)

func open(t *testing.T) (*queue.Client, string) {
	t.Helper()
	url := queuetest.New(t)
	c, err := queue.Open(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c, url
}

func delivery(step syncrun.Step) syncrun.Delivery {
	return syncrun.Delivery{Run: uuid.New(), Step: step, Seq: 1, Lane: syncrun.LaneManual}
}

// serve starts a server whose handler is told every delivery.
func serve(t *testing.T, url string, pool queue.Pool, handler queue.Handler) {
	t.Helper()
	s, err := queue.NewServer(queue.ServerConfig{
		URL: url, Pool: pool, Concurrency: 2, Drain: 5 * time.Second, Handler: handler, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Stop()
		if err := s.Shutdown(); err != nil {
			t.Error(err)
		}
	})
}

func TestClient_Enqueue_secondDeliveryIsNoSecondTask(t *testing.T) {
	t.Parallel()
	c, url := open(t)
	d := delivery(syncrun.Prepare)
	for range 3 {
		if err := c.Enqueue(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	got := make(chan syncrun.Delivery, 10)
	serve(t, url, queue.PoolFetch, func(_ context.Context, d syncrun.Delivery) error {
		got <- d
		return nil
	})
	first := <-got
	if first.Run != d.Run || first.Step != d.Step || first.Seq != d.Seq {
		t.Errorf("delivered %+v, want %+v", first, d)
	}
	marker := delivery(syncrun.FetchTerms)
	if err := c.Enqueue(t.Context(), marker); err != nil {
		t.Fatal(err)
	}
	if second := <-got; second.Run != marker.Run {
		t.Errorf("a second task of the same delivery came: %+v", second)
	}
}

// Each kind of step goes to its own pool: a fetch server never gets a plan.
func TestQueues_poolsAreApart(t *testing.T) {
	t.Parallel()
	c, url := open(t)
	fetched, applied := make(chan syncrun.Step, 20), make(chan syncrun.Step, 20)
	for _, step := range syncrun.Steps() {
		if err := c.Enqueue(t.Context(), delivery(step)); err != nil {
			t.Fatal(err)
		}
	}
	serve(t, url, queue.PoolFetch, func(_ context.Context, d syncrun.Delivery) error { fetched <- d.Step; return nil })
	serve(t, url, queue.PoolApply, func(_ context.Context, d syncrun.Delivery) error { applied <- d.Step; return nil })
	for range 8 {
		if step := <-fetched; step == syncrun.Plan || step == syncrun.Apply {
			t.Errorf("the fetch pool got %s", step)
		}
	}
	for range 2 {
		if step := <-applied; step != syncrun.Plan && step != syncrun.Apply {
			t.Errorf("the apply pool got %s", step)
		}
	}
}

// A step that waits comes again after its delay, shows in the Retry state
// meanwhile, and counts as no failure however often it waits.
func TestServer_laterIsRetriedAndNoFailure(t *testing.T) {
	t.Parallel()
	c, url := open(t)
	var calls atomic.Int32
	done := make(chan struct{})
	serve(t, url, queue.PoolFetch, func(context.Context, syncrun.Delivery) error {
		if calls.Add(1) < 3 {
			return &queue.Later{Delay: time.Millisecond, Reason: "clever_unavailable"}
		}
		close(done)
		return nil
	})
	if err := c.Enqueue(t.Context(), delivery(syncrun.Prepare)); err != nil {
		t.Fatal(err)
	}
	<-done
	options, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	rdb := redis.NewClient(options)
	defer rdb.Close()
	info, err := asynq.NewInspectorFromRedisClient(rdb).GetQueueInfo("fetch-manual")
	if err != nil {
		t.Fatal(err)
	}
	if info.Failed != 0 || info.Archived != 0 {
		t.Errorf("failed %d, archived %d, want none", info.Failed, info.Archived)
	}
}

func TestClient_Find(t *testing.T) {
	t.Parallel()
	c, url := open(t)
	d := delivery(syncrun.Prepare)
	find := func(want queue.Whereabouts, when string) {
		t.Helper()
		got, err := c.Find(d)
		if err != nil || got != want {
			t.Errorf("%s: %v, %v, want %v", when, got, err, want)
		}
	}
	find(queue.Missing, "before")
	if err := c.EnqueueAfter(t.Context(), d, time.Hour); err != nil {
		t.Fatal(err)
	}
	find(queue.Coming, "scheduled")
	options, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	rdb := redis.NewClient(options)
	defer rdb.Close()
	if err := asynq.NewInspectorFromRedisClient(rdb).ArchiveTask("fetch-manual", d.ID()); err != nil {
		t.Fatal(err)
	}
	find(queue.Stuck, "archived by hand")
}

// An address may hold a password: it stays out of the error.
func TestOpen_malformedAddressIsNotRepeated(t *testing.T) {
	t.Parallel()
	_, err := queue.Open("redis://:hunter2@host:port:x/%zz")
	if !errors.Is(err, queue.ErrRedisURL) || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("error = %v", err)
	}
}
