package clever

import (
	"context"
	"time"
)

// Caller is on whose behalf a request is made.
type Caller struct {
	// District is the Clever id of the district that Token opens.
	District string
	Token    Secret
	// Manual callers, for whom a person waits, may use more of the budget.
	Manual bool
}

// Budget is the allowance of requests that everybody who calls Clever for a
// district shares, in this process and in others. Clever allows 1200 requests
// in a minute with one token.
type Budget interface {
	// Take waits for a place. Where the wait would be too long it gives a
	// *fault.Fault of CleverRateLimited with RetryAfter at once, so that the
	// caller can do something else meanwhile.
	Take(ctx context.Context, district string, manual bool) error
	// Observe is told what Clever's headers said after each request: of several
	// buckets the one that allows the fewest requests a second until it is full
	// again, and how long that is. After a 429 nothing remains. It waits no
	// longer than a Redis that is there takes to answer.
	Observe(ctx context.Context, district string, limit, remaining int, reset time.Duration)
}
