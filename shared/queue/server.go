package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"cleversync/shared/syncrun"
)

// Later is what a handler returns where the same delivery must come again:
// after Delay, shown in the dashboard's Retry tab with Reason. It is no failure
// of the task.
type Later struct {
	Delay  time.Duration
	Reason string
}

// Error gives the reason, which the dashboard shows.
func (l *Later) Error() string { return l.Reason }

// Handler works on one delivery. It returns nil when everything about it is
// recorded in Postgres, *Later when it must come again, and any other error
// when nothing could be recorded.
type Handler func(ctx context.Context, d syncrun.Delivery) error

// ServerConfig describes one pool of a worker.
type ServerConfig struct {
	URL         string
	Pool        Pool
	Concurrency int
	// Drain is how long Stop waits for handlers before their tasks go back to
	// the queue.
	Drain   time.Duration
	Handler Handler
	Log     *slog.Logger
}

// Server works off the queues of one pool.
type Server struct {
	server *asynq.Server
	redis  *redis.Client
	mux    *asynq.ServeMux
}

// NewServer makes a server; Start runs it.
func NewServer(c ServerConfig) (*Server, error) {
	rdb, err := open(c.URL, 15, c.Concurrency+10)
	if err != nil {
		return nil, err
	}
	mux := asynq.NewServeMux()
	handle := asynq.HandlerFunc(func(ctx context.Context, t *asynq.Task) error {
		d, err := parse(t)
		if err != nil {
			return fmt.Errorf("%w: %w", err, asynq.SkipRetry)
		}
		return c.Handler(ctx, d)
	})
	for _, kind := range Kinds() {
		mux.Handle(kind, handle)
	}
	server := asynq.NewServerFromRedisClient(rdb, asynq.Config{
		Concurrency:              c.Concurrency,
		Queues:                   map[string]int{Queue(c.Pool, syncrun.LaneManual): 6, Queue(c.Pool, syncrun.LaneScheduled): 2},
		TaskCheckInterval:        200 * time.Millisecond,
		DelayedTaskCheckInterval: time.Second,
		ShutdownTimeout:          c.Drain,
		RetryDelayFunc:           retryDelay,
		IsFailure:                isFailure,
		Logger:                   logger{c.Log},
		LogLevel:                 asynq.WarnLevel,
	})
	return &Server{server: server, redis: rdb, mux: mux}, nil
}

// Start begins to take tasks.
func (s *Server) Start() error {
	if err := s.server.Start(s.mux); err != nil {
		return fmt.Errorf("start asynq server: %w", err)
	}
	return nil
}

// Ping tells whether Redis answers.
func (s *Server) Ping(ctx context.Context) error { return s.redis.Ping(ctx).Err() }

// Stop takes no more tasks; running handlers go on.
func (s *Server) Stop() { s.server.Stop() }

// Shutdown waits for the handlers, at most for Drain.
func (s *Server) Shutdown() error {
	s.server.Shutdown()
	return s.redis.Close()
}

func retryDelay(n int, err error, _ *asynq.Task) time.Duration {
	if later, ok := errors.AsType[*Later](err); ok {
		return max(later.Delay, time.Millisecond)
	}
	return min(2*time.Second<<min(n, 4), 30*time.Second)
}

// isFailure keeps waiting, and the death of a worker, from counting as failures
// of the task: Postgres counts both where they matter.
func isFailure(err error) bool {
	_, later := errors.AsType[*Later](err)
	return !later && !errors.Is(err, asynq.ErrLeaseExpired)
}

// logger hands asynq's own words to the program's log.
type logger struct{ log *slog.Logger }

func (l logger) Debug(args ...any) { l.log.Debug("asynq", "detail", fmt.Sprint(args...)) }
func (l logger) Info(args ...any)  { l.log.Info("asynq", "detail", fmt.Sprint(args...)) }
func (l logger) Warn(args ...any)  { l.log.Warn("asynq", "detail", fmt.Sprint(args...)) }
func (l logger) Error(args ...any) { l.log.Error("asynq", "detail", fmt.Sprint(args...)) }
func (l logger) Fatal(args ...any) { l.log.Error("asynq fatal", "detail", fmt.Sprint(args...)) }
