package scratch

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
)

// marker is the file by which a kept data directory is known as ours.
const marker = "cleversync-scratch"

// account returns whom the services run as: nil for ourselves; for root, as whom Postgres refuses to run, the user
// that its package made, or nobody.
func account() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		found, err := user.Lookup(name)
		if _, unknown := errors.AsType[user.UnknownUserError](err); unknown {
			continue
		} else if err != nil {
			return nil, fmt.Errorf("look up user %s: %w", name, err)
		}
		uid, uidErr := strconv.ParseUint(found.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(found.Gid, 10, 32)
		if err := errors.Join(uidErr, gidErr); err != nil {
			return nil, fmt.Errorf("read ids of user %s: %w", name, err)
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("postgres does not run as root, and neither a user postgres nor nobody exists")
}

// freshDir makes a private directory below the first of the places that the account may enter. The clone is not among
// them: root's home, where it may well lie, is closed to others.
func freshDir(places []string, as *syscall.Credential) (string, error) {
	var problems error
	for _, place := range places {
		if err := enterable(place, as); err != nil {
			problems = errors.Join(problems, err)
			continue
		}
		dir, err := os.MkdirTemp(place, "cleversync-scratch-")
		if err != nil {
			problems = errors.Join(problems, err)
			continue
		}
		return dir, own(dir, as)
	}
	return "", fmt.Errorf("no place for private data: %w", problems)
}

// placesFor lists where a fresh directory may go: where the caller or TMPDIR says; else what need not survive into
// memory, if there is plenty, and the rest to /var/tmp, which unlike /tmp is always a disk. (A test's database is made
// and dropped in 25 ms in memory, in 170 ms on a disk that is told of every freed block.)
func placesFor(options Options) []string {
	if options.Dir != "" {
		return []string{options.Dir}
	}
	places := []string{"/var/tmp", "/tmp"}
	if options.Disposable && freeBytes(memoryDisk) >= memoryNeeded {
		places = slices.Insert(places, 0, memoryDisk)
	}
	if dir := os.Getenv("TMPDIR"); dir != "" {
		places = slices.Insert(places, 0, dir)
	}
	return places
}

const (
	memoryDisk   = "/dev/shm" // on Linux
	memoryNeeded = 4 << 30
)

// freeBytes returns zero for a directory that does not exist.
func freeBytes(dir string) uint64 {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(dir, &stat); err != nil {
		return 0
	}
	return uint64(stat.Bavail) * uint64(stat.Bsize)
}

// keptDir takes dir for data that stays: a new directory, an empty one, or one that an earlier start marked.
func keptDir(dir string, as *syscall.Credential) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("data directory: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("data directory: %w", err)
	}
	if err := enterable(filepath.Dir(dir), as); err != nil {
		return "", err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", fmt.Errorf("data directory: %w", err)
	}
	if _, err := os.Stat(filepath.Join(dir, marker)); err != nil && len(entries) > 0 {
		return "", fmt.Errorf("data directory %s is neither empty nor one of ours (it has no file %s)", dir, marker)
	}
	return dir, own(dir, as)
}

// own marks a directory as ours and hands it to the account, closed to everybody else.
func own(dir string, as *syscall.Credential) error {
	file := filepath.Join(dir, marker)
	if err := os.WriteFile(file, []byte("Private Postgres and Redis of Clever sync.\n"), 0o600); err != nil {
		return fmt.Errorf("mark data directory: %w", err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return fmt.Errorf("close data directory: %w", err)
	}
	return errors.Join(handTo(dir, as), handTo(file, as))
}

// handTo changes a file's owner where the services run as another user than we do.
func handTo(file string, as *syscall.Credential) error {
	if as == nil {
		return nil
	}
	if err := os.Chown(file, int(as.Uid), int(as.Gid)); err != nil {
		return fmt.Errorf("hand over %s: %w", file, err)
	}
	return nil
}

// enterable reports why the account could not reach something in dir: each directory on the way must let it pass.
func enterable(dir string, as *syscall.Credential) error {
	if as == nil {
		return nil
	}
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	for ; ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return fmt.Errorf("data directory: %w", err)
		}
		if !passes(info, as) {
			return fmt.Errorf("user %d, as whom postgres runs, cannot enter %s: name another directory", as.Uid, dir)
		}
		if dir == filepath.Dir(dir) {
			return nil
		}
	}
}

func passes(info fs.FileInfo, as *syscall.Credential) bool {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && stat.Uid == as.Uid {
		return info.Mode()&0o100 != 0
	}
	return info.Mode()&0o001 != 0
}

// freePort finds a port that nobody listens on, below the range from which systems take ports for outgoing connections:
// else, while a service is stopped by a test, a client that tries to reach it may be given the very port as its own.
func freePort() (int, error) {
	const low, high, tries = 20000, 32000, 100
	for range tries {
		port := low + rand.IntN(high-low)
		listener, err := net.Listen("tcp", net.JoinHostPort(loopback, strconv.Itoa(port)))
		if err != nil {
			continue
		}
		if err := listener.Close(); err != nil {
			return 0, fmt.Errorf("free port: %w", err)
		}
		return port, nil
	}
	return 0, fmt.Errorf("no free port among %d tried from %d to %d", tries, low, high)
}
