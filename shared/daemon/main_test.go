package daemon_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"cleversync/shared/daemon"
)

// childVariable makes the test's own program behave as a program under test.
const childVariable = "DAEMON_TEST_CHILD"

func TestMain(m *testing.M) {
	if ending := os.Getenv(childVariable); ending != "" {
		daemon.Main("child", func(ctx context.Context, _ func(string) string) error { return child(ctx, ending) })
	}
	goleak.VerifyTestMain(m)
}

// child waits for a signal and ends as asked.
func child(ctx context.Context, ending string) error {
	fmt.Println("ready")
	<-ctx.Done()
	switch ending {
	case "failing":
		return errors.New("could not stop")
	case "canceled":
		return fmt.Errorf("serve: %w", ctx.Err())
	case "stuck":
		fmt.Println("stopping")
		select {}
	}
	return nil
}

func TestMain_StopsOnSignals(t *testing.T) {
	t.Parallel()
	for ending, want := range map[string]int{"well": daemon.ExitDone, "canceled": daemon.ExitDone, "failing": daemon.ExitFailed} {
		for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
			t.Run(ending+" after "+signal.String(), func(t *testing.T) {
				t.Parallel()
				command, lines := startChild(t, ending)
				expect(t, lines, "ready")
				if err := command.Process.Signal(signal); err != nil {
					t.Fatal(err)
				}
				if code := exitCode(command.Wait()); code != want {
					t.Errorf("exit code %d, want %d", code, want)
				}
			})
		}
	}
}

func TestMain_SecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	command, lines := startChild(t, "stuck")
	expect(t, lines, "ready")
	if err := command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	expect(t, lines, "stopping")
	// The first signal's handler is taken back just after it; until then a
	// second one is only the first again.
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	for {
		select {
		case err := <-ended:
			if code := exitCode(err); code != -1 {
				t.Errorf("exit code %d, want the signal's own", code)
			}
			return
		default:
			command.Process.Signal(syscall.SIGTERM)
		}
	}
}

func startChild(t *testing.T, ending string) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	command := exec.CommandContext(t.Context(), os.Args[0])
	command.Env = append(os.Environ(), childVariable+"="+ending)
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	return command, bufio.NewReader(out)
}

func expect(t *testing.T, lines *bufio.Reader, want string) {
	t.Helper()
	line, err := lines.ReadString('\n')
	if strings.TrimSpace(line) != want {
		t.Fatalf("the child says %q, %v; want %q", line, err, want)
	}
}

func exitCode(err error) int {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	return 0
}
