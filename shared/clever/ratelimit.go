package clever

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Bounds of a wait that Clever asks for. Its windows are 60 seconds long; an
// answer that asks for much more has a wrong clock behind it.
const (
	minReset = time.Second
	maxReset = 90 * time.Second
)

// limits is what the headers of an answer say about the rate limit.
type limits struct {
	// known tells that limit and remaining were there. Of several buckets they
	// are those of the one with the fewest requests remaining.
	known            bool
	limit, remaining int
	// reset is how long until requests are allowed again, zero where the
	// headers do not say: of several exhausted buckets the latest.
	reset time.Duration
}

// parseLimits reads the x-ratelimit headers. Clever reports one bucket today,
// and has reported several, as repeated headers or as one with commas. The
// reset is a time of day by Clever's clock; it is measured against the answer's
// own date, so that our clock does not matter, and only without one against
// now.
func parseLimits(h http.Header, now time.Time) limits {
	limit, remaining, reset := numbers(h, "X-Ratelimit-Limit"), numbers(h, "X-Ratelimit-Remaining"), numbers(h, "X-Ratelimit-Reset")
	var l limits
	if tightest := indexOfMin(remaining); tightest >= 0 && tightest < len(limit) {
		l.known, l.limit, l.remaining = true, int(limit[tightest]), int(remaining[tightest])
	}
	at := latestReset(remaining, reset)
	if at == 0 {
		return l
	}
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date
	}
	l.reset = min(max(time.Unix(at, 0).Sub(now), minReset), maxReset)
	return l
}

// latestReset gives the latest reset of an exhausted bucket; where none is
// exhausted, or it is not known which, the latest of all.
func latestReset(remaining, reset []int64) int64 {
	var exhausted, all int64
	for i, at := range reset {
		all = max(all, at)
		if i < len(remaining) && remaining[i] <= 0 {
			exhausted = max(exhausted, at)
		}
	}
	if exhausted > 0 {
		return exhausted
	}
	return all
}

// numbers gives every number in all headers of a name; what is none counts 0,
// so that positions still agree between headers.
func numbers(h http.Header, name string) []int64 {
	var all []int64
	for _, line := range h.Values(name) {
		for part := range strings.SplitSeq(line, ",") {
			n, err := strconv.ParseInt(strings.TrimSpace(part), 10, 64)
			if err != nil || n < 0 || n > 1<<40 {
				n = 0
			}
			all = append(all, n)
		}
	}
	return all
}

func indexOfMin(all []int64) int {
	at := -1
	for i, n := range all {
		if at < 0 || n < all[at] {
			at = i
		}
	}
	return at
}
