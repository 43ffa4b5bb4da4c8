package duty

import (
	"sync/atomic"
	"time"
)

// watched is a duty with the time of its last completed tick.
type watched struct {
	Duty
	last atomic.Pointer[time.Time]
}

func (w *watched) moved() {
	now := time.Now()
	w.last.Store(&now)
}

// Hanging names the duties whose last tick ended so long ago that one must be
// stuck: three intervals, and twice what a tick may last. A tick that fails has
// ended too, so that an outage of Postgres or Redis makes nothing hang. Before
// Run nothing hangs.
func (r *Runner) Hanging() []string {
	var names []string
	for _, d := range r.duties {
		last := d.last.Load()
		if last != nil && time.Since(*last) > 3*d.Interval+2*r.timeout {
			names = append(names, d.Name)
		}
	}
	return names
}
