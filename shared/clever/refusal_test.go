package clever_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cleversync/shared/clever"
	"cleversync/shared/fault"
)

// refuse answers every request with a status and a body full of secrets.
func refuse(status int, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Add(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		if status != http.StatusNoContent && status != http.StatusNotModified {
			_, _ = w.Write([]byte(`{"message":"` + r.Header.Get("Authorization") + `"}`))
		}
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]struct {
		code  fault.Code
		final bool
	}{
		204: {fault.CleverBadResponse, false}, 206: {fault.CleverBadResponse, false},
		302: {fault.CleverBadResponse, false}, 304: {fault.CleverBadResponse, false},
		400: {fault.CleverBadResponse, true}, 401: {fault.CleverTokenRevoked, false}, 403: {fault.CleverBadResponse, true},
		404: {fault.CleverNotShared, false}, 410: {fault.CleverBadResponse, true}, 413: {fault.CleverBadResponse, true},
		429: {fault.CleverRateLimited, false},
		500: {fault.CleverUnavailable, false}, 501: {fault.CleverUnavailable, false}, 503: {fault.CleverUnavailable, false}, 599: {fault.CleverUnavailable, false},
	} {
		client := serve(t, refuse(status))
		_, _, err := read(t.Context(), client, "/v3.1/schools/5f000000000000000000005c/users?limit=2&starting_after=5f0000000000000000000a03", "")
		if f := wantFault(t, err, want.code); f.Final != want.final {
			t.Errorf("%d: final is %v; want %v", status, f.Final, want.final)
		}
		for _, secret := range []string{string(caller.Token), "Bearer", "5f000000000000000000005c", "5f0000000000000000000a03"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%d: the error quotes %q: %v", status, secret, err)
			}
		}
		_, err = client.School(t.Context(), caller, "s1")
		wantFault(t, err, want.code)
		_, err = client.District(t.Context(), caller)
		wantFault(t, err, want.code)
	}
}

// TestTokens_Refusals tells refusals of our application from those of a
// district's token.
func TestTokens_Refusals(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]fault.Code{
		400: fault.CleverBadResponse, 401: fault.CleverBadResponse, 404: fault.CleverBadResponse,
		429: fault.CleverRateLimited, 500: fault.CleverUnavailable,
	} {
		_, err := serve(t, refuse(status)).Tokens(t.Context(), "")
		f := wantFault(t, err, want)
		if f.Final != (want == fault.CleverBadResponse) || strings.Contains(err.Error(), "secret-of-the-client") {
			t.Errorf("%d: %+v", status, f)
		}
	}
}

func TestRateLimited(t *testing.T) {
	t.Parallel()
	const now = "Mon, 24 Nov 2025 13:00:00 GMT" // 1763989200
	for _, c := range []struct {
		name    string
		headers []string
		want    time.Duration
	}{
		{"one bucket", []string{"Date", now, "X-Ratelimit-Remaining", "0", "X-Ratelimit-Reset", "1763989237"}, 37 * time.Second},
		{"the exhausted one of two", []string{"Date", now, "X-Ratelimit-Remaining", "0, 1100", "X-Ratelimit-Reset", "1763989220, 1763989250"}, 20 * time.Second},
		{"the later of two exhausted", []string{"Date", now, "X-Ratelimit-Remaining", "0", "X-Ratelimit-Remaining", "0", "X-Ratelimit-Reset", "1763989220", "X-Ratelimit-Reset", "1763989250"}, 50 * time.Second},
		{"none exhausted: the latest", []string{"Date", now, "X-Ratelimit-Remaining", "3,4", "X-Ratelimit-Reset", "1763989220,1763989250"}, 50 * time.Second},
		{"remaining not said", []string{"Date", now, "X-Ratelimit-Reset", "1763989220"}, 20 * time.Second},
		{"bounded above", []string{"Date", now, "X-Ratelimit-Remaining", "0", "X-Ratelimit-Reset", "1763999999"}, 90 * time.Second},
		{"already over", []string{"Date", now, "X-Ratelimit-Remaining", "0", "X-Ratelimit-Reset", "1763989100"}, time.Second},
		{"nothing said", []string{"Date", now}, 30 * time.Second},
		{"nonsense said", []string{"Date", now, "X-Ratelimit-Reset", "soon, -5, 99999999999999999999"}, 30 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, _, err := read(t.Context(), serve(t, refuse(http.StatusTooManyRequests, c.headers...)), users, "")
			if got := wantFault(t, err, fault.CleverRateLimited).RetryAfter; got != c.want {
				t.Errorf("retry after %v; want %v", got, c.want)
			}
		})
	}
}

