package clevertest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"cleversync/shared/clever/clevertest"

	"github.com/google/go-cmp/cmp"
)

// control sends an order and gives the answer, decoded.
func (s *outpost) control(method, path, body string, headers ...string) (int, any) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+"/_control/"+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer, err := s.client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(text, &v); err != nil || answer.Header.Get("Content-Type") != "application/json; charset=utf-8" {
		s.t.Fatalf("%s %s answers %d with no JSON: %.200s", method, path, answer.StatusCode, text)
	}
	return answer.StatusCode, v
}

const twoRules = `[
  {"name": "storm", "meets": {"route": "/users", "query": {"role": "student"}}, "when": {"from": 2, "times": 3},
   "fault": {"kind": "rate_limit", "variant": "window", "delay": "1m30s", "buckets": "list"}},
  {"when": {"probability": 0.1, "seed": 7}, "fault": {"kind": "headers", "headers": {"Date": []}}}]`

func TestControl_Faults(t *testing.T) {
	t.Parallel()
	s := serve(t, clevertest.Config{Students: 20, Control: true, RateLimit: 100})
	if status, got := s.control("GET", "faults", ""); status != 200 || len(got.([]any)) != 0 {
		t.Errorf("at first: %d %v", status, got)
	}
	if status, got := s.control("PUT", "faults", twoRules); status != 200 {
		t.Fatalf("put: %d %v", status, got)
	}
	want := []clevertest.FaultReport{
		{FaultRule: clevertest.FaultRule{
			Name: "storm", Meets: clevertest.FaultMatch{Route: "/users", Query: map[string]string{"role": "student"}}, When: clevertest.FaultWhen{From: 2, Times: 3},
			Fault: clevertest.Fault{Kind: "rate_limit", Variant: "window", Delay: 90 * time.Second, Buckets: "list"},
		}},
		{FaultRule: clevertest.FaultRule{
			When: clevertest.FaultWhen{Probability: 0.1, Seed: 7}, Fault: clevertest.Fault{Kind: "headers", Headers: map[string][]string{"Date": {}}},
		}},
	}
	if diff := cmp.Diff(want, s.Faults()); diff != "" {
		t.Errorf("installed (-want +got):\n%s", diff)
	}
	s.ask("/v3.1/users?role=student")
	if got := s.ask("/v3.1/users?role=student"); got.status != 429 {
		t.Errorf("the second request: %d", got.status)
	}
	_, got := s.control("GET", "faults", "")
	first := got.([]any)[0].(map[string]any)
	if diff := cmp.Diff(map[string]any{"met": 2., "acted": 1., "passed": 0.}, first["counts"]); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	if delay := first["fault"].(map[string]any)["delay"]; delay != "1m30s" {
		t.Errorf("delay %v", delay)
	}
	if status, got := s.control("DELETE", "faults", ""); status != 200 || len(got.([]any)) != 0 || len(s.Faults()) != 0 {
		t.Errorf("delete: %d %v", status, got)
	}
	// Orders count nowhere.
	if _, got := s.control("GET", "requests", ""); !cmp.Equal(map[string]any{"/users": 2.}, got) {
		t.Errorf("requests %v", got)
	}
	if got := s.ask("/v3.1/users").header.Get("X-Ratelimit-Remaining"); got != "98" {
		t.Errorf("%s requests remain of 100 after one that was answered and this one", got)
	}
	if _, got := s.control("GET", "faults/kinds", ""); len(got.(map[string]any)) != len(clevertest.FaultKinds()) {
		t.Errorf("kinds %v", got)
	}
}

