package main

import (
	"encoding/json"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"cleversync/shared/clever/clevertest"
	"cleversync/shared/syncrun"
)

// running is scripts/demo as somebody in a shell runs it, here one whose variables name production.
type running struct {
	*exec.Cmd
	stdout, stderr *tee
	tmp            string
}

// startDemo starts it with its private data below a directory in which nothing may be left.
func startDemo(t *testing.T, environ []string, args ...string) *running {
	t.Helper()
	d := &running{Cmd: exec.CommandContext(t.Context(), "../../demo", args...), stdout: newTee(), stderr: newTee(), tmp: enterable(t)}
	given := func(pair string) bool { return strings.HasPrefix(pair, "SCRATCH_") }
	d.Env = append(slices.DeleteFunc(os.Environ(), given), "TMPDIR="+d.tmp,
		"DATABASE_URL=postgres://production.invalid/db", "REDIS_URL=redis://production.invalid")
	d.Env = append(d.Env, environ...)
	d.Stdout, d.Stderr = d.stdout, d.stderr
	d.Cancel = func() error { return d.Process.Signal(os.Interrupt) } // so that a test that fails leaves nothing either
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("stdout:\n%s\nstderr:\n%s", d.stdout, d.stderr)
		}
	})
	return d
}

// enterable makes a directory that others may enter, unlike the test's own: where we are root Postgres is somebody else.
func enterable(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "cleversync-demo-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// wait returns the exit code, once it has made sure that nothing is left.
func (d *running) wait(t *testing.T) int {
	t.Helper()
	_ = d.Wait() // the code tells
	left, err := os.ReadDir(d.tmp)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range left {
		if !strings.HasPrefix(entry.Name(), "go-build") {
			t.Errorf("the demo left %s", entry.Name())
		}
	}
	return d.ProcessState.ExitCode()
}

// outcome reads the last line of stdout.
func (d *running) outcome(t *testing.T) result {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(d.stdout.String()), "\n")
	var r result
	decoder := json.NewDecoder(strings.NewReader(lines[len(lines)-1]))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&r); err != nil {
		t.Fatalf("the last line of stdout is not the outcome: %v", err)
	}
	return r
}

// TestDemo_TwoRuns: what two commands of a newcomer come to, at a small size.
func TestDemo_TwoRuns(t *testing.T) {
	t.Parallel()
	d := startDemo(t, nil, "--once", "--json", "--students", "300", "--seed", "3", "--runs", "2", "--workers", "2", "--unique-class-names")
	if code := d.wait(t); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	got := d.outcome(t)
	if got.Status != syncrun.Completed || got.Users < 300 || got.Classrooms == 0 || got.Parents == 0 || got.Memberships == 0 || got.ParentLinks == 0 {
		t.Errorf("the first run synced too little: %+v", got)
	}
	if got.Records < got.Users || got.Pages == 0 || got.Seconds <= 0 || got.RecordsPerSecond <= 0 || got.PeakRSS["worker"] < 1<<20 {
		t.Errorf("the first run's measures cannot be: %+v", got)
	}
	again := got.Second
	if again == nil {
		t.Fatal("there is no second run")
	}
	if diff := cmp.Diff(got, again.result, cmp.AllowUnexported(result{}),
		cmpopts.IgnoreFields(result{}, "Run", "Seconds", "RecordsPerSecond", "Second")); diff != "" {
		t.Errorf("the second run differs from the first (-first +second):\n%s", diff)
	}
	if again.RosterRowsWritten != 0 || again.WALBytes <= 0 || again.WALBytes >= again.FirstWALBytes {
		t.Errorf("an unchanged run wrote %d rows and %d bytes of log, the first %d bytes", again.RosterRowsWritten, again.WALBytes, again.FirstWALBytes)
	}
}

