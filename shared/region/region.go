// Package region knows the nightly windows. A window is 24 hours long and
// begins at 18:00 of its region's fixed offset from UTC: daylight saving
// changes nothing, so a window never has 23 or 25 hours and no slot comes twice.
package region

import (
	"fmt"
	"hash/fnv"
	"slices"
	"time"
)

// Region is one set of tenants that share a window.
type Region struct {
	// Name is stable; it is part of every window's key.
	Name string
	// Title is for people.
	Title string
	// Offset is the fixed difference from UTC.
	Offset time.Duration
	// Start is the window's beginning after midnight of the region's time.
	Start time.Duration
	// Length is how long a window is: the next begins when it ends.
	Length time.Duration
}

// Window is one night of a region.
type Window struct {
	// Key is region and start, unique for ever: "au/2026-11-24".
	Key        string
	Start, End time.Time
}

const day = 24 * time.Hour

// Builtin are the regions of the product.
func Builtin() []Region {
	return []Region{
		{Name: "us-nz", Title: "United States and New Zealand", Offset: -5 * time.Hour, Start: 18 * time.Hour, Length: day},
		{Name: "au", Title: "Australia", Offset: 8 * time.Hour, Start: 18 * time.Hour, Length: day},
		{Name: "uk", Title: "United Kingdom", Offset: 0, Start: 18 * time.Hour, Length: day},
	}
}

// Find gives the region of that name among regions.
func Find(regions []Region, name string) (Region, error) {
	i := slices.IndexFunc(regions, func(r Region) bool { return r.Name == name })
	if i < 0 {
		return Region{}, fmt.Errorf("unknown region %q", name)
	}
	return regions[i], nil
}

// WindowAt is the window in which t lies.
func (r Region) WindowAt(t time.Time) Window {
	anchor := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).Add(r.Start - r.Offset)
	n := t.Sub(anchor) / r.Length
	if t.Before(anchor.Add(n * r.Length)) {
		n--
	}
	return r.window(anchor.Add(n * r.Length))
}

// Next is the window after w.
func (r Region) Next(w Window) Window { return r.window(w.End) }

func (r Region) window(start time.Time) Window {
	local := start.Add(r.Offset)
	key := local.Format(time.DateOnly)
	if r.Length%day != 0 {
		key = start.UTC().Format("2006-01-02T15:04:05Z")
	}
	return Window{Key: r.Name + "/" + key, Start: start.UTC(), End: start.Add(r.Length).UTC()}
}

// Slot is a tenant's place in the window, from its id alone: it never moves and
// spreads tenants evenly.
func (r Region) Slot(tenant string) time.Duration {
	h := fnv.New64a()
	h.Write([]byte(tenant)) // never fails
	seconds := max(uint64(r.Length/time.Second), 1)
	return time.Duration(mix(h.Sum64())%seconds) * time.Second
}

// mix spreads what FNV leaves close together for similar ids.
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	return x
}

// NextDue is the tenant's first slot after t.
func (r Region) NextDue(tenant string, t time.Time) time.Time {
	w := r.WindowAt(t)
	due := w.Start.Add(r.Slot(tenant))
	if due.After(t) {
		return due
	}
	return r.Next(w).Start.Add(r.Slot(tenant))
}

// LastDue is the tenant's latest slot that has come at t.
func (r Region) LastDue(tenant string, t time.Time) time.Time {
	return r.NextDue(tenant, t).Add(-r.Length)
}
