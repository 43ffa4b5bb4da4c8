package httpapi

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"cleversync/shared/postgres"
)

// untimed compares connections without what every change moves.
var untimed = cmpopts.IgnoreFields(Connection{}, "UpdatedAt", "Version")

func TestLinkConnection_DefaultsAndOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.newTenant()
	w.call("GET", connectionPath(id), "").problem(t, 404, "no_connection")
	w.call("PATCH", connectionPath(id), `{"enabled":true}`).problem(t, 404, "no_connection")

	got := w.link(id, `{"district_id":"d1","grant":{"schools":["s2","s1","s2"]}}`)
	want := Connection{
		DistrictID: "d1", Grant: Grant{Schools: []string{"s1", "s2"}}, Schools: []string{},
		Options: Options{Classrooms: true, ParentTypes: []string{}}, LinkedBy: "Operator", Confirmed: true,
	}
	if diff := cmp.Diff(want, got, untimed); diff != "" || got.Version != 1 {
		t.Errorf("version %d, want 1; (-want +got):\n%s", got.Version, diff)
	}

	got = w.link(id, `{"district_id":"d1","grant":{"whole":true},"enabled":true,"schools":["b","a","b"],
		"options":{"sync_classroom_data":false,"force_unique_class_names":true,"sync_parent_data":true,
		"parent_role_types":["Secondary","Other","Parent/Guardian","Other"],"match_users_by_name":true}}`)
	want = Connection{
		DistrictID: "d1", Grant: Grant{Whole: true, Schools: []string{}}, Enabled: true, Schools: []string{"a", "b"},
		Options:  Options{UniqueClassNames: true, Parents: true, ParentTypes: []string{"Parent/Guardian", "Other", "Secondary"}, MatchByName: true},
		LinkedBy: "Operator",
	}
	if diff := cmp.Diff(want, got, untimed); diff != "" || got.Version != 2 {
		t.Errorf("version %d, want 2; (-want +got):\n%s", got.Version, diff)
	}
	var read Connection
	w.call("GET", connectionPath(id), "").into(t, 200, &read)
	if diff := cmp.Diff(got, read); diff != "" {
		t.Errorf("read (-linked +read):\n%s", diff)
	}

	got = w.link(id, `{"district_id":"d2","grant":{"whole":true}}`)
	want = Connection{
		DistrictID: "d2", Grant: Grant{Whole: true, Schools: []string{}}, Schools: []string{},
		Options: Options{Classrooms: true, ParentTypes: []string{}}, LinkedBy: "Operator", // not confirmed: it removes everybody
	}
	if diff := cmp.Diff(want, got, untimed); diff != "" {
		t.Errorf("linked anew (-want +got):\n%s", diff)
	}
}

func TestConnection_BadChoices(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.newTenant()
	w.link(id, `{"district_id":"d1","grant":{"schools":["s1","s2"]},"schools":["s1"]}`)
	many := `["` + strings.Repeat(`s","`, 2000) + `s"]`
	cases := map[string]struct {
		method, body string
		places       []string
	}{
		"everything wrong": {"PUT", `{"district_id":"d1","grant":{"schools":["s1"]},"whole_district":true,"schools":["s1","s9"],
			"options":{"sync_parent_data":true,"parent_role_types":["Uncle"]}}`,
			[]string{"body.options.parent_role_types", "body.schools", "body.whole_district"}},
		"parents without a type":  {"PUT", `{"district_id":"d1","grant":{},"options":{"sync_parent_data":true}}`, []string{"body.options.parent_role_types"}},
		"no district":             {"PUT", `{"grant":{}}`, []string{"body"}},
		"no grant":                {"PUT", `{"district_id":"d1"}`, []string{"body"}},
		"district with a slash":   {"PUT", `{"district_id":"../x","grant":{}}`, []string{"body.district_id"}},
		"district too long":       {"PUT", `{"district_id":"` + strings.Repeat("d", 101) + `","grant":{}}`, []string{"body.district_id"}},
		"a school that is none":   {"PUT", `{"district_id":"d1","grant":{"schools":["a b",""]}}`, []string{"body.grant.schools[0]", "body.grant.schools[1]"}},
		"too many schools":        {"PUT", `{"district_id":"d1","grant":{"whole":true},"schools":` + many + `}`, []string{"body.schools"}},
		"unknown option":          {"PUT", `{"district_id":"d1","grant":{},"options":{"sync_everything":true}}`, []string{"body.options.sync_everything"}},
		"district in a change":    {"PATCH", `{"district_id":"d2","grant":{"whole":true}}`, []string{"body.district_id", "body.grant"}},
		"school not granted":      {"PATCH", `{"schools":["s9"]}`, []string{"body.schools"}},
		"district not granted":    {"PATCH", `{"whole_district":true}`, []string{"body.whole_district"}},
		"both":                    {"PATCH", `{"whole_district":true,"schools":["s1"]}`, []string{"body.schools", "body.whole_district"}},
		"parents need their type": {"PATCH", `{"options":{"sync_parent_data":true}}`, []string{"body.options.parent_role_types"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := w.call(c.method, connectionPath(id), c.body).problem(t, 422, "invalid_request")
			if diff := cmp.Diff(c.places, p.places()); diff != "" {
				t.Errorf("places (-want +got):\n%s", diff)
			}
		})
	}
}

