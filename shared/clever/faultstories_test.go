package clever_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cleversync/shared/clever"
	"cleversync/shared/clever/clevertest"
	"cleversync/shared/fault"
	"cleversync/shared/roster"
)

// readList reads the students to the list's end, five at a time, and stops at
// the first error.
func (b *bench) readList(t *testing.T) (ids []string, page clever.Page, err error) {
	t.Helper()
	for path, last := clever.StudentsOf("", 5).Path, ""; path != ""; path, last = page.Next, page.LastID {
		page, err = clever.ReadPage(t.Context(), b.client, b.who, path, last, func(r roster.Received[roster.SourceUser]) error {
			ids = append(ids, r.ID)
			return nil
		})
		if err != nil {
			return ids, page, err
		}
	}
	return ids, page, nil
}

// nth orders a fault at one request for students.
func (b *bench) nth(t *testing.T, n int, f clevertest.Fault) {
	t.Helper()
	err := b.sim.SetFaults(clevertest.FaultRule{
		Meets: clevertest.FaultMatch{Route: "/users", Query: map[string]string{"role": "student"}}, When: clevertest.FaultWhen{Nth: n}, Fault: f,
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestFaults_SilentlyShort: a list whose next link is missing although there is
// more looks like one that ends. The client alone cannot see it, and must not
// claim to: what sees it is Clever's total, where a body gives one, and whoever
// compares with what was there before.
func TestFaults_SilentlyShort(t *testing.T) {
	t.Parallel()
	b := newBench(t, trial{})
	b.nth(t, 2, clevertest.Fault{Kind: "next", Variant: "missing"})
	ids, page, err := b.readList(t)
	if err != nil || len(ids) != 10 || page.HasTotal {
		t.Errorf("%d records, total %v, %v; want 10 that look like all", len(ids), page.HasTotal, err)
	}
}

// TestFaults_ListChanges: a list that changes while it is read is in order all
// the same. That it is torn is seen by the district's last_sync.
func TestFaults_ListChanges(t *testing.T) {
	t.Parallel()
	for variant, want := range map[string]int{"vanish_ahead": 17, "vanish_behind": 20, "appear_ahead": 20, "appear_behind": 17} {
		b := newBench(t, trial{})
		b.nth(t, 2, clevertest.Fault{Kind: "list_change", Variant: variant, Records: 3})
		ids, _, err := b.readList(t)
		if err != nil || len(ids) != want || !slices.IsSorted(ids) {
			t.Errorf("%s: %d records, %v; want %d in order", variant, len(ids), err, want)
		}
	}
	b := newBench(t, trial{})
	before, err := b.client.District(t.Context(), b.who)
	if err != nil {
		t.Fatal(err)
	}
	b.nth(t, 3, clevertest.Fault{Kind: "last_sync", Delay: 2 * time.Hour})
	if _, _, err := b.readList(t); err != nil {
		t.Fatal(err)
	}
	after, err := b.client.District(t.Context(), b.who)
	if got := after.LastSync.Sub(before.LastSync); err != nil || got != 2*time.Hour {
		t.Errorf("last_sync moved by %v, %v", got, err)
	}
}

// TestFaults_MidList: whatever ends a list in its middle, the cursor before the
// failure leads on to exactly the rest.
func TestFaults_MidList(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fault clevertest.Fault
		want  fault.Code
	}{
		{clevertest.Fault{Kind: "status", Status: 502}, fault.CleverUnavailable},
		{clevertest.Fault{Kind: "rate_limit"}, fault.CleverRateLimited},
		{clevertest.Fault{Kind: "cut"}, fault.CleverUnavailable},
		{clevertest.Fault{Kind: "truncated"}, fault.CleverBadResponse},
		{clevertest.Fault{Kind: "records", Variant: "out_of_order", Skip: 3}, fault.SnapshotIncomplete},
		{clevertest.Fault{Kind: "rotate_token"}, fault.CleverTokenRevoked},
	} {
		b := newBench(t, trial{})
		whole, _, err := b.readList(t)
		if err != nil || len(whole) != 20 {
			t.Fatalf("%d records, %v", len(whole), err)
		}
		b.nth(t, 3, c.fault)
		var kept []string
		path, last, failures := clever.StudentsOf("", 5).Path, "", 0
		for path != "" {
			var came []string
			page, err := clever.ReadPage(t.Context(), b.client, b.who, path, last, func(r roster.Received[roster.SourceUser]) error {
				came = append(came, r.ID)
				return nil
			})
			if err != nil {
				wantFault(t, err, c.want)
				if failures++; failures > 1 {
					t.Fatalf("%s fails twice: %v", c.fault.Kind, err)
				}
				b.who.Token = clever.Secret(b.sim.Token())
				continue
			}
			kept, path, last = append(kept, came...), page.Next, page.LastID
		}
		if diff := cmp.Diff(whole, kept); diff != "" || failures != 1 {
			t.Errorf("%s, %d failures (-want +got):\n%s", c.fault.Kind, failures, diff)
		}
	}
}

// TestFaults_OldConnection: the one thing that is tried twice, by Go's transport
// and not by the client, is a request on a kept connection that ends before any
// byte of an answer.
func TestFaults_OldConnection(t *testing.T) {
	t.Parallel()
	b := newBench(t, trial{})
	b.nth(t, 2, clevertest.Fault{Kind: "cut", Variant: "before"})
	ids, _, err := b.readList(t)
	if got := b.sim.Requests()["/users"]; err != nil || len(ids) != 20 || got != 5 {
		t.Errorf("%d records in %d requests, %v; want 20 in 4 and one more", len(ids), got, err)
	}
}
