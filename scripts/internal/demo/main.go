// Command demo shows the whole system at work: it starts private services, a simulated Clever and every program,
// connects a tenant to a district, runs its first sync through the API, shows how it gets on, and says what came out.
// scripts/demo builds and starts it.
//
// Read demo.go first: it tells the story. What is started is in services.go and programs.go, what is asked of the API in
// tenant.go and follow.go, what is shown in bars.go, lines.go, table.go and result.go.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Exit codes. A start that a signal ended before the sync was done has the shell's own, 130.
const (
	exitDone        = 0
	exitFailed      = 1
	exitMisused     = 2
	exitInterrupted = 130
)

func main() {
	ctx, cancel := untilSignal()
	defer cancel()
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

// untilSignal returns a context that the first signal ends: then everything is stopped in order. A second one ends this
// process at once, and the guards of what it started (scratch.Guard) end that.
func untilSignal() (context.Context, func()) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-signals
		cancel()
		for first := time.Now(); time.Since(first) < oneSignal; {
			<-signals
		}
		os.Exit(exitInterrupted)
	}()
	return ctx, cancel
}

// oneSignal is how long what arrives still belongs to the first signal: timeout(1), for one, sends its own twice, and a
// terminal that is closed sends more than one.
const oneSignal = 500 * time.Millisecond

func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	choices, err := parse(args, getenv)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage)
		return exitDone
	case err != nil:
		fmt.Fprintf(stderr, "%v\n\nscripts/demo --help says what there is.\n", err)
		return exitMisused
	}
	d := &demo{choices: choices, out: stdout, notes: &notes{to: stderr}}
	good, err := d.run(ctx)
	switch {
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		fmt.Fprintln(stderr, "demo: interrupted, everything is stopped")
		return exitInterrupted
	case err != nil:
		fmt.Fprintln(stderr, "demo:", err)
		return exitFailed
	case !good:
		return exitFailed
	}
	return exitDone
}
