package connect_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"
)

func TestSchool_FoundByABadge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.connect(w.clever.Sharing)
	before := w.connection()
	student := first(w.clever.District().Students())
	var at []string
	for u := range w.clever.District().Students() {
		at = u.Student.Schools
		break
	}
	l, b := w.begin(w.token, "school"), w.browser()
	p := b.through(l, w.clever.BadgeLogin(student))
	got := w.read(l)
	if got.State != "confirming" || !slices.Equal(got.Schools, at) || got.Person != "student" {
		t.Errorf("found %+v, want %v", got, at)
	}
	if !strings.Contains(p.text, at[0]) || !strings.Contains(p.text, "Is this your school?") {
		t.Errorf("the page: %s", p.text)
	}
	if diff := w.connection(); diff.Version != before.Version {
		t.Errorf("finding a school has changed the connection: %+v", diff)
	}
	if p := b.confirm(l, url.Values{"school": {"5f00000000000000000000aa"}}); p.status != 422 {
		t.Errorf("a school that was not found: %d", p.status)
	}
	b.confirm(l, url.Values{"school": at})
	if c := w.connection(); !before.Confirmed || c.Confirmed {
		t.Errorf("whom another choice removes is confirmed: %t before, %t after", before.Confirmed, c.Confirmed)
	}
	if c := w.connection(); c.Options.Whole || !slices.Equal(c.Options.Schools, at) || !c.Grant.Whole || w.read(l).State != "selected" {
		t.Errorf("selected: %+v, %+v", c, w.read(l))
	}
}

func TestSchool_GrantsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.connect(w.clever.Sharing)
	ids, _ := schoolsOf(w.clever.Sharing)
	student := first(w.clever.District().Students())
	var at []string
	for u := range w.clever.District().Students() {
		at = u.Student.Schools
		break
	}
	elsewhere := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return slices.Contains(at, id) })
	try := func(name, code string, as func() (login, page)) {
		t.Helper()
		l, _ := as()
		if got := w.read(l); got.Code != code {
			t.Errorf("%s: %+v, want %s", name, got, code)
		}
	}
	try("an administrator, who is at no school", "no_school_found", func() (login, page) {
		l := w.begin(w.token, "school")
		return l, w.browser().through(l, adminOf(w.clever.Sharing))
	})
	other := w.clever.Sharings()[1]
	try("somebody of another district", "other_district", func() (login, page) {
		l := w.begin(w.token, "school")
		return l, w.browser().through(l, other.Login(first(other.District().Teachers())))
	})
	w.exec(`UPDATE sync.connections SET grant_whole = false, whole = false, granted_schools = $1`, elsewhere)
	try("somebody of a school that is not granted", "no_school_found", func() (login, page) {
		l := w.begin(w.token, "school")
		return l, w.browser().through(l, w.clever.BadgeLogin(student))
	})
	// The grant goes between finding and selecting.
	w.exec(`UPDATE sync.connections SET granted_schools = $1`, ids)
	l, b := w.begin(w.token, "school"), w.browser()
	b.through(l, w.clever.BadgeLogin(student))
	w.exec(`UPDATE sync.connections SET granted_schools = $1`, elsewhere)
	if p := b.confirm(l, url.Values{"school": at}); p.status != 422 || len(w.connection().Options.Schools) != 0 {
		t.Errorf("selected what is granted no longer: %d %+v", p.status, w.connection())
	}
	if status := w.call("DELETE", "/v1/tenants/"+w.tenant.String()+"/connection", w.token, "", nil); status != 204 {
		t.Fatal(status)
	}
	b.confirm(l, url.Values{"school": at})
	if got := w.read(l); got.Code != "not_connected" {
		t.Errorf("after a disconnect: %+v", got)
	}
}
