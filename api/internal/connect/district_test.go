package connect_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"cleversync/shared/clever/clevertest"
	"cleversync/shared/roster"
	"cleversync/shared/tenant"
)

var whole = url.Values{"choice": {"whole"}}

func TestDistrict_WholeByItsAdministrator(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	district := w.clever.District()
	l := w.begin(w.token, "district")
	b := w.browser()
	p := b.through(l, adminOf(w.clever.Sharing))
	for _, want := range []string{district.ID(), district.State().Name, "Riverside <School>", "Its IT", "a district administrator"} {
		if p.status != 200 || !strings.Contains(p.text, want) {
			t.Errorf("the page of consent lacks %q: %d", want, p.status)
		}
	}
	if got := w.read(l); got.State != "confirming" || got.District != district.ID() || got.Name != district.State().Name || len(got.Schools) != 0 {
		t.Errorf("before the consent: %+v", got)
	}
	if w.connection() != nil {
		t.Error("connected before the consent")
	}
	if p := b.confirm(l, whole); p.status != 303 {
		t.Errorf("confirmed: %d %s", p.status, p.text)
	}
	want := &tenant.Connection{
		District: district.ID(), DistrictName: district.State().Name, Enabled: true, Grant: tenant.Grant{Whole: true, Schools: []string{}},
		Options: roster.Options{Whole: true, Schools: []string{}, Classrooms: true, ParentTypes: []string{}}, Version: 1, Confirmed: true,
		LinkedBy: "district administrator, by log-in at Clever",
	}
	if diff := cmp.Diff(want, w.connection(), cmpopts.IgnoreFields(tenant.Connection{}, "UpdatedAt")); diff != "" {
		t.Errorf("connection (-want +got):\n%s", diff)
	}
	if got := w.read(l); got.State != "connected" {
		t.Errorf("after the consent: %+v", got)
	}
	if p := b.open("/clever/logins/" + l.ID.String()); !strings.Contains(p.text, "Connected") {
		t.Errorf("the page: %d %s", p.status, p.text)
	}
	if got := w.storedToken(district.ID()); got != w.clever.Token() {
		t.Error("the district's token is not stored")
	}
	var details string
	w.must(w.Pool.QueryRow(t.Context(), `SELECT details::text FROM sync.audit_log WHERE act = 'connection_linked'`).Scan(&details))
	if !strings.Contains(details, l.ID.String()) || !strings.Contains(details, "Its IT") {
		t.Errorf("audited as %s", details)
	}
}

func TestDistrict_SchoolsFoundByTheirName(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ids, names := schoolsOf(w.clever.Sharing)
	l := w.begin(w.token, "district")
	b := w.browser()
	b.through(l, adminOf(w.clever.Sharing))
	path := "/clever/logins/" + l.ID.String()
	p := b.open(path + "?" + url.Values{"search": {strings.ToLower(names[0])}, "school": {ids[1]}}.Encode())
	if !strings.Contains(p.text, `value="`+ids[0]+`"> `+names[0]) || !strings.Contains(p.text, `value="`+ids[1]+`" checked`) {
		t.Errorf("the search does not show what it found beside what was ticked:\n%s", p.text)
	}
	if p := b.open(path + "?search=no-such-school"); strings.Contains(p.text, ids[0]) {
		t.Error("a search that finds nothing shows a school")
	}
	for name, form := range map[string]url.Values{"none": {"choice": {"schools"}}, "a stranger's": {"choice": {"schools"}, "school": {ids[0], "5f00000000000000000000aa"}}} {
		if p := b.confirm(l, form); p.status != 422 || w.connection() != nil {
			t.Errorf("%s: %d, connected: %v", name, p.status, w.connection())
		}
	}
	b.confirm(l, url.Values{"choice": {"schools"}, "school": {ids[1], ids[1]}})
	if c := w.connection(); c == nil || c.Options.Whole || !slices.Equal(c.Options.Schools, ids[1:2]) || !c.Grant.Whole {
		t.Errorf("connected as %+v", c)
	}
}

