package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// programVar makes this test program the command itself, so that tests see it as a process of its own.
const programVar = "CLEVERSYNC_RUN_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(programVar) != "" {
		main()
	}
	os.Exit(m.Run())
}

// program prepares the command, in a process group of its own as a terminal would make one.
func program(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), programVar + "=1",
		"DATABASE_URL=postgres://production", "REDIS_URL=redis://production"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

func TestRun_ExitCode(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"success":         {[]string{"--", "true"}, 0, "scratch: Postgres and Redis started"},
		"failure":         {[]string{"--", "sh", "-c", "exit 7"}, 7, ""},
		"killed":          {[]string{"--", "sh", "-c", "kill -KILL $$"}, 137, ""},
		"durable":         {[]string{"-durable", "true"}, 0, ""},
		"no such command": {[]string{"--", "/no/such/command"}, ourFault, "start command"},
		"no command":      {nil, ourFault, "name a command"},
		"unknown flag":    {[]string{"-x"}, ourFault, "flag provided but not defined"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := program(c.args...)
			out, _ := cmd.CombinedOutput()
			if got := cmd.ProcessState.ExitCode(); got != c.code {
				t.Errorf("exit code %d, want %d", got, c.code)
			}
			if !strings.Contains(string(out), c.says) {
				t.Errorf("output lacks %q:\n%s", c.says, out)
			}
		})
	}
}

func TestRun_Environment(t *testing.T) {
	t.Parallel()
	out, err := program("--", "env").Output()
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{}
	for line := range strings.Lines(string(out)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		env[name] = value
	}
	for name, start := range map[string]string{"SCRATCH_DATABASE_URL": "postgres://", "SCRATCH_REDIS_URL": "redis://"} {
		if !strings.HasPrefix(env[name], start) {
			t.Errorf("%s is %q", name, env[name])
		}
	}
	for _, name := range []string{"DATABASE_URL", "REDIS_URL"} {
		if value, there := env[name]; there {
			t.Errorf("%s was handed over: %s", name, value)
		}
	}
}

func TestRun_OneAddressOnly(t *testing.T) {
	t.Parallel()
	cmd := program("true")
	cmd.Env = append(cmd.Env, "SCRATCH_REDIS_URL=redis://127.0.0.1:1/0")
	out, _ := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != ourFault || !strings.Contains(string(out), "only one of") {
		t.Errorf("%s:\n%s", cmd.ProcessState, out)
	}
}

// started runs a command that waits for a signal, and tells its process id, that of its child and that of Redis.
func started(t *testing.T) (*exec.Cmd, *bytes.Buffer, []int) {
	t.Helper()
	cmd := program("--", "sh", "-c", `
		trap 'echo asked >&2; exit 3' INT TERM HUP
		sleep 1000 &
		echo $$ $! $SCRATCH_REDIS_URL
		wait`)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	pids := make([]int, 3)
	var redisURL string
	if _, err := fmt.Fscanln(out, &pids[0], &pids[1], &redisURL); err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	pids[2] = redisPID(t, redisURL)
	return cmd, &stderr, pids
}

func redisPID(t *testing.T, address string) int {
	t.Helper()
	options, err := redis.ParseURL(address)
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(options)
	defer client.Close()
	info, err := client.Info(t.Context(), "server").Result()
	if err != nil {
		t.Fatal(err)
	}
	_, line, _ := strings.Cut(info, "process_id:")
	pid, err := strconv.Atoi(strings.TrimSpace(line[:strings.IndexByte(line, '\n')]))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// gone waits until none of the processes is left.
func gone(t *testing.T, pids []int) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	var left []int
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); <-tick.C {
		left = nil
		for _, pid := range pids {
			if !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
				left = append(left, pid)
			}
		}
		if len(left) == 0 {
			return
		}
	}
	t.Errorf("still running: %v of %v", left, pids)
}

func TestRun_Signals(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		for to, sign := range map[string]int{"us": 1, "our group": -1} {
			t.Run(sig.String()+" to "+to, func(t *testing.T) {
				t.Parallel()
				cmd, stderr, pids := started(t)
				if err := syscall.Kill(sign*cmd.Process.Pid, sig); err != nil {
					t.Fatal(err)
				}
				_ = cmd.Wait()
				if got, want := cmd.ProcessState.ExitCode(), 128+int(sig); got != want {
					t.Errorf("exit code %d, want %d", got, want)
				}
				if n := strings.Count(stderr.String(), "asked"); n != 1 {
					t.Errorf("the command was asked %d times to end:\n%s", n, stderr)
				}
				gone(t, pids)
			})
		}
	}
}

func TestRun_KilledItself(t *testing.T) {
	t.Parallel()
	cmd, _, pids := started(t)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	gone(t, pids)
}
