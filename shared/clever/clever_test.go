package clever_test

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"cleversync/shared/clever"
	"cleversync/shared/fault"
)

func TestNew_Addresses(t *testing.T) {
	t.Parallel()
	for _, ok := range []string{"", "https://api.clever.com", "https://sandbox.example:8443/clever/", "http://127.0.0.1:8080", "http://[::1]:1", "http://localhost", "http://clever-sim:8090"} {
		if _, err := clever.New(clever.Config{APIURL: ok, URL: ok}); err != nil {
			t.Errorf("%q: %v", ok, err)
		}
	}
	for _, bad := range []string{"api.clever.com", "http://api.clever.com", "ftp://localhost", "https://", "https://user:hunter2@x.org", "https://x.org?a=b", "https://x.org#a", "https://%zz", "http://127.0.0.1.evil.example", "http://10.0.0.1"} {
		_, err := clever.New(clever.Config{APIURL: bad, URL: bad})
		if err == nil {
			t.Errorf("%q is accepted", bad)
		} else if strings.Count(err.Error(), "must be")+strings.Count(err.Error(), "cannot be") != 2 || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: the error should name both faults and no secret: %v", bad, err)
		}
	}
	if _, err := clever.New(clever.Config{MaxBody: -1}); err == nil {
		t.Error("a negative bound is accepted")
	}
}

// TestNew_BasePath talks to a Clever below a path of its host.
func TestNew_BasePath(t *testing.T) {
	t.Parallel()
	client, base := serveAt(t, func(base string) string {
		return `{"data":[` + user("a") + `],"links":[{"rel":"next","uri":"` + base + `/clever/v3.1/users?starting_after=a"}]}`
	})
	_ = client
	_, page, err := read(t.Context(), connect(t, base+"/clever"), users, "")
	if err != nil || page.Next != users+"&starting_after=a" {
		t.Errorf("next %q, %v", page.Next, err)
	}
	_, _, err = read(t.Context(), client, users, "")
	wantFault(t, err, fault.SnapshotIncomplete)
}

func TestLists(t *testing.T) {
	t.Parallel()
	got := []string{
		clever.StudentsOf("", 2000).Path, clever.StudentsOf("s1", 2000).Path, clever.TeachersOf("", 1).Path, clever.TeachersOf("s1", 1).Path,
		clever.SectionsOf("", 1).Path, clever.SectionsOf("s1", 1).Path, clever.CoursesOf("", 1).Path, clever.CoursesOf("s1", 1).Path,
		clever.TermsOf("", 1).Path, clever.TermsOf("s1", 1).Path, clever.AllSchools(1).Path, clever.AllContacts(1).Path,
		clever.ContactsOf("u1", 1).Path, clever.StudentsOf("a/../b?c", 1).Path,
	}
	want := []string{
		"/v3.1/users?limit=2000&role=student", "/v3.1/schools/s1/users?limit=2000&role=student", "/v3.1/users?limit=1&role=teacher", "/v3.1/schools/s1/users?limit=1&role=teacher",
		"/v3.1/sections?limit=1", "/v3.1/schools/s1/sections?limit=1", "/v3.1/courses?limit=1", "/v3.1/schools/s1/courses?limit=1",
		"/v3.1/terms?limit=1", "/v3.1/schools/s1/terms?limit=1", "/v3.1/schools?limit=1", "/v3.1/users?limit=1&role=contact",
		"/v3.1/users/u1/mycontacts?limit=1", "/v3.1/schools/a%2F..%2Fb%3Fc/users?limit=1&role=student",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("paths (-want +got):\n%s", diff)
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewPedanticRegistry()
	var status atomic.Int64
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch s := int(status.Load()); s {
		case 200:
			answer(`{"data":[]}`)(w, r)
		case 0:
			raw("", false)(w, r)
		case 1:
			raw("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", false)(w, r)
		default:
			refuse(s)(w, r)
		}
	}, func(c *clever.Config) { c.Registerer, c.Budget = reg, &budget{} })
	const path = "/v3.1/schools/5f000000000000000000005c/users?limit=1"
	for _, s := range []int64{200, 200, 404, 418, 0, 1, 599} {
		status.Store(s)
		_, _, _ = read(t.Context(), client, path, "")
	}
	_, _ = client.Tokens(t.Context(), "")
	late, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	cancelled := connect(t, "http://127.0.0.1:1", func(c *clever.Config) { c.Registerer = prometheus.WrapRegistererWithPrefix("late_", reg) })
	_, _, _ = read(late, cancelled, path, "")
	want := `
# HELP cleversync_clever_requests_total Requests to Clever by endpoint and HTTP status; failed: no usable answer came, cancelled: the caller gave up.
# TYPE cleversync_clever_requests_total counter
cleversync_clever_requests_total{endpoint="/oauth/tokens",status="5xx"} 1
cleversync_clever_requests_total{endpoint="/schools/{id}/users",status="200"} 2
cleversync_clever_requests_total{endpoint="/schools/{id}/users",status="404"} 1
cleversync_clever_requests_total{endpoint="/schools/{id}/users",status="4xx"} 1
cleversync_clever_requests_total{endpoint="/schools/{id}/users",status="5xx"} 1
cleversync_clever_requests_total{endpoint="/schools/{id}/users",status="failed"} 2
# HELP late_cleversync_clever_requests_total Requests to Clever by endpoint and HTTP status; failed: no usable answer came, cancelled: the caller gave up.
# TYPE late_cleversync_clever_requests_total counter
late_cleversync_clever_requests_total{endpoint="/schools/{id}/users",status="cancelled"} 1
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "cleversync_clever_requests_total", "late_cleversync_clever_requests_total"); err != nil {
		t.Error(err)
	}
	if n, err := testutil.GatherAndCount(reg, "cleversync_clever_request_duration_seconds", "cleversync_clever_budget_wait_seconds"); err != nil || n != 3 {
		t.Errorf("%d series of durations, %v; want 3", n, err)
	}
	if _, err := clever.New(clever.Config{Registerer: reg}); err == nil {
		t.Error("the same metrics are registered twice without an error")
	}
}
