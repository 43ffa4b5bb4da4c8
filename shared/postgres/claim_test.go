package postgres_test

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"cleversync/shared/postgres"
	"cleversync/shared/syncrun"
)

func TestClaimStep_startsTheRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.claim(syncrun.Prepare)
	if c.Tenant != w.tenant || c.Epoch != 1 || c.Generation != 1 || !c.Config.Equal(w.config) {
		t.Errorf("claim = %+v, want epoch 1, generation 1 and the run's own config", c)
	}
	var state syncrun.State
	must(t, w.Pool.QueryRow(t.Context(), `SELECT state FROM sync.runs WHERE id = $1`, w.run).Scan(&state))
	if state != syncrun.Running {
		t.Errorf("run is %s, want running", state)
	}
}

func TestClaimStep_answers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		setup string
		seq   int
		want  postgres.Answer
	}{
		{"ready is taken", `SELECT 1`, 1, postgres.Taken},
		{"an old delivery is obsolete", `UPDATE sync.run_steps SET seq = 2`, 1, postgres.Obsolete},
		{"running is obsolete, its holder works on it", `UPDATE sync.run_steps SET state = 'running', lease_until = now() + interval '1 minute'`, 1, postgres.Obsolete},
		{"a lease that ran out is the sweeper's business", `UPDATE sync.run_steps SET state = 'running', lease_until = now() - interval '1 minute'`, 1, postgres.Obsolete},
		{"done is obsolete", `UPDATE sync.run_steps SET state = 'done'`, 1, postgres.Obsolete},
		{"cancelled is obsolete", `UPDATE sync.run_steps SET state = 'cancelled'`, 1, postgres.Obsolete},
		{"waiting comes later", `UPDATE sync.run_steps SET state = 'waiting', not_before = now() + interval '1 hour'`, 1, postgres.NotYet},
		{"waiting past its time is taken", `UPDATE sync.run_steps SET state = 'waiting', not_before = now() - interval '1 second'`, 1, postgres.Taken},
		{"a step that is gone is obsolete", `DELETE FROM sync.run_steps`, 1, postgres.Obsolete},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.exec(test.setup)
			r := w.request(syncrun.Prepare)
			r.Seq = test.seq
			_, answer, wait, err := postgres.ClaimStep(t.Context(), w.Pool, r)
			must(t, err)
			if answer != test.want {
				t.Errorf("answer = %v, want %v", answer, test.want)
			}
			if answer == postgres.NotYet && (wait < 59*time.Minute || wait > time.Hour) {
				t.Errorf("wait = %v, want the rest of the hour", wait)
			}
		})
	}
}

// A row that is locked belongs to somebody alive: dropping the delivery then
// could lose the step for ever.
func TestClaimStep_lockedIsNotYet(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.end(w.claim(syncrun.Prepare))
	must(t, pgx.BeginFunc(t.Context(), w.Pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), `SELECT 1 FROM sync.run_steps WHERE run_id = $1 AND name = 'fetch-terms' FOR NO KEY UPDATE`, w.run); err != nil {
			return err
		}
		_, answer, wait, err := postgres.ClaimStep(t.Context(), w.Pool, w.request(syncrun.FetchTerms))
		if err == nil && (answer != postgres.NotYet || wait <= 0) {
			t.Errorf("answer = %v after %v, want not yet", answer, wait)
		}
		return err
	}))
}

func TestClaimStep_onlyOneOfMany(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var taken atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			_, answer, _, err := postgres.ClaimStep(t.Context(), w.Pool, w.request(syncrun.Prepare))
			if err != nil {
				t.Error(err)
			}
			if answer == postgres.Taken {
				taken.Add(1)
			}
		})
	}
	wg.Wait()
	if taken.Load() != 1 {
		t.Errorf("%d claims were taken, want 1", taken.Load())
	}
}

// Two tenants share a district; the bounds hold exactly though all claims come
// at once.
func TestClaimStep_boundsPerTenantAndDistrict(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := *w
	other.tenant, other.run = w.newRun()
	worlds := []*world{w, &other}
	for _, each := range worlds {
		each.end(each.claim(syncrun.Prepare))
	}
	var mu sync.Mutex
	taken := map[*world]int{}
	var wg sync.WaitGroup
	for _, each := range worlds {
		for _, step := range w.config.Fetches() {
			wg.Go(func() {
				r := each.request(step)
				r.PerTenant, r.PerDistrict = 2, 3
				_, answer, _, err := postgres.ClaimStep(t.Context(), w.Pool, r)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				if answer == postgres.Taken {
					taken[each]++
				}
			})
		}
	}
	wg.Wait()
	if taken[w] > 2 || taken[&other] > 2 || taken[w]+taken[&other] != 3 {
		t.Errorf("taken: %d and %d, want at most 2 a tenant and 3 in the district", taken[w], taken[&other])
	}
}

