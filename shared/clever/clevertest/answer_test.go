package clevertest_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"cleversync/shared/clever/clevertest"

	"github.com/google/go-cmp/cmp"
)

func TestAnswer_HeadersAsRecorded(t *testing.T) {
	t.Parallel()
	s, err := clevertest.New(clevertest.Config{Students: 10})
	if err != nil {
		t.Fatal(err)
	}
	h := get(s, "/v3.1/users").Header()
	for name, pattern := range map[string]string{
		"content-type":                  `^application/json; charset=utf-8$`,
		"cache-control":                 `^no-store$`,
		"etag":                          `^W/"[0-9a-f]+-.+"$`,
		"x-request-id":                  `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`,
		"x-powered-by":                  `^Express$`,
		"server":                        `^envoy$`,
		"x-envoy-upstream-service-time": `^\d+$`,
		"strict-transport-security":     `^max-age=15552000; includeSubDomains$`,
		"access-control-allow-origin":   `^\*$`,
		"access-control-allow-methods":  `^GET,PATCH,POST,DELETE$`,
		"x-ratelimit-bucket":            `^bearer$`,
		"x-ratelimit-limit":             `^1200$`,
		"x-ratelimit-remaining":         `^1199$`,
		"x-ratelimit-reset":             `^\d{10}$`,
	} {
		if !regexp.MustCompile(pattern).MatchString(h.Get(name)) {
			t.Errorf("%s: %q, want %s", name, h.Get(name), pattern)
		}
	}
	for _, name := range []string{"retry-after", "content-encoding", "vary"} {
		if got := h.Get(name); got != "" {
			t.Errorf("%s: %q, want none", name, got)
		}
	}
}

func TestAnswer_NotFound(t *testing.T) {
	t.Parallel()
	s, err := clevertest.New(clevertest.Config{Students: 10})
	if err != nil {
		t.Fatal(err)
	}
	const absent = "0123456789abcdef01234567"
	for _, path := range []string{"/users/", "/sections/", "/schools/", "/courses/", "/terms/", "/districts/"} {
		w := get(s, "/v3.1"+path+absent)
		if w.Code != http.StatusNotFound || w.Header().Get("Content-Type") != "application/json; charset=utf-8" {
			t.Errorf("GET %s: status %d, %s", path, w.Code, w.Header().Get("Content-Type"))
		}
		if decode[struct{ Message string }](t, w.Body.Bytes()).Message == "" {
			t.Errorf("GET %s: no message", path)
		}
	}
	for _, path := range []string{"/users", "/sections", "/courses", "/terms"} {
		if w := get(s, "/v3.1/schools/"+absent+path); w.Code != http.StatusNotFound {
			t.Errorf("GET %s of an absent school: status %d", path, w.Code)
		}
	}
	for _, call := range []string{"GET /v3.1/resource", "GET /v3.0/contacts", "GET /v3.1", "POST /v3.1/users", "GET /v3.2/users"} {
		method, path, _ := bytes.Cut([]byte(call), []byte(" "))
		w := ask(s, string(method), string(path), "Bearer "+s.Token())
		if w.Code != http.StatusNotFound || w.Header().Get("Content-Type") != "text/html; charset=utf-8" {
			t.Errorf("%s: status %d, %s", call, w.Code, w.Header().Get("Content-Type"))
		}
		if !bytes.Contains(w.Body.Bytes(), []byte("<pre>Cannot "+call+"</pre>")) {
			t.Errorf("%s: body %s", call, w.Body)
		}
		if w.Header().Get("X-Ratelimit-Remaining") == "" {
			t.Errorf("%s: no rate limit headers", call)
		}
	}
	if w := ask(s, "GET", "/oauth/nothing", ""); w.Code != http.StatusNotFound || w.Header().Get("X-Ratelimit-Limit") != "" {
		t.Errorf("unknown path of the other host: status %d, headers %v", w.Code, w.Header())
	}
}

func TestAnswer_RefusesTokens(t *testing.T) {
	t.Parallel()
	s := simulator(t, clevertest.Config{Students: 10})
	for _, authorization := range []string{"", "Bearer ", "Bearer nonsense", s.Token(), "Basic " + s.Token()} {
		w := ask(s, "GET", "/v3.1/users", authorization)
		if w.Code != http.StatusUnauthorized || decode[struct{ Message string }](t, w.Body.Bytes()).Message == "" {
			t.Errorf("Authorization %q: status %d, body %s", authorization, w.Code, w.Body)
		}
	}
	if w := ask(s, "GET", "/v3.1/users", "bearer "+s.Token()); w.Code != http.StatusOK {
		t.Errorf("lower-case scheme: status %d", w.Code)
	}
}

