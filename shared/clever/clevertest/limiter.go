package clevertest

import (
	"net/http"
	"strconv"
	"sync"
	"time"
)

// window is how long Clever counts before it begins anew.
const window = 60 // seconds

// maxWindows bounds the memory that invented tokens can take; beyond it,
// windows that have ended are forgotten, which changes no answer.
const maxWindows = 1000

// limiter counts requests per token in fixed windows. A window is not aligned
// to the minute: it starts with the token's first request.
type limiter struct {
	limit int
	mu    sync.Mutex
	used  map[string]*usage
	// windows are the last ones, for whoever asks how the limit was kept.
	windows []*Window
}

type usage struct {
	reset  int64 // unix second at which the window ends
	window *Window
}

func newLimiter(limit int) *limiter {
	return &limiter{limit: limit, used: map[string]*usage{}}
}

// take counts one request, writes the x-ratelimit headers, and reports whether
// the request is within the limit. A refused request counts too.
func (l *limiter) take(h http.Header, token string, now time.Time) bool {
	if l.limit < 0 {
		return true
	}
	count, reset := l.count(token, now.Unix())
	h.Set("X-Ratelimit-Bucket", "bearer")
	h.Set("X-Ratelimit-Limit", strconv.Itoa(l.limit))
	h.Set("X-Ratelimit-Remaining", strconv.Itoa(max(0, l.limit-count)))
	h.Set("X-Ratelimit-Reset", strconv.FormatInt(reset, 10))
	return count <= l.limit
}

func (l *limiter) count(token string, now int64) (count int, reset int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	u := l.used[token]
	if u == nil {
		if len(l.used) >= maxWindows {
			l.forget(now)
		}
		u = &usage{}
		l.used[token] = u
	}
	if now >= u.reset {
		*u = usage{reset: now + window, window: l.open(token, now+window)}
	}
	u.window.Requests++
	if u.window.Requests > l.limit {
		u.window.Refused++
	}
	return u.window.Requests, u.reset
}

func (l *limiter) forget(now int64) {
	for token, u := range l.used {
		if now >= u.reset {
			delete(l.used, token)
		}
	}
}
