package scratch

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// host is what both services share: whom they run as, where, in which group, and with which password.
type host struct {
	dir      string
	as       *syscall.Credential
	group    *Guard
	password string
}

func (h host) file(name string) string { return filepath.Join(h.dir, name) }

func (h host) passwordFile() string { return h.file("password") }

// prepareHost makes the directory, the password and the group.
func prepareHost(options Options) (host, error) {
	as, err := account()
	if err != nil {
		return host{}, err
	}
	h := host{as: as}
	disappearing := ""
	if options.Dir != "" && options.Keep {
		h.dir, err = keptDir(options.Dir, as)
	} else {
		h.dir, err = freshDir(placesFor(options), as)
	}
	if err != nil {
		return host{}, err
	}
	if !options.Keep {
		disappearing = h.dir
	}
	h.password, err = passwordIn(h.passwordFile(), as)
	if err == nil {
		// SIGQUIT, to Postgres an immediate stop, ends Redis too. SIGTERM would wait for the last client to leave.
		h.group, err = NewGuard(syscall.SIGQUIT, disappearing)
	}
	if err != nil && disappearing != "" {
		err = errors.Join(err, os.RemoveAll(disappearing))
	}
	return h, err
}

// passwordIn returns the password that a kept directory was made with, or makes a new one.
func passwordIn(file string, as *syscall.Credential) (string, error) {
	text, err := os.ReadFile(file)
	if err == nil {
		return strings.TrimSpace(string(text)), nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("read password: %w", err)
	}
	password := rand.Text()
	if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("write password: %w", err)
	}
	return password, handTo(file, as)
}
