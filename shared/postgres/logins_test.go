package postgres_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"cleversync/shared/postgres"
	"cleversync/shared/postgres/postgrestest"
	"cleversync/shared/tenant"
)

// loginWorld is a database with one tenant.
type loginWorld struct {
	t *testing.T
	postgrestest.Database
	tenant uuid.UUID
}

func newLoginWorld(t *testing.T) *loginWorld {
	t.Helper()
	w := &loginWorld{t: t, Database: postgrestest.New(t), tenant: uuid.Must(uuid.NewV7())}
	_, err := postgres.CreateTenant(t.Context(), w.Pool, tenant.Tenant{ID: w.tenant, Name: "School", Region: "uk", Entitled: true})
	w.must(err)
	return w
}

func (w *loginWorld) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *loginWorld) exec(sql string, args ...any) {
	w.t.Helper()
	_, err := w.Pool.Exec(w.t.Context(), sql, args...)
	w.must(err)
}

func (w *loginWorld) create(ticket string) postgres.Login {
	w.t.Helper()
	l, err := postgres.CreateLogin(w.t.Context(), w.Pool, postgres.NewLogin{
		ID: uuid.Must(uuid.NewV7()), Tenant: w.tenant, Purpose: postgres.LoginDistrict, StartedBy: "test", TicketHash: []byte(ticket),
	})
	w.must(err)
	return l
}

// TestLogin_EachStepOnce goes the way of a log-in and tries each step twice,
// and with another browser.
func TestLogin_EachStepOnce(t *testing.T) {
	t.Parallel()
	w := newLoginWorld(t)
	ctx := t.Context()
	mine, other := []byte("mine"), []byte("other")
	l := w.create("ticket")
	gone := func(step string, err error) {
		t.Helper()
		if !errors.Is(err, postgres.ErrNoLogin) {
			t.Errorf("%s: %v, want ErrNoLogin", step, err)
		}
	}
	_, err := postgres.StartLogin(ctx, w.Pool, []byte("ticket"), mine, []byte("s1"))
	w.must(err)
	_, err = postgres.StartLogin(ctx, w.Pool, []byte("ticket"), other, []byte("s2"))
	gone("start twice", err)
	_, err = postgres.FindTicket(ctx, w.Pool, []byte("ticket"))
	gone("a used ticket", err)
	_, err = postgres.UseState(ctx, w.Pool, []byte("s1"), other)
	gone("another browser", err)
	_, err = postgres.ConfirmLogin(ctx, w.Pool, l.ID, mine, postgres.LoginConnected)
	gone("consent before anything is known", err)
	_, err = postgres.UseState(ctx, w.Pool, []byte("s1"), mine)
	w.must(err)
	_, err = postgres.UseState(ctx, w.Pool, []byte("s1"), mine)
	gone("the state twice", err)
	_, err = postgres.RestartLogin(ctx, w.Pool, l.ID, mine, []byte("s3"))
	gone("restart while Clever is asked", err)

	w.exec(`UPDATE sync.clever_logins SET used_at = now() - interval '2 minutes'`)
	if stalled, err := postgres.ReadLogin(ctx, w.Pool, w.tenant, l.ID); err != nil || !stalled.Stalled {
		t.Errorf("never came back: %+v, %v", stalled, err)
	}
	_, err = postgres.RestartLogin(ctx, w.Pool, l.ID, other, []byte("s3"))
	gone("restart in another browser", err)
	_, err = postgres.RestartLogin(ctx, w.Pool, l.ID, mine, []byte("s3"))
	w.must(err)
	decided, err := postgres.DecideLogin(ctx, w.Pool, l.ID, []byte("s1"), postgres.LoginFinding{State: postgres.LoginConfirming, District: "d1"})
	if decided || err != nil {
		t.Errorf("an answer that came too late counts: %t, %v", decided, err)
	}
	_, err = postgres.UseState(ctx, w.Pool, []byte("s3"), mine)
	w.must(err)
	decided, err = postgres.DecideLogin(ctx, w.Pool, l.ID, []byte("s3"), postgres.LoginFinding{State: postgres.LoginConfirming, District: "d1"})
	if !decided || err != nil {
		t.Fatalf("decide: %t, %v", decided, err)
	}
	_, err = postgres.ConfirmLogin(ctx, w.Pool, l.ID, other, postgres.LoginConnected)
	gone("consent in another browser", err)
	_, err = postgres.ConfirmLogin(ctx, w.Pool, l.ID, mine, postgres.LoginConnected)
	w.must(err)
	_, err = postgres.ConfirmLogin(ctx, w.Pool, l.ID, mine, postgres.LoginConnected)
	gone("consent twice", err)
	_, err = postgres.RestartLogin(ctx, w.Pool, l.ID, mine, []byte("s4"))
	gone("restart after the consent", err)
}

