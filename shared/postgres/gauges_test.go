package postgres_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cleversync/shared/postgres"
	"cleversync/shared/syncrun"
)

func TestReadBacklog(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.end(w.claim(syncrun.Prepare)) // prepare is done, six fetch steps are dispatched
	w.exec(`UPDATE sync.run_steps SET dispatched_at = NULL, created_at = clock_timestamp() - interval '1 hour' WHERE name IN ('fetch-schools', 'fetch-terms')`)
	w.exec(`UPDATE sync.run_steps SET state = 'waiting', not_before = now() WHERE name = 'fetch-courses'`)
	w.claim(syncrun.FetchStudents)
	got, err := postgres.ReadBacklog(t.Context(), w.Pool)
	must(t, err)
	if got.Oldest < time.Hour || got.Oldest > 2*time.Hour {
		t.Errorf("the oldest is %v old", got.Oldest)
	}
	got.Oldest = 0
	if diff := cmp.Diff(postgres.Backlog{Ready: 2, Dispatched: 2, Running: 1, Waiting: 1}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDueLag_notOfTenantsThatWaitForTheirOwnRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, ended := w.newRun()
	w.endRun(ended, syncrun.Completed)
	w.exec(`UPDATE sync.tenants SET next_due_at = clock_timestamp() - interval '1 day' WHERE id = $1`, w.tenant)
	w.exec(`UPDATE sync.tenants SET next_due_at = clock_timestamp() - interval '1 hour' WHERE id <> $1`, w.tenant)
	got, err := postgres.DueLag(t.Context(), w.Pool, []string{"uk", "au"})
	must(t, err)
	if len(got) != 2 || got["au"] != 0 || got["uk"] < time.Hour || got["uk"] > 2*time.Hour {
		t.Errorf("got %v, want an hour for uk and nothing for au", got)
	}
}

func TestEndedSince(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, second := w.newRun()
	now, err := postgres.Now(t.Context(), w.Pool)
	must(t, err)
	w.endRun(second, syncrun.Cancelled)
	got, err := postgres.EndedSince(t.Context(), w.Pool, now)
	must(t, err)
	if len(got) != 1 || !got[0].FinishedAt.After(now) {
		t.Fatalf("got %v, want the one run that has ended", got)
	}
	want := postgres.EndedRun{ID: second, Region: "uk", Trigger: syncrun.Manual, State: syncrun.Cancelled, FinishedAt: got[0].FinishedAt}
	if diff := cmp.Diff(want, got[0]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if later, err := postgres.EndedSince(t.Context(), w.Pool, got[0].FinishedAt); err != nil || len(later) != 0 {
		t.Errorf("after its end: got %v, %v", later, err)
	}
}