// TestControl_Refusals says what is wrong, by the field, and changes nothing.
func TestControl_Refusals(t *testing.T) {
	t.Parallel()
	s := serve(t, clevertest.Config{Students: 20, Control: true})
	s.order(always(clevertest.Fault{Kind: "last_sync"}))
	rule := func(fault string) string { return `[{"fault":` + fault + `}]` }
	for _, c := range []struct {
		body   string
		status int
		want   string
	}{
		{"", 415, "application/json"},
		{" ", 400, "empty"},
		{"[{", 400, "no JSON"},
		{"{}", 400, "another type"},
		{"[7]", 400, "/0: "},
		{`[{"faults":{}}]`, 400, "/0/faults: no such field"},
		{rule(`{"kind":"status","statuscode":1}`), 400, "/0/fault/statuscode: no such field"},
		{rule(`{"kind":"slow_start","delay":5}`), 400, "/0/fault/delay: not a duration"},
		{rule(`{"kind":"slow_start","delay":"soon"}`), 400, "/0/fault/delay: not a duration"},
		{rule(`{"kind":"slow_start","delay":"11m"}`), 400, "rules[0].fault.delay: must be 0 to 10m0s"},
		{rule(`{"kind":"slow_start","delay":"-1s"}`), 400, "rules[0].fault.delay"},
		{rule(`{"kind":"slow_start"}`), 400, "rules[0].fault.delay: the kind slow_start needs one"},
		{rule(`{"kind":"last_sync","delay":"9000h"}`), 400, "rules[0].fault.delay"},
		{rule(`{"kind":"nonsense"}`), 400, `rules[0].fault.kind: "nonsense" is none of cut, `},
		{rule(`{}`), 400, "rules[0].fault.kind"},
		{rule(`{"kind":"cut","variant":"softly"}`), 400, "rules[0].fault.variant"},
		{rule(`{"kind":"hold","variant":"x"}`), 400, "rules[0].fault.variant: the kind hold has none"},
		{rule(`{"kind":"cut","pause":"1s"}`), 400, "rules[0].fault.pause: the kind cut takes none"},
		{rule(`{"kind":"status","status":100}`), 400, "rules[0].fault.status"},
		{rule(`{"kind":"status","status":1000}`), 400, "rules[0].fault.status"},
		{rule(`{"kind":"giant_body","bytes":2000000000}`), 400, "rules[0].fault.bytes"},
		{rule(`{"kind":"drip","bytes":1,"pause":"1h"}`), 400, "rules[0].fault.pause"},
		{rule(`{"kind":"records","records":10001}`), 400, "rules[0].fault.records"},
		{rule(`{"kind":"records","skip":-1}`), 400, "rules[0].fault.skip"},
		{rule(`{"kind":"records","variant":"deep","depth":2000000}`), 400, "rules[0].fault.depth"},
		{rule(`{"kind":"records","depth":5}`), 400, "rules[0].fault.depth"},
		{rule(`{"kind":"records","variant":"null","field":"x"}`), 400, "rules[0].fault.field"},
		{rule(`{"kind":"framing","framing":"none"}`), 400, "rules[0].fault.framing"},
		{rule(`{"kind":"rate_limit","buckets":"three"}`), 400, "rules[0].fault.buckets"},
		{rule(`{"kind":"headers","headers":{"content-length":["5"]}}`), 400, "rules[0].fault.headers"},
		{rule(`{"kind":"next","variant":"custom"}`), 400, "rules[0].fault.text"},
		{rule(`{"kind":"next","text":"x"}`), 400, "rules[0].fault.text"},
		{rule(`{"kind":"hide_school","text":"x"}`), 400, "rules[0].fault.text"},
		{rule(`{"kind":"gzip"}`), 400, "rules[0].fault.kind"},
		{rule(`{"kind":"trailing","text":"` + strings.Repeat("x", 300<<10) + `"}`), 400, "rules[0].fault.text"},
		{rule(`{"kind":"trailing","text":"` + strings.Repeat("x", 1<<20) + `"}`), 413, "larger"},
		{rule(`{"kind":"list_change","variant":"appear_ahead"}`), 400, "rules[0].when.from"},
		{`[{"meets":{"route":"/pupils"},"fault":{"kind":"hold"}}]`, 400, "rules[0].meets.route"},
		{`[{"meets":{"path":"["},"fault":{"kind":"hold"}}]`, 400, "rules[0].meets.path"},
		{`[{"meets":{"district":"x"},"fault":{"kind":"hold"}}]`, 400, "rules[0].meets.district"},
		{`[{"when":{"nth":-1},"fault":{"kind":"hold"}}]`, 400, "rules[0].when.nth"},
		{`[{"when":{"nth":1,"from":1},"fault":{"kind":"hold"}}]`, 400, "rules[0].when.nth"},
		{`[{"when":{"probability":1.5},"fault":{"kind":"hold"}}]`, 400, "rules[0].when.probability"},
		{`[{"when":{"seed":1},"fault":{"kind":"hold"}}]`, 400, "rules[0].when.seed"},
		{`[{"fault":{"kind":"hold"}},{"name":"` + strings.Repeat("x", 101) + `","fault":{"kind":"hold"}}]`, 400, "rules[1].name"},
		{"[" + strings.Repeat(`{"fault":{"kind":"hold"}},`, 100) + `{"fault":{"kind":"hold"}}]`, 400, "101 rules"},
	} {
		status, got := s.control("PUT", "faults", c.body)
		reason, _ := got.(map[string]any)["error"].(string)
		if status != c.status || !strings.Contains(reason, c.want) {
			t.Errorf("%.100s: %d %q; want %d with %q", c.body, status, reason, c.status, c.want)
		}
	}
	if got := s.Faults(); len(got) != 1 || got[0].Fault.Kind != "last_sync" {
		t.Errorf("a refused order changed the rules: %+v", got)
	}
	for _, c := range []struct {
		method, path string
		status       int
	}{{"GET", "nothing", 404}, {"POST", "faults", 405}, {"GET", "districts/x", 404}, {"POST", "districts/x/disconnect", 404}, {"GET", "districts/x/disconnect", 405}} {
		if status, got := s.control(c.method, c.path, ""); status != c.status || got.(map[string]any)["error"] == "" {
			t.Errorf("%s %s: %d %v", c.method, c.path, status, got)
		}
	}
	for _, headers := range [][]string{{"Origin", "https://evil.example"}, {"Sec-Fetch-Site", "cross-outpost"}} {
		if status, _ := s.control("POST", "districts/"+s.District().ID()+"/disconnect", "", headers...); status != 403 {
			t.Errorf("a page of another origin: %d", status)
		}
	}
	if status, _ := s.control("PUT", "faults", "[]", "Content-Type", "text/plain"); status != 415 {
		t.Errorf("a body that a form can send: %d", status)
	}
}