// TestLogin_EndsWithinAnHour: however often it is tried again.
func TestLogin_EndsWithinAnHour(t *testing.T) {
	t.Parallel()
	w := newLoginWorld(t)
	l := w.create("ticket")
	_, err := postgres.StartLogin(t.Context(), w.Pool, []byte("ticket"), []byte("b"), []byte("s1"))
	w.must(err)
	w.exec(`UPDATE sync.clever_logins SET created_at = now() - interval '55 minutes'`)
	again, err := postgres.RestartLogin(t.Context(), w.Pool, l.ID, []byte("b"), []byte("s2"))
	w.must(err)
	if left := again.ExpiresAt.Sub(again.CreatedAt); left != time.Hour {
		t.Errorf("it may last %v", left)
	}
	w.exec(`UPDATE sync.clever_logins SET created_at = now() - interval '61 minutes'`)
	if _, err := postgres.RestartLogin(t.Context(), w.Pool, l.ID, []byte("b"), []byte("s3")); !errors.Is(err, postgres.ErrNoLogin) {
		t.Errorf("restarted after an hour: %v", err)
	}
}

func TestPruneLoginsAndTokens(t *testing.T) {
	t.Parallel()
	w := newLoginWorld(t)
	ctx := t.Context()
	for _, ticket := range []string{"a", "b", "c"} {
		w.create(ticket)
	}
	w.exec(`UPDATE sync.clever_logins SET expires_at = now() - interval '25 hours' WHERE ticket_hash IN ('a', 'b')`)
	for _, want := range []int{1, 1, 0} {
		if n, err := postgres.PruneLogins(ctx, w.Pool, 1); n != want || err != nil {
			t.Errorf("deleted %d, %v; want %d", n, err, want)
		}
	}
	w.exec(`INSERT INTO sync.districts (id, token, token_version) VALUES ('used', 'x', 1), ('left', 'x', 1), ('asked', 'x', 1), ('unused', 'x', 1)`)
	link := func(id uuid.UUID, district string) {
		_, err := postgres.LinkConnection(ctx, w.Pool, id, tenant.Connection{District: district, Grant: tenant.Grant{Whole: true}, LinkedBy: "test"})
		w.must(err)
	}
	leaver := uuid.Must(uuid.NewV7())
	_, err := postgres.CreateTenant(ctx, w.Pool, tenant.Tenant{ID: leaver, Name: "Leaver", Region: "uk"})
	w.must(err)
	link(w.tenant, "used")
	link(leaver, "left")
	ended, err := postgres.Disconnect(ctx, w.Pool, leaver)
	if !ended || err != nil {
		t.Fatalf("disconnect: %t, %v", ended, err)
	}
	w.exec(`UPDATE sync.clever_logins SET state = 'confirming', browser_hash = 'b', started_at = now(), district_id = 'asked'`)
	if n, err := postgres.ForgetDistrictTokens(ctx, w.Pool, "", 10); n != 2 || err != nil {
		t.Errorf("forgot %d, %v; want left and unused", n, err)
	}
	w.exec(`UPDATE sync.clever_logins SET expires_at = now()`)
	if n, err := postgres.ForgetDistrictTokens(ctx, w.Pool, "asked", 10); n != 1 || err != nil {
		t.Errorf("forgot %d, %v; want asked", n, err)
	}
	kept, err := postgres.ListDistrictTokens(ctx, w.Pool, "", 10)
	if err != nil || len(kept) != 1 || kept[0].District != "used" {
		t.Errorf("kept %+v, %v", kept, err)
	}
}

func TestLinkDistrict_NeverAnother(t *testing.T) {
	t.Parallel()
	w := newLoginWorld(t)
	for _, c := range []struct {
		district string
		want     error
	}{{"d1", nil}, {"d2", postgres.ErrOtherDistrict}, {"d1", nil}} {
		_, err := postgres.LinkDistrict(t.Context(), w.Pool, w.tenant, tenant.Connection{District: c.district, Grant: tenant.Grant{Whole: true}, LinkedBy: "test"})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.district, err, c.want)
		}
	}
}
