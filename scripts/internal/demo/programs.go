package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"cleversync/scripts/scratch"
)

const (
	startTimeout = 30 * time.Second // for a program to be ready
	stopTimeout  = 8 * time.Second  // for all of them to end after SIGTERM, before they are killed
	// shutdownTimeout is what they are told that they have themselves.
	shutdownTimeout = 5 * time.Second
	pollEvery       = 20 * time.Millisecond
	tailBytes       = 2000 // of a log that an error shows
)

// programs are the running ones. They belong to a guard: should this process vanish, they end.
type programs struct {
	bin, logs string
	notes     io.Writer
	died      context.CancelCauseFunc
	guard     *scratch.Guard

	mu       sync.Mutex // guards all that follows, the fields of processes included
	running  []*process
	stopping bool
	ended    sync.WaitGroup // for the watchers of processes
}

func newPrograms(bin, logs string, notes io.Writer, died context.CancelCauseFunc) (*programs, error) {
	guard, err := scratch.NewGuard(syscall.SIGTERM, "")
	if err != nil {
		return nil, err
	}
	return &programs{bin: bin, logs: logs, notes: notes, died: died, guard: guard}, nil
}

// start starts a program and waits until it is ready.
func (ps *programs) start(ctx context.Context, p program) error {
	proc := &process{program: p, log: filepath.Join(ps.logs, p.name+".log")}
	ps.mu.Lock()
	if ps.stopping {
		ps.mu.Unlock()
		return context.Canceled
	}
	err := ps.launch(proc)
	if err == nil {
		ps.running = append(ps.running, proc)
	}
	ps.mu.Unlock()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("%s is not ready after %v", p.name, startTimeout))
	defer cancel()
	if err := ps.awaitReady(ctx, proc); err != nil {
		return fmt.Errorf("%w; the end of its log:\n%s", err, tail(proc.log))
	}
	return nil
}

// launch starts the process and whoever waits for its end. The caller holds the lock.
func (ps *programs) launch(p *process) error {
	cmd := ps.command(p.program, p.args...)
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("log of %s: %w", p.name, err)
	}
	defer log.Close()
	if p.from, err = log.Seek(0, io.SeekEnd); err != nil {
		return fmt.Errorf("log of %s: %w", p.name, err)
	}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	done := make(chan struct{})
	p.cmd, p.done = cmd, done
	ps.ended.Go(func() {
		_ = cmd.Wait() // how it ended is in ProcessState, why in its log
		close(done)
		ps.afterEnd(p, cmd)
	})
	return nil
}

// afterEnd says what became of a program. One that somebody killed is started again, as in production; one that ended by
// itself ends the demo.
func (ps *programs) afterEnd(p *process, cmd *exec.Cmd) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ps.stopping {
		return
	}
	status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() {
		ps.died(&diedError{name: p.name, state: cmd.ProcessState.String(), tail: tail(p.log)})
		return
	}
	fmt.Fprintf(ps.notes, "demo: %s ended (%s) and is started again%s\n", p.name, cmd.ProcessState, p.hint)
	p.moveTo(p.said.host()) // where others know it
	if err := ps.launch(p); err != nil {
		ps.died(err)
	}
}

// said is what a program that was started said of itself.
func (ps *programs) said(name string) listening {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	for _, p := range ps.running {
		if p.name == name {
			return p.said
		}
	}
	return listening{}
}

// all lists the running programs, as they are now, by name.
func (ps *programs) all() []process {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	var list []process
	for _, p := range ps.running {
		list = append(list, *p)
	}
	slices.SortFunc(list, func(a, b process) int { return strings.Compare(a.name, b.name) })
	return list
}

// stop asks the programs to end, those first that use others, and kills what does not. It may be called twice.
func (ps *programs) stop() error {
	ps.mu.Lock()
	if ps.stopping {
		ps.mu.Unlock()
		return nil
	}
	ps.notePeaks()
	ps.stopping = true
	ps.mu.Unlock()

	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	var errs []error
	for wave := lastWave; wave >= 0; wave-- {
		errs = append(errs, ps.stopWave(ctx, wave))
	}
	errs = append(errs, ps.guard.Close())
	ps.ended.Wait()
	return errors.Join(errs...)
}

func (ps *programs) stopWave(ctx context.Context, wave int) error {
	var errs []error
	asked := slices.DeleteFunc(ps.all(), func(p process) bool { return p.wave != wave })
	for _, p := range asked {
		if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			errs = append(errs, fmt.Errorf("stop %s: %w", p.name, err))
		}
	}
	for _, p := range asked {
		select {
		case <-p.done:
		case <-ctx.Done():
			errs = append(errs, fmt.Errorf("%s did not end within %v, killed", p.name, stopTimeout))
		}
	}
	return errors.Join(errs...)
}
