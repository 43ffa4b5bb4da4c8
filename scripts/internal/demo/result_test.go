package main

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cleversync/shared/syncrun"
)

// sample is a run as the API shows it.
func sample() apiRun {
	r := apiRun{
		ID: "r1", State: syncrun.Completed, Status: "Completed", Seconds: 2, Records: 2440, Pages: 7, Written: 11000,
		Counts: map[string]counts{"user": {Added: 1000, Unchanged: 67}, "classroom": {Held: 3}},
		Issues: []issue{
			{Code: "parent_role_not_selected", Severity: "info", Count: 90, Message: "Not selected."},
			{Code: "value_too_long", Severity: "warning", Count: 5, Message: "Cut."},
			{Code: "parent_without_email", Severity: "error", Count: 51, Message: "No e-mail."},
		},
	}
	r.Synced.Users, r.Synced.Classrooms, r.Synced.Parents, r.Synced.Memberships, r.Synced.ParentLinks = 1067, 297, 833, 7962, 1065
	return r
}

// TestResult_Shape: scripts read these names.
func TestResult_Shape(t *testing.T) {
	t.Parallel()
	r := newResult("t1", sample())
	r.PeakRSS["worker"] = 27299840
	got := marshal(t, r)
	want := map[string]any{
		"status": "completed", "users": 1067., "classrooms": 297., "parents": 833., "memberships": 7962., "parent_links": 1065.,
		"skipped": map[string]any{"parent_role_not_selected": 90., "value_too_long": 5., "parent_without_email": 51.},
		"records": 2440., "pages": 7., "seconds": 2., "records_per_second": 1220.,
		"peak_rss_bytes": map[string]any{"worker": 27299840.}, "tenant": "t1", "run": "r1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("JSON differs (-want +got):\n%s", diff)
	}
}

func TestResult_ShapeOfSecondRun(t *testing.T) {
	t.Parallel()
	r := newResult("t1", sample())
	r.Second = &second{result: *newResult("t1", sample()), RosterRowsWritten: 0, WALBytes: 87, FirstWALBytes: 76000}
	got := marshal(t, r)
	again, ok := got["second"].(map[string]any)
	if !ok {
		t.Fatalf("no second run in %v", got)
	}
	delete(got, "second")
	wantKeys := slices.Sorted(maps.Keys(got))
	wantKeys = append(wantKeys, "roster_rows_written", "wal_bytes", "first_wal_bytes")
	slices.Sort(wantKeys)
	if diff := cmp.Diff(wantKeys, slices.Sorted(maps.Keys(again))); diff != "" {
		t.Errorf("keys of the second run differ (-want +got):\n%s", diff)
	}
}

func TestResult_ShapeOfFailedRun(t *testing.T) {
	t.Parallel()
	failed := apiRun{ID: "r1", State: syncrun.Failed, Code: "clever_district_held", Message: "The district is on hold."}
	r := newResult("t1", failed)
	got := marshal(t, r)
	want := map[string]any{"status": "failed", "code": "clever_district_held", "message": "The district is on hold.", "skipped": map[string]any{}}
	for key, value := range want {
		if diff := cmp.Diff(value, got[key]); diff != "" {
			t.Errorf("%s differs (-want +got):\n%s", key, diff)
		}
	}
	if r.good() {
		t.Error("a failed run counts as good")
	}
}

// TestResult_GoodNeedsBoth: a second run that fails is a failure.
func TestResult_GoodNeedsBoth(t *testing.T) {
	t.Parallel()
	r := newResult("t1", sample())
	if !r.good() {
		t.Error("a completed run does not count as good")
	}
	r.Second = &second{result: *newResult("t1", apiRun{State: syncrun.Cancelled})}
	if r.good() {
		t.Error("a cancelled second run counts as good")
	}
}

func marshal(t *testing.T, r *result) map[string]any {
	t.Helper()
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestPrintTable(t *testing.T) {
	t.Parallel()
	r := newResult("t1", sample())
	r.PeakRSS["worker"] = 27 << 20
	var text strings.Builder
	if err := printTable(&text, r); err != nil {
		t.Fatal(err)
	}
	want := `
Run r1: Completed
  2,440 records in 7 pages, 2.0 s, 1,220 records/s; most memory of a worker 27.0 MB

                  synced  added  updated  restored  unchanged  archived  held  skipped
           users   1,067  1,000        0         0         67         0     0        0
      classrooms     297      0        0         0          0         0     3        0
         parents     833      0        0         0          0         0     0        0
     memberships   7,962      0        0         0          0         0     0        0
    parent links   1,065      0        0         0          0         0     0        0
         schools              0        0         0          0         0     0        0

  Left out (error), kept but worth a look (warning), only counted (info):
  error           51  parent_without_email      No e-mail.
  warning          5  value_too_long            Cut.
  info            90  parent_role_not_selected  Not selected.

`
	if diff := cmp.Diff(want, text.String()); diff != "" {
		t.Errorf("table differs (-want +got):\n%s", diff)
	}
}

func TestPrintTable_FailedRun(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	failed := apiRun{ID: "r1", State: syncrun.Failed, Status: "Failed", Code: "clever_unavailable", Message: "Clever does not answer.", Action: "Wait."}
	if err := printTable(&text, newResult("t1", failed)); err != nil {
		t.Fatal(err)
	}
	want := `
Run r1: Failed
  clever_unavailable: Clever does not answer.
  What to do: Wait.
  0 records in 0 pages, 0.0 s, 0 records/s; most memory of a worker unknown

`
	if diff := cmp.Diff(want, text.String()); diff != "" {
		t.Errorf("table differs (-want +got):\n%s", diff)
	}
}

func TestGrouped(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000", -999: "-999"} {
		if got := grouped(n); got != want {
			t.Errorf("grouped(%d): want %q, got %q", n, want, got)
		}
	}
}