func TestControl_Districts(t *testing.T) {
	t.Parallel()
	s := serve(t, clevertest.Config{Students: 20, Districts: 2, Control: true})
	id, token := s.District().ID(), s.Token()
	school := ids(t, s.Server, "/v3.1/schools")[1]
	district := func(status int, got any) map[string]any {
		t.Helper()
		if status != 200 {
			t.Fatalf("%d %v", status, got)
		}
		return got.(map[string]any)
	}
	post := func(order, body string) map[string]any {
		t.Helper()
		return district(s.control("POST", "districts/"+id+"/"+order, body))
	}
	_, all := s.control("GET", "districts", "")
	want := map[string]any{
		"id": id, "name": "#DEMO Springfield USD", "state": "running", "error": "", "last_sync": "2026-11-24T03:08:05.652Z",
		"shared": true, "token": token, "hidden_schools": []any{},
	}
	if got := all.([]any); len(got) != 2 || !cmp.Equal(want, got[0]) {
		t.Errorf("districts %v", cmp.Diff(want, got[0]))
	}
	if got := post("state", `{"state":"paused","pause_end":"2027-01-10"}`); got["state"] != "paused" || got["pause_end"] != "2027-01-10" || got["name"] != want["name"] {
		t.Errorf("state: %v", got)
	}
	if got := post("hide-school", `{"school":"`+school+`"}`); !cmp.Equal([]any{school}, got["hidden_schools"]) || s.ask("/v3.1/schools/"+school).status != 404 {
		t.Errorf("hidden: %v", got)
	}
	if got := post("show-school", `{"school":"`+school+`"}`); !cmp.Equal([]any{}, got["hidden_schools"]) || s.ask("/v3.1/schools/"+school).status != 200 {
		t.Errorf("shown: %v", got)
	}
	if got := post("rotate-token", ""); got["token"] == token || got["token"] != s.Token() {
		t.Errorf("rotated: %v", got)
	}
	if got := post("disconnect", ""); got["shared"] != false || s.ask("/v3.1/users").status != 401 {
		t.Errorf("disconnected: %v", got)
	}
	for order, body := range map[string]string{
		"hide-school": `{"school":"x"}`, "show-school": `{}`, "state": `{"stat":"paused"}`,
	} {
		if status, got := s.control("POST", "districts/"+id+"/"+order, body); status != 400 {
			t.Errorf("%s %s: %d %v", order, body, status, got)
		}
	}
	if got := district(s.control("GET", "districts/"+s.Sharings()[1].District().ID(), "")); got["shared"] != true || got["state"] != "running" {
		t.Errorf("the other district: %v", got)
	}
}

