package sweeper_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"cleversync/scheduler/internal/sweeper"
	"cleversync/shared/syncrun"
)

// prune makes a pruner that takes two rows at a time, four times a table.
func (w *world) prune(truncateAbove int64) {
	w.t.Helper()
	p := sweeper.NewPruner(sweeper.PruneConfig{
		Pool: w.Pool, Log: slog.New(slog.DiscardHandler), Metrics: w.sweeper.Metrics, Batch: 2, Batches: 4,
		TruncateAbove: truncateAbove, Patience: time.Second, StatementTimeout: 10 * time.Second,
	})
	must(w.t, p.Tick(w.t.Context()))
}

func (w *world) stage(run uuid.UUID, generation, rows int) {
	w.t.Helper()
	w.exec(`
		INSERT INTO staging.terms (run_id, generation, step, list, clever_id)
		SELECT $1, $2, 'fetch-terms', '', n FROM generate_series(1, $3) n`, run, generation, rows)
	w.exec(`INSERT INTO staging.issues (run_id, generation, step, code, kind, clever_id, field) VALUES ($1, $2, 'fetch-terms', 'c', 'k', 'i', '')`, run, generation)
}

func (w *world) staged(run uuid.UUID) (terms, issues int) {
	w.t.Helper()
	must(w.t, w.Pool.QueryRow(w.t.Context(), `
		SELECT (SELECT count(*) FROM staging.terms WHERE run_id = $1),
		       (SELECT count(*) FROM staging.issues WHERE run_id = $1)`, run).Scan(&terms, &issues))
	return terms, issues
}

const never = 1 << 40

func TestPrune_onlyWhatNobodyNeeds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ended := w.run
	w.stage(ended, 1, 5)
	w.end(syncrun.Cancelled)
	w.run = w.start()
	w.exec(`UPDATE sync.runs SET generation = 2 WHERE id = $1`, w.run)
	w.stage(w.run, 1, 1)
	w.stage(w.run, 2, 3)
	w.prune(never)
	type left struct{ Terms, Issues int }
	look := func(run uuid.UUID) left {
		terms, issues := w.staged(run)
		return left{terms, issues}
	}
	if diff := cmp.Diff(left{}, look(ended)); diff != "" {
		t.Errorf("of the ended run (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(left{3, 1}, look(w.run)); diff != "" {
		t.Errorf("of the run under way (-want +got):\n%s", diff)
	}
	if n := w.counted("cleversync_staging_rows_pruned_total"); n != 8 {
		t.Errorf("counted %v rows, want 8", n)
	}
}

// What is left after one tick's share goes with the next.
func TestPrune_aBoundedShareAtATime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stage(w.run, 1, 13)
	w.end(syncrun.Cancelled)
	for _, want := range []int{5, 0} {
		w.prune(never)
		if terms, _ := w.staged(w.run); terms != want {
			t.Fatalf("%d rows are left, want %d", terms, want)
		}
	}
}

func TestPrune_largeTablesAreEmptiedWhenNothingRuns(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stage(w.run, 1, 20)
	w.prune(0)
	if terms, _ := w.staged(w.run); terms != 20 || w.counted("cleversync_staging_truncated_total") != 0 {
		t.Fatalf("%d rows of the run under way are left", terms)
	}
	w.end(syncrun.Cancelled)
	w.prune(0)
	if terms, _ := w.staged(w.run); terms != 0 || w.counted("cleversync_staging_truncated_total") != 1 {
		t.Errorf("%d rows are left", terms)
	}
}

// TestPrune_journal: what is too old to undo anything goes.
func TestPrune_journal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(`
		INSERT INTO sync.journal (tenant_id, run_id, kind, op, before, at)
		SELECT $1, $2, 'user', 'archive', '{}', now() - days * interval '1 day'
		FROM unnest(ARRAY[0, 29, 31, 31, 40]) AS days`, w.tenant, w.run)
	w.prune(never)
	var left int
	must(t, w.Pool.QueryRow(t.Context(), `SELECT count(*) FROM sync.journal`).Scan(&left))
	if left != 2 {
		t.Errorf("%d entries are left, want the two younger than 30 days", left)
	}
}

// TestPrune_heldChanges: what nobody can apply any more goes, a few rows at a
// time; what waits for a person or is being applied stays.
func TestPrune_heldChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	hold := func(state string, expires time.Duration, by *uuid.UUID) uuid.UUID {
		id := uuid.Must(uuid.NewV7())
		w.exec(`
			INSERT INTO sync.holds (id, tenant_id, run_id, purpose, state, digest, changes, expires_at, decided_by, applied_by)
			VALUES ($1, $2, $3, $4, $5, '', 3, now() + $6::interval, CASE WHEN $5 IN ('approved', 'rejected') THEN 'test' END, $7)`,
			id, w.tenant, w.run, map[bool]string{true: "preview", false: "review"}[expires < 0], state, expires, by)
		w.exec(`
			INSERT INTO sync.held_changes (hold_id, place, tenant_id, kind, op, change)
			SELECT $1, n, $2, 'user', 'archive', '{}' FROM generate_series(1, 3) n`, id, w.tenant)
		return id
	}
	week := 7 * 24 * time.Hour
	open, applying := hold("open", week, nil), hold("approved", week, &w.run)
	late := hold("open", -time.Minute, nil)
	gone := []uuid.UUID{hold("rejected", week, nil), hold("void", week, nil), late}
	for range 3 {
		w.prune(never)
	}
	left := func(id uuid.UUID) (n int, state string) {
		must(t, w.Pool.QueryRow(t.Context(), `
			SELECT (SELECT count(*) FROM sync.held_changes WHERE hold_id = h.id), h.state
			FROM sync.holds h
			WHERE h.id = $1`, id).Scan(&n, &state))
		return n, state
	}
	for _, id := range []uuid.UUID{open, applying} {
		if n, state := left(id); n != 3 {
			t.Errorf("%d changes of the %s ones are left, want all 3", n, state)
		}
	}
	for _, id := range gone {
		if n, state := left(id); n != 0 || state == "open" {
			t.Errorf("%d changes of the %s ones are left, want none", n, state)
		}
	}
	w.end(syncrun.Completed)
	w.prune(never)
	if n, _ := left(applying); n != 0 {
		t.Errorf("%d changes are left after they were applied", n)
	}
}

func TestPruner_DropsOldLogins(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(`
		INSERT INTO sync.clever_logins (id, tenant_id, purpose, state, expires_at)
		SELECT gen_random_uuid(), $1, 'district', 'waiting', now() - n * interval '20 hours' FROM generate_series(0, 2) n`, w.tenant)
	w.exec(`INSERT INTO sync.districts (id, token, token_version) VALUES ('unused', 'x', 1)`)
	w.prune(1 << 40)
	var logins, tokens int
	must(t, w.Pool.QueryRow(t.Context(), `
		SELECT (SELECT count(*) FROM sync.clever_logins), (SELECT count(*) FROM sync.districts WHERE token IS NOT NULL)`).Scan(&logins, &tokens))
	if logins != 2 || tokens != 0 {
		t.Errorf("%d log-ins and %d tokens are left, want 2 and none", logins, tokens)
	}
}
