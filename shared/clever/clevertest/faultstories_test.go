package clevertest_test

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cleversync/shared/clever/clevertest"

	"github.com/google/go-cmp/cmp"
)

func always(f clevertest.Fault) clevertest.FaultRule {
	return clevertest.FaultRule{Name: "it", Fault: f}
}

// TestFaults_Hold lets go of what is held when the rules are replaced, and of
// nothing before.
func TestFaults_Hold(t *testing.T) {
	t.Parallel()
	for _, f := range []clevertest.Fault{{Kind: "hold"}, {Kind: "slow_start", Delay: 10 * time.Minute}, {Kind: "drip", Bytes: 10, Pause: 10 * time.Minute}} {
		s := serve(t, clevertest.Config{Students: 20})
		genuine := s.ask("/v3.1/users")
		s.order(always(f))
		var got seen
		var wg sync.WaitGroup
		wg.Go(func() { got = s.ask("/v3.1/users") })
		if err := s.AwaitFault(t.Context(), "it"); err != nil {
			t.Fatal(err)
		}
		s.order()
		wg.Wait()
		if string(got.body) != string(genuine.body) || got.err != nil {
			t.Errorf("%s: %d, %v, %d bytes; want the %d of the genuine answer", f.Kind, got.status, got.err, len(got.body), len(genuine.body))
		}
	}
}

// TestFaults_EndWithTheRequest: a client that leaves ends what holds it up.
// The server's Close waits for its handlers, so the test would never end.
func TestFaults_EndWithTheRequest(t *testing.T) {
	t.Parallel()
	for _, f := range []clevertest.Fault{
		{Kind: "hold"}, {Kind: "slow_start", Delay: 10 * time.Minute}, {Kind: "drip", Bytes: 1, Pause: 10 * time.Minute}, {Kind: "stall"}, {Kind: "stall", Framing: "chunked"},
	} {
		s := serve(t, clevertest.Config{Students: 20})
		s.order(always(f))
		ctx, leave := context.WithCancel(t.Context())
		var got seen
		var wg sync.WaitGroup
		wg.Go(func() { got = s.askWith(ctx, "/v3.1/users", s.Token()) })
		if err := s.AwaitFault(t.Context(), "it"); err != nil {
			t.Fatal(err)
		}
		leave()
		wg.Wait()
		if !errors.Is(got.err, context.Canceled) {
			t.Errorf("%s: %v", f.Kind, got.err)
		}
	}
}

// TestFaults_Drips reads the first piece while the rest is held back.
func TestFaults_Drips(t *testing.T) {
	t.Parallel()
	s := serve(t, clevertest.Config{Students: 20})
	s.order(always(clevertest.Fault{Kind: "drip", Bytes: 100, Pause: 10 * time.Minute}))
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/v3.1/users", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.Token())
	answer, err := s.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if n, err := io.ReadAtLeast(answer.Body, make([]byte, 4096), 100); n != 100 || err != nil {
		t.Errorf("%d bytes, %v; want the first piece of 100", n, err)
	}
}

func TestFaults_Gzip(t *testing.T) {
	t.Parallel()
	s := serve(t, clevertest.Config{Students: 20, Gzip: true})
	genuine := s.ask("/v3.1/users")
	for variant, want := range map[string]func(seen) bool{
		"":          func(a seen) bool { return a.err != nil && !a.isCut() },
		"corrupt":   func(a seen) bool { return a.err != nil && !a.isCut() },
		"checksum":  func(a seen) bool { return errors.Is(a.err, gzip.ErrChecksum) },
		"plain":     func(a seen) bool { return errors.Is(a.err, gzip.ErrHeader) },
		"truncated": func(a seen) bool { return a.isCut() },
	} {
		s.order(always(clevertest.Fault{Kind: "gzip", Variant: variant}))
		if got := s.ask("/v3.1/users"); got.status != 200 || !want(got) {
			t.Errorf("%q: status %d, %v", variant, got.status, got.err)
		}
	}
	// Damage to what is in the body goes out compressed, as the body would.
	for _, f := range []clevertest.Fault{{Kind: "trailing", Text: "  "}, {Kind: "giant_body", Bytes: 1 << 20}} {
		s.order(always(f))
		if got := s.ask("/v3.1/users"); !got.whole() || strings.TrimSpace(string(got.body)) == string(genuine.body) != (f.Kind == "trailing") || got.length != -1 {
			t.Errorf("%s: %v, %d bytes of length %d", f.Kind, got.err, len(got.body), got.length)
		}
	}
	plain := serve(t, clevertest.Config{Students: 20})
	if err := plain.SetFaults(always(clevertest.Fault{Kind: "gzip"})); err == nil {
		t.Error("a simulator that never compresses takes an order to damage that")
	}
}

