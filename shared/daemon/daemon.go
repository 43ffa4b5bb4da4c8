// Package daemon is what every program does the same way: it begins, logs,
// tells its health, serves, and stops.
//
// A program's main is one call of Main with its run function. run reads its
// configuration with Parse, makes a Logger and a Registry, wires its parts and
// serves Health, next to whatever else it has, with Serve, until the context
// ends: that is the signal to stop.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// Exit codes of a program.
const (
	ExitDone    = 0
	ExitFailed  = 1
	ExitMisused = 2
)

// Main is the body of a program's main function: it runs run until it returns
// or SIGINT or SIGTERM ends its context, and exits. A second signal ends the
// process at once.
//
// A program ends with 0 when it stopped as asked, 1 when something failed
// (one JSON line on stderr says what), and 2 when it was started wrongly: then
// stderr has one plain line for each fault, since only a person can mend those.
func Main(name string, run func(ctx context.Context, getenv func(string) string) error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	err := run(ctx, os.Getenv)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = nil // it says no more than that it stopped as asked
	}
	os.Exit(outcome(name, os.Stderr, err))
}

func outcome(name string, stderr io.Writer, err error) int {
	if err == nil {
		return ExitDone
	}
	if misuse, ok := errors.AsType[*Misuse](err); ok {
		for _, fault := range misuse.Faults {
			fmt.Fprintf(stderr, "%s: %v\n", name, fault)
		}
		return ExitMisused
	}
	Logger(stderr, slog.LevelInfo, name).Error("program failed", "error", err)
	return ExitFailed
}

// Misuse is a wrong start: bad configuration or arguments. It carries every
// fault that was found, not the first alone.
type Misuse struct {
	Faults []error
}

// Error gives all faults in one line.
func (m *Misuse) Error() string {
	texts := make([]string, len(m.Faults))
	for i, fault := range m.Faults {
		texts[i] = fault.Error()
	}
	return strings.Join(texts, "; ")
}

// Unwrap gives the faults.
func (m *Misuse) Unwrap() []error { return m.Faults }

// Logger makes the logger of a program: JSON lines, each with the program's
// name. Programs log to stderr, so that stdout stays free for what a command
// answers.
func Logger(w io.Writer, level slog.Level, program string) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level})).With("program", program)
}