func TestAnswer_RateWindowStartsAtTheFirstRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, err := clevertest.New(clevertest.Config{Students: 10, RateLimit: 3})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(17 * time.Second) // the bubble's clock: windows are not aligned
		reset := strconv.FormatInt(time.Now().Unix()+60, 10)
		type outcome struct {
			status           int
			remaining, reset string
		}
		request := func(path, token string) outcome {
			w := ask(s, "GET", path, "Bearer "+token)
			if w.Code == http.StatusTooManyRequests && w.Body.Len() > 0 {
				t.Errorf("429 with the body %q", w.Body)
			}
			return outcome{w.Code, w.Header().Get("X-Ratelimit-Remaining"), w.Header().Get("X-Ratelimit-Reset")}
		}
		var got []outcome
		for _, path := range []string{"/v3.1/users", "/v3.0/nothing", "/v3.1/users/absent", "/v3.1/users", "/v3.1/users"} {
			got = append(got, request(path, s.Token()))
			time.Sleep(time.Second)
		}
		want := []outcome{{200, "2", reset}, {404, "1", reset}, {404, "0", reset}, {429, "0", reset}, {429, "0", reset}}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(outcome{})); diff != "" {
			t.Errorf("outcomes (-want +got):\n%s", diff)
		}
		if got := request("/v3.1/users", "another"); got.status != 401 || got.remaining != "2" {
			t.Errorf("another token shares the window: %+v", got)
		}
		time.Sleep(54*time.Second + 999*time.Millisecond)
		if got := request("/v3.1/users", s.Token()); got.status != 429 {
			t.Errorf("a millisecond before the reset: status %d", got.status)
		}
		time.Sleep(time.Millisecond)
		if got := request("/v3.1/users", s.Token()); got.status != 200 || got.remaining != "2" {
			t.Errorf("at the reset: %+v", got)
		}
	})
}

// TestWindows_TellHowTheLimitWasKept lets two tokens, one of them unknown, ask.
func TestWindows_TellHowTheLimitWasKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, err := clevertest.New(clevertest.Config{Students: 10, RateLimit: 2})
		if err != nil {
			t.Fatal(err)
		}
		ask := func(token string) {
			r := httptest.NewRequest(http.MethodGet, "/v3.1/districts", nil)
			r.Header.Set("Authorization", "Bearer "+token)
			s.ServeHTTP(httptest.NewRecorder(), r)
		}
		began := time.Now()
		for range 3 {
			ask(s.Token())
		}
		ask("other")
		time.Sleep(time.Minute)
		ask(s.Token())
		want := []clevertest.Window{
			{Token: s.Token(), Reset: began.Add(time.Minute), Requests: 3, Refused: 1},
			{Token: "other", Reset: began.Add(time.Minute), Requests: 1},
			{Token: s.Token(), Reset: began.Add(2 * time.Minute), Requests: 1},
		}
		if diff := cmp.Diff(want, s.Windows()); diff != "" {
			t.Errorf("windows (-want +got):\n%s", diff)
		}
		for range 2000 {
			ask(s.Token())
			time.Sleep(time.Minute)
		}
		if n := len(s.Windows()); n > 1000 {
			t.Errorf("%d windows are kept", n)
		}
	})
}

func TestAnswer_RateLimitOff(t *testing.T) {
	t.Parallel()
	s := simulator(t, clevertest.Config{Students: 10})
	for range 1300 {
		if w := get(s, "/v3.1/terms"); w.Code != http.StatusOK || w.Header().Get("X-Ratelimit-Limit") != "" {
			t.Fatalf("status %d, headers %v", w.Code, w.Header())
		}
	}
}

func TestAnswer_LatencyHoldsAnswersBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := simulator(t, clevertest.Config{Students: 10, Latency: 80 * time.Millisecond})
		start := time.Now()
		get(s, "/v3.1/users")
		if took := time.Since(start); took != 80*time.Millisecond {
			t.Errorf("took %s", took)
		}
	})
}

func TestAnswer_Gzip(t *testing.T) {
	t.Parallel()
	s := simulator(t, clevertest.Config{Students: 50, Gzip: true})
	plain := get(s, "/v3.1/users")
	if plain.Header().Get("Content-Encoding") != "" {
		t.Error("compressed without being asked to")
	}
	r := httptest.NewRequest("GET", "/v3.1/users", nil)
	r.Header.Set("Authorization", "Bearer "+s.Token())
	r.Header.Set("Accept-Encoding", "gzip")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if w.Header().Get("Content-Encoding") != "gzip" || w.Body.Len() >= plain.Body.Len()/2 {
		t.Errorf("content-encoding %q, %d bytes of %d", w.Header().Get("Content-Encoding"), w.Body.Len(), plain.Body.Len())
	}
	z, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(text, plain.Body.Bytes()) {
		t.Error("the compressed page is another")
	}
}
