package postgres_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"cleversync/shared/postgres"
	"cleversync/shared/postgres/postgrestest"
	"cleversync/shared/roster"
	"cleversync/shared/tenant"
)

func TestTenants_AreWhatWasStored(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	ctx := t.Context()
	id := newUUID(t)
	created, err := postgres.CreateTenant(ctx, db.Pool, tenant.Tenant{ID: id, Name: "School", Region: "uk", Entitled: true})
	must(t, err)
	want := tenant.Tenant{ID: id, Name: "School", Region: "uk", Entitled: true, CreatedAt: created.CreatedAt}
	if diff := cmp.Diff(want, created); diff != "" || created.CreatedAt.IsZero() {
		t.Errorf("created (-want +got):\n%s", diff)
	}
	off := false
	want.Entitled = false
	changed, err := postgres.ChangeTenant(ctx, db.Pool, id, postgres.TenantChange{Entitled: &off})
	must(t, err)
	read, err := postgres.ReadTenant(ctx, db.Pool, id)
	must(t, err)
	for _, got := range []tenant.Tenant{changed, read} {
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("changed (-want +got):\n%s", diff)
		}
	}
	if _, err := postgres.ReadTenant(ctx, db.Pool, newUUID(t)); !errors.Is(err, postgres.ErrNoTenant) {
		t.Errorf("read another: %v, want ErrNoTenant", err)
	}
	if _, err := postgres.ChangeTenant(ctx, db.Pool, newUUID(t), postgres.TenantChange{}); !errors.Is(err, postgres.ErrNoTenant) {
		t.Errorf("change another: %v, want ErrNoTenant", err)
	}
}

func TestConnections_AreWhatWasStored(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	ctx := t.Context()
	id := newUUID(t)
	_, err := postgres.CreateTenant(ctx, db.Pool, tenant.Tenant{ID: id, Name: "School", Region: "uk"})
	must(t, err)
	if c, err := postgres.ReadConnection(ctx, db.Pool, id); c != nil || err != nil {
		t.Errorf("before: %v, %v, want none", c, err)
	}
	want := tenant.Connection{
		District: "d1", Enabled: true, Grant: tenant.Grant{Schools: []string{"s1", "s2"}}, LinkedBy: "operator", Version: 1,
		Options: roster.Options{Schools: []string{"s2"}, UniqueClassNames: true, Parents: true, ParentTypes: []string{"Family"}, MatchByName: true},
	}
	_, err = postgres.LinkConnection(ctx, db.Pool, id, want)
	must(t, err)
	read, err := postgres.ReadConnection(ctx, db.Pool, id)
	must(t, err)
	untimed := cmpopts.IgnoreFields(tenant.Connection{}, "UpdatedAt")
	if diff := cmp.Diff(&want, read, untimed); diff != "" {
		t.Errorf("linked (-want +got):\n%s", diff)
	}

	// A change takes the choices and leaves district and grant alone.
	change := want
	change.District, change.Grant, change.LinkedBy = "d9", tenant.Grant{Whole: true}, "somebody"
	change.Enabled, change.Options.Schools, change.Options.Classrooms = false, nil, true
	changed, err := postgres.ChangeConnection(ctx, db.Pool, id, change)
	must(t, err)
	want.Enabled, want.Options.Schools, want.Options.Classrooms, want.Version = false, []string{}, true, 2
	if diff := cmp.Diff(want, changed, untimed); diff != "" {
		t.Errorf("changed (-want +got):\n%s", diff)
	}
}

func TestConnections_TheDatabaseRefusesWhatIsNotGranted(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	ctx := t.Context()
	id := newUUID(t)
	_, err := postgres.CreateTenant(ctx, db.Pool, tenant.Tenant{ID: id, Name: "School", Region: "uk"})
	must(t, err)
	granted := tenant.Connection{District: "d1", Grant: tenant.Grant{Schools: []string{"s1"}}, LinkedBy: "operator"}
	_, err = postgres.LinkConnection(ctx, db.Pool, id, granted)
	must(t, err)
	for name, options := range map[string]roster.Options{
		"another school":         {Schools: []string{"s1", "s2"}},
		"the whole district":     {Whole: true},
		"whole and schools":      {Whole: true, Schools: []string{"s1"}},
		"parents without a type": {Parents: true},
	} {
		wanted := granted
		wanted.Options = options
		if _, err := postgres.ChangeConnection(ctx, db.Pool, id, wanted); err == nil {
			t.Errorf("%s was stored", name)
		}
	}
}

// TestLockConnection_KeepsOthersOut: whoever begins a run waits for whoever
// changes the connection.
func TestLockConnection_KeepsOthersOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	must(t, pgx.BeginFunc(ctx, w.Pool, func(first pgx.Tx) error {
		if _, err := postgres.LockConnection(ctx, first, w.tenant); err != nil {
			return err
		}
		err := pgx.BeginFunc(ctx, w.Pool, func(second pgx.Tx) error {
			if _, err := second.Exec(ctx, `SET LOCAL lock_timeout = '1ms'`); err != nil {
				return err
			}
			_, err := postgres.LockConnection(ctx, second, w.tenant)
			return err
		})
		if !postgres.IsOutage(err) {
			t.Errorf("the second got %v, want it to time out waiting", err)
		}
		return nil
	}))
}