// The control of this test is the build tag "unfenced", with which it fails.
func TestFence_oldHolderWritesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	old := w.claim(syncrun.Prepare)
	w.exec(`UPDATE sync.run_steps SET lease_until = now() - interval '1 second'`)
	expired, err := postgres.ExpireLeases(t.Context(), w.Pool, 10)
	must(t, err)
	if expired != 1 {
		t.Fatalf("expired %d leases, want 1", expired)
	}
	r := w.request(syncrun.Prepare)
	r.Seq = 2
	fresh := w.take(r)

	err = old.FencedRun(t.Context(), w.Pool, func(tx pgx.Tx) error {
		_, err := postgres.EndStep(t.Context(), tx, old, 100)
		return err
	})
	if !errors.Is(err, postgres.ErrFenced) {
		t.Errorf("the old holder ended the step: %v, want ErrFenced", err)
	}
	if pulse, err := old.Beat(t.Context(), w.Pool, time.Minute); err != nil || pulse.Alive {
		t.Errorf("the old holder's beat: %+v, %v, want not alive", pulse, err)
	}
	if pulse, err := fresh.Beat(t.Context(), w.Pool, time.Minute); err != nil || !pulse.Alive {
		t.Errorf("the new holder's beat: %+v, %v, want alive", pulse, err)
	}
	if got := w.steps()[syncrun.Prepare]; got != syncrun.StepRunning {
		t.Errorf("step is %s, want running", got)
	}
}

// While a transaction of the step holds its row, a beat neither waits nor takes
// the step for lost, and still sees a cancel.
func TestBeat_inATransactionOfTheStep(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.claim(syncrun.Prepare)
	must(t, c.Fenced(t.Context(), w.Pool, func(pgx.Tx) error {
		must(t, postgres.SendSignal(t.Context(), w.Pool, w.run, w.tenant, postgres.SignalCancel, "test"))
		pulse, err := c.Beat(t.Context(), w.Pool, time.Hour)
		if err == nil && (!pulse.Alive || !pulse.Cancelled) {
			t.Errorf("pulse = %+v, want alive and cancelled", pulse)
		}
		return err
	}))
}

// A worker that is frozen inside a transaction holds the row, and a held row
// counts as alive: Postgres must take it from whoever does nothing for a lease.
func TestFenced_frozenHolderLosesTheRow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.request(syncrun.Prepare)
	r.Lease = 300 * time.Millisecond
	c := w.take(r)
	err := c.Fenced(t.Context(), w.Pool, func(pgx.Tx) error {
		// Waits until the row is free, which it is once the holder is cut off.
		w.exec(`SELECT 1 FROM sync.run_steps WHERE run_id = $1 FOR NO KEY UPDATE`, w.run)
		return nil
	})
	if err == nil {
		t.Error("the frozen holder committed")
	}
}

// In the middle of a COPY no timeout of Postgres reaches the holder: the sweeper
// cuts it off, and nobody else.
func TestCutFrozenCopies_freesTheRow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.claim(syncrun.Prepare)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	free := make(chan struct{})
	err := c.Fenced(ctx, w.Pool, func(tx pgx.Tx) error {
		_, err := tx.Conn().PgConn().CopyFrom(ctx, readerFunc(func([]byte) (int, error) {
			defer close(free)
			if cut, err := postgres.CutFrozenCopies(ctx, w.Pool, time.Hour); err != nil || cut != 0 {
				t.Errorf("%d young copies were cut, error %v", cut, err)
			}
			for cut := 0; cut == 0 && ctx.Err() == nil; {
				var err error
				if cut, err = postgres.CutFrozenCopies(ctx, w.Pool, 0); err != nil {
					t.Error(err)
				}
			}
			// Waits until the row is free.
			_, err := w.Pool.Exec(ctx, `SELECT 1 FROM sync.run_steps WHERE run_id = $1 FOR NO KEY UPDATE`, w.run)
			return 0, errors.Join(err, io.EOF)
		}), `COPY staging.courses (name) FROM STDIN`)
		return err
	})
	<-free // the holder may notice that it was cut off before whoever did it
	if err == nil || ctx.Err() != nil {
		t.Errorf("the frozen holder: %v, context: %v, want it cut off", err, ctx.Err())
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