func TestChangeConnection_KeepsTheRest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.newTenant()
	want := w.link(id, `{"district_id":"d1","grant":{"whole":true},"enabled":true,"whole_district":true}`)
	for _, step := range []struct {
		body   string
		change func()
	}{
		{`{}`, func() {}},
		{`{"schools":["s2","s1"]}`, func() {
			want.WholeDistrict, want.Schools, want.Confirmed = false, []string{"s1", "s2"}, false
		}},
		{`{"confirm":true}`, func() { want.Confirmed = true }},
		{`{"schools":["s1","s2"]}`, func() {}}, // the same choice needs no confirming
		{`{"enabled":true}`, func() {}},
		{`{"options":{"sync_parent_data":true,"parent_role_types":["Family"]}}`, func() {
			want.Options.Parents, want.Options.ParentTypes, want.Confirmed = true, []string{"Family"}, false
		}},
		{`{"options":{"sync_classroom_data":false},"confirm":true}`, func() { want.Options.Classrooms, want.Confirmed = false, true }},
		{`{"options":{"force_unique_class_names":true}}`, func() { want.Options.UniqueClassNames, want.Confirmed = true, false }},
		{`{"options":{"match_users_by_name":true}}`, func() { want.Options.MatchByName = true }},
		{`{"whole_district":true}`, func() { want.WholeDistrict, want.Schools = true, []string{} }},
		{`{"whole_district":false}`, func() { want.WholeDistrict = false }},
		{`{"options":{"sync_parent_data":false,"parent_role_types":[]}}`, func() { want.Options.Parents, want.Options.ParentTypes = false, []string{} }},
		{`{"enabled":false}`, func() { want.Enabled = false }},
	} {
		step.change()
		want.Version++
		var got Connection
		w.call("PATCH", connectionPath(id), step.body).into(t, 200, &got)
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Connection{}, "UpdatedAt")); diff != "" {
			t.Errorf("after %s (-want +got):\n%s", step.body, diff)
		}
	}
}

func TestChangeConnection_ByATenantsToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.newTenant()
	w.link(id, `{"district_id":"d1","grant":{"schools":["s1","s2"]},"schools":["s1"]}`)
	token := w.storeToken(postgres.Token{Name: "IT", Scope: postgres.ScopeTenant, Tenant: id})
	change := func(body string) reply {
		return w.do(request{method: "PATCH", path: connectionPath(id), body: body, token: token})
	}
	for _, body := range []string{
		`{"district_id":"d2"}`, `{"district_id":"d1"}`, `{"District_ID":"d2"}`, `{"grant":{"whole":true}}`, `{"grant":{}}`,
		`{"enabled":true,"grant":{"schools":["s3"]}}`,
		`{"schools":["s1","s3"]}`, `{"whole_district":true}`, `{"schools":["s3"],"options":{"sync_parent_data":true}}`,
	} {
		change(body).problem(t, 403, "forbidden")
	}
	w.do(request{method: "PUT", path: connectionPath(id), body: `{"district_id":"d1","grant":{}}`, token: token}).problem(t, 403, "forbidden")
	w.do(request{method: "PATCH", path: tenantURL(id), body: `{"entitled":true}`, token: token}).problem(t, 403, "forbidden")
	change(`{"options":{"sync_parent_data":true}}`).problem(t, 422, "invalid_request")

	var untouched, changed Connection
	w.call("GET", connectionPath(id), "").into(t, 200, &untouched)
	if untouched.Version != 1 || untouched.Enabled {
		t.Errorf("a refused change has changed the connection: %+v", untouched)
	}
	change(`{"enabled":true,"schools":["s2"],"options":{"sync_parent_data":true,"parent_role_types":["Other"]}}`).into(t, 200, &changed)
	want := Connection{
		DistrictID: "d1", Grant: Grant{Schools: []string{"s1", "s2"}}, Enabled: true, Schools: []string{"s2"},
		Options: Options{Classrooms: true, Parents: true, ParentTypes: []string{"Other"}}, LinkedBy: "Operator",
	}
	if diff := cmp.Diff(want, changed, untimed); diff != "" {
		t.Errorf("changed (-want +got):\n%s", diff)
	}
}

func TestLinkConnection_NotUnderARun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.connected()
	run := w.start(id)
	other := `{"district_id":"d2","grant":{"whole":true},"enabled":true,"whole_district":true}`
	if p := w.call("PUT", connectionPath(id), other).problem(t, 409, "run_unfinished"); p.Run == nil || *p.Run != run.ID {
		t.Errorf("the problem names run %v, want %s", p.Run, run.ID)
	}
	w.link(id, `{"district_id":"d1","grant":{"whole":true},"enabled":true,"schools":["s1"]}`)
	w.call("POST", fmt.Sprintf("%s/%s/cancel", runsPath(id), run.ID), "").into(t, 202, &run)
	w.link(id, other)
}

func TestConnection_DisablingStopsTheRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, disable := range map[string]func(uuid.UUID) reply{
		"changed": func(id uuid.UUID) reply { return w.call("PATCH", connectionPath(id), `{"enabled":false}`) },
		"linked":  func(id uuid.UUID) reply { return w.call("PUT", connectionPath(id), `{"district_id":"d1","grant":{}}`) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			id := w.connected()
			run := w.start(id)
			var c Connection
			disable(id).into(t, 200, &c)
			w.call("GET", runsPath(id)+"/"+run.ID.String(), "").into(t, 200, &run)
			if run.State != "cancelled" {
				t.Errorf("the run is %s, want cancelled", run.State)
			}
		})
	}
}
