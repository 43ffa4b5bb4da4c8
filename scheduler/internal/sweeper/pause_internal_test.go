package sweeper

import (
	"testing"
	"time"
)

// The rule by itself, for a lease of ten seconds: seconds by our clock, by the database's, and since the
// server began.
func TestPause(t *testing.T) {
	t.Parallel()
	type look struct {
		ours, theirs, up int
		lost             bool
		judge            bool
	}
	for name, looks := range map[string][]look{
		"begins":  {{ours: 0, theirs: 0, up: 99}, {ours: 9, theirs: 9, up: 990}, {ours: 10, theirs: 10, up: 990, judge: true}},
		"goes on": {{ours: 0, up: 990}, {ours: 10, theirs: 10, up: 990, judge: true}, {ours: 20, theirs: 20, up: 990, judge: true}},
		"slept": {{ours: 0, up: 99}, {ours: 10, theirs: 10, up: 99, judge: true}, {ours: 21, theirs: 12, up: 99},
			{ours: 30, theirs: 21, up: 99}, {ours: 31, theirs: 22, up: 99, judge: true}},
		"clock jumps":     {{ours: 0, up: 990}, {ours: 10, theirs: 10, up: 990, judge: true}, {ours: 11, theirs: 600, up: 990}, {ours: 20, theirs: 609, up: 990}, {ours: 21, theirs: 610, up: 990, judge: true}},
		"clock goes back": {{ours: 0, theirs: 600, up: 990}, {ours: 10, theirs: 10, up: 990, judge: true}},
		"restarted":       {{ours: 0, up: 990}, {ours: 10, theirs: 10, up: 990, judge: true}, {ours: 12, theirs: 12, up: 1}, {ours: 20, theirs: 20, up: 9}, {ours: 21, theirs: 21, up: 10, judge: true}},
		"away": {{ours: 0, up: 990}, {ours: 10, theirs: 10, up: 990, judge: true}, {lost: true}, {ours: 11, theirs: 11, up: 990},
			{ours: 20, theirs: 20, up: 990}, {ours: 21, theirs: 21, up: 990, judge: true}},
	} {
		p := pause{lease: 10 * time.Second}
		began := time.Now()
		seconds := func(n int) time.Duration { return time.Duration(n) * time.Second }
		for i, l := range looks {
			if l.lost {
				p.lost()
				continue
			}
			if got := p.over(began.Add(seconds(l.ours)), began.Add(seconds(l.theirs)), seconds(l.up)); got != l.judge {
				t.Errorf("%s: look %d may judge: %v, want %v", name, i, got, l.judge)
			}
		}
	}
}
