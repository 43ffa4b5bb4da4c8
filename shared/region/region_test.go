package region_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cleversync/shared/region"
)

func at(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return t
}

func regionOf(t *testing.T, name string) region.Region {
	t.Helper()
	r, err := region.Find(region.Builtin(), name)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// The windows that customers were promised, as a person would look them up:
// 18:00 at a fixed offset, also where the region has daylight saving, at ends of
// years and on leap days.
func TestWindowAt_asPromised(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ region, at, key, start string }{
		{"us-nz", "2026-11-24T23:00:00Z", "us-nz/2026-11-24", "2026-11-24T23:00:00Z"},
		{"us-nz", "2026-11-24T22:59:59.999999999Z", "us-nz/2026-11-23", "2026-11-23T23:00:00Z"},
		{"us-nz", "2027-01-01T00:00:00Z", "us-nz/2026-12-31", "2026-12-31T23:00:00Z"},
		{"us-nz", "2026-07-01T12:00:00-05:00", "us-nz/2026-06-30", "2026-06-30T23:00:00Z"},
		{"au", "2026-11-24T10:00:00Z", "au/2026-11-24", "2026-11-24T10:00:00Z"},
		{"au", "2026-11-24T09:59:59Z", "au/2026-11-23", "2026-11-23T10:00:00Z"},
		{"au", "2028-02-29T10:00:00Z", "au/2028-02-29", "2028-02-29T10:00:00Z"},
		{"uk", "2026-11-24T18:00:00Z", "uk/2026-11-24", "2026-11-24T18:00:00Z"},
		{"uk", "2026-06-24T18:00:00+01:00", "uk/2026-06-23", "2026-06-23T18:00:00Z"},
		{"uk", "2028-03-01T17:59:59Z", "uk/2028-02-29", "2028-02-29T18:00:00Z"},
		{"uk", "2027-01-01T17:00:00Z", "uk/2026-12-31", "2026-12-31T18:00:00Z"},
		{"uk", "2019-12-31T17:00:00Z", "uk/2019-12-30", "2019-12-30T18:00:00Z"},
	} {
		got := regionOf(t, c.region).WindowAt(at(c.at))
		want := region.Window{Key: c.key, Start: at(c.start), End: at(c.start).Add(24 * time.Hour)}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s at %s (-want +got):\n%s", c.region, c.at, diff)
		}
	}
}

// samples gives regions of all kinds with random times: the built-in ones, and
// short windows as tests use them.
func samples(t *testing.T, check func(r region.Region, at time.Time, tenant string)) {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	regions := append(region.Builtin(),
		region.Region{Name: "short", Length: 2 * time.Minute},
		region.Region{Name: "odd", Offset: 5*time.Hour + 45*time.Minute, Start: 7*time.Hour + 13*time.Second, Length: 7*time.Hour + 11*time.Second},
		region.Region{Name: "second", Length: time.Second})
	first, span := at("1999-12-31T00:00:00Z"), int64(at("2060-01-01T00:00:00Z").Sub(at("1999-12-31T00:00:00Z")))
	for _, r := range regions {
		for range 2000 {
			check(r, first.Add(time.Duration(random.Int64N(span))), fmt.Sprint(random.Uint64()))
		}
	}
}

// Every moment lies in exactly one window, windows follow each other without a
// gap, and two of them never share a key.
func TestWindows_tileTime(t *testing.T) {
	t.Parallel()
	keys := map[string]time.Time{}
	samples(t, func(r region.Region, at time.Time, _ string) {
		w := r.WindowAt(at)
		if at.Before(w.Start) || !at.Before(w.End) || w.End.Sub(w.Start) != r.Length {
			t.Fatalf("%s: %v lies not in its window %v", r.Name, at, w)
		}
		next := r.Next(w)
		if !next.Start.Equal(w.End) || r.WindowAt(w.End) != next || r.WindowAt(w.End.Add(-1)) != w || r.WindowAt(w.Start) != w {
			t.Fatalf("%s: window %v does not end where %v begins", r.Name, w, next)
		}
		for _, w := range []region.Window{w, next} {
			if start, known := keys[w.Key]; known && !start.Equal(w.Start) {
				t.Fatalf("windows of %v and %v share the key %s", start, w.Start, w.Key)
			}
			keys[w.Key] = w.Start
		}
	})
}

