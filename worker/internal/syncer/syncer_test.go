package syncer_test

import (
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"cleversync/shared/clever/clevertest"
	"cleversync/shared/dispatch"
	"cleversync/shared/fault"
	"cleversync/shared/postgres"
	"cleversync/shared/roster"
	"cleversync/shared/syncrun"
)

const students = 150

func district() clevertest.Config { return clevertest.Config{Students: students, Seed: 3} }

func TestRun_bringsTheWholeDistrict(t *testing.T) {
	t.Parallel()
	w := newWorld(t, district(), time.Hour)
	run := w.completed()
	w.whole()
	if got := run.Counts[roster.KindMembership].Added; got < students {
		t.Errorf("%d memberships, want several per student", got)
	}
	if got := run.Counts[roster.KindParent].Added; got == 0 {
		t.Error("no parent came")
	}
	var staged int
	w.must(w.Pool.QueryRow(t.Context(), `SELECT count(*) FROM staging.users`).Scan(&staged))
	if staged != 0 {
		t.Errorf("%d rows are left in staging", staged)
	}
}

func TestRun_unchangedWritesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, district(), time.Hour)
	w.completed()
	before := w.dump()
	run := w.completed()
	for kind, c := range run.Counts {
		if c.Added+c.Updated+c.Archived+c.Restored+c.Held+c.Skipped != 0 {
			t.Errorf("%s: %+v, want all unchanged", kind, c)
		}
	}
	if after := w.dump(); after != before {
		t.Error("an unchanged run changed the roster")
	}
}

// However small the slices, the outcome is the same: the stream goes on from
// its cursor.
func TestRun_yieldsAfterItsSlice(t *testing.T) {
	t.Parallel()
	left := newWorld(t, district(), time.Hour)
	left.completed()
	alone := left.tasks
	w := newWorld(t, district(), time.Nanosecond)
	w.completed()
	if w.dump() != left.dump() {
		t.Error("the roster differs from that of one long slice")
	}
	if w.tasks <= alone {
		t.Errorf("%d tasks, as many as without slices (%d)", w.tasks, alone)
	}
}

func TestRun_tokenRotatedInTheMiddle(t *testing.T) {
	t.Parallel()
	w := newWorld(t, district(), time.Hour)
	w.order(studentPages, clevertest.FaultWhen{Nth: 2}, clevertest.Fault{Kind: clevertest.FaultRotateToken})
	w.completed()
	w.whole()
}

func TestRun_districtUnshared(t *testing.T) {
	t.Parallel()
	w := newWorld(t, district(), time.Hour)
	w.completed()
	before := w.dump()
	w.clever.Disconnect()
	w.failed(fault.CleverTokenRevoked)
	if w.dump() != before {
		t.Error("the roster changed")
	}
}

func TestRun_selectedSchoolUnshared(t *testing.T) {
	t.Parallel()
	w := newWorld(t, district(), time.Hour)
	var schools []string
	for s := range w.clever.District().Schools() {
		schools = append(schools, s.ID)
	}
	o := everything
	o.Whole, o.Schools = false, schools[:2]
	w.connect(o)
	w.completed()
	before := w.dump()
	w.clever.HideSchool(schools[1])
	if detail := w.failed(fault.CleverNotShared).Detail; !strings.Contains(detail, schools[1]) {
		t.Errorf("the message %q does not name the school", detail)
	}
	if w.dump() != before {
		t.Error("the roster changed")
	}
}

// One school selected brings exactly that school's people, whether its own
// lists are read or the district's.
func TestRun_oneSchool(t *testing.T) {
	t.Parallel()
	w := newWorld(t, district(), time.Hour)
	var school string
	for s := range w.clever.District().Schools() {
		school = s.ID
	}
	o := everything
	o.Whole, o.Schools = false, []string{school}
	w.connect(o)
	w.completed()
	var strangers, there int
	w.must(w.Pool.QueryRow(t.Context(), `
		SELECT count(*) FILTER (WHERE schools <> ARRAY[$2]), count(*)
		FROM school_manager.users
		WHERE tenant_id = $1`, w.tenant, school).Scan(&strangers, &there))
	if strangers != 0 || there == 0 || there >= students {
		t.Errorf("%d users, %d of them of other schools, want some and none", there, strangers)
	}
}

