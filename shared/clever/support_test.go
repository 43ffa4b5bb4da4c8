package clever_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"cleversync/shared/clever"
	"cleversync/shared/clever/clevertest"
	"cleversync/shared/fault"
	"cleversync/shared/roster"
)

const district = "5f00000000000000000000d1"

var caller = clever.Caller{District: district, Token: "0123456789abcdef0123456789abcdef01234567"}

// serve starts a Clever of the test's own, with a client that talks to it.
func serve(t *testing.T, h http.HandlerFunc, change ...func(*clever.Config)) *clever.Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return connect(t, s.URL, change...)
}

func connect(t *testing.T, url string, change ...func(*clever.Config)) *clever.Client {
	t.Helper()
	config := clever.Config{APIURL: url, URL: url, ClientID: "client", ClientSecret: "secret-of-the-client"}
	for _, f := range change {
		f(&config)
	}
	c, err := clever.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// answer answers every request with one body.
func answer(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_, _ = w.Write([]byte(body))
	}
}

// read reads one page of users and gives its records.
func read(ctx context.Context, c *clever.Client, path, after string) ([]roster.Received[roster.SourceUser], clever.Page, error) {
	var all []roster.Received[roster.SourceUser]
	page, err := clever.ReadPage(ctx, c, caller, path, after, func(r roster.Received[roster.SourceUser]) error {
		all = append(all, r)
		return nil
	})
	return all, page, err
}

// list reads a list to its end as a run does, and gives the number of pages.
func list[T roster.Source](t *testing.T, c *clever.Client, who clever.Caller, l clever.List, each func(roster.Received[T])) (pages int) {
	t.Helper()
	path, last := l.Path, ""
	for path != "" {
		page, err := clever.ReadPage(t.Context(), c, who, path, last, func(r roster.Received[T]) error {
			each(r)
			return nil
		})
		if err != nil {
			t.Fatalf("page %d of %s: %v", pages, l.Path, err)
		}
		path, last = page.Next, page.LastID
		pages++
	}
	return pages
}

// wantFault fails the test unless err is a fault of the code.
func wantFault(t *testing.T, err error, code fault.Code) *fault.Fault {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; want %s", code)
	}
	f := fault.Of(err)
	if f.Code != code {
		t.Fatalf("%v; want %s", err, code)
	}
	return f
}

// serveAt is serve for an answer that depends on the server's own address.
func serveAt(t *testing.T, body func(base string) string) (*clever.Client, string) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer(body("http://"+r.Host))(w, r)
	}))
	t.Cleanup(s.Close)
	return connect(t, s.URL), s.URL
}

// serveSim starts a simulator and gives its address.
func serveSim(t *testing.T, sim *clevertest.Server) string {
	t.Helper()
	s := httptest.NewServer(sim)
	t.Cleanup(s.Close)
	return s.URL
}