// TestRedirects_AreNotFollowed watches a host to which an answer points.
func TestRedirects_AreNotFollowed(t *testing.T) {
	t.Parallel()
	var visits atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visits.Add(1) }))
	t.Cleanup(elsewhere.Close)
	for _, status := range []int{301, 302, 303, 307, 308} {
		client := serve(t, refuse(status, "Location", elsewhere.URL+"/v3.1/users"))
		_, _, err := read(t.Context(), client, users, "")
		wantFault(t, err, fault.CleverBadResponse)
		_, err = client.Tokens(t.Context(), "")
		wantFault(t, err, fault.CleverBadResponse)
	}
	if n := visits.Load(); n != 0 {
		t.Errorf("%d redirects were followed", n)
	}
}

// TestRequest_Headers shows what a request carries.
func TestRequest_Headers(t *testing.T) {
	t.Parallel()
	seen := make(chan *http.Request, 1)
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		seen <- r
		answer(`{"data":[]}`)(w, r)
	})
	if _, _, err := read(t.Context(), client, users, ""); err != nil {
		t.Fatal(err)
	}
	r := <-seen
	got := []string{r.Method, r.URL.String(), r.Header.Get("Authorization"), r.Header.Get("User-Agent"), r.Header.Get("Accept-Encoding")}
	if diff := cmp.Diff([]string{"GET", users, "Bearer " + string(caller.Token), "clever-sync", "gzip"}, got); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

// TestNothingListens asks a port that no program takes by itself.
func TestNothingListens(t *testing.T) {
	t.Parallel()
	_, _, err := read(t.Context(), connect(t, "http://127.0.0.1:1"), users, "")
	wantFault(t, err, fault.CleverUnavailable)
	if strings.Contains(err.Error(), "role=student") {
		t.Errorf("the error quotes the query: %v", err)
	}
}

// budget is a shared allowance that says what it was asked and told.
type budget struct {
	refusal error
	taken   []string
	told    []any
}

func (b *budget) Take(ctx context.Context, district string, manual bool) error {
	b.taken = append(b.taken, district)
	if manual {
		b.taken = append(b.taken, "manual")
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return b.refusal
}

func (b *budget) Observe(_ context.Context, district string, limit, remaining int, reset time.Duration) {
	b.told = append(b.told, district, limit, remaining, reset)
}

func TestBudget(t *testing.T) {
	t.Parallel()
	headers := []string{
		"Date", "Mon, 24 Nov 2025 13:00:00 GMT", "X-Ratelimit-Limit", "200, 1200",
		"X-Ratelimit-Remaining", "150, 20", "X-Ratelimit-Reset", "1763989205, 1763989250",
	}
	var b budget
	client := serve(t, refuse(http.StatusNotFound, headers...), func(c *clever.Config) { c.Budget = &b })
	manual := caller
	manual.Manual = true
	_, err := client.School(t.Context(), manual, "s1")
	wantFault(t, err, fault.CleverNotShared)
	if _, err := client.Tokens(t.Context(), district); err == nil {
		t.Fatal("no error")
	}
	if diff := cmp.Diff([]string{district, "manual"}, b.taken); diff != "" {
		t.Errorf("taken (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]any{district, 1200, 20, 50 * time.Second}, b.told); diff != "" {
		t.Errorf("observed (-want +got):\n%s", diff)
	}
}

func TestBudget_Refuses(t *testing.T) {
	t.Parallel()
	b := budget{refusal: &fault.Fault{Code: fault.CleverRateLimited, RetryAfter: 7 * time.Second}}
	asked := false
	client := serve(t, func(http.ResponseWriter, *http.Request) { asked = true }, func(c *clever.Config) { c.Budget = &b })
	_, _, err := read(t.Context(), client, users, "")
	if f := wantFault(t, err, fault.CleverRateLimited); f.RetryAfter != 7*time.Second || asked {
		t.Errorf("retry after %v, asked %v", f.RetryAfter, asked)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := read(gone, client, users, ""); !isContextError(err, context.Canceled) {
		t.Errorf("a caller who has gone gets %v", err)
	}
}