func TestRun_districtStates(t *testing.T) {
	t.Parallel()
	for _, state := range []string{"pending", "error"} {
		t.Run(state, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, district(), time.Hour)
			w.clever.SetDistrict(func(d *clevertest.DistrictState) { d.State = state })
			w.failed(fault.CleverDistrictHeld)
			if got := w.active("users"); len(got) != 0 {
				t.Errorf("%d users came", len(got))
			}
		})
	}
	for _, state := range []string{"running", "success", ""} {
		t.Run("goes on in "+state, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, district(), time.Hour)
			w.clever.SetDistrict(func(d *clevertest.DistrictState) { d.State = state })
			w.completed()
		})
	}
}

// leaver removes a student.
func (w *world) leaver() string {
	w.t.Helper()
	for u := range w.clever.District().Students() {
		w.must(w.clever.Edit(func(e *clevertest.Edits) { e.Remove(u.ID) }))
		return u.ID
	}
	w.t.Fatal("no student")
	return ""
}

// A paused district shows last year's data: whoever is missing stays, and is
// counted.
func TestRun_pausedDistrictRemovesNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, district(), time.Hour)
	w.completed()
	gone := w.leaver()
	w.clever.SetDistrict(func(d *clevertest.DistrictState) { d.State = "paused" })
	run := w.completed()
	if !w.active("users")[gone] || run.Counts[roster.KindUser].Held != 1 {
		t.Errorf("the student is there: %v, held: %d, want there and 1", w.active("users")[gone], run.Counts[roster.KindUser].Held)
	}
	w.clever.SetDistrict(func(d *clevertest.DistrictState) { d.State = "running" })
	run = w.completed()
	if w.active("users")[gone] || run.Counts[roster.KindUser].Archived != 1 {
		t.Errorf("once it runs again: there %v, archived %d, want gone and 1", w.active("users")[gone], run.Counts[roster.KindUser].Archived)
	}
}

func TestRun_listOutOfOrderIsReadOnceMore(t *testing.T) {
	t.Parallel()
	w := newWorld(t, district(), time.Hour)
	w.order(studentPages, clevertest.FaultWhen{Nth: 2}, outOfOrder)
	w.completed()
	w.whole()
}

func TestRun_listAlwaysOutOfOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, district(), time.Hour)
	w.completed()
	before := w.dump()
	w.order(studentPages, clevertest.FaultWhen{From: 2}, outOfOrder)
	w.failed(fault.SnapshotIncomplete)
	if w.dump() != before {
		t.Error("the roster changed")
	}
}

// A small tenant of a large district asks for its own students' contacts; the
// outcome is that of the district's list.
func TestRun_contactsByStudent(t *testing.T) {
	t.Parallel()
	list := newWorld(t, district(), time.Hour)
	list.completed()
	w := newWorld(t, district(), time.Nanosecond)
	_, err := w.Pool.Exec(t.Context(), `UPDATE sync.districts SET contact_pages = 1000`)
	w.must(err)
	run := w.completed()
	if got, want := w.active("parents"), list.active("parents"); !maps.Equal(got, want) {
		t.Errorf("%d parents, want the %d of the district's list", len(got), len(want))
	}
	if got, want := w.dump(), list.dump(); got != want {
		t.Error("the roster differs from that of the district's list")
	}
	for _, s := range run.Steps {
		if s.Name == syncrun.FetchContacts && s.Pages < students {
			t.Errorf("%d requests for contacts, want one per student", s.Pages)
		}
	}
}

// Records that cannot be read cost themselves, never their page.
func TestRun_brokenRecords(t *testing.T) {
	t.Parallel()
	c := district()
	c.Students, c.Broken = 400, true
	w := newWorld(t, c, time.Hour)
	run := w.completed()
	issues := map[roster.IssueCode]int64{}
	for _, i := range run.Issues {
		issues[i.Code] = i.Count
	}
	if issues[roster.RecordUndecodable] == 0 || issues[roster.ValueInvalid] == 0 {
		t.Errorf("issues %v, want undecodable records and invalid values among them", issues)
	}
	users, shared := len(w.active("users")), len(w.people())
	if users >= shared || int64(shared-users) > issues[roster.RecordUndecodable] {
		t.Errorf("%d of %d users, with %d records undecodable: the others must all be there", users, shared, issues[roster.RecordUndecodable])
	}
}

