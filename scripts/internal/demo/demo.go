package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// demo is one demonstration. Its fields are set in the order in which run fills them.
type demo struct {
	choices choices
	out     io.Writer // the outcome
	notes   *notes    // what happens meanwhile

	services *services
	programs *programs
	clever   cleverApp
	api      *client
	tenant   string
}

// run is the whole story. It tells whether the sync was good; whatever happens, all that it started is stopped before
// it returns.
func (d *demo) run(ctx context.Context) (good bool, err error) {
	// A program that ends by itself ends the demo, too: its cause tells of it.
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer func() {
		if stop := d.stop(); stop != nil {
			d.notef("not everything stopped well: %v", stop)
			good = false
		}
	}()
	outcome, err := d.show(ctx, cancel)
	if err != nil {
		if died, ok := errors.AsType[*diedError](context.Cause(ctx)); ok {
			err = died
		}
		return false, err
	}
	if d.choices.once {
		// Before the outcome is printed, since JSON is the last line.
		if err := d.stop(); err != nil {
			return false, err
		}
	}
	d.programs.fillPeaks(outcome)
	if err := d.print(outcome); err != nil {
		return false, err
	}
	if d.choices.once {
		return outcome.good(), nil
	}
	d.printAddresses()
	<-ctx.Done()
	if died, ok := errors.AsType[*diedError](context.Cause(ctx)); ok {
		return false, died
	}
	fmt.Fprintln(d.notes, "demo: stopping")
	return outcome.good(), nil
}

// show starts everything and syncs.
func (d *demo) show(ctx context.Context, died context.CancelCauseFunc) (*result, error) {
	began := time.Now()
	if err := d.start(ctx, died); err != nil {
		return nil, err
	}
	d.notef("everything runs after %.1f s", time.Since(began).Seconds())
	if err := d.connect(ctx); err != nil {
		return nil, err
	}
	return d.syncAll(ctx)
}

// start brings up services and programs, those that do not need one another at the same time.
func (d *demo) start(ctx context.Context, died context.CancelCauseFunc) error {
	bin, err := binDir()
	if err != nil {
		return err
	}
	both, bothCtx := errgroup.WithContext(ctx)
	both.Go(func() error { return build(bothCtx, d.choices.clone, bin, d.notes) })
	both.Go(func() (err error) {
		d.services, err = startServices(bothCtx, d.choices, d.notes)
		return err
	})
	if err := both.Wait(); err != nil {
		return err
	}
	if d.programs, err = newPrograms(bin, d.services.logs, d.notes, died); err != nil {
		return err
	}
	if d.clever, err = d.findClever(ctx); err != nil {
		return err
	}
	if err := d.services.prepare(ctx, d.programs); err != nil {
		return err
	}
	if err := d.startPrograms(ctx); err != nil {
		return err
	}
	token, err := d.programs.output(ctx, "api", d.services.environment(), "create-token", "-name", "demo")
	if err != nil {
		return err
	}
	d.api = newClient(d.programs.said("api").url(), token)
	return nil
}

// startPrograms starts api, worker and scheduler, each a process of its own, and waits until each says that it is ready.
func (d *demo) startPrograms(ctx context.Context) error {
	common := append(d.services.environment(), "ADDR="+anyPort)
	talking := append(d.clever.environment(), "ENCRYPTION_KEYS="+d.services.key) // to Clever
	starts := []program{
		{name: "api", env: append(slices.Clone(talking), common...), ready: "/readyz", wave: 1},
		{name: "scheduler", env: common, ready: "/readyz", wave: lastWave},
	}
	for i := range d.choices.workers {
		starts = append(starts, program{
			name: workerName(i, d.choices.workers), file: "worker", ready: "/readyz", wave: lastWave,
			hint: "; what it worked on goes on once its lease of 45 s has run out",
			env:  append(slices.Clone(talking), common...),
		})
	}
	var all errgroup.Group
	for _, p := range starts {
		all.Go(func() error { return d.programs.start(ctx, p) })
	}
	return all.Wait()
}

func workerName(i, of int) string {
	if of == 1 {
		return "worker"
	}
	return fmt.Sprintf("worker-%d", i+1)
}

// stop ends what runs, programs first: they still write. It may be called twice.
func (d *demo) stop() error {
	var err error
	if d.programs != nil {
		err = d.programs.stop()
	}
	if d.services != nil {
		err = errors.Join(err, d.services.stop())
	}
	return err
}

func (d *demo) notef(format string, args ...any) {
	fmt.Fprintf(d.notes, "demo: "+format+"\n", args...)
}

// binDir is where scripts/demo has put this program, and where the others go.
func binDir() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find own program: %w", err)
	}
	return filepath.Dir(self), nil
}
