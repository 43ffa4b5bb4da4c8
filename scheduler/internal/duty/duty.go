// Package duty runs what the scheduler does again and again, and knows whether
// each of it still moves.
package duty

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Duty is one thing that is done at intervals.
type Duty struct {
	// Name is a label of metrics.
	Name     string
	Interval time.Duration
	Tick     func(ctx context.Context) error
}

// Runner runs duties until its context ends.
type Runner struct {
	log     *slog.Logger
	timeout time.Duration
	metrics *metrics
	duties  []*watched
}

// New makes a Runner. No tick may last longer than timeout: then its context
// ends, and a tick that does not heed that is what Hanging reports.
func New(log *slog.Logger, reg prometheus.Registerer, timeout time.Duration, duties ...Duty) *Runner {
	r := &Runner{log: log, timeout: timeout, metrics: newMetrics(reg)}
	for _, d := range duties {
		r.duties = append(r.duties, &watched{Duty: d})
	}
	return r
}

// Run performs all duties side by side and returns when ctx has ended and every
// tick with it. A tick that fails is logged, once when failing begins and once
// when it is over, and comes again after its interval.
func (r *Runner) Run(ctx context.Context) {
	var wg sync.WaitGroup
	for _, d := range r.duties {
		d.moved()
		wg.Go(func() { r.perform(ctx, d) })
	}
	wg.Wait()
}

func (r *Runner) perform(ctx context.Context, d *watched) {
	ticker := time.NewTicker(d.Interval)
	defer ticker.Stop()
	for failing := false; ; {
		failing = r.tick(ctx, d, failing)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// tick performs one tick and tells whether it failed.
func (r *Runner) tick(ctx context.Context, d *watched, failing bool) bool {
	bound, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	began := time.Now()
	err := d.Tick(bound)
	d.moved()
	if ctx.Err() != nil {
		return failing // it was told to stop; what it says now means nothing
	}
	r.metrics.observe(d.Name, time.Since(began), err)
	switch {
	case err != nil && !failing:
		r.log.WarnContext(ctx, "duty fails", "duty", d.Name, "error", err)
	case err == nil && failing:
		r.log.InfoContext(ctx, "duty is well again", "duty", d.Name)
	}
	return err != nil
}
