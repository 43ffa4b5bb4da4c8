package scratch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	startTimeout = 60 * time.Second        // for a service to answer; recovery after a crash is part of it
	stopTimeout  = 15 * time.Second        // for a service to end by itself
	pollEvery    = 20 * time.Millisecond   // between two attempts to connect
	pingTimeout  = 2 * time.Second         // for one of them
	logTail      = 2000                    // bytes of a service's log that an error shows
	portTaken    = "ddress already in use" // how both services say it
)

// errPortTaken says that another program took the port between our choice and the service's start.
var errPortTaken = errors.New("port was taken")

// process is one running service.
type process struct {
	cmd  *exec.Cmd
	log  string        // file that its output goes to
	from int64         // where this start begins in it
	done chan struct{} // closed once it has ended
}

// launch starts cmd as a member of the group. Its output is appended to the log.
func launch(cmd *exec.Cmd, log string, group *Guard, as *syscall.Credential) (*process, error) {
	name := filepath.Base(cmd.Path)
	file, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("log of %s: %w", name, err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("log of %s: %w", name, err)
	}
	cmd.Stdout, cmd.Stderr = file, file
	// Nothing of the caller's settings: PGOPTIONS, PGDATA and the like would change the service.
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	cmd.Dir = filepath.Dir(log) // the caller's directory may be closed to the account
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	group.Attach(cmd)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p := &process{cmd: cmd, log: log, from: info.Size(), done: make(chan struct{})}
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait() // how it ended is in ProcessState, why in its log
	}()
	return p, nil
}

// ready waits until ping succeeds. Where the service ends before, or takes too long, the error shows its own log.
func (p *process) ready(ctx context.Context, ping func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	go func() { // so that no attempt waits for an answer of a service that has ended
		select {
		case <-p.done:
			cancel()
		case <-ctx.Done():
		}
	}()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		err := attempt(ctx, ping)
		if err == nil && p.running() {
			return nil
		}
		select {
		case <-ctx.Done():
			if !p.running() {
				return p.explain(fmt.Errorf("%s ended (%s)", filepath.Base(p.cmd.Path), p.cmd.ProcessState))
			}
			return p.explain(fmt.Errorf("%s does not answer: %w", filepath.Base(p.cmd.Path), err))
		case <-tick.C:
		}
	}
}

func attempt(ctx context.Context, ping func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	return ping(ctx)
}

// explain adds what the service has logged since it was started.
func (p *process) explain(err error) error {
	log, readErr := os.ReadFile(p.log)
	if readErr != nil {
		return errors.Join(err, readErr)
	}
	log = log[min(p.from, int64(len(log))):]
	if strings.Contains(string(log), portTaken) {
		err = fmt.Errorf("%w: %w", errPortTaken, err)
	}
	log = log[max(0, len(log)-logTail):]
	return fmt.Errorf("%w; its log:\n%s", err, log)
}

// end sends the signal and waits; a process that takes too long is killed, which is an error.
func (p *process) end(sig syscall.Signal) error {
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop %s: %w", filepath.Base(p.cmd.Path), err)
	}
	timeout := time.NewTimer(stopTimeout)
	defer timeout.Stop()
	select {
	case <-p.done:
		return nil
	case <-timeout.C:
	}
	err := fmt.Errorf("%s did not stop within %v, killed", filepath.Base(p.cmd.Path), stopTimeout)
	if kill := p.cmd.Process.Kill(); kill != nil && !errors.Is(kill, os.ErrProcessDone) {
		return errors.Join(err, kill)
	}
	<-p.done
	return err
}

func (p *process) running() bool {
	if p == nil {
		return false
	}
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}
