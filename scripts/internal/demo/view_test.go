package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cleversync/shared/syncrun"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func TestLines(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	now := noon
	l := newLines(&text)
	l.now = func() time.Time { return now }
	students := func(state syncrun.StepState, records int64) apiRun {
		return apiRun{Steps: []step{{Name: syncrun.FetchStudents, State: state, Records: records, Pages: records / 2000, Started: noon}}}
	}
	l.show(students(syncrun.StepReady, 0)) // not told
	l.show(students(syncrun.StepRunning, 0))
	now = now.Add(time.Second)
	l.show(students(syncrun.StepRunning, 2000)) // too soon
	now = now.Add(5 * time.Second)
	l.show(students(syncrun.StepRunning, 12000))
	l.show(apiRun{Steps: []step{
		{Name: syncrun.FetchStudents, State: syncrun.StepWaiting, Reason: "clever_rate_limited", Records: 12000, Pages: 6, Started: noon},
		{Name: syncrun.FetchTerms, State: syncrun.StepDone, Records: 6, Pages: 1, Started: noon, Finished: noon.Add(time.Second)},
		{Name: syncrun.Plan, State: syncrun.StepDone, Started: noon, Finished: noon.Add(1500 * time.Millisecond)},
	}})
	want := `demo: students  running         0 records     0 pages
demo: students  running    12,000 records     6 pages     2,000/s    6.0 s
demo: students  waiting: clever_rate_limited    12,000 records     6 pages     2,000/s    6.0 s
demo: terms     done            6 records     1 page          6/s    1.0 s
demo: plan      done       1.5 s
`
	if diff := cmp.Diff(want, text.String()); diff != "" {
		t.Errorf("lines differ (-want +got):\n%s", diff)
	}
}

// TestBars: they end when the run ends, whatever became of the steps, and messages go where they went before.
func TestBars(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	n := &notes{to: &text}
	b := newBars(n, map[syncrun.Step]int64{syncrun.FetchStudents: 1000})
	b.show(apiRun{Steps: []step{{Name: syncrun.FetchStudents, State: syncrun.StepRunning, Records: 500}}})
	b.show(apiRun{Steps: []step{
		{Name: syncrun.FetchStudents, State: syncrun.StepDone, Records: 1001}, // more than was known
		{Name: syncrun.FetchContacts, State: syncrun.StepFailed},
		{Name: syncrun.FetchTerms, State: syncrun.StepDone, Records: 6, Pages: 1, Started: noon, Finished: noon.Add(time.Second)},
		{Name: syncrun.Plan, State: syncrun.StepReady},
	}})
	b.end()
	if _, err := n.Write([]byte("after")); err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(text.String(), "after") {
		t.Errorf("a message after the bars is lost: %q", text.String())
	}
}

func TestNewView(t *testing.T) {
	t.Parallel()
	d := &demo{notes: &notes{to: &strings.Builder{}}}
	if _, ok := d.newView().(*lines); !ok {
		t.Error("what is no terminal gets bars")
	}
}