// TestControl_Access: nothing is served where it is switched off, and nothing
// without the token where there is one.
func TestControl_Access(t *testing.T) {
	t.Parallel()
	off := serve(t, clevertest.Config{Students: 20})
	if got := off.ask("/_control/faults"); got.status != 404 || !strings.Contains(string(got.body), "Cannot GET /_control/faults") {
		t.Errorf("switched off: %d %s", got.status, got.body)
	}
	s := serve(t, clevertest.Config{Students: 20, Control: true, ControlToken: "let me in"})
	for _, authorization := range []string{"", "Bearer " + s.Token(), "Basic let me in", "Bearer let me"} {
		if status, _ := s.control("DELETE", "faults", "", "Authorization", authorization); status != 401 {
			t.Errorf("%q: %d", authorization, status)
		}
	}
	if status, _ := s.control("DELETE", "faults", "", "Authorization", "Bearer let me in"); status != 200 {
		t.Errorf("with the token: %d", status)
	}
}

// TestControl_Nights: what an order lets happen is in the district and its feed.
func TestControl_Nights(t *testing.T) {
	t.Parallel()
	s := serve(t, clevertest.Config{Students: 200, Control: true, RateLimit: -1})
	path := "districts/" + s.District().ID() + "/nights"
	before := s.District().Counts().Students
	status, got := s.control("POST", path, `{"night": {"leaves": {"count": 5}, "at": "2026-12-01T03:00:00Z"}}`)
	changes, _ := got.(map[string]any)
	if status != 200 || changes["number"] != 1.0 || changes["last_sync"] != "2026-12-01T03:00:00.000Z" || s.District().Counts().Students != before-5 {
		t.Errorf("five leave: %d %v, %d of %d students are left", status, got, s.District().Counts().Students, before)
	}
	if status, got := s.control("POST", path, `{"usual": true}`); status != 200 {
		t.Errorf("a usual night: %d %v", status, got)
	}
	for _, body := range []string{`{}`, `{"usual": true, "night": {}}`, `{"night": {"sleeps": {"count": 1}}}`, `{"night": {"leaves": {"share": 2}}}`} {
		if status, got := s.control("POST", path, body); status != http.StatusBadRequest {
			t.Errorf("%s: %d %v", body, status, got)
		}
	}
	if status, _ := s.control("POST", "districts/nobody/nights", `{"usual": true}`); status != http.StatusNotFound {
		t.Errorf("an unknown district: %d", status)
	}
}