// TestDemo_FailedRun: Clever is there already, and its district on hold.
func TestDemo_FailedRun(t *testing.T) {
	t.Parallel()
	sim, err := clevertest.New(clevertest.Config{Students: 20})
	if err != nil {
		t.Fatal(err)
	}
	sim.SetDistrict(func(d *clevertest.DistrictState) { d.State = "pending" })
	server := httptest.NewServer(sim)
	defer server.Close()
	credentials := []string{"CLEVER_CLIENT_ID=" + sim.ClientID(), "CLEVER_CLIENT_SECRET=" + sim.ClientSecret()}
	d := startDemo(t, credentials, "--once", "--json", "--clever", server.URL, "--district-id", sim.District().ID())
	if code := d.wait(t); code != exitFailed {
		t.Errorf("exit code: want %d, got %d", exitFailed, code)
	}
	got := d.outcome(t)
	want := result{
		Status: syncrun.Failed, Code: "clever_district_held", Skipped: map[string]int64{},
		PeakRSS: got.PeakRSS, Tenant: got.Tenant, Run: got.Run, Message: got.Message, Seconds: got.Seconds,
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(result{}), cmpopts.IgnoreFields(result{}, "whole")); diff != "" {
		t.Errorf("outcome differs (-want +got):\n%s", diff)
	}
	if got.Message == "" || got.Tenant == "" || got.Run == "" {
		t.Errorf("the outcome does not tell what failed: %+v", got)
	}
}

// TestDemo_OneSchool of a Clever that is there already: who is only at another one does not come along.
func TestDemo_OneSchool(t *testing.T) {
	t.Parallel()
	sim, err := clevertest.New(clevertest.Config{Students: 60})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim)
	defer server.Close()
	school := slices.Collect(sim.District().Schools())[0].ID
	credentials := []string{"CLEVER_CLIENT_ID=" + sim.ClientID(), "CLEVER_CLIENT_SECRET=" + sim.ClientSecret()}
	d := startDemo(t, credentials, "--once", "--json", "--clever", server.URL, "--district-id", sim.District().ID(), "--school", school,
		"--no-classrooms", "--parents", "")
	if code := d.wait(t); code != 0 {
		t.Errorf("exit code: want 0, got %d", code)
	}
	got := d.outcome(t)
	if got.Users == 0 || got.Users >= 60 || got.Classrooms+got.Memberships+got.Parents+got.ParentLinks != 0 {
		t.Errorf("want some of 60 students and nothing else, got %+v", got)
	}
}

// TestDemo_Interrupted: Ctrl-C while things are being started ends what is there.
func TestDemo_Interrupted(t *testing.T) {
	t.Parallel()
	d := startDemo(t, nil, "--once")
	d.stderr.await(t, regexp.MustCompile(`scratch: Postgres and Redis started`))
	if err := d.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if code := d.wait(t); code != exitInterrupted {
		t.Errorf("exit code: want %d, got %d", exitInterrupted, code)
	}
}

func TestDemo_CannotStart(t *testing.T) {
	t.Parallel()
	d := startDemo(t, []string{"SCRATCH_DATABASE_URL=postgres://somewhere.invalid/db"}, "--once", "--json")
	if code := d.wait(t); code != exitFailed {
		t.Errorf("exit code: want %d, got %d", exitFailed, code)
	}
	if d.stdout.String() != "" || !strings.Contains(d.stderr.String(), "only one of SCRATCH_DATABASE_URL and SCRATCH_REDIS_URL is set") {
		t.Error("want an explanation on stderr and nothing on stdout")
	}
}

func TestRun_Misused(t *testing.T) {
	t.Parallel()
	var stdout, stderr strings.Builder
	code := run(t.Context(), []string{"--students", "0", "--bogus"}, env(), &stdout, &stderr)
	if code != exitMisused || stdout.Len() > 0 {
		t.Errorf("want exit code %d and nothing on stdout, got %d and %q", exitMisused, code, stdout.String())
	}
	for _, want := range []string{"--students 0", "-bogus", "--help"} {
		if !strings.Contains(stderr.String(), want) {
			t.Errorf("stderr lacks %q: %s", want, stderr.String())
		}
	}
	if code := run(t.Context(), []string{"--help"}, env(), &stdout, io.Discard); code != 0 || stdout.String() != usage {
		t.Errorf("--help: want the help text and 0, got %d", code)
	}
}
