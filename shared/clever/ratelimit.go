package clever

import (
	"cmp"
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

// refusedReset is when to come again after a 429 that does not say: half of
// Clever's window, so that the second try at the latest is in a new one.
const refusedReset = 30 * time.Second

// allowance is what the headers of an answer say about one bucket of the rate
// limit. Clever reports one bucket today, and has reported several.
type allowance struct {
	// limit and remaining are requests; unsaid where the headers do not say.
	limit, remaining int64
	// reset is how long until requests are allowed again, 0 where the headers
	// do not say.
	reset time.Duration
}

// unsaid stands for a number that is missing or makes no sense.
const unsaid = -1

// allowances are all buckets of an answer.
type allowances []allowance

// parseAllowances reads the x-ratelimit headers, in which several buckets stand
// as repeated headers or as one with commas. The reset is a time of day by
// Clever's clock; it is measured against the answer's own date, so that our
// clock does not matter, and only without one against now.
func parseAllowances(h http.Header, now time.Time) allowances {
	limit, remaining, reset := numbers(h, "X-Ratelimit-Limit"), numbers(h, "X-Ratelimit-Remaining"), numbers(h, "X-Ratelimit-Reset")
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date
	}
	all := make(allowances, max(len(limit), len(remaining), len(reset)))
	for i := range all {
		all[i] = allowance{limit: at(limit, i), remaining: at(remaining, i)}
		if end := at(reset, i); end > 0 {
			all[i].reset = min(max(time.Unix(end, 0).Sub(now), minReset), maxReset)
		}
	}
	return all
}

// retryAfter is the latest reset of an exhausted bucket; where none is
// exhausted, or it is not known which, the latest of all.
func (all allowances) retryAfter() time.Duration {
	var exhausted, latest time.Duration
	for _, a := range all {
		latest = max(latest, a.reset)
		if a.remaining == 0 {
			exhausted = max(exhausted, a.reset)
		}
	}
	return cmp.Or(exhausted, latest)
}

// tightest is the bucket that allows the fewest requests a second until its
// reset; of several without any, the one that is reset last.
func (all allowances) tightest() (tightest allowance, known bool) {
	for _, a := range all {
		if a.remaining == unsaid {
			continue
		}
		a.reset = cmp.Or(a.reset, all.retryAfter())
		if !known || a.perSecond() < tightest.perSecond() || a.perSecond() == tightest.perSecond() && a.reset > tightest.reset {
			tightest, known = a, true
		}
	}
	return tightest, known
}

func (a allowance) perSecond() float64 {
	return float64(a.remaining) / max(a.reset, minReset).Seconds()
}

// numbers gives every number in all headers of a name, unsaid for what is none,
// so that positions still agree between headers.
func numbers(h http.Header, name string) []int64 {
	var all []int64
	for _, line := range h.Values(name) {
		for part := range strings.SplitSeq(line, ",") {
			n, err := strconv.ParseInt(strings.TrimSpace(part), 10, 64)
			if err != nil || n < 0 || n > 1<<40 {
				n = unsaid
			}
			all = append(all, n)
		}
	}
	return all
}

func at(all []int64, i int) int64 {
	if i < len(all) {
		return all[i]
	}
	return unsaid
}
