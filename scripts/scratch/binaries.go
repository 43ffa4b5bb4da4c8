package scratch

import (
	"cmp"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

// oldestPostgres is the oldest major version that the migrations work on.
const oldestPostgres = 15

// binDirs are the places, in which packages put Postgres' programs: Debian keeps them off PATH, and so does brew for
// versioned formulas. scripts/setup looks in the same ones.
var binDirs = []string{
	"/usr/lib/postgresql/*/bin",
	"/usr/pgsql-*/bin",
	"/opt/homebrew/opt/postgresql*/bin",
	"/usr/local/opt/postgresql*/bin",
}

// errMissing tells what to do about a missing program; setup knows the ways for each system.
var errMissing = errors.New("run scripts/setup, which installs it or says how")

// postgresBin returns the directory of the newest Postgres on this machine that is new enough.
func postgresBin() (string, error) {
	var found []string
	for _, pattern := range binDirs {
		dirs, err := filepath.Glob(filepath.Join(pattern, "postgres"))
		if err != nil {
			return "", fmt.Errorf("look for postgres in %s: %w", pattern, err)
		}
		found = append(found, dirs...)
	}
	if onPath, err := exec.LookPath("postgres"); err == nil {
		found = append(found, onPath)
	}
	versions := make(map[string]int, len(found))
	for _, file := range found {
		versions[file] = majorVersion(file)
	}
	found = slices.DeleteFunc(found, func(file string) bool { return versions[file] < oldestPostgres })
	if len(found) == 0 {
		return "", fmt.Errorf("postgres %d or newer is not installed: %w", oldestPostgres, errMissing)
	}
	newest := slices.MaxFunc(found, func(a, b string) int { return cmp.Compare(versions[a], versions[b]) })
	return filepath.Dir(newest), nil
}

var firstNumber = regexp.MustCompile(`\d+`)

// majorVersion asks the program itself, since paths do not always tell. Zero: it does not run.
func majorVersion(file string) int {
	out, err := exec.Command(file, "--version").Output()
	if err != nil {
		return 0
	}
	return majorIn(out)
}

// majorIn reads what a server says of its version, as "postgres (PostgreSQL) 15.18 (Debian 15.18-0)" or "18beta1".
func majorIn(said []byte) int {
	major, err := strconv.Atoi(string(firstNumber.Find(said)))
	if err != nil {
		return 0
	}
	return major
}

// redisServerFile returns the path of Redis' server.
func redisServerFile() (string, error) {
	file, err := exec.LookPath("redis-server")
	if err != nil {
		return "", fmt.Errorf("redis-server is not installed: %w", errMissing)
	}
	return file, nil
}