// A switch or a choice that goes takes what it had brought with it, and brings
// it back.
func TestRun_optionsOffAndOn(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, table string
		kind        roster.Kind
		change      func(*roster.Options)
	}{
		{"classrooms", "classrooms", roster.KindClassroom, func(o *roster.Options) { o.Classrooms = false }},
		{"parents", "parents", roster.KindParent, func(o *roster.Options) { o.Parents = false }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, district(), time.Hour)
			w.completed()
			before := w.dump()
			o := everything
			test.change(&o)
			w.connect(o)
			run := w.completed()
			if left := w.active(test.table); len(left) != 0 || run.Counts[test.kind].Archived == 0 {
				t.Errorf("%d are left, %d archived", len(left), run.Counts[test.kind].Archived)
			}
			w.connect(everything)
			run = w.completed()
			if run.Counts[test.kind].Restored == 0 || run.Counts[test.kind].Added != 0 {
				t.Errorf("on again: %+v, want all restored, none new", run.Counts[test.kind])
			}
			if w.dump() != before {
				t.Error("off and on again changed the roster")
			}
		})
	}
}

func TestRun_countsMatchTheRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, district(), time.Hour)
	run := w.completed()
	var records int64
	for _, s := range run.Steps {
		records += s.Records
	}
	c := w.clever.District().Counts()
	want := int64(c.Students + c.Teachers + c.Contacts + c.Sections + c.Schools + c.Courses + c.Terms)
	if run.Records != want || records != want {
		t.Errorf("run says %d records, its steps %d, Clever shares %d", run.Records, records, want)
	}
}

// A reference that can be no id is nobody's: it must not fail the lookup.
func TestRun_contactNamesAStudentWithNUL(t *testing.T) {
	t.Parallel()
	w := newWorld(t, district(), time.Hour)
	for u := range w.clever.District().Contacts() {
		w.must(w.clever.Edit(func(e *clevertest.Edits) {
			e.User(u.ID, func(u *clevertest.User) {
				u.Contact.Relationships = append([]clevertest.Relationship{{Student: "ab\x00c", Type: "Family"}}, u.Contact.Relationships...)
			})
		}))
		break
	}
	w.completed()
	w.whole()
}

// Whatever a district is called, and however old it says its data is, its runs
// go on and can be read.
func TestRun_districtWithImpossibleFacts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, district(), time.Hour)
	w.clever.SetDistrict(func(d *clevertest.DistrictState) {
		d.Name, d.LastSync = "Spring\x00field", "9999-12-31T23:59:59-14:00"
	})
	if run := w.completed(); !run.LastSync.IsZero() {
		t.Errorf("last sync %v, want it unknown", run.LastSync)
	}
}

// A cancel that came before the last look counts, however fast the apply is.
func TestRun_cancelledBeforeItsLastLook(t *testing.T) {
	t.Parallel()
	w := newWorld(t, district(), time.Hour)
	started, err := w.dispatcher.Start(t.Context(), dispatch.StartRequest{Tenant: w.tenant, Actor: "test"})
	w.must(err)
	w.must(postgres.SendSignal(t.Context(), w.Pool, started.Run, w.tenant, postgres.SignalCancel, "test"))
	err = w.perform([]syncrun.Delivery{{Run: started.Run, Step: syncrun.Prepare, Seq: 1, Lane: syncrun.LaneManual}})
	if !errors.Is(err, postgres.ErrCancelled) {
		t.Errorf("the apply ends with %v, want it cancelled", err)
	}
	if got := w.active("users"); len(got) != 0 {
		t.Errorf("%d users came of a cancelled run", len(got))
	}
}

// Pages without records that always name a next one are no list.
func TestRun_endlessEmptyPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, district(), time.Hour)
	w.order(clevertest.FaultMatch{Route: "/terms"}, clevertest.FaultWhen{}, clevertest.Fault{Kind: clevertest.FaultNext, Variant: "endless"})
	w.failed(fault.SnapshotIncomplete)
}
