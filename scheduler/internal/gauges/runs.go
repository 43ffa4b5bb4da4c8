package gauges

import (
	"time"

	"github.com/google/uuid"

	"cleversync/shared/postgres"
)

// overlap is how far back it looks again: a run's transaction commits a moment
// after the time that it gives as its end.
const overlap = time.Minute

// runCounter counts each ended run once. What had ended when it began was
// counted by whoever had the turn before.
type runCounter struct {
	began, latest time.Time
	seen          map[uuid.UUID]time.Time
}

func newRunCounter(now time.Time) *runCounter {
	return &runCounter{began: now, latest: now, seen: map[uuid.UUID]time.Time{}}
}

// since is the time from which on ended runs must be looked at.
func (c *runCounter) since() time.Time {
	if since := c.latest.Add(-overlap); since.After(c.began) {
		return since
	}
	return c.began
}

// fresh gives those of the runs that were not given before.
func (c *runCounter) fresh(ended []postgres.EndedRun) []postgres.EndedRun {
	var fresh []postgres.EndedRun
	for _, run := range ended {
		if _, seen := c.seen[run.ID]; !seen {
			c.seen[run.ID] = run.FinishedAt
			fresh = append(fresh, run)
		}
		if run.FinishedAt.After(c.latest) {
			c.latest = run.FinishedAt
		}
	}
	for id, at := range c.seen {
		if !at.After(c.since()) {
			delete(c.seen, id)
		}
	}
	return fresh
}
