package e2e

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"cleversync/shared/postgres"
	"cleversync/shared/region"
	"cleversync/shared/roster"
	"cleversync/shared/tenant"
)

// A whole night in small: 50 tenants, two schedulers, two workers, and a window
// of a minute. Each tenant runs exactly once in it.
func TestNight_eachTenantOnce(t *testing.T) {
	t.Parallel()
	const tenants, length = 50, time.Minute
	w := newWorld(t, newSite(t))
	w.as(func(tx pgx.Tx) {
		for n := range tenants {
			w.addSynced(tx, fmt.Sprintf("Tenant %d", n))
		}
	})
	night := region.Region{Name: "uk", Length: length}
	for range 2 {
		w.start("scheduler", "REGIONS=uk", "REGION_WINDOWS=uk=0h,0h,"+length.String())
		w.start("worker")
	}
	// The window that is open now may be half over; the next one is whole.
	window := night.Next(night.WindowAt(w.now()))

	w.until("every tenant's run of the window has ended", func(ctx context.Context) (over bool, err error) {
		err = w.pool.QueryRow(ctx, `
			SELECT clock_timestamp() > $2
			   AND NOT EXISTS (SELECT 1 FROM sync.runs WHERE window_key = $1 AND state IN ('queued', 'running'))`, window.Key, window.End).Scan(&over)
		return over, err
	})
	var ran, runs, completed int
	must(t, w.pool.QueryRow(t.Context(), `
		SELECT count(DISTINCT tenant_id), count(*), count(*) FILTER (WHERE state = 'completed')
		FROM sync.runs
		WHERE window_key = $1`, window.Key).Scan(&ran, &runs, &completed))
	if ran != tenants || runs != tenants || completed != tenants {
		t.Errorf("%d of %d tenants ran, in %d runs, %d of them completed: want each once", ran, tenants, runs, completed)
	}
	var early int
	must(t, w.pool.QueryRow(t.Context(), `
		SELECT count(*)
		FROM sync.runs
		WHERE window_key = $1
		  AND (created_at < $2 OR created_at >= $3)`, window.Key, window.Start, window.End).Scan(&early))
	if early != 0 {
		t.Errorf("%d runs began outside their window", early)
	}
	var never int
	must(t, w.pool.QueryRow(t.Context(), `
		SELECT count(*) FROM sync.runs WHERE tenant_id = $1`, w.tenant).Scan(&never))
	if never != 0 {
		t.Errorf("the tenant that no person has ever synced ran %d times", never)
	}
}

func (w *world) now() (now time.Time) {
	w.t.Helper()
	must(w.t, w.pool.QueryRow(w.t.Context(), `SELECT clock_timestamp()`).Scan(&now))
	return now
}

// addSynced adds a tenant of the world's district with a run that a person
// started and that completed long ago.
func (w *world) addSynced(tx pgx.Tx, name string) {
	ctx, id := w.t.Context(), uuid.Must(uuid.NewV7())
	_, err := postgres.CreateTenant(ctx, tx, tenant.Tenant{ID: id, Name: name, Region: "uk", Entitled: true})
	must(w.t, err)
	_, err = postgres.LinkConnection(ctx, tx, id, tenant.Connection{
		District: w.clever.District().ID(), Enabled: true, Confirmed: true, Grant: tenant.Grant{Whole: true}, Options: roster.Options{Whole: true}, LinkedBy: "test",
	})
	must(w.t, err)
	_, err = tx.Exec(ctx, `
		INSERT INTO sync.runs (id, tenant_id, region, district_id, trigger, lane, started_by, state, config, finished_at)
		VALUES ($1, $2, 'uk', $3, 'manual', 'manual', 'test', 'completed', '{}', now())`, uuid.Must(uuid.NewV7()), id, w.clever.District().ID())
	must(w.t, err)
}
