package queue

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"cleversync/shared/fault"
)

// ErrBudget marks a wait that our own budget asks for, not Clever.
var ErrBudget = errors.New("the district's budget of requests is used up for now")

// Clever allows 1,200 requests in a fixed minute. 19 a second with a burst of
// 30 are at most 1,170 in the worst minute, which leaves 30 for requests that
// were granted before it and reach Clever in it: each caller has at most one
// such. Scheduled callers leave the last ten of the burst to people.
const (
	budgetRate    = 19
	budgetBurst   = 30
	manualReserve = 10
	longestTake   = 2 * time.Second
)

// Bounds of what Clever's headers can bring about.
const (
	// onTheirWay is how many requests of ours may be granted and not yet counted
	// in an answer's remaining.
	onTheirWay = 30
	// roundingReset is what the headers' whole seconds make of a reset at worst.
	roundingReset = time.Second
	// longestObeyed bounds every wait that headers ask for: Clever's windows are
	// 60 seconds long, and whoever asks for more has a wrong clock.
	longestObeyed = 90 * time.Second
	// leftToOthers is what a process on its own does not touch of the remaining:
	// it does not know what others do.
	leftToOthers = 100
)

// Budget is what all callers of one district share, whichever process they are
// in: one bucket per district in Redis, by reservation (a place is taken, its
// time is waited for). Without Redis each process goes on with a part.
//
// A place that was taken is never given back: whoever reserved after it has
// been told a time that counts it. A caller that ends while it waits wastes
// its place, which makes the others no faster and no slower.
type Budget struct {
	shared *bucket
	alone  *alone

	waits  prometheus.Histogram
	takes  *prometheus.CounterVec
	obeyed *prometheus.CounterVec
}

// NewBudget makes a Budget on the client's Redis.
func NewBudget(c *Client, reg prometheus.Registerer) *Budget {
	b := &Budget{
		shared: newBucket(c.budget),
		alone:  newAlone(),
		waits: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "cleversync_budget_reserved_seconds",
			Help:    "How far ahead places in a district's budget were reserved.",
			Buckets: []float64{0.001, 0.01, 0.05, 0.1, 0.5, 1, 2, 5},
		}),
		takes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cleversync_budget_takes_total",
			Help: "Requests for a place in a district's budget, by outcome: shared or alone (a place through Redis or without), refused (come later), cancelled (the caller ended).",
		}, []string{"outcome"}),
		obeyed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cleversync_budget_obeyed_total",
			Help: "Answers of Clever with less left than our own count allows, by outcome: slowed or stopped until the reset. Another program uses the token.",
		}, []string{"outcome"}),
	}
	for _, outcome := range []string{"shared", "alone", "refused", "cancelled"} {
		b.takes.WithLabelValues(outcome)
	}
	for _, outcome := range []string{"slowed", "stopped"} {
		b.obeyed.WithLabelValues(outcome)
	}
	reg.MustRegister(b.waits, b.takes, b.obeyed)
	return b
}

// Take waits for a place. A wait that would hold the caller too long is a
// fault instead, with the time after which to come again.
func (b *Budget) Take(ctx context.Context, district string, manual bool) error {
	if !budgeted {
		return nil
	}
	outcome, err := b.take(ctx, district, manual)
	b.takes.WithLabelValues(outcome).Inc()
	return err
}

func (b *Budget) take(ctx context.Context, district string, manual bool) (outcome string, err error) {
	if ctx.Err() != nil {
		return "cancelled", ctx.Err() // before it takes a place
	}
	if wait := b.alone.stopped(district); wait > 0 {
		return "refused", budgetFault(wait)
	}
	outcome = "shared"
	wait, err := b.shared.reserve(ctx, district, manual)
	if ctx.Err() != nil {
		return "cancelled", ctx.Err()
	}
	if err != nil {
		outcome, wait = "alone", b.alone.reserve(district, b.shared.outage())
	}
	if wait > longestTake {
		return "refused", budgetFault(wait)
	}
	b.waits.Observe(wait.Seconds())
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return "cancelled", ctx.Err()
		}
	}
	if wait := b.alone.stopped(district); wait > 0 { // learned meanwhile
		return "refused", budgetFault(wait)
	}
	return outcome, nil
}

// Observe is told what Clever's headers said, and holds every process to it
// where they leave less than our own rate would use. Alone we could leave
// Clever's limit untouched by at least this much until its reset:
//
//	burst + rate × time until the reset
//
// so that less, beyond what rounding and requests on their way explain, means
// that another program uses the token. What remains is then spread over the
// time that remains; where nothing does, all wait for the reset.
func (b *Budget) Observe(ctx context.Context, district string, limit, remaining int, reset time.Duration) {
	if !budgeted || reset <= 0 || remaining < 0 {
		return
	}
	reset = min(reset, longestObeyed)
	if remaining == 0 || remaining < leftToOthers && b.shared.away() {
		b.alone.stop(district, reset)
	}
	own := budgetBurst + int(budgetRate*(reset-roundingReset)/time.Second)
	if remaining > 0 && remaining+onTheirWay >= own {
		return
	}
	// Whoever asked may be gone by now; what was learned holds all the same.
	stopped, err := b.shared.obey(context.WithoutCancel(ctx), district, limit, remaining, reset)
	switch {
	case err != nil && remaining > 0:
		return // Redis is away: each process obeys what it is told itself
	case err != nil || stopped:
		b.obeyed.WithLabelValues("stopped").Inc()
	default:
		b.obeyed.WithLabelValues("slowed").Inc()
	}
}

func budgetFault(wait time.Duration) error {
	f := fault.Wrap(ErrBudget, fault.CleverRateLimited, "the requests to Clever allowed for this district are used up for now")
	f.RetryAfter = wait
	return f
}