func TestDistrict_OnlyItsAdministrator(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	district := w.clever.District()
	for kind, who := range map[string]string{"teacher": first(district.Teachers()), "student": first(district.Students())} {
		l := w.begin(w.token, "district")
		b := w.browser()
		p := b.through(l, w.clever.Login(who))
		if got := w.read(l); got.State != "refused" || got.Code != "not_a_district_admin" || got.Person != kind {
			t.Errorf("%s: %+v", kind, got)
		}
		if !strings.Contains(p.text, "no district administrator") || !strings.Contains(p.text, "Log in as somebody else") {
			t.Errorf("%s: %s", kind, p.text)
		}
		b.confirm(l, whole)
		if w.connection() != nil || w.storedToken(district.ID()) != "" {
			t.Errorf("%s: something came of it", kind)
		}
		// The same log-in again, by the right person.
		b.open(w.site + "/logout")
		again := b.post("/clever/logins/"+l.ID.String()+"/restart", nil)
		if !strings.Contains(again.location, "confirmed=false") {
			t.Errorf("%s: tried again at %s", kind, again.location)
		}
		b.land(b.logInAt(again.location, adminOf(w.clever.Sharing)))
		if got := w.read(l); got.State != "confirming" {
			t.Errorf("%s: tried again: %+v", kind, got)
		}
		b.post("/clever/logins/"+l.ID.String()+"/reject", nil)
		if got := w.read(l); got.Code != "rejected" || w.storedToken(district.ID()) != "" {
			t.Errorf("%s: rejected: %+v, and a token is kept: %t", kind, got, w.storedToken(district.ID()) != "")
		}
	}
}

// TestDistrict_TheStarterCannotConsent is the attack that the whole way is made
// against: who begins a log-in sends its address to another's administrator.
func TestDistrict_TheStarterCannotConsent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := w.begin(w.token, "district")
	victim, attacker := w.browser(), w.browser()
	victim.through(l, adminOf(w.clever.Sharing))
	path := "/clever/logins/" + l.ID.String()
	for name, p := range map[string]page{
		"the page":   attacker.open(path),
		"the ticket": attacker.open(l.StartURL),
		"consent":    attacker.confirm(l, whole),
		"refusal":    attacker.post(path+"/reject", nil),
		"restart":    attacker.post(path+"/restart", nil),
	} {
		if p.status != 403 && p.status != 404 || strings.Contains(p.text, w.clever.District().ID()) || strings.Contains(p.text, "Riverside") {
			t.Errorf("%s: %d %s", name, p.status, p.text)
		}
	}
	for _, token := range []string{w.token, w.operator} {
		r, err := http.NewRequestWithContext(t.Context(), "POST", w.api.URL+path+"/confirm", strings.NewReader("choice=whole"))
		w.must(err)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Authorization", "Bearer "+token)
		answer, err := http.DefaultClient.Do(r)
		w.must(err)
		answer.Body.Close()
		if answer.StatusCode != 403 {
			t.Errorf("with a token: %d", answer.StatusCode)
		}
	}
	// Another site that makes the victim's own browser consent.
	r, err := http.NewRequestWithContext(t.Context(), "POST", w.api.URL+path+"/confirm", strings.NewReader("choice=whole"))
	w.must(err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	answer, err := victim.client.Do(r)
	w.must(err)
	answer.Body.Close()
	if answer.StatusCode != 403 || w.connection() != nil {
		t.Errorf("from another site: %d, connected: %v", answer.StatusCode, w.connection())
	}
}

func TestDistrict_TwoConsentAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := w.begin(w.token, "district")
	b := w.browser()
	b.through(l, adminOf(w.clever.Sharing))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() { b.confirm(l, whole) })
	}
	wg.Wait()
	var acts int
	w.must(w.Pool.QueryRow(t.Context(), `SELECT count(*) FROM sync.audit_log WHERE act = 'connection_linked'`).Scan(&acts))
	if c := w.connection(); acts != 1 || c == nil || c.Version != 1 {
		t.Errorf("linked %d times: %+v", acts, c)
	}
}

// TestDistrict_TwoDistrictsAtOnce lets the administrators of two districts
// consent for one tenant that has none yet: the second must not take it over.
func TestDistrict_TwoDistrictsAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var logins []login
	var browsers []*browser
	for _, d := range w.clever.Sharings()[:2] {
		l, b := w.begin(w.token, "district"), w.browser()
		b.through(l, adminOf(d))
		logins, browsers = append(logins, l), append(browsers, b)
	}
	var wg sync.WaitGroup
	for i := range logins {
		wg.Go(func() { browsers[i].confirm(logins[i], whole) })
	}
	wg.Wait()
	states := []string{w.read(logins[0]).State + w.read(logins[0]).Code, w.read(logins[1]).State + w.read(logins[1]).Code}
	slices.Sort(states)
	if diff := cmp.Diff([]string{"connected", "refuseddistrict_change_needs_operator"}, states); diff != "" {
		t.Error(diff)
	}
	if c := w.connection(); c == nil || c.Version != 1 {
		t.Errorf("connected as %+v", c)
	}
}

