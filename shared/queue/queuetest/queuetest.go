// Package queuetest gives each test a Redis of its own: a logical database of a real one. asynq's keys are the same in
// every database, so two tests in one would work on each other's tasks.
package queuetest

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"cleversync/scripts/scratch"
)

const (
	// Database 0 holds the keys by which test programs agree who has which.
	nextKey   = "cleversync:test:next"
	takenKey  = "cleversync:test:taken:%d"
	takenFor  = time.Hour // longer than any test; a killed one keeps its database so long
	setUp     = time.Minute
	databases = 16 // where Redis does not tell
	// howTo is what a person sees who runs a test without Redis.
	howTo = "this test needs Postgres and Redis; run scripts/test, or: go run ./scripts/scratch/run -- go test ./..."
)

// New returns the address of an empty logical database, which it empties again when the test ends. FLUSHALL is not for
// tests that use it. A test without Redis fails: one that is skipped would look as good as one that has passed.
func New(t testing.TB) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), setUp)
	defer cancel()
	given, err := scratch.Given(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if given == nil {
		t.Fatal(howTo)
	}
	shared, err := open(given.RedisURL, 0)
	if err != nil {
		t.Fatal(err)
	}
	number, err := take(ctx, shared, t.Name())
	if err != nil {
		t.Fatal(err)
	}
	own, err := open(given.RedisURL, number)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { giveBack(t, shared, own, number) })
	// A killed test may have left something.
	if err := own.FlushDB(ctx).Err(); err != nil {
		t.Fatalf("empty redis database %d: %v", number, err)
	}
	return address(t, given.RedisURL, number)
}

func open(server string, number int) (*redis.Client, error) {
	options, err := redis.ParseURL(server)
	if err != nil {
		return nil, fmt.Errorf("redis address does not parse")
	}
	options.DB = number
	return redis.NewClient(options), nil
}

// take finds a database that no other test has, in this or any other program.
func take(ctx context.Context, shared *redis.Client, test string) (int, error) {
	count := databases
	if config, err := shared.ConfigGet(ctx, "databases").Result(); err == nil {
		if told, err := strconv.Atoi(config["databases"]); err == nil {
			count = told
		}
	}
	for range count {
		next, err := shared.Incr(ctx, nextKey).Result()
		if err != nil {
			return 0, fmt.Errorf("take redis database: %w", err)
		}
		number := 1 + int(next)%(count-1)
		taken, err := shared.SetNX(ctx, fmt.Sprintf(takenKey, number), test, takenFor).Result()
		if err != nil {
			return 0, fmt.Errorf("take redis database: %w", err)
		}
		if taken {
			return number, nil
		}
	}
	return 0, fmt.Errorf("all %d databases of this redis are taken by tests: start it with more, or FLUSHALL what killed tests have left", count)
}

// giveBack empties the database first: once its key is gone, another test may have it.
func giveBack(t testing.TB, shared, own *redis.Client, number int) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), setUp)
	defer cancel()
	if err := own.FlushDB(ctx).Err(); err != nil {
		t.Errorf("empty redis database %d: %v", number, err)
	}
	if err := shared.Del(ctx, fmt.Sprintf(takenKey, number)).Err(); err != nil {
		t.Errorf("give back redis database %d: %v", number, err)
	}
	for _, client := range []*redis.Client{own, shared} {
		if err := client.Close(); err != nil {
			t.Errorf("close redis client: %v", err)
		}
	}
}

func address(t testing.TB, server string, number int) string {
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal("redis address does not parse")
	}
	u.Path = "/" + strconv.Itoa(number)
	u.RawQuery = "" // where a db may stand too
	return u.String()
}
