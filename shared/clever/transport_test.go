package clever_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"cleversync/shared/clever"
	"cleversync/shared/fault"
)

// isContextError tells whether err is the context's own error and no fault.
func isContextError(err, want error) bool {
	_, isFault := errors.AsType[*fault.Fault](err)
	return errors.Is(err, want) && !isFault
}

// raw takes over the connection and writes bytes as they are; then it closes
// it, or holds it open until the client has gone.
func raw(answer string, hold bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		conn, buf, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		_, _ = conn.Write([]byte(answer))
		if hold {
			// The client sends nothing more: this returns when it hangs up.
			_, _ = buf.Read(make([]byte, 1))
		}
	}
}

func page(id string) string { return `{"data":[` + user(id) + `]}` }

// TestCutBodies tells a body that was cut on its way from one that was sent
// whole and makes no sense.
func TestCutBodies(t *testing.T) {
	t.Parallel()
	whole := page("a")
	half := whole[:len(whole)/2]
	for _, c := range []struct {
		name, answer string
		want         fault.Code
	}{
		{"hung up before the answer", "", fault.CleverUnavailable},
		{"hung up in the headers", "HTTP/1.1 200 OK\r\nContent-Ty", fault.CleverUnavailable},
		{"shorter than announced", fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(whole), half), fault.CleverUnavailable},
		{"a chunk missing", fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", len(half), half), fault.CleverUnavailable},
		{"cut in a chunk", fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s", len(whole), half), fault.CleverUnavailable},
		{"not announced, cut", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + half, fault.CleverUnavailable},
		{"not announced, empty", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", fault.CleverUnavailable},
		{"announced as it is", fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(half), half), fault.CleverBadResponse},
		{"chunks complete", fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(half), half), fault.CleverBadResponse},
		{"whole but for a byte of the end", fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(whole)+1, whole), fault.CleverUnavailable},
		{"no HTTP", "220 smtp.example.org\r\n", fault.CleverUnavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, _, err := read(t.Context(), serve(t, raw(c.answer, false)), users, "")
			wantFault(t, err, c.want)
		})
	}
}

// TestTimeouts has a Clever that stops talking, at each point where it can.
func TestTimeouts(t *testing.T) {
	t.Parallel()
	const soon = 50 * time.Millisecond
	begun := "HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n" + `{"data":[` + user("a") + `,`
	for _, c := range []struct {
		name, answer string
		bound        func(*clever.Config)
	}{
		{"no answer begins", "", func(c *clever.Config) { c.HeaderTimeout = soon }},
		{"no bytes follow", begun, func(c *clever.Config) { c.IdleTimeout = soon }},
		{"not done in time, before the answer", "", func(c *clever.Config) { c.RequestTimeout = soon }},
		{"not done in time, within the body", begun, func(c *clever.Config) { c.RequestTimeout = soon }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			generous := func(c *clever.Config) {
				c.HeaderTimeout, c.IdleTimeout, c.RequestTimeout = time.Hour, time.Hour, time.Hour
			}
			_, _, err := read(t.Context(), serve(t, raw(c.answer, true), generous, c.bound), users, "")
			wantFault(t, err, fault.CleverUnavailable)
		})
	}
}

// TestCancelled ends the caller's context while Clever is silent.
func TestCancelled(t *testing.T) {
	t.Parallel()
	begun := "HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n" + `{"data":[` + user("a") + `,`
	for _, sent := range []string{"", begun} {
		arrived := make(chan struct{})
		client := serve(t, func(w http.ResponseWriter, r *http.Request) {
			close(arrived)
			raw(sent, true)(w, r)
		})
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-arrived
			cancel()
		}()
		if _, _, err := read(ctx, client, users, ""); !isContextError(err, context.Canceled) {
			t.Errorf("after %d bytes: %v", len(sent), err)
		}
		late, stop := context.WithTimeout(t.Context(), time.Nanosecond)
		defer stop()
		if _, _, err := read(late, client, users, ""); !isContextError(err, context.DeadlineExceeded) {
			t.Errorf("a deadline of the caller's: %v", err)
		}
	}
}

func zipped(t *testing.T, s string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(s)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// serveZipped answers with bytes said to be compressed.
func serveZipped(t *testing.T, zip []byte, change ...func(*clever.Config)) *clever.Client {
	t.Helper()
	return serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(zip)
	}, change...)
}

func TestGzip(t *testing.T) {
	t.Parallel()
	body := page("a")
	zip := zipped(t, body)
	got, p, err := read(t.Context(), serveZipped(t, zip), users, "")
	if err != nil || len(got) != 1 || p.Bytes != int64(len(body)) {
		t.Errorf("%d records, page %+v, %v", len(got), p, err)
	}

	_, _, err = read(t.Context(), serveZipped(t, zip[:len(zip)/2]), users, "")
	wantFault(t, err, fault.CleverUnavailable)
	damaged := bytes.Clone(zip)
	damaged[len(damaged)-6] ^= 0xff
	_, _, err = read(t.Context(), serveZipped(t, damaged), users, "")
	wantFault(t, err, fault.CleverBadResponse)
	_, _, err = read(t.Context(), serveZipped(t, []byte(body)), users, "")
	wantFault(t, err, fault.CleverBadResponse)
}

// TestBounds sends too much, in all and in one record, plain and compressed.
func TestBounds(t *testing.T) {
	t.Parallel()
	body := page("a")
	exactly := func(c *clever.Config) { c.MaxBody = int64(len(body)) }
	if _, _, err := read(t.Context(), serve(t, answer(body), exactly), users, ""); err != nil {
		t.Errorf("a body as large as allowed: %v", err)
	}
	_, _, err := read(t.Context(), serve(t, answer(body+" "), exactly), users, "")
	wantFault(t, err, fault.CleverBadResponse)
	_, _, err = read(t.Context(), serveZipped(t, zipped(t, body+strings.Repeat(" ", 1<<20)), exactly), users, "")
	wantFault(t, err, fault.CleverBadResponse)

	small := func(c *clever.Config) { c.MaxRecord = 16 << 10 }
	records := []string{user("a")}
	for i := range 200 {
		records = append(records, user(fmt.Sprintf("b%03d", i)))
	}
	many := `{"data":[` + strings.Join(records, ",") + `]}`
	if _, _, err := read(t.Context(), serve(t, answer(many), small), users, ""); err != nil {
		t.Errorf("a long list of small records: %v", err)
	}
	for _, long := range []string{
		`{"data":[{"data":{"id":"a","x":"` + strings.Repeat("x", 20<<10) + `"}}]}`,
		`{"data":[],"links":[` + strings.Repeat(`{"rel":"self"},`, 2000) + `{}]}`,
		`{"` + strings.Repeat("x", 40<<10) + `":1,"data":[]}`,
	} {
		_, _, err = read(t.Context(), serve(t, answer(long), small), users, "")
		wantFault(t, err, fault.CleverBadResponse)
	}
}
