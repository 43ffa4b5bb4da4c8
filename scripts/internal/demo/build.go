package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// built are the programs that the demo starts. Their binaries are called after their directories.
var built = []string{"./api", "./worker", "./scheduler", "./deploy/migrate", "./scripts/clever-sim"}

// build brings the programs' binaries up to date. It takes a while for the first time only.
func build(ctx context.Context, clone, bin string, notes io.Writer) error {
	began := time.Now()
	cmd := exec.CommandContext(ctx, "go", append([]string{"build", "-C", clone, "-o", bin + string(os.PathSeparator)}, built...)...)
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if _, failed := errors.AsType[*exec.ExitError](err); failed {
		return fmt.Errorf("build the programs: %s", out)
	}
	if err != nil {
		return fmt.Errorf("build the programs: %w", err)
	}
	fmt.Fprintf(notes, "demo: programs built (%.1f s)\n", time.Since(began).Seconds())
	return nil
}
