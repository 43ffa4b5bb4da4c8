// Command layers checks that the tree keeps its shape: who may import whom, what may stand in shared/, what packages
// may be called, and what the top level holds. rules.go has the rules. Each violation is a line; one is enough to fail.
//
//	go run ./scripts/layers
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "layers:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, stdout io.Writer) error {
	tree, err := load(ctx)
	if err != nil {
		return err
	}
	violations := tree.check()
	topLevel, err := unexpected(tree.root)
	if err != nil {
		return err
	}
	violations = append(violations, topLevel...)
	for _, v := range violations {
		fmt.Fprintln(stdout, v)
	}
	if len(violations) > 0 {
		return fmt.Errorf("%d violations", len(violations))
	}
	return nil
}

// load asks the go command for the module that the working directory is in.
func load(ctx context.Context) (tree, error) {
	var module struct{ Path, Dir string }
	var packages []pkg
	err := list(ctx, func(p struct{ Path, Dir string }) { module = p }, "-m", "-json=Path,Dir")
	if err != nil {
		return tree{}, err
	}
	err = list(ctx, func(p pkg) { packages = append(packages, p) },
		"-json=ImportPath,Name,Imports,TestImports,XTestImports", module.Path+"/...")
	if err != nil {
		return tree{}, err
	}
	standard := map[string]bool{}
	err = list(ctx, func(p pkg) { standard[p.ImportPath] = true }, "-json=ImportPath", "std")
	return tree{root: module.Dir, module: module.Path, packages: packages, standard: standard}, err
}

// list runs go list, whose output is one JSON object after the other.
func list[T any](ctx context.Context, each func(T), args ...string) error {
	var stderr strings.Builder
	cmd := exec.CommandContext(ctx, "go", append([]string{"list"}, args...)...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("go list: %w: %s", err, strings.TrimSpace(stderr.String()))
	}
	decoder := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var object T
		if err := decoder.Decode(&object); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read go list: %w", err)
		}
		each(object)
	}
}
