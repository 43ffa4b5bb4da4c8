package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fake is a program that says that it listens, at an address where the test answers for it, and notes how it is treated.
const fake = `#!/bin/sh
trap 'echo term >> "$NOTES"; exit 0' TERM
echo "start $ADDR $1 ${DATABASE_URL:-none}" >> "$NOTES"
[ "$ADDR" = broken ] && { echo "cannot go on" >&2; exit 3; }
echo '{"msg":"other"}' >&2
echo '{"msg":"listening","addr":"'"$ANSWERS"'"}' >&2
while :; do sleep 0.05; done
`

// fakes are running fake programs, with what they note.
type fakes struct {
	*programs
	notes, addr string
	died        context.Context // its cause says which
	messages    *strings.Builder
}

func newFakes(t *testing.T) fakes {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "fake"), []byte(fake), 0o700); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/readyz" {
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	died, cancel := context.WithCancelCause(t.Context())
	f := fakes{notes: filepath.Join(dir, "notes"), addr: strings.TrimPrefix(server.URL, "http://"), died: died, messages: &strings.Builder{}}
	var err error
	if f.programs, err = newPrograms(dir, dir, f.messages, cancel); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.stop(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func (f fakes) program(addr string) program {
	return program{name: "fake", args: []string{addr}, ready: "/readyz", env: []string{"ADDR=" + addr, "NOTES=" + f.notes, "ANSWERS=" + f.addr}}
}

func (f fakes) noted(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(f.notes)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

func TestPrograms_StartAndStop(t *testing.T) {
	t.Parallel()
	f := newFakes(t)
	if err := f.start(t.Context(), f.program(anyPort)); err != nil {
		t.Fatal(err)
	}
	if got := f.said("fake").host(); got != f.addr {
		t.Errorf("address: want %s, got %s", f.addr, got)
	}
	if err := f.stop(); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"start " + anyPort + " " + anyPort + " none", "term"}, f.noted(t)); diff != "" {
		t.Errorf("how it was treated differs (-want +got):\n%s", diff)
	}
	if f.died.Err() != nil {
		t.Errorf("a program that was stopped counts as dead: %v", context.Cause(f.died))
	}
}

// TestPrograms_Killed: whoever kills a program by hand sees it come back, on the same address.
func TestPrograms_Killed(t *testing.T) {
	t.Parallel()
	f := newFakes(t)
	if err := f.start(t.Context(), f.program(anyPort)); err != nil {
		t.Fatal(err)
	}
	killed := f.all()[0]
	if err := killed.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-killed.done
	for ctx := t.Context(); len(f.noted(t)) < 2; {
		if ctx.Err() != nil || f.died.Err() != nil {
			t.Fatalf("it was not started again: %v", context.Cause(f.died))
		}
	}
	if diff := cmp.Diff("start "+f.addr+" "+f.addr+" none", f.noted(t)[1]); diff != "" {
		t.Errorf("the second start differs (-want +got):\n%s", diff)
	}
}

// TestPrograms_EndsByItself: it ends the demo, with the program's last words.
func TestPrograms_EndsByItself(t *testing.T) {
	t.Parallel()
	f := newFakes(t)
	err := f.start(t.Context(), f.program("broken"))
	if err == nil || !strings.Contains(err.Error(), "ended before it was ready") || !strings.Contains(err.Error(), "cannot go on") {
		t.Errorf("want an error with the log, got %v", err)
	}
	<-f.died.Done()
	died, ok := errors.AsType[*diedError](context.Cause(f.died))
	if !ok || died.name != "fake" || !strings.Contains(died.tail, "cannot go on") || !strings.Contains(died.state, "3") {
		t.Errorf("want the program's end, got %v", context.Cause(f.died))
	}
}

func TestPrograms_Output(t *testing.T) {
	t.Parallel()
	f := newFakes(t)
	f.bin = "/bin"
	got, err := f.output(t.Context(), "sh", []string{"WORD=token"}, "-c", `echo "$WORD"`)
	if err != nil || got != "token" {
		t.Errorf("want token, got %q and %v", got, err)
	}
	_, err = f.output(t.Context(), "sh", nil, "-c", "echo no such database >&2; exit 1")
	if err == nil || !strings.Contains(err.Error(), "no such database") {
		t.Errorf("want the program's complaint, got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = f.output(ctx, "sh", nil, "-c", "exec sleep 60"); !errors.Is(err, context.Canceled) {
		t.Errorf("want canceled, got %v", err)
	}
}

func TestTail(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(file, []byte(strings.Repeat("a line of the log\n", 1000)+"the last\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := tail(file)
	if len(got) > tailBytes || !strings.HasPrefix(got, "a line") || !strings.HasSuffix(got, "\nthe last\n") {
		t.Errorf("want whole lines of the end, got %d bytes: %.30q", len(got), got)
	}
}
