package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"
)

// ErrRedisURL is what a malformed address gives; the address itself may hold a
// password and is not repeated.
var ErrRedisURL = errors.New("redis url: malformed (it must look like redis://:password@host:port/0)")

// open makes a client with timeouts of ours. Callers that people wait for give
// few retries; servers give many, because asynq's own retry of an
// acknowledgement never works (its context is cancelled before), so go-redis
// must keep trying within the task's lease.
func open(url string, retries, pool int) (*redis.Client, error) {
	o, err := redis.ParseURL(url)
	if err != nil {
		return nil, ErrRedisURL
	}
	o.DialTimeout = 500 * time.Millisecond
	o.ReadTimeout = 2 * time.Second
	o.WriteTimeout = time.Second
	o.MaxRetries = retries
	o.MinRetryBackoff = 50 * time.Millisecond
	o.MaxRetryBackoff = time.Second
	o.PoolSize = pool
	return redis.NewClient(o), nil
}

// openBudget makes the client of a Budget. It stands before every request to
// Clever and can do without Redis, so it finds out soon that Redis is away and
// tries nothing twice: a second try might take a second place.
func openBudget(url string) (*redis.Client, error) {
	o, err := redis.ParseURL(url)
	if err != nil {
		return nil, ErrRedisURL
	}
	const soon = 250 * time.Millisecond
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = soon, soon, soon, soon
	o.DialerRetries = 1
	o.MaxRetries = -1
	o.ContextTimeoutEnabled = true
	o.PoolSize = 10
	return redis.NewClient(o), nil
}

// LogTo sends what go-redis has to say to a program's log instead of plain text
// to stderr. It is global and unguarded in go-redis, so it belongs into main,
// before anything runs.
func LogTo(log *slog.Logger) { redis.SetLogger(redisLogger{log}) }

type redisLogger struct{ log *slog.Logger }

func (l redisLogger) Printf(ctx context.Context, format string, args ...any) {
	l.log.WarnContext(ctx, "redis", "detail", fmt.Sprintf(format, args...))
}
