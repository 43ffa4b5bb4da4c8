package daemon_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"cleversync/shared/daemon"
)

var quiet = slog.New(slog.DiscardHandler)

// serving runs Serve until stop is called, which gives its result.
func serving(t *testing.T, h http.Handler, drain time.Duration) (addr string, stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	listening, ended := make(chan string, 1), make(chan error, 1)
	go func() {
		ended <- daemon.Serve(ctx, quiet, daemon.Server{Addr: "127.0.0.1:0", Handler: h, Drain: drain}, func(addr string) { listening <- addr })
	}()
	select {
	case addr = <-listening:
	case err := <-ended:
		t.Fatalf("serve: %v", err)
	}
	return addr, func() error {
		cancel()
		return <-ended
	}
}

// client keeps no connection, so that none outlives its test.
func client() *http.Client { return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} }

func TestServe_LetsRequestsEnd(t *testing.T) {
	t.Parallel()
	arrived, release := make(chan struct{}), make(chan struct{})
	addr, stop := serving(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-release
		if r.Context().Err() != nil {
			t.Error("the request's context ended while it was drained")
		}
		io.WriteString(w, "whole answer")
	}), time.Minute)

	answer := make(chan string, 1)
	go func() {
		response, err := client().Get("http://" + addr)
		if err != nil {
			answer <- err.Error()
			return
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		answer <- string(body)
	}()
	<-arrived
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	for {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			break // it takes no more
		}
		conn.Close()
	}
	close(release)
	if got := <-answer; got != "whole answer" {
		t.Errorf("answer %q", got)
	}
	if err := <-stopped; err != nil {
		t.Errorf("serve: %v", err)
	}
}

func TestServe_CutsWhatDoesNotEnd(t *testing.T) {
	t.Parallel()
	arrived, ended := make(chan struct{}), make(chan struct{})
	addr, stop := serving(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
		close(ended)
	}), time.Millisecond)
	go func() {
		response, err := client().Get("http://" + addr)
		if err == nil {
			response.Body.Close()
		}
	}()
	<-arrived
	if err := stop(); err == nil || !strings.Contains(err.Error(), "were cut") {
		t.Errorf("serve: %v, want it to say that requests were cut", err)
	}
	<-ended
}

func TestServe_AddressInUse(t *testing.T) {
	t.Parallel()
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	err = daemon.Serve(t.Context(), quiet, daemon.Server{Addr: taken.Addr().String(), Handler: http.NotFoundHandler(), Drain: time.Second}, nil)
	if _, ok := errors.AsType[*net.OpError](err); !ok {
		t.Errorf("serve: %v, want the listener's error", err)
	}
}

func TestServe_BoundsHeaders(t *testing.T) {
	t.Parallel()
	addr, stop := serving(t, http.NotFoundHandler(), time.Second)
	request, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+addr, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Long", strings.Repeat("x", 64<<10))
	response, err := client().Do(request)
	if err == nil {
		response.Body.Close()
		if response.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("status %d, want 431", response.StatusCode)
		}
	}
	if err := stop(); err != nil {
		t.Errorf("serve: %v", err)
	}
}
