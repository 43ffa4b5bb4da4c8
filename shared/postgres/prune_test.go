package postgres_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"cleversync/shared/postgres"
	"cleversync/shared/syncrun"
)

// stageTerms stages rows of a run in a table that has generations.
func (w *world) stageTerms(run uuid.UUID, generation int, ids ...string) {
	w.t.Helper()
	w.exec(`
		INSERT INTO staging.terms (run_id, generation, step, list, clever_id)
		SELECT $1, $2, 'fetch-terms', '', unnest($3::text[])`, run, generation, ids)
}

// terms gives the staged ids of a run.
func (w *world) terms(run uuid.UUID) []string {
	w.t.Helper()
	rows, err := w.Pool.Query(w.t.Context(), `SELECT clever_id FROM staging.terms WHERE run_id = $1 ORDER BY 1`, run)
	must(w.t, err)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	must(w.t, err)
	return ids
}

func (w *world) endRun(run uuid.UUID, state syncrun.State) {
	w.t.Helper()
	must(w.t, pgx.BeginFunc(w.t.Context(), w.Pool, func(tx pgx.Tx) error {
		_, err := postgres.EndRun(w.t.Context(), tx, run, postgres.Ending{State: state})
		return err
	}))
}

func (w *world) table(name string) postgres.StagingTable {
	w.t.Helper()
	tables, err := postgres.StagingTables(w.t.Context(), w.Pool)
	must(w.t, err)
	for _, table := range tables {
		if table.Name == name {
			return table
		}
	}
	w.t.Fatalf("there is no table staging.%s", name)
	return postgres.StagingTable{}
}

func TestFindLeftovers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, ended := w.newRun()
	_, renewed := w.newRun()
	unknown := newUUID(t)
	w.stageTerms(w.run, 1, "a", "b")
	w.stageTerms(ended, 1, "a", "b", "c")
	w.stageTerms(renewed, 1, "a")
	w.stageTerms(renewed, 2, "b")
	w.stageTerms(renewed, 3, "c")
	w.stageTerms(unknown, 1, "a")
	w.endRun(ended, syncrun.Cancelled)
	w.exec(`UPDATE sync.runs SET generation = 3 WHERE id = $1`, renewed)

	left, err := postgres.FindLeftovers(t.Context(), w.Pool, w.table("terms"))
	must(t, err)
	want := []postgres.Leftover{{Run: ended}, {Run: renewed, Before: 3}, {Run: unknown}}
	if diff := cmp.Diff(want, left); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	deleted := map[uuid.UUID]int{}
	for _, l := range left {
		for {
			n, err := postgres.DeleteLeftover(t.Context(), w.Pool, w.table("terms"), l, 2)
			must(t, err)
			deleted[l.Run] += n
			if n > 2 {
				t.Errorf("deleted %d rows at once, want 2 at most", n)
			}
			if n < 2 {
				break
			}
		}
	}
	if diff := cmp.Diff(map[uuid.UUID]int{ended: 3, renewed: 2, unknown: 1}, deleted); diff != "" {
		t.Errorf("deleted (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"a", "b"}, w.terms(w.run)); diff != "" {
		t.Errorf("of the run under way (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"c"}, w.terms(renewed)); diff != "" {
		t.Errorf("of the newest generation (-want +got):\n%s", diff)
	}
}

// Every table of the schema can be pruned, those too that other packages add.
func TestFindLeftovers_inEveryTable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tables, err := postgres.StagingTables(t.Context(), w.Pool)
	must(t, err)
	if len(tables) < 8 {
		t.Errorf("only %d tables", len(tables))
	}
	for _, table := range tables {
		left, err := postgres.FindLeftovers(t.Context(), w.Pool, table)
		must(t, err)
		if len(left) != 0 {
			t.Errorf("%s: got %v from an empty table", table.Name, left)
		}
		for _, l := range []postgres.Leftover{{Run: w.run}, {Run: w.run, Before: 2}} {
			if l.Before > 0 && !table.Generations {
				continue
			}
			_, err = postgres.DeleteLeftover(t.Context(), w.Pool, table, l, 10)
			must(t, err)
		}
	}
}

