package main

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"cleversync/shared/syncrun"
)

// followEvery is how often a run under way is looked at.
const followEvery = 150 * time.Millisecond

// apiRun is what the demo reads of a run.
type apiRun struct {
	ID         string        `json:"id"`
	State      syncrun.State `json:"state"`
	Status     string        `json:"status"`
	Code       string        `json:"code"`
	Message    string        `json:"message"`
	Action     string        `json:"action"`
	Reference  string        `json:"reference"`
	Generation int           `json:"generation"`
	Seconds    float64       `json:"duration_seconds"`
	Records    int64         `json:"records"`
	Pages      int64         `json:"pages"`
	Written    int64         `json:"rows_written"`
	Synced     struct {
		Users       int64 `json:"users"`
		Classrooms  int64 `json:"classrooms"`
		Parents     int64 `json:"parents"`
		Memberships int64 `json:"memberships"`
		ParentLinks int64 `json:"parent_links"`
	} `json:"synced"`
	Counts map[string]counts `json:"counts"`
	Issues []issue           `json:"issues"`
	Steps  []step            `json:"steps"`
}

// counts are what became of the rows of one kind.
type counts struct {
	Unchanged int64 `json:"unchanged"`
	Added     int64 `json:"added"`
	Updated   int64 `json:"updated"`
	Archived  int64 `json:"archived"`
	Restored  int64 `json:"restored"`
	Held      int64 `json:"held"`
	Skipped   int64 `json:"skipped"`
}

// issue is how often something came up.
type issue struct {
	Code     string `json:"code"`
	Severity string `json:"severity"`
	Count    int64  `json:"count"`
	Message  string `json:"message"`
}

// step is how far a step has come.
type step struct {
	Name      syncrun.Step      `json:"name"`
	State     syncrun.StepState `json:"state"`
	Reason    string            `json:"reason"`
	NotBefore time.Time         `json:"not_before"`
	LastError string            `json:"last_error"`
	Pages     int64             `json:"pages"`
	Records   int64             `json:"records"`
	Started   time.Time         `json:"started_at"`
	Finished  time.Time         `json:"finished_at"`
}

// follow looks at a run until it has ended, and shows each look. It bears an API or a Postgres that is away for a while,
// as when somebody kills one to see what happens.
func (d *demo) follow(ctx context.Context, id string, show func(apiRun)) (apiRun, error) {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	answered := time.Now()
	for {
		var seen apiRun
		err := d.api.do(ctx, http.MethodGet, d.runsPath()+"/"+id, nil, &seen)
		switch {
		case err == nil:
			answered = time.Now()
			show(seen)
		case ctx.Err() != nil || !passing(err) || time.Since(answered) > outage:
			return seen, err
		}
		if seen.State.Final() {
			return seen, nil
		}
		d.programs.workerPeak() // a worker that is killed takes its number along
		select {
		case <-ctx.Done():
			return seen, ctx.Err()
		case <-tick.C:
		}
	}
}

// outage is how long nobody may answer.
const outage = time.Minute

// passing tells whether the same request may succeed later.
func passing(err error) bool {
	if p, ok := errors.AsType[*problem](err); ok {
		return p.Status == http.StatusServiceUnavailable
	}
	_, unreached := errors.AsType[*url.Error](err)
	return unreached
}
