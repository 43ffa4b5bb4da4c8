package syncer_test

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"cleversync/shared/clever/clevertest"
	"cleversync/shared/fault"
	"cleversync/shared/postgres"
	"cleversync/shared/roster"
)

// renew lets the district's data be renewed before every nth answer of the
// list of students, the first times only.
func (w *world) renew(n, times int64) *atomic.Int64 {
	var asked, renewed atomic.Int64
	w.clever.SetOverride(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Query().Get("role") != "student" || asked.Add(1)%n != 0 || renewed.Load() >= times {
			return false
		}
		at := time.Date(2026, 11, 25, 3, int(renewed.Add(1)), 0, 0, time.UTC)
		w.clever.SetDistrict(func(d *clevertest.DistrictState) { d.LastSync = at.Format("2006-01-02T15:04:05.000Z") })
		return false
	})
	return &renewed
}

func issues(run postgres.Run, code roster.IssueCode) int64 {
	for _, i := range run.Issues {
		if i.Code == code {
			return i.Count
		}
	}
	return 0
}

func archived(run postgres.Run) int64 {
	var n int64
	for _, c := range run.Counts {
		n += c.Archived
	}
	return n
}

// TestRun_renewedWhileRead: all lists are read once more, and then the run is
// like any other.
func TestRun_renewedWhileRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t, district(), time.Hour)
	w.completed()
	w.leaver()
	w.renew(2, 1)
	run := w.completed()
	w.whole()
	if archived(run) == 0 || issues(run, roster.SnapshotTorn) != 0 {
		t.Errorf("%d archived, issues %+v; want the leaver archived and no warning", archived(run), run.Issues)
	}
	if want := time.Date(2026, 11, 25, 3, 1, 0, 0, time.UTC); !run.LastSync.Equal(want) || run.Generation != 2 {
		t.Errorf("data of %s in generation %d, want %s in the second", run.LastSync, run.Generation, want)
	}
}

// TestRun_renewedAgainAndAgain: what is there is applied, nobody is removed.
func TestRun_renewedAgainAndAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, district(), time.Hour)
	var newcomer string
	for u := range w.clever.District().Students() {
		newcomer = u.ID
		break
	}
	w.must(w.clever.Edit(func(e *clevertest.Edits) { e.Remove(newcomer) }))
	w.completed()
	before := w.active("users")
	w.must(w.clever.Edit(func(e *clevertest.Edits) { e.Restore(newcomer) }))
	for u := range w.clever.District().Teachers() {
		w.must(w.clever.Edit(func(e *clevertest.Edits) { e.Remove(u.ID) }))
		break
	}
	renewed := w.renew(2, 100)
	run := w.completed()
	if renewed.Load() < 2 {
		t.Fatalf("the data was renewed %d times only", renewed.Load())
	}
	after := w.active("users")
	for id := range before {
		if !after[id] {
			t.Errorf("user %s was removed by a torn run", id)
		}
	}
	if !after[newcomer] {
		t.Error("the newcomer did not come")
	}
	if archived(run) != 0 || run.Counts[roster.KindUser].Held == 0 || issues(run, roster.SnapshotTorn) != 1 {
		t.Errorf("counts %+v, issues %+v; want the removal held and one warning", run.Counts, run.Issues)
	}
	w.clever.SetOverride(nil)
	if run := w.completed(); run.Counts[roster.KindUser].Archived != 1 || issues(run, roster.SnapshotTorn) != 0 {
		t.Errorf("the next run: %+v, issues %+v; want the teacher archived", run.Counts[roster.KindUser], run.Issues)
	}
	w.whole()
}

// TestRun_districtHeldWhileRead: what Clever itself begins to hold back is not
// applied, although the lists came whole.
func TestRun_districtHeldWhileRead(t *testing.T) {
	t.Parallel()
	for _, state := range []string{"pending", "error"} {
		t.Run(state, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, district(), time.Hour)
			w.completed()
			before := w.dump()
			w.leaver()
			w.order(studentPages, clevertest.FaultWhen{Nth: 2}, clevertest.Fault{Kind: clevertest.FaultState, Text: state})
			w.failed(fault.CleverDistrictHeld)
			if w.dump() != before {
				t.Error("the roster changed")
			}
		})
	}
}

// TestRun_pausedWhileRead: from the pause on the data is last year's.
func TestRun_pausedWhileRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t, district(), time.Hour)
	w.completed()
	w.leaver()
	w.order(studentPages, clevertest.FaultWhen{Nth: 2}, clevertest.Fault{Kind: clevertest.FaultState, Text: "paused"})
	if run := w.completed(); archived(run) != 0 || run.Counts[roster.KindUser].Held != 1 {
		t.Errorf("counts %s, want the removal held", fmt.Sprint(run.Counts))
	}
}
