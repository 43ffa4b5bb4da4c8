package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cleversync/shared/clever/clevertest"
)

// announced is the line that the program says once it listens.
type announced struct {
	Msg, URL, District                    string
	Students, Teachers, Contacts, Schools int
}

// none is an empty environment.
func none(string) string { return "" }

// start runs the program on a free port, and stops it when the test ends,
// which must be clean.
func start(t *testing.T, args ...string) announced {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	stderr, say := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := run(ctx, append([]string{"--addr", "127.0.0.1:0"}, args...), none, say)
		say.Close()
		done <- err
	}()
	line := announcement(t, stderr)
	rest := make(chan string, 1)
	go func() {
		text, _ := io.ReadAll(stderr) // ends with the program
		rest <- string(text)
	}()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("stop: %v", err)
		}
		if text := <-rest; strings.Count(text, "\n") != 1 || !strings.Contains(text, `"msg":"log in"`) {
			t.Errorf("the program also said: %s", text)
		}
	})
	return line
}

// announcement reads the program's first line.
func announcement(t *testing.T, stderr io.Reader) announced {
	t.Helper()
	lines := bufio.NewScanner(stderr)
	if !lines.Scan() {
		t.Fatalf("the program said nothing: %v", lines.Err())
	}
	var line announced
	if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
		t.Fatalf("first line %q: %v", lines.Text(), err)
	}
	return line
}

func request(t *testing.T, url, token string) (int, []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, text
}

func TestRun_ServesAndStops(t *testing.T) {
	t.Parallel()
	line := start(t, "--students", "30", "--seed", "5", "--token", "secret-token", "--client-id", "a", "--client-secret", "b",
		"--rate-limit", "0", "--gzip", "--latency", "1ms")
	if line.Msg != "listening" || line.Students != 30 || line.Contacts != 30 || line.Teachers == 0 || line.Schools != 2 || len(line.District) != 24 {
		t.Errorf("announced %+v", line)
	}
	if status, text := request(t, line.URL+"/healthz", ""); status != http.StatusOK || string(text) != "ok\n" {
		t.Errorf("health: %d %q", status, text)
	}
	if status, text := request(t, line.URL+"/v3.1/users?role=student", "secret-token"); status != http.StatusOK || bytes.Count(text, []byte(`"uri":"/v3.1/users/`)) != 30 {
		t.Errorf("students: %d %.200s", status, text)
	}
	if status, _ := request(t, line.URL+"/v3.1/users", "wrong"); status != http.StatusUnauthorized {
		t.Errorf("wrong token: %d", status)
	}
}

func TestRun_ServesRecordedBodies(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"districts": `{"data":[{"data":{"id":"5a0c91b95c7cc000010d417c","name":"D"}}]}`,
		"users":     `{"data":[{"data":{"id":"5a25ffb0c1bc2a00360003ed","roles":{"student":{"school":"5a25ff950a5f621109000005"}}}}]}`,
		"sections":  `{"data":[]}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name+".json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	line := start(t, "--district", dir)
	if line.District != "5a0c91b95c7cc000010d417c" || line.Students != 1 || line.Schools != 1 {
		t.Errorf("announced %+v", line)
	}
}

// TestRun_LogsIn follows the help text: a badge made of an id, the credentials
// that it derives, the portal that the program says.
func TestRun_LogsIn(t *testing.T) {
	t.Parallel()
	const callback = "http://localhost:9/callback"
	line := start(t, "--seed", "7", "--unshared", "1", "--redirect-uri", callback)
	token, id, secret := derived("7", "token 0"), derived("7", "client id")[:20], derived("7", "client secret")
	_, text := request(t, line.URL+"/v3.1/users?role=teacher&limit=1", token)
	var list struct {
		Data []struct{ Data struct{ ID string } }
	}
	if err := json.Unmarshal(text, &list); err != nil || len(list.Data) != 1 {
		t.Fatalf("teachers: %v, %s", err, text)
	}
	teacher := list.Data[0].Data.ID
	address := line.URL + "/oauth/authorize?" + url.Values{"response_type": {"code"}, "client_id": {id}, "redirect_uri": {callback}}.Encode()
	as := clevertest.Login{Method: clevertest.MethodBadge, Badge: "badge-" + teacher}
	to, err := clevertest.LogIn(t.Context(), http.DefaultClient, address, as)
	if err != nil {
		t.Fatal(err)
	}
	form := url.Values{"code": {to.Query().Get("code")}, "grant_type": {"authorization_code"}, "redirect_uri": {callback}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, line.URL+"/oauth/tokens", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(id, secret)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var got struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&got); err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("exchange: status %d, %v", answer.StatusCode, err)
	}
	if status, text := request(t, line.URL+"/v3.1/me", got.AccessToken); status != http.StatusOK || !bytes.Contains(text, []byte(`"`+teacher+`"`)) {
		t.Errorf("/me: %d %s", status, text)
	}
}

// derived is what the help text says of derived credentials.
func derived(seed, purpose string) string {
	sum := sha1.Sum([]byte("clevertest " + seed + " " + purpose))
	return hex.EncodeToString(sum[:])
}

// TestServe_LetsRequestsFinish: who asked before the stop gets an answer. The
// handler answers only once the server is stopping.
func TestServe_LetsRequestsFinish(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stopping := make(chan struct{})
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		stop()
		<-stopping
		w.WriteHeader(http.StatusTeapot)
	})}
	server.RegisterOnShutdown(func() { close(stopping) })
	done := make(chan error, 1)
	go func() { done <- serve(ctx, server, listener) }()
	if status, _ := request(t, "http://"+listener.Addr().String(), ""); status != http.StatusTeapot {
		t.Errorf("status %d", status)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestRun_Refusals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ args, want string }{
		{"--students 0", "--students 0: want 1 or more"},
		{"--students -5", "--students -5: want 1 or more"},
		{"--districts 0", "--districts 0: want 1 or more"},
		{"--unshared -1", "--unshared -1: want 0 or more"},
		{"--redirect-uri callback", "want an absolute URL"},
		{"--students 99999999", "want 1 to 10000000"},
		{"--students many", "invalid value"},
		{"--every -1s", "--every -1s: want 0 or more"},
		{"--nights -1", "--nights -1: want 0 or more"},
		{"--nights 3", "--nights 3: --every says how often"},
		{"--rate-limit -1", "--rate-limit -1: want 0 or more"},
		{"--latency -1s", "negative latency"},
		{"--district /nowhere", "/nowhere/districts.json"},
		{"--addr nonsense", "nonsense"},
		{"extra", `unknown argument "extra"`},
		{"--nothing", "not defined"},
		{"--addr 0.0.0.0:0 --control", "needs --control-token"},
	} {
		if err := run(t.Context(), strings.Fields(c.args), none, io.Discard); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.args, err, c.want)
		}
	}
	if err := run(t.Context(), []string{"--help"}, none, io.Discard); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("--help: %v", err)
	}
}
