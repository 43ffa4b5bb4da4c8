package connect

import (
	"context"
	"net"
	"net/http"
	"testing"
)

func TestStartURL_OnlyWhereTheAddressIsKnown(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ public, local, host, want string }{
		"configured":           {"https://sync.example.org/", "10.0.0.1:8080", "evil.example.org", "https://sync.example.org/clever/start?ticket=t"},
		"this machine":         {"", "127.0.0.1:8080", "127.0.0.1:8080", "http://127.0.0.1:8080/clever/start?ticket=t"},
		"this machine by name": {"", "[::1]:8080", "localhost:8080", "http://localhost:8080/clever/start?ticket=t"},
		"a host of the caller": {"", "127.0.0.1:8080", "evil.example.org", ""},
		"loopback as a suffix": {"", "127.0.0.1:8080", "127.0.0.1.evil.example.org:8080", ""},
		"another machine":      {"", "10.0.0.1:8080", "127.0.0.1:8080", ""},
	} {
		local, err := net.ResolveTCPAddr("tcp", c.local)
		if err != nil {
			t.Fatal(err)
		}
		connector := &Connector{Config: Config{PublicURL: c.public}}
		got, err := connector.StartURL(context.WithValue(t.Context(), http.LocalAddrContextKey, local), c.host, "t")
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s: %q, %v; want %q", name, got, err, c.want)
		}
	}
}

func TestCheckPublicURL(t *testing.T) {
	t.Parallel()
	for text, good := range map[string]bool{
		"": true, "https://sync.example.org": true, "https://sync.example.org:8443/": true, "http://127.0.0.1:8080": true, "http://localhost": true,
		"http://sync.example.org": false, "https://sync.example.org/path": false, "https://u:p@sync.example.org": false, "sync.example.org": false,
		"https://sync.example.org?x": false, "ftp://127.0.0.1": false,
	} {
		if err := CheckPublicURL(text); (err == nil) != good {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestCookie_ForThisHostAlone(t *testing.T) {
	t.Parallel()
	w := &header{http.Header{}}
	setCookie(w, "https://sync.example.org", "v")
	if got, want := w.h.Get("Set-Cookie"), "__Host-cleversync-login=v; Path=/; Max-Age=7200; HttpOnly; Secure; SameSite=Lax"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

type header struct{ h http.Header }

func (w *header) Header() http.Header         { return w.h }
func (w *header) Write(p []byte) (int, error) { return len(p), nil }
func (w *header) WriteHeader(int)             {}

func TestReasons_AllAreExplained(t *testing.T) {
	t.Parallel()
	for _, code := range Codes() {
		if r := Explain(code); r.Code != code || r.Meaning == "" || r.Action == "" {
			t.Errorf("%s: %+v", code, r)
		}
	}
	if Explain("invented").Code != CodeInternal {
		t.Error("an unknown code is not internal")
	}
}