// readAll reads the list of students to its end, as a client would.
func (s *outpost) readAll() (pages [][]string) {
	for path := "/v3.1/users?limit=5&role=student"; path != ""; {
		page := s.ask(path)
		if !page.whole() {
			s.t.Fatalf("page %d: status %d, %v", len(pages), page.status, page.err)
		}
		pages = append(pages, page.ids())
		path, _ = page.next().(string)
	}
	return pages
}

func TestFaults_ListChange(t *testing.T) {
	t.Parallel()
	students := ids(t, serve(t, clevertest.Config{Students: 20}).Server, "/v3.1/users?role=student")
	but := func(gone ...int) []string {
		var left []string
		for i, id := range students {
			if !slices.Contains(gone, i) {
				left = append(left, id)
			}
		}
		return left
	}
	for variant, want := range map[string]struct{ read, after []string }{
		"":              {but(5, 6), but(5, 6)},
		"vanish_ahead":  {but(5, 6), but(5, 6)},
		"vanish_behind": {students, but(3, 4)},
		"appear_ahead":  {students, students},
		"appear_behind": {but(0, 1), students},
	} {
		s := serve(t, clevertest.Config{Students: 20})
		s.order(clevertest.FaultRule{
			Meets: clevertest.FaultMatch{Route: "/users", Query: map[string]string{"role": "student"}}, When: clevertest.FaultWhen{Nth: 2},
			Fault: clevertest.Fault{Kind: "list_change", Variant: variant, Records: 2},
		})
		if diff := cmp.Diff(want.read, slices.Concat(s.readAll()...)); diff != "" {
			t.Errorf("%q, read while it changed (-want +got):\n%s", variant, diff)
		}
		if diff := cmp.Diff(want.after, slices.Concat(s.readAll()...)); diff != "" {
			t.Errorf("%q, read again (-want +got):\n%s", variant, diff)
		}
		if got := s.Faults()[0].Counts; got.Acted != 1 {
			t.Errorf("%q: counts %+v", variant, got)
		}
	}
}

func TestFaults_District(t *testing.T) {
	t.Parallel()
	const path = "/v3.1/districts"
	second := func(f clevertest.Fault) clevertest.FaultRule {
		return clevertest.FaultRule{When: clevertest.FaultWhen{Nth: 2}, Fault: f}
	}
	field := func(a seen, name string) any { return a.record(0)[name] }

	s := serve(t, clevertest.Config{Students: 20})
	s.order(second(clevertest.Fault{Kind: "last_sync", Delay: 90 * time.Minute}))
	if a, b := s.ask(path), s.ask(path); field(a, "last_sync") != "2026-11-24T03:08:05.652Z" || field(b, "last_sync") != "2026-11-24T04:38:05.652Z" {
		t.Errorf("last_sync %v, then %v", field(a, "last_sync"), field(b, "last_sync"))
	}
	s.order(second(clevertest.Fault{Kind: "state", Text: "paused"}))
	if a, b := s.ask(path), s.ask(path); field(a, "state") != "running" || field(b, "state") != "paused" {
		t.Errorf("state %v, then %v", field(a, "state"), field(b, "state"))
	}
	old := s.Token()
	s.order(second(clevertest.Fault{Kind: "rotate_token"}))
	if a, b, c := s.askWith(t.Context(), path, old), s.askWith(t.Context(), path, old), s.ask(path); a.status != 200 || b.status != 401 || c.status != 200 || s.Token() == old {
		t.Errorf("rotated: statuses %d, %d, with the new token %d", a.status, b.status, c.status)
	}
	school := ids(t, s.Server, "/v3.1/schools")[1]
	s.order(second(clevertest.Fault{Kind: "hide_school", Text: school}))
	if a, b := s.ask("/v3.1/schools/"+school), s.ask("/v3.1/schools/"+school); a.status != 200 || b.status != 404 {
		t.Errorf("hidden: statuses %d, %d", a.status, b.status)
	}
	s.order(second(clevertest.Fault{Kind: "show_school", Text: school}))
	if a, b := s.ask("/v3.1/schools/"+school), s.ask("/v3.1/schools/"+school); a.status != 404 || b.status != 200 {
		t.Errorf("shown: statuses %d, %d", a.status, b.status)
	}
	s.order(second(clevertest.Fault{Kind: "disconnect"}))
	if a, b := s.ask(path), s.ask(path); a.status != 200 || b.status != 401 {
		t.Errorf("disconnected: statuses %d, %d", a.status, b.status)
	}
}

