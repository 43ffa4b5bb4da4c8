package consumer

import (
	"errors"
	"math/rand/v2"
	"time"

	"cleversync/shared/fault"
	"cleversync/shared/postgres"
	"cleversync/shared/queue"
)

// Patience are the bounds within which a step is tried again. They count since
// the step last got on, so a long stream may meet many short troubles.
type Patience struct {
	// Few is how often a failure is tried that rarely goes away by itself.
	Few int
	// First and Longest are the shortest and the longest pause between tries;
	// pauses double from one to the other.
	First, Longest time.Duration
	// Outage is how long an outage may last.
	Outage time.Duration
	// Resets is how many resets of a rate limit are waited for.
	Resets int
}

// DefaultPatience are the bounds that the error codes' documentation names.
func DefaultPatience() Patience {
	return Patience{Few: 5, First: time.Second, Longest: 30 * time.Second, Outage: 30 * time.Minute, Resets: 10}
}

// verdict is what becomes of a failure: another try after a wait, or the end of
// the run.
type verdict struct {
	again bool
	wait  postgres.Wait
}

// judge is the one table that says which failure is tried again, and when.
func (p Patience) judge(f *fault.Fault, c *postgres.Claim) verdict {
	retry := fault.Explain(f.Code).Retry
	if f.Final {
		retry = fault.Never
	}
	wait := postgres.Wait{Reason: string(f.Code), Detail: f.Detail}
	switch retry {
	case fault.Few:
		wait.Failed, wait.Delay = true, p.pause(c.Attempt)
		return verdict{again: c.Attempt+1 < p.Few, wait: wait}
	case fault.Backoff:
		wait.Failed, wait.Delay = true, p.pause(c.Attempt)
		return verdict{again: c.Failing < p.Outage, wait: wait}
	case fault.AfterReset:
		wait.Delay = max(f.RetryAfter, 100*time.Millisecond) + jitter(time.Second)
		if errors.Is(f.Err, queue.ErrBudget) {
			return verdict{again: true, wait: wait} // our own limit, not Clever's answer
		}
		wait.Reset = true
		return verdict{again: c.Resets+1 < p.Resets, wait: wait}
	}
	return verdict{}
}

// pause doubles from First to Longest, with jitter so that many steps that
// failed together do not come back together.
func (p Patience) pause(attempt int) time.Duration {
	pause := min(p.First<<min(attempt, 20), p.Longest)
	return pause/2 + jitter(pause/2)
}

func jitter(most time.Duration) time.Duration {
	return rand.N(max(most, 1))
}
