package clevertest

import (
	"slices"
	"time"
)

// Window is one window of a token's rate limit, as the simulator counted it.
type Window struct {
	Token string
	// Reset is when the window ends or ended.
	Reset time.Time
	// Requests came in it, Refused of them were above the limit.
	Requests, Refused int
}

// Windows returns the windows of all tokens in the order in which they began,
// the last thousand of them, so that a test can tell whether a client kept to
// Clever's limit. Without a limit there are none.
func (s *Server) Windows() []Window {
	s.limiter.mu.Lock()
	defer s.limiter.mu.Unlock()
	all := make([]Window, len(s.limiter.windows))
	for i, w := range s.limiter.windows {
		all[i] = *w
	}
	return all
}

// open begins a token's next window.
func (l *limiter) open(token string, reset int64) *Window {
	if len(l.windows) >= maxWindows {
		l.windows = slices.Delete(l.windows, 0, 1)
	}
	w := &Window{Token: token, Reset: time.Unix(reset, 0)}
	l.windows = append(l.windows, w)
	return w
}
