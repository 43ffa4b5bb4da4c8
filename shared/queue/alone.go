package queue

import (
	"sync"
	"time"
)

// few is how many districts a process remembers before it looks for some to
// forget.
const few = 1024

// outage is a time without Redis.
type outage struct {
	since   time.Time
	callers int // processes that share the budget, as far as is known
}

// alone is the part of the budget that a process decides by itself: what it
// does without Redis, and until when Clever has told it to wait. It remembers
// districts only as long as either matters.
type alone struct {
	mu        sync.Mutex
	districts map[string]spot
	sweep     int // size of the map at which it is swept
}

type spot struct {
	next  time.Time // next free place without Redis
	until time.Time // Clever said there is nothing left until then
}

func newAlone() *alone { return &alone{districts: map[string]spot{}, sweep: few} }

// reserve spaces this process's calls as if twice as many processes shared
// the budget as were there when Redis was last seen: slow, but never open. The
// first place is a whole space after the loss, so that all processes together
// take half of our rate from the first moment on, whatever they reserved before.
// A longer wait than longestTake has taken nothing.
func (a *alone) reserve(district string, o outage) time.Duration {
	space := time.Second * 2 * time.Duration(max(o.callers, 1)) / budgetRate
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	s := a.districts[district]
	at := s.next
	for _, earliest := range []time.Time{o.since.Add(space), now} {
		if at.Before(earliest) {
			at = earliest
		}
	}
	wait := at.Sub(now)
	if wait <= longestTake {
		s.next = at.Add(space)
		a.remember(district, s, now)
	}
	return wait
}

// stop lets nobody of this process pass until Clever's reset.
func (a *alone) stop(district string, reset time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	s := a.districts[district]
	if until := now.Add(reset); until.After(s.until) {
		s.until = until
	}
	a.remember(district, s, now)
}

// stopped tells how long nobody may pass.
func (a *alone) stopped(district string) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return max(0, time.Until(a.districts[district].until))
}

// remember sweeps so rarely that it costs a call next to nothing.
func (a *alone) remember(district string, s spot, now time.Time) {
	a.districts[district] = s
	if len(a.districts) < a.sweep {
		return
	}
	for district, s := range a.districts {
		if s.next.Before(now) && s.until.Before(now) {
			delete(a.districts, district)
		}
	}
	a.sweep = max(few, 2*len(a.districts))
}