func TestDistrict_AnotherOneNeedsAnOperator(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	mine, other := w.clever.Sharings()[0], w.clever.Sharings()[1]
	w.connect(mine)
	w.exec(`UPDATE sync.connections SET sync_parents = true, parent_types = '{Family}', enabled = false`)
	refused := func(name string) {
		t.Helper()
		l := w.begin(w.token, "district")
		w.browser().through(l, adminOf(other))
		if got := w.read(l); got.Code != "district_change_needs_operator" || w.connection().District != mine.District().ID() || w.storedToken(other.District().ID()) != "" {
			t.Errorf("%s: %+v", name, got)
		}
	}
	refused("while connected")
	w.connect(mine) // the same again keeps what was chosen
	if c := w.connection(); !c.Options.Parents || c.Enabled || c.Version != 2 {
		t.Errorf("linked again: %+v", c)
	}
	if status := w.call("DELETE", "/v1/tenants/"+w.tenant.String()+"/connection", w.token, "", nil); status != 204 || w.storedToken(mine.District().ID()) != "" {
		t.Fatalf("disconnect: %d", status)
	}
	refused("after a disconnect")
	w.connect(mine)
	if c := w.connection(); !c.Connected() || !c.Enabled || !c.Options.Parents {
		t.Errorf("linked again after a disconnect: %+v", c)
	}

	l := w.begin(w.operator, "district")
	b := w.browser()
	b.through(l, adminOf(other))
	var run struct{ ID string }
	runs := "/v1/tenants/" + w.tenant.String() + "/runs"
	if status := w.call("POST", runs, w.token, "", &run); status != 202 {
		t.Fatalf("start: %d", status)
	}
	if p := b.confirm(l, whole); p.status != 409 || w.connection().District != mine.District().ID() {
		t.Errorf("under a run: %d %s", p.status, p.text)
	}
	if status := w.call("POST", runs+"/"+run.ID+"/cancel", w.token, "", nil); status != 202 {
		t.Fatalf("cancel: %d", status)
	}
	b.confirm(l, whole)
	if c := w.connection(); c.District != other.District().ID() || c.Options.Parents {
		t.Errorf("changed by a log-in that an operator began: %+v", c)
	}
}

// connect connects the tenant to the whole of a district.
func (w *world) connect(d *clevertest.Sharing) {
	w.t.Helper()
	l, b := w.begin(w.token, "district"), w.browser()
	b.through(l, adminOf(d))
	b.confirm(l, whole)
	if c := w.connection(); c == nil || c.District != d.District().ID() || !c.Connected() {
		w.t.Fatalf("not connected: %+v, %+v", w.read(l), c)
	}
}

func TestDistrict_Unshared(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	unshared := w.clever.Sharings()[2]
	l := w.begin(w.token, "district")
	admins := unshared.District().Admins()
	w.browser().through(l, unshared.Login(first(admins)))
	if got := w.read(l); got.Code != "unauthorized_at_clever" {
		t.Errorf("refused at Clever: %+v", got)
	}
	// The person may log in, but the token list does not have the district.
	l, b := w.begin(w.token, "district"), w.browser()
	back := b.logInAt(b.start(l), adminOf(w.clever.Sharing))
	w.clever.SetOverride(func(rw http.ResponseWriter, r *http.Request) bool {
		if r.Method == "GET" && r.URL.Path == "/oauth/tokens" {
			rw.Header().Set("Content-Type", "application/json")
			_, _ = rw.Write([]byte(`{"data":[],"links":[]}`))
			return true
		}
		return false
	})
	p := b.land(back)
	if got := w.read(l); got.Code != "district_not_shared" || !strings.Contains(p.text, "does not share its data") || w.storedToken(w.clever.District().ID()) != "" {
		t.Errorf("not in the list: %+v\n%s", got, p.text)
	}
}

// TestDistrict_CleverGoesAway lets Clever fail at each of its answers in turn:
// nothing is half done, and the same log-in can be tried again.
func TestDistrict_CleverGoesAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l, b := w.begin(w.token, "district"), w.browser()
	next := b.start(l)
	for _, at := range []string{"POST /oauth/tokens", "GET /v3.1/me", "GET /oauth/tokens", "GET /v3.1/districts"} {
		back := b.logInAt(next, adminOf(w.clever.Sharing))
		var failed atomic.Bool
		w.clever.SetOverride(func(rw http.ResponseWriter, r *http.Request) bool {
			if r.Method+" "+r.URL.Path != at {
				return false
			}
			failed.Store(true)
			rw.WriteHeader(503)
			return true
		})
		p := b.land(back)
		if got := w.read(l); !failed.Load() || got.Code != "clever_unavailable" || !strings.Contains(p.text, "Try again") || w.connection() != nil {
			t.Errorf("%s: failed %t, %+v\n%s", at, failed.Load(), got, p.text)
		}
		w.clever.SetOverride(nil)
		next = b.post("/clever/logins/"+l.ID.String()+"/restart", nil).location
	}
	b.land(b.logInAt(next, adminOf(w.clever.Sharing)))
	b.confirm(l, whole)
	if got := w.read(l); got.State != "connected" {
		t.Errorf("in the end: %+v", got)
	}
}