// A whole year of nights, one by one: each has 24 hours and its own date.
func TestWindows_everyNightOfFourYears(t *testing.T) {
	t.Parallel()
	for _, r := range region.Builtin() {
		w := r.WindowAt(at("2027-12-31T23:30:00Z"))
		for day := at("2027-12-31T00:00:00Z"); day.Year() < 2032; day = day.AddDate(0, 0, 1) {
			if want := r.Name + "/" + day.Format(time.DateOnly); w.Key != want {
				t.Fatalf("got window %s, want %s", w.Key, want)
			}
			if local := w.Start.Add(r.Offset); local.Hour() != 18 || local.Minute() != 0 {
				t.Fatalf("window %s begins at %v of its region", w.Key, local)
			}
			w = r.Next(w)
		}
	}
}

// The place of whoever asks changes nothing: a time is the same in every zone.
func TestWindowAt_zoneOfTheAskerDoesNotMatter(t *testing.T) {
	t.Parallel()
	samples(t, func(r region.Region, at time.Time, tenant string) {
		elsewhere := at.In(time.FixedZone("elsewhere", int(at.UnixNano()%50_000)))
		if got, want := r.WindowAt(elsewhere), r.WindowAt(at); got != want {
			t.Fatalf("%s: got %v, want %v", r.Name, got, want)
		}
		if got, want := r.NextDue(tenant, elsewhere), r.NextDue(tenant, at); !got.Equal(want) {
			t.Fatalf("%s: got %v, want %v", r.Name, got, want)
		}
	})
}

// The next slot comes strictly later and within one window's length, the last
// one has come, and between the two there is none: one slot per window.
func TestNextDue(t *testing.T) {
	t.Parallel()
	samples(t, func(r region.Region, at time.Time, tenant string) {
		next, last := r.NextDue(tenant, at), r.LastDue(tenant, at)
		if !next.After(at) || next.Sub(at) > r.Length {
			t.Fatalf("%s: next slot after %v is %v", r.Name, at, next)
		}
		if last.After(at) || next.Sub(last) != r.Length {
			t.Fatalf("%s: last slot at %v is %v, the next %v", r.Name, at, last, next)
		}
		if got := r.NextDue(tenant, next.Add(-1)); !got.Equal(next) {
			t.Fatalf("%s: just before the slot %v the next is %v", r.Name, next, got)
		}
		if got := r.LastDue(tenant, next); !got.Equal(next) {
			t.Fatalf("%s: at the slot %v the last is %v", r.Name, next, got)
		}
		if got := r.NextDue(tenant, next); !got.Equal(next.Add(r.Length)) {
			t.Fatalf("%s: after the slot %v comes %v", r.Name, next, got)
		}
		if a, b := r.WindowAt(last).Key, r.WindowAt(next).Key; a == b {
			t.Fatalf("%s: two slots of %s in window %s", r.Name, tenant, a)
		}
	})
}

// Slots stay within the window and spread tenants evenly over it.
func TestSlot_spreads(t *testing.T) {
	t.Parallel()
	r := regionOf(t, "au")
	const tenants = 24_000
	var hours [24]int
	for i := range tenants {
		slot := r.Slot(fmt.Sprintf("0193a1b2-c3d4-7000-8000-%012x", i)) // ids made one after another
		if slot < 0 || slot >= r.Length {
			t.Fatalf("slot %v lies not in the window", slot)
		}
		hours[slot/time.Hour]++
	}
	for hour, n := range hours {
		if n < 850 || n > 1150 { // five standard deviations
			t.Errorf("hour %d has %d of %d tenants", hour, n, tenants)
		}
	}
}

// A tenant's slot never moves, not with a new build either.
func TestSlot_isStable(t *testing.T) {
	t.Parallel()
	if got, want := regionOf(t, "uk").Slot("01939c8e-0000-7000-8000-000000000001"), 14*time.Hour+56*time.Minute+41*time.Second; got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}
