package sweeper

import "time"

// pause knows when leases may be judged. Workers renew them in Postgres; while
// Postgres was away they could not, and while this process slept it does not
// know what else slept. So after any such pause everybody gets one lease to
// give a sign of life before anybody is taken for dead. It waits too after the
// clock has jumped, which makes leases look older than they are.
type pause struct {
	lease time.Duration
	// seen is when Postgres was last reached, by our clock and by its own; zero
	// is never, or not since it failed.
	seen, clock time.Time
	// until is when waiting is over, by our clock.
	until time.Time
}

// lost notes that Postgres could not be reached.
func (p *pause) lost() { p.seen = time.Time{} }

// over notes that Postgres was reached, at now by our clock and at clock by its
// own, and was up for so long. It tells whether leases may be judged.
func (p *pause) over(now, clock time.Time, up time.Duration) bool {
	if p.seen.IsZero() || now.Sub(p.seen) > p.lease || clock.Sub(p.clock) > p.lease {
		p.until = now.Add(p.lease)
	}
	if restarted := now.Add(p.lease - up); restarted.After(p.until) {
		p.until = restarted
	}
	p.seen, p.clock = now, clock
	return !now.Before(p.until)
}