// The worker that ends a run deletes its rows itself; the pruner does not wait
// for it.
func TestDeleteLeftover_skipsWhatAnotherDeletes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stageTerms(w.run, 1, "a", "b")
	must(t, pgx.BeginFunc(t.Context(), w.Pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), `DELETE FROM staging.terms WHERE clever_id = 'a'`); err != nil {
			return err
		}
		n, err := postgres.DeleteLeftover(t.Context(), w.Pool, w.table("terms"), postgres.Leftover{Run: w.run}, 10)
		if n != 1 {
			t.Errorf("deleted %d rows, want 1", n)
		}
		return err
	}))
}

func TestTruncateStaging_onlyWhileNoRunIsUnderWay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stageTerms(w.run, 1, "a")
	tables := []postgres.StagingTable{w.table("courses"), w.table("terms")}
	truncate := func() bool {
		t.Helper()
		done, err := postgres.TruncateStaging(t.Context(), w.Pool, tables, time.Second)
		must(t, err)
		return done
	}
	if truncate() || len(w.terms(w.run)) != 1 {
		t.Error("it took the rows of a run under way")
	}
	w.endRun(w.run, syncrun.Completed)
	if !truncate() || len(w.terms(w.run)) != 0 {
		t.Error("it left rows though no run is under way")
	}
}

// A table that somebody uses is left for another time, without an error and
// without waiting for ever.
func TestTruncateStaging_isPatientForAMomentOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stageTerms(w.run, 1, "a")
	w.endRun(w.run, syncrun.Completed)
	must(t, pgx.BeginFunc(t.Context(), w.Pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), `SELECT count(*) FROM staging.terms`); err != nil {
			return err
		}
		done, err := postgres.TruncateStaging(t.Context(), w.Pool, []postgres.StagingTable{w.table("terms")}, time.Millisecond)
		if done {
			t.Error("it emptied a table that somebody reads")
		}
		return err
	}))
}

// The run that begins while the pruner waits for the tables keeps its rows.
func TestTruncateStaging_looksAgainWithTheTablesLocked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.endRun(w.run, syncrun.Completed)
	begins, err := w.Pool.Begin(t.Context())
	must(t, err)
	defer begins.Rollback(t.Context())
	run := newUUID(t)
	_, err = begins.Exec(t.Context(), `INSERT INTO staging.terms (run_id, generation, step, list, clever_id) VALUES ($1, 1, 'fetch-terms', '', 'a')`, run)
	must(t, err)
	inserted, err := postgres.InsertRun(t.Context(), begins, postgres.NewRun{
		ID: run, Tenant: w.tenant, Region: "uk", Trigger: syncrun.Manual, StartedBy: "test", Config: w.config,
	})
	must(t, err)
	if !inserted {
		t.Fatal("the run was not inserted")
	}
	result := make(chan bool)
	go func() {
		done, err := postgres.TruncateStaging(t.Context(), w.Pool, []postgres.StagingTable{w.table("terms")}, time.Minute)
		if err != nil {
			t.Error(err)
		}
		result <- done
	}()
	w.awaitLockWait()
	must(t, begins.Commit(t.Context()))
	if <-result || len(w.terms(run)) != 1 {
		t.Error("it took the rows of a run that had just begun")
	}
}

// awaitLockWait returns when a statement in this database waits for a lock.
func (w *world) awaitLockWait() {
	w.t.Helper()
	for waiting := false; !waiting; {
		must(w.t, w.Pool.QueryRow(w.t.Context(), `
			SELECT EXISTS (SELECT 1
			               FROM pg_stat_activity
			               WHERE datname = current_database()
			                 AND wait_event_type = 'Lock')`).Scan(&waiting))
	}
}
