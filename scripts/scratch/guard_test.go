package scratch

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"
	"time"
)

// helperVar makes this test program one that starts services, tells of them, and waits to be killed.
const helperVar = "CLEVERSYNC_SCRATCH_HELPER"

func TestMain(m *testing.M) {
	if os.Getenv(helperVar) == "" {
		os.Exit(m.Run())
	}
	if err := helper(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// told is what the helper says of itself.
type told struct {
	PIDs []int
	Dir  string
}

func helper() error {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGINT) // not Ignore, which the services would inherit
	services, err := Start(context.Background(), Options{Private: true, Disposable: true})
	if err != nil {
		return err
	}
	err = json.NewEncoder(os.Stdout).Encode(told{
		Dir:  services.Dir,
		PIDs: []int{services.postgres.process.cmd.Process.Pid, services.redis.process.cmd.Process.Pid, services.group.cmd.Process.Pid},
	})
	if err != nil {
		return err
	}
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return err // the test is gone
	}
	switch os.Getenv(helperVar) {
	case "exit":
		os.Exit(3) // without Stop, as log.Fatal would
	case "panic":
		panic("on purpose")
	}
	return services.Stop()
}

// startHelper returns once the helper's services run. What the test writes to its input lets the helper go on.
func startHelper(t *testing.T, ending string) (*exec.Cmd, func(), told) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), helperVar + "=" + ending}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, inErr := cmd.StdinPipe()
	out, outErr := cmd.StdoutPipe()
	if err := errors.Join(inErr, outErr, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	var services told
	if err := json.NewDecoder(out).Decode(&services); err != nil {
		t.Fatal(err)
	}
	for _, pid := range services.PIDs {
		if !alive(pid) {
			t.Fatalf("process %d does not run", pid)
		}
	}
	return cmd, func() { fmt.Fprintln(in) }, services
}

func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }

// gone waits until nothing of the services is left.
func (s told) gone(t *testing.T) {
	t.Helper()
	left := ""
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); <-tick.C {
		left = ""
		for _, pid := range s.PIDs {
			if alive(pid) {
				left += fmt.Sprintf("process %d, ", pid)
			}
		}
		if _, err := os.Stat(s.Dir); !errors.Is(err, os.ErrNotExist) {
			left += s.Dir
		}
		if left == "" {
			return
		}
	}
	t.Errorf("still there: %s", left)
}

func TestGuard_NothingOutlivesUs(t *testing.T) {
	t.Parallel()
	for _, ending := range []string{"exit", "panic", "stop"} {
		t.Run(ending, func(t *testing.T) {
			t.Parallel()
			_, proceed, services := startHelper(t, ending)
			proceed()
			services.gone(t)
		})
	}
	t.Run("SIGKILL", func(t *testing.T) {
		t.Parallel()
		cmd, _, services := startHelper(t, "stop")
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		services.gone(t)
	})
}

func TestGuard_TerminalSignalsDoNotReachServices(t *testing.T) {
	t.Parallel()
	cmd, proceed, services := startHelper(t, "stop")
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	for _, pid := range services.PIDs {
		if !alive(pid) {
			t.Errorf("process %d has ended", pid)
		}
	}
	proceed() // Stop in the helper would fail to end what has ended
	services.gone(t)
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

func TestGuard_CloseEndsWhatIsLeft(t *testing.T) {
	t.Parallel()
	guard, err := NewGuard(syscall.SIGTERM, "")
	if err != nil {
		t.Fatal(err)
	}
	// A shell that ignores what it is asked, and a child of it.
	cmd := exec.Command("/bin/sh", "-c", `trap '' TERM INT; (while :; do sleep 1; done) & echo $!; wait`)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	guard.Attach(cmd)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var child int
	if _, err := fmt.Fscan(out, &child); err != nil {
		t.Fatal(err)
	}
	if err := guard.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if err := guard.Close(); err != nil {
		t.Error(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait()
	}()
	told{PIDs: []int{cmd.Process.Pid, child}, Dir: "/nowhere"}.gone(t)
	if t.Failed() {
		_ = syscall.Kill(child, syscall.SIGKILL)
		_ = cmd.Process.Kill()
	}
	<-ended
}
