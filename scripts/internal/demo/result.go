package main

import (
	"encoding/json"
	"fmt"

	"cleversync/shared/syncrun"
)

// result is the outcome of a demo as --json prints it. Its fields are relied on by scripts: none is renamed.
type result struct {
	Status  syncrun.State `json:"status"`
	Code    string        `json:"code,omitempty"`    // of a failed run
	Message string        `json:"message,omitempty"` // the same for people

	Users       int64 `json:"users"`
	Classrooms  int64 `json:"classrooms"`
	Parents     int64 `json:"parents"`
	Memberships int64 `json:"memberships"`
	ParentLinks int64 `json:"parent_links"`
	// Skipped is every issue code of the run and how often it came up, those that kept their row included.
	Skipped map[string]int64 `json:"skipped"`

	Records          int64            `json:"records"` // received from Clever, in all streams
	Pages            int64            `json:"pages"`
	Seconds          float64          `json:"seconds"` // from the run's creation to its end, in database time
	RecordsPerSecond float64          `json:"records_per_second"`
	PeakRSS          map[string]int64 `json:"peak_rss_bytes"` // by program

	Tenant string  `json:"tenant"`
	Run    string  `json:"run"`
	Second *second `json:"second,omitempty"`

	whole apiRun // for the table
}

// second is the outcome of the second run of --runs 2.
type second struct {
	result
	RosterRowsWritten int64 `json:"roster_rows_written"`
	WALBytes          int64 `json:"wal_bytes"`
	FirstWALBytes     int64 `json:"first_wal_bytes"`
}

func newResult(tenant string, r apiRun) *result {
	outcome := &result{
		Status: r.State, Code: r.Code, Message: r.Message,
		Users: r.Synced.Users, Classrooms: r.Synced.Classrooms, Parents: r.Synced.Parents,
		Memberships: r.Synced.Memberships, ParentLinks: r.Synced.ParentLinks,
		Skipped: map[string]int64{},
		Records: r.Records, Pages: r.Pages, Seconds: r.Seconds,
		PeakRSS: map[string]int64{},
		Tenant:  tenant, Run: r.ID,
		whole: r,
	}
	for _, issue := range r.Issues {
		outcome.Skipped[issue.Code] += issue.Count
	}
	if r.Seconds > 0 {
		outcome.RecordsPerSecond = float64(r.Records) / r.Seconds
	}
	return outcome
}

// good tells whether every run was completed.
func (r *result) good() bool {
	return r.Status == syncrun.Completed && (r.Second == nil || r.Second.good())
}

// fillPeaks adds what the workers used at most, over all runs.
func (ps *programs) fillPeaks(r *result) {
	r.PeakRSS["worker"] = ps.workerPeak()
	if r.Second != nil {
		r.Second.PeakRSS["worker"] = r.PeakRSS["worker"]
	}
}

// print shows the outcome in the way that was asked for.
func (d *demo) print(r *result) error {
	if !d.choices.json {
		return printTable(d.out, r)
	}
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("write outcome: %w", err)
	}
	_, err = fmt.Fprintf(d.out, "%s\n", text)
	return err
}
