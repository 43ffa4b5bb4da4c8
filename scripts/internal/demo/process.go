package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// program is one that is to be started.
type program struct {
	name  string   // unique; its log is called after it
	file  string   // of its binary, where that differs from the name
	args  []string // of its command line
	env   []string // besides nothing: the shell's variables are not handed on
	ready string   // path that answers 200 once it can be used
	hint  string   // what else to tell when it was killed and is started again
	wave  int      // programs of the highest are stopped first: they use those of lower ones
}

const lastWave = 2

// anyPort is where programs are told to listen, so that no port can be taken.
const anyPort = "127.0.0.1:0"

// moveTo fixes the port of a program that took any.
func (p *program) moveTo(addr string) {
	fix := func(texts []string) []string {
		texts = slices.Clone(texts)
		for i := range texts {
			texts[i] = strings.ReplaceAll(texts[i], anyPort, addr)
		}
		return texts
	}
	p.args, p.env = fix(p.args), fix(p.env)
}

// binary is what the program's file is called.
func (p program) binary() string { return cmp.Or(p.file, p.name) }

// process is a program's present incarnation.
type process struct {
	program
	log  string    // file
	from int64     // where the log of this incarnation begins
	said listening // what it said once it listened
	peak int64     // bytes, the most seen
	cmd  *exec.Cmd
	done chan struct{} // closed once it has ended
}

// diedError is a program that ended though nobody had asked it to.
type diedError struct {
	name, state, tail string
}

func (e *diedError) Error() string {
	return fmt.Sprintf("%s ended by itself (%s); the end of its log:\n%s", e.name, e.state, e.tail)
}

// command makes the process of a program, in our guard.
func (ps *programs) command(p program, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(ps.bin, p.binary()), args...)
	// Nothing of the shell's: DATABASE_URL and the like may name production.
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "TZ=UTC", "SHUTDOWN_TIMEOUT=" + shutdownTimeout.String()}, p.env...)
	cmd.Dir = ps.logs
	ps.guard.Attach(cmd)
	return cmd
}

// output runs a program to its end and returns what it printed.
func (ps *programs) output(ctx context.Context, name string, env []string, args ...string) (string, error) {
	cmd := ps.command(program{name: name, env: env}, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		return "", fmt.Errorf("start %s: %w", name, err)
	}
	undisturbed := context.AfterFunc(ctx, func() { _ = cmd.Process.Signal(syscall.SIGTERM) }) // an error: it has ended
	err := cmd.Wait()
	if !undisturbed() {
		return "", ctx.Err()
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", name, err, strings.TrimSpace(stderr.String()))
	}
	return strings.TrimSpace(stdout.String()), nil
}

// tail returns the end of a log.
func tail(file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	if len(text) > tailBytes {
		text = text[len(text)-tailBytes:]
		if _, rest, cut := bytes.Cut(text, []byte("\n")); cut {
			text = rest
		}
	}
	return string(text)
}
