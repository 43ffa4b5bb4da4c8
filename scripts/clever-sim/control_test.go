package main

import (
	"context"
	"flag"
	"io"
	"net/http"
	"strings"
	"testing"

	"cleversync/shared/clever/clevertest"
)

// once makes a connection for each request. A kept one may leave a spare beside
// it, which has asked nothing yet and for which a server that stops waits 5 s.
var once = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// order sends an order to the control endpoint.
func order(ctx context.Context, t *testing.T, method, url, body, token string) int {
	t.Helper()
	status, _ := ask(ctx, t, method, url, body, token)
	return status
}

func ask(ctx context.Context, t *testing.T, method, url, body, token string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := once.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

func TestRun_TakesOrders(t *testing.T) {
	t.Parallel()
	const storm = `[{"fault":{"kind":"status","status":503}}]`
	line := start(t, "--students", "30", "--token", "district")
	if status := order(t.Context(), t, "PUT", line.URL+"/_control/faults", storm, ""); status != http.StatusOK {
		t.Errorf("order: %d", status)
	}
	if status, _ := request(t, line.URL+"/v3.1/users", "district"); status != http.StatusServiceUnavailable {
		t.Errorf("users: %d", status)
	}
	off := start(t, "--students", "30", "--control=false")
	if status := order(t.Context(), t, "PUT", off.URL+"/_control/faults", storm, ""); status != http.StatusNotFound {
		t.Errorf("switched off: %d", status)
	}
	secret := start(t, "--students", "30", "--control-token", "orders")
	for token, want := range map[string]int{"": http.StatusUnauthorized, "orders": http.StatusOK} {
		if status := order(t.Context(), t, "PUT", secret.URL+"/_control/faults", storm, token); status != want {
			t.Errorf("token %q: %d", token, status)
		}
	}
}

// TestRun_StopsWhileAFaultHolds: the program's end, which start checks, would
// otherwise come late and with an error.
func TestRun_StopsWhileAFaultHolds(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	stderr, say := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- run(ctx, []string{"--addr", "127.0.0.1:0", "--token", "district"}, none, say) }()
	line := announcement(t, stderr)
	read := make(chan struct{})
	go func() {
		io.Copy(io.Discard, stderr) // the rest of what the program says
		close(read)
	}()
	defer func() { say.Close(); <-read }()
	order(t.Context(), t, "PUT", line.URL+"/_control/faults", `[{"fault":{"kind":"hold"}}]`, "")
	held := make(chan int, 1)
	go func() {
		defer close(held) // where the request fails, too
		held <- order(context.WithoutCancel(ctx), t, "GET", line.URL+"/v3.1/users", "", "district")
	}()
	for counts := ""; !strings.Contains(counts, `"acted": 1`); {
		_, counts = ask(t.Context(), t, "GET", line.URL+"/_control/faults", "", "")
	}
	stop()
	if status := <-held; status != http.StatusOK {
		t.Errorf("what was held is answered %d", status)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestControl_Apply: beyond the machine itself there is no control endpoint
// without a token.
func TestControl_Apply(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args, addr, variable string
		on, fails            bool
	}{
		{"", "127.0.0.1:80", "", true, false},
		{"", "[::1]:80", "", true, false},
		{"", "localhost:80", "", true, false},
		{"", "0.0.0.0:80", "", false, false},
		{"", ":80", "", false, false},
		{"", "sim.example.org:80", "", false, false},
		{"", ":80", "secret", true, false},
		{"--control-token secret", ":80", "", true, false},
		{"--control=false", "127.0.0.1:80", "secret", false, false},
		{"--control", ":80", "", true, true},
	} {
		var got control
		var cfg clevertest.Config
		flags := flag.NewFlagSet("", flag.ContinueOnError)
		got.register(flags)
		if err := flags.Parse(strings.Fields(c.args)); err != nil {
			t.Fatal(err)
		}
		err := got.apply(flags, c.addr, func(string) string { return c.variable }, &cfg)
		if (err != nil) != c.fails || err == nil && cfg.Control != c.on {
			t.Errorf("%+v: control %v, %v", c, cfg.Control, err)
		}
	}
}
