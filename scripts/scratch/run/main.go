// Command run runs another command with a private Postgres and Redis, whose addresses it hands over in
// SCRATCH_DATABASE_URL and SCRATCH_REDIS_URL, and exits with that command's code:
//
//	go run ./scripts/scratch/run -- go test ./...
//
// A signal goes on to the command and to all that it started. When the command has ended, in whatever way, nothing that
// it or we have started is left. The command gets no terminal to read from.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"cleversync/scripts/scratch"
)

// patience is how long the command may take to end after a signal, before it is killed.
const patience = 20 * time.Second

// ourFault is the exit code where not the command but we did not succeed, as the shell's own for such a case.
const ourFault = 125

func main() {
	code, err := run(os.Args[1:], os.Environ(), os.Stdout, os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, "scratch:", err)
	}
	os.Exit(code)
}

func run(args, environ []string, stdout, stderr io.Writer) (code int, err error) {
	flags := flag.NewFlagSet("run", flag.ContinueOnError)
	flags.SetOutput(stderr)
	durable := flags.Bool("durable", false, "start a Postgres that loses no commit in a crash, at the price of speed")
	if err := flags.Parse(args); err != nil {
		return ourFault, nil // the flag package has said it
	}
	if flags.NArg() == 0 {
		return ourFault, errors.New("name a command: run -- go test ./...")
	}
	ctx, cancel := untilSignal()
	defer cancel()
	services, err := scratch.Start(ctx, scratch.Options{Disposable: !*durable, Log: stderr})
	if err != nil {
		return codeOf(ctx, ourFault), err
	}
	defer func() {
		if stop := errors.Join(services.Tidy(), services.Stop()); stop != nil {
			code, err = cmp.Or(code, ourFault), errors.Join(err, stop)
		}
	}()
	cmd := exec.Command(flags.Arg(0), flags.Args()[1:]...)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.Env = environment(environ, services)
	return supervise(ctx, cmd)
}

// caught is the signal that ended a context.
type caught syscall.Signal

func (c caught) Error() string { return syscall.Signal(c).String() }

// untilSignal returns a context that the first signal ends, with caught as its cause. From then on no signal ends us.
func untilSignal() (context.Context, func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	ctx, cancel := context.WithCancelCause(context.Background())
	go func() {
		select {
		case sig := <-signals:
			cancel(caught(sig.(syscall.Signal)))
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}

// codeOf returns the exit code that shells give to a program ended by a signal, where one came, else the other.
func codeOf(ctx context.Context, otherwise int) int {
	if sig, ok := errors.AsType[caught](context.Cause(ctx)); ok {
		return 128 + int(sig)
	}
	return otherwise
}

// environment hands over the services, and withholds the variables that may name production.
func environment(environ []string, services *scratch.Services) []string {
	environ = slices.DeleteFunc(slices.Clone(environ), func(pair string) bool {
		return strings.HasPrefix(pair, "DATABASE_URL=") || strings.HasPrefix(pair, "REDIS_URL=")
	})
	return append(environ, "SCRATCH_DATABASE_URL="+services.DatabaseURL, "SCRATCH_REDIS_URL="+services.RedisURL)
}

// supervise runs the command in a group of its own, so that a signal reaches all that it started exactly once, and what
// it leaves behind is ended.
func supervise(ctx context.Context, cmd *exec.Cmd) (code int, err error) {
	guard, err := scratch.NewGuard(syscall.SIGTERM, "")
	if err != nil {
		return ourFault, err
	}
	guard.Attach(cmd)
	if err := cmd.Start(); err != nil {
		return ourFault, errors.Join(fmt.Errorf("start command: %w", err), guard.Close())
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // how it ended is in ProcessState
	}()
	select {
	case <-ended:
	case <-ctx.Done():
		err = passOn(ctx, guard, ended)
	}
	err = errors.Join(err, guard.Close())
	<-ended
	return codeOf(ctx, exitCode(cmd.ProcessState)), err
}

// passOn sends the group the signal that we got, and waits as long as our patience lasts.
func passOn(ctx context.Context, guard *scratch.Guard, ended <-chan struct{}) error {
	sig, _ := errors.AsType[caught](context.Cause(ctx))
	if err := guard.Signal(syscall.Signal(sig)); err != nil {
		return err
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-ended:
		return nil
	case <-timer.C:
		return fmt.Errorf("the command did not end within %v after signal %q, killed", patience, sig)
	}
}

func exitCode(state *os.ProcessState) int {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return state.ExitCode()
}
