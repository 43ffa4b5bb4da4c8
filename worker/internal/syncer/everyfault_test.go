package syncer_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"cleversync/shared/clever/clevertest"
	"cleversync/shared/fault"
)

// faultOf gives a fault of a kind what it cannot do without.
func faultOf(kind clevertest.FaultKind, variant, school string) clevertest.Fault {
	f := clevertest.Fault{Kind: kind, Variant: variant}
	switch kind {
	case clevertest.FaultStatusCode:
		f.Status = 503
	case clevertest.FaultHeaders:
		f.Headers = map[string][]string{"Date": {"never"}, "Content-Type": {"text/html"}}
	case clevertest.FaultFraming:
		f.Framing = "close"
	case clevertest.FaultSlowStart, clevertest.FaultStall:
		f.Delay = time.Millisecond
	case clevertest.FaultDrip:
		f.Bytes, f.Pause = 4096, time.Millisecond
	case clevertest.FaultTrailing:
		f.Text = "more"
	case clevertest.FaultGiantBody, clevertest.FaultGiantRecord:
		f.Bytes = 5 << 20
	case clevertest.FaultState:
		f.Text = "error"
	case clevertest.FaultHideSchool, clevertest.FaultShowSchool:
		f.Text = school
	case clevertest.FaultNext:
		if variant == "custom" {
			f.Text = "/v3.1/users?starting_after=~"
		}
	}
	return f
}

// TestRun_everyFault: whatever Clever does in the middle of a list, nobody whom
// it still shares is removed, a run that fails changes nothing, and the next one
// is whole. Holding an answer for ever is left out: the client's own tests do
// that with less patience.
func TestRun_everyFault(t *testing.T) {
	t.Parallel()
	w := newWorld(t, clevertest.Config{Students: 100, Seed: 3, Gzip: true}, time.Hour)
	w.completed()
	var school string
	for s := range w.clever.District().Schools() {
		school = s.ID
	}
	kinds := clevertest.FaultKinds()
	failed := 0
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		if kind == clevertest.FaultHold {
			continue
		}
		variants := kinds[kind]
		if len(variants) == 0 {
			variants = []string{""}
		}
		for _, variant := range variants {
			if w.survives(faultOf(kind, variant, school)) != nil {
				failed++
			}
		}
	}
	if failed == 0 {
		t.Error("no fault made any run fail")
	}
}

// survives lets a run meet a fault at its second page of students, and the next
// one meet none.
func (w *world) survives(f clevertest.Fault) error {
	w.t.Helper()
	before, people := w.dump(), w.active("users")
	w.order(studentPages, clevertest.FaultWhen{Nth: 2}, f)
	_, err := w.sync()
	if err != nil && fault.Of(err).Code == fault.Internal {
		w.t.Errorf("%+v: %v", f, err)
	}
	if err != nil && w.dump() != before {
		w.t.Errorf("%+v: the run failed (%v) and changed the roster", f, err)
	}
	shared, after := w.people(), w.active("users")
	if f.Variant == "appear_behind" {
		// Who comes into a list behind the reader was not in it: only a new
		// last_sync, which Clever's data do not change without, tells of that.
		shared = nil
	}
	for id := range people {
		if shared[id] && !after[id] {
			w.t.Errorf("%+v: user %s is shared and was removed", f, id)
		}
	}
	w.must(w.clever.SetFaults())
	w.must(w.clever.Edit(func(e *clevertest.Edits) { e.Revert() }))
	for s := range w.clever.District().Schools() {
		w.clever.ShowSchool(s.ID)
	}
	w.clever.ShowSchool(f.Text)
	w.clever.SetDistrict(func(d *clevertest.DistrictState) { d.State = "running" })
	if f.Kind == clevertest.FaultDisconnect {
		w.clever.RotateToken()
	}
	w.completed()
	w.whole()
	return err
}
