package queue

import (
	"context"
	_ "embed"
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"cleversync/shared/fault"
)

// ErrBudget marks a wait that our own budget asks for, not Clever.
var ErrBudget = errors.New("the district's budget of requests is used up for now")

//go:embed reserve.lua
var reserveScript string

// Clever allows 1,200 requests in a fixed minute. 19 a second with a burst of
// 30 are at most 1,170 in the worst minute. Scheduled callers leave the last
// ten of the burst to people.
const (
	budgetRate      = 19
	budgetBurst     = 30
	manualReserve   = 10
	longestTake     = 2 * time.Second
	budgetKeyPrefix = "cleversync:budget:"
)

// Budget is what all callers of one district share, whichever process they are
// in: one bucket per district in Redis, by reservation (a place is taken, its
// time is waited for). Without Redis each process goes on with a part.
type Budget struct {
	redis  *redis.Client
	script *redis.Script
	waits  prometheus.Histogram

	mu    sync.Mutex
	until map[string]time.Time // by district: Clever said there is nothing left until then
	local map[string]time.Time // by district: next free place without Redis
}

// NewBudget makes a Budget on the client's Redis.
func NewBudget(c *Client, reg prometheus.Registerer) *Budget {
	b := &Budget{
		redis:  c.redis,
		script: redis.NewScript(reserveScript),
		waits: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "cleversync_budget_reserved_seconds",
			Help:    "How far ahead places in a district's budget were reserved.",
			Buckets: []float64{0.001, 0.01, 0.05, 0.1, 0.5, 1, 2, 5},
		}),
		until: map[string]time.Time{},
		local: map[string]time.Time{},
	}
	reg.MustRegister(b.waits)
	return b
}

// Take waits for a place. A wait that would hold the caller too long is a
// fault instead, with the time after which to come again.
func (b *Budget) Take(ctx context.Context, district string, manual bool) error {
	if wait := time.Until(b.exhausted(district)); wait > longestTake {
		return budgetFault(wait)
	}
	burst := budgetBurst
	if !manual {
		burst -= manualReserve
	}
	wait, err := b.reserve(ctx, district, burst)
	if err != nil {
		wait = b.reserveLocally(district)
	}
	if wait < 0 {
		return budgetFault(-wait)
	}
	b.waits.Observe(wait.Seconds())
	if wait == 0 {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Observe is told what Clever's headers said: they are obeyed where they
// disagree with our own count.
func (b *Budget) Observe(district string, _, remaining int, reset time.Duration) {
	if remaining > 0 || reset <= 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.until[district] = time.Now().Add(reset)
}

func (b *Budget) exhausted(district string) time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	until := b.until[district]
	if time.Now().After(until) {
		delete(b.until, district)
	}
	return until
}

func budgetFault(wait time.Duration) error {
	f := fault.Wrap(ErrBudget, fault.CleverRateLimited, "the requests to Clever allowed for this district are used up for now")
	f.RetryAfter = wait
	return f
}

func (b *Budget) reserve(ctx context.Context, district string, burst int) (time.Duration, error) {
	micros, err := b.script.Run(ctx, b.redis, []string{budgetKeyPrefix + district},
		1_000_000/budgetRate, burst, 1, longestTake.Microseconds()).Int64()
	return time.Duration(micros) * time.Microsecond, err
}

// reserveLocally spaces this process's calls as if one other worked beside it:
// slow, but never open.
func (b *Budget) reserveLocally(district string) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	at := b.local[district]
	if at.Before(now) {
		at = now
	}
	wait := at.Sub(now)
	if wait > longestTake {
		return -wait
	}
	b.local[district] = at.Add(time.Second * 2 / budgetRate)
	return wait
}
