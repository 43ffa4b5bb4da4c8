package clever_test

import (
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"cleversync/shared/clever"
	"cleversync/shared/fault"
)

// secure starts a Clever with TLS and HTTP/2, and a client that trusts it.
func secure(t *testing.T, h http.HandlerFunc, change ...func(*httptest.Server)) (*httptest.Server, *clever.Client) {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.EnableHTTP2 = true
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // refused handshakes
	for _, f := range change {
		f(s)
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	client := connect(t, s.URL)
	client.Trust(s.Certificate())
	return s, client
}

func TestTLS_HTTP2(t *testing.T) {
	t.Parallel()
	seen := make(chan *http.Request, 1)
	_, client := secure(t, func(w http.ResponseWriter, r *http.Request) {
		seen <- r
		answer(page("a"))(w, r)
	})
	got, _, err := read(t.Context(), client, users, "")
	if err != nil || len(got) != 1 {
		t.Fatalf("%d records, %v", len(got), err)
	}
	if r := <-seen; r.ProtoMajor != 2 || r.TLS == nil || r.TLS.Version < tls.VersionTLS12 {
		t.Errorf("asked by %s", r.Proto)
	}
}

// An old TLS and a certificate that nobody vouches for get no token.
func TestTLS_refused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change  func(*httptest.Server)
		trusted bool
		says    string
	}{
		"TLS 1.1": {func(s *httptest.Server) {
			s.EnableHTTP2 = false
			s.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
		}, true, "protocol version"},
		"unknown authority": {func(*httptest.Server) {}, false, "certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int32
			s, client := secure(t, func(http.ResponseWriter, *http.Request) { asked.Add(1) }, c.change)
			if !c.trusted {
				client = connect(t, s.URL)
			}
			_, _, err := read(t.Context(), client, users, "")
			f := wantFault(t, err, fault.CleverUnavailable)
			if !c.trusted && !strings.Contains(f.Detail, "certificate is not trusted") {
				t.Errorf("detail %q does not say why", f.Detail)
			}
			if asked.Load() != 0 || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%d requests came, error %q, want none and %q", asked.Load(), err, c.says)
			}
			for _, secret := range []string{string(caller.Token), "Bearer", "role=student"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("the error quotes %q: %v", secret, err)
				}
			}
		})
	}
}

// cuts remembers the connections of a server, so that a test can cut them.
type cuts struct{ conns chan net.Conn }

func (c cuts) remember(s *httptest.Server) {
	s.Config.ConnState = func(conn net.Conn, state http.ConnState) {
		if state == http.StateNew {
			c.conns <- conn
		}
	}
}

// A body that ends early is found out, however it ends; the next request works.
func TestHTTP2_brokenBody(t *testing.T) {
	t.Parallel()
	begun := `{"data":[` + user("a") + `,`
	c := cuts{make(chan net.Conn, 10)}
	for name, end := range map[string]func(){
		"stream reset":   func() { panic(http.ErrAbortHandler) },
		"connection cut": func() { _ = (<-c.conns).Close(); panic(http.ErrAbortHandler) },
	} {
		var n atomic.Int32
		_, client := secure(t, func(w http.ResponseWriter, r *http.Request) {
			if n.Add(1) > 1 {
				answer(page("a"))(w, r)
				return
			}
			answer(begun)(w, r)
			if err := http.NewResponseController(w).Flush(); err != nil {
				panic(err)
			}
			end()
		}, c.remember)
		_, _, err := read(t.Context(), client, users, "")
		if wantFault(t, err, fault.CleverUnavailable); n.Load() != 1 {
			t.Errorf("%s: asked %d times, want no second try", name, n.Load())
		}
		if got, _, err := read(t.Context(), client, users, ""); err != nil || len(got) != 1 {
			t.Errorf("%s: next request: %d records, %v", name, len(got), err)
		}
		for len(c.conns) > 0 {
			<-c.conns
		}
	}
}

// A length that promises more than comes is found out as with HTTP/1.1.
func TestHTTP2_shorterThanAnnounced(t *testing.T) {
	t.Parallel()
	_, client := secure(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100000")
		answer(page("a"))(w, r)
	})
	_, _, err := read(t.Context(), client, users, "")
	wantFault(t, err, fault.CleverUnavailable)
}

// A server that says goodbye (GOAWAY) ends what it has begun, and the next
// request takes a new connection.
func TestHTTP2_goAway(t *testing.T) {
	t.Parallel()
	c := cuts{make(chan net.Conn, 10)}
	var n atomic.Int32
	s, client := secure(t, func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1) == 1 {
			w.Header().Set("Connection", "close") // on HTTP/2: goodbye after this answer
		}
		answer(page("a"))(w, r)
	}, c.remember)
	if _, _, err := read(t.Context(), client, users, ""); err != nil {
		t.Errorf("the request under way: %v", err)
	}
	if got, _, err := read(t.Context(), client, users, ""); err != nil || len(got) != 1 {
		t.Errorf("the next request: %d records, %v", len(got), err)
	}
	if conns := len(c.conns); conns != 2 {
		t.Errorf("%d connections to %s, want a second one after the goodbye", conns, s.URL)
	}
}