// TestFaults_OneDistrictOfSeveral: the rule's district is the one that changes.
func TestFaults_OneDistrictOfSeveral(t *testing.T) {
	t.Parallel()
	s := serve(t, clevertest.Config{Students: 20, Districts: 2})
	other := s.Sharings()[1]
	s.order(clevertest.FaultRule{Meets: clevertest.FaultMatch{District: other.District().ID()}, Fault: clevertest.Fault{Kind: "state", Text: "error"}})
	s.ask("/v3.1/districts")
	if got := other.District().State().State; got != "running" {
		t.Errorf("a request for the first district: state %q of the second", got)
	}
	s.askWith(t.Context(), "/v3.1/districts", other.Token())
	if first, second := s.District().State().State, other.District().State().State; first != "running" || second != "error" {
		t.Errorf("states %q and %q", first, second)
	}
}

// TestFaults_PassWhatTheyCannotDamage: the genuine refusal goes out, and is
// counted as such.
func TestFaults_PassWhatTheyCannotDamage(t *testing.T) {
	t.Parallel()
	s := serve(t, clevertest.Config{Students: 20})
	for _, f := range []clevertest.Fault{{Kind: "records"}, {Kind: "next"}, {Kind: "truncated"}, {Kind: "shape"}} {
		s.order(always(f))
		if got := s.ask("/v3.1/users/nobody"); got.status != 404 || got.err != nil || got.doc()["message"] == "" {
			t.Errorf("%s: %d %s, %v", f.Kind, got.status, got.body, got.err)
		}
		if diff := cmp.Diff(clevertest.FaultCounts{Met: 1, Passed: 1}, s.Faults()[0].Counts); diff != "" {
			t.Errorf("%s: counts (-want +got):\n%s", f.Kind, diff)
		}
	}
	s.order(always(clevertest.Fault{Kind: "next", Variant: "backwards"}))
	if got := s.ask("/v3.1/terms"); got.next() != nil || s.Faults()[0].Counts.Passed != 1 {
		t.Errorf("the last page has the next link %v", got.next())
	}
}

func TestFaults_AwaitFails(t *testing.T) {
	t.Parallel()
	s := serve(t, clevertest.Config{Students: 20})
	if s.AwaitFault(t.Context(), "it") == nil {
		t.Error("no rule: no error")
	}
	s.order(always(clevertest.Fault{Kind: "hold"}))
	if s.AwaitFault(t.Context(), "another") == nil {
		t.Error("no such rule: no error")
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	if err := s.AwaitFault(gone, "it"); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that has ended: %v", err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if s.AwaitFault(t.Context(), "it") == nil {
			t.Error("rules replaced: no error")
		}
	})
	s.order()
	wg.Wait()
}

// TestFaults_UnderLoad is for the race detector: rules change while requests
// meet them.
func TestFaults_UnderLoad(t *testing.T) {
	t.Parallel()
	s := serve(t, clevertest.Config{Students: 20})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 60 {
				s.ask("/v3.1/users?role=student&limit=5")
				s.Faults()
			}
		})
	}
	wg.Go(func() {
		all := damages()
		for i := range 120 {
			f := all[i%len(all)].fault
			f.Bytes = min(f.Bytes, 1<<16)
			s.order(
				clevertest.FaultRule{When: clevertest.FaultWhen{Probability: 0.5}, Fault: f},
				clevertest.FaultRule{When: clevertest.FaultWhen{From: 2}, Fault: clevertest.Fault{Kind: "list_change", Variant: "appear_behind"}},
				clevertest.FaultRule{Fault: clevertest.Fault{Kind: "last_sync"}},
			)
		}
		s.order()
	})
	wg.Wait()
	if got := s.ask("/v3.1/users"); !got.whole() {
		t.Errorf("without rules: status %d, %v", got.status, got.err)
	}
}

// TestFaults_WithoutAConnection: a recorder cannot be cut, and what would cut
// it aborts the handler.
func TestFaults_WithoutAConnection(t *testing.T) {
	t.Parallel()
	s := serve(t, clevertest.Config{Students: 20})
	s.order(always(clevertest.Fault{Kind: "cut", Variant: "before"}))
	defer func() {
		if v := recover(); v != http.ErrAbortHandler {
			t.Errorf("the handler ends with %v", v)
		}
	}()
	s.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/v3.1/users", nil))
}