func TestDistrictToken_OneWriterWins(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	sealed, version, err := postgres.ReadDistrictToken(ctx, w.Pool, w.config.District)
	if sealed != nil || version != 0 || err != nil {
		t.Fatalf("before: %q, %d, %v; want none", sealed, version, err)
	}
	var winners atomic.Int32
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			stored, err := postgres.StoreDistrictToken(ctx, w.Pool, w.config.District, []byte{byte(i)}, version)
			if err != nil {
				t.Error(err)
			}
			if stored {
				winners.Add(1)
			}
		})
	}
	wg.Wait()
	sealed, version, err = postgres.ReadDistrictToken(ctx, w.Pool, w.config.District)
	if winners.Load() != 1 || version != 1 || len(sealed) != 1 || err != nil {
		t.Errorf("%d writers won, version %d, %d bytes, %v; want one", winners.Load(), version, len(sealed), err)
	}
	if _, _, err := postgres.ReadDistrictToken(ctx, w.Pool, "unknown"); !errors.Is(err, postgres.ErrNoDistrict) {
		t.Errorf("unknown district: %v, want ErrNoDistrict", err)
	}
}

func TestNameDistrict_WritesChangesOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	row := func() (name, version string) {
		must(t, w.Pool.QueryRow(t.Context(), `SELECT name, xmin::text FROM sync.districts WHERE id = $1`, w.config.District).Scan(&name, &version))
		return name, version
	}
	must(t, postgres.NameDistrict(t.Context(), w.Pool, w.config.District, "Riverside"))
	name, first := row()
	must(t, postgres.NameDistrict(t.Context(), w.Pool, w.config.District, "Riverside"))
	if _, second := row(); name != "Riverside" || second != first {
		t.Errorf("name %q, row version %s, then %s: want it untouched", name, first, second)
	}
}

func TestTokens_LiveUntilTheyEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	for name, c := range map[string]struct {
		expires time.Time
		want    error
	}{
		"for ever":  {time.Time{}, nil},
		"for a day": {time.Now().Add(24 * time.Hour), nil},
		"expired":   {time.Now().Add(-time.Second), postgres.ErrNoToken},
	} {
		stored := postgres.Token{ID: newUUID(t), Name: name, Scope: postgres.ScopeTenant, Tenant: w.tenant, ExpiresAt: c.expires}
		_, err := postgres.CreateToken(ctx, w.Pool, stored, []byte(name))
		must(t, err)
		found, err := postgres.FindToken(ctx, w.Pool, []byte(name))
		if !errors.Is(err, c.want) || (err == nil && (found.ID != stored.ID || found.Tenant != w.tenant)) {
			t.Errorf("%s: %+v, %v; want %v", name, found, err, c.want)
		}
		for range 2 {
			of, err := postgres.RevokeToken(ctx, w.Pool, stored.ID)
			if err != nil || of != w.tenant {
				t.Errorf("%s: revoked for %s, %v", name, of, err)
			}
		}
		if _, err := postgres.FindToken(ctx, w.Pool, []byte(name)); !errors.Is(err, postgres.ErrNoToken) {
			t.Errorf("%s: %v after it was revoked, want ErrNoToken", name, err)
		}
	}
	if _, err := postgres.RevokeToken(ctx, w.Pool, newUUID(t)); !errors.Is(err, postgres.ErrNoToken) {
		t.Errorf("revoke an unknown one: %v, want ErrNoToken", err)
	}
	orphan := postgres.Token{ID: newUUID(t), Name: "x", Scope: postgres.ScopeTenant, Tenant: uuid.New()}
	if _, err := postgres.CreateToken(ctx, w.Pool, orphan, []byte("x")); !errors.Is(err, postgres.ErrNoTenant) {
		t.Errorf("for an unknown tenant: %v, want ErrNoTenant", err)
	}
}

// TestReads_NameTheirTenant: even the role that sees everything gets nothing of
// one tenant under another's id.
func TestReads_NameTheirTenant(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other, otherRun := w.newRun()
	ctx := t.Context()
	w.exec(`INSERT INTO sync.run_issues (run_id, tenant_id, code, kind, clever_id) VALUES ($1, $2, 'email_invalid', 'user', 'u')`, otherRun, other)
	for name, read := range map[string]func(context.Context, postgres.Querier, uuid.UUID, uuid.UUID) error{
		"run": func(ctx context.Context, q postgres.Querier, tenant, run uuid.UUID) error {
			_, err := postgres.ReadRun(ctx, q, tenant, run)
			return err
		},
		"issues": func(ctx context.Context, q postgres.Querier, tenant, run uuid.UUID) error {
			_, err := postgres.ReadIssues(ctx, q, tenant, run)
			return err
		},
	} {
		if err := read(ctx, w.Pool, w.tenant, otherRun); !errors.Is(err, postgres.ErrNoRun) {
			t.Errorf("%s of another tenant: %v, want ErrNoRun", name, err)
		}
		if err := read(ctx, w.Pool, other, otherRun); err != nil {
			t.Errorf("%s of the own tenant: %v", name, err)
		}
	}
	runs, err := postgres.ListRuns(ctx, w.Pool, w.tenant, uuid.Nil, 10)
	must(t, err)
	if len(runs) != 1 || runs[0].ID != w.run || len(runs[0].Steps) != 1 {
		t.Errorf("listed %+v, want the own run with its step", runs)
	}
}
