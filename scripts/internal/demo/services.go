package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"cleversync/scripts/scratch"
)

const (
	// database and login are the demo's own, so that a given Postgres can hold them beside those of tests.
	database = "cleversync_demo"
	login    = "cleversync_demo_login"
	// demoLock is an advisory lock: two demos in one given Postgres would drop one another's database.
	demoLock = 7264103559
	// tidyTimeout bounds what is done in a given Postgres at the end.
	tidyTimeout = 10 * time.Second
)

// services are Postgres and Redis with what the programs need in them.
type services struct {
	scratch  *scratch.Services
	admin    *pgx.Conn // as the owner of everything, in the demo's database's server
	password string    // the programs' in Postgres
	key      string    // ENCRYPTION_KEYS
	logs     string    // directory of the programs' logs
	claimed  bool      // the database and the login are ours
}

// startServices starts Postgres, which loses nothing in a crash as in production, and Redis; or takes the given ones.
func startServices(ctx context.Context, c choices, notes io.Writer) (*services, error) {
	running, err := scratch.Start(ctx, scratch.Options{Dir: c.keep, Keep: c.keep != "", Log: notes})
	if err != nil {
		return nil, err
	}
	s := &services{scratch: running, password: rand.Text()}
	if err := s.open(ctx, c.keep); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

func (s *services) open(ctx context.Context, keep string) (err error) {
	if s.admin, err = pgx.Connect(ctx, s.scratch.DatabaseURL); err != nil {
		return err
	}
	if s.given() {
		if s.logs, err = os.MkdirTemp("", "cleversync-demo-"); err != nil {
			return fmt.Errorf("directory for logs: %w", err)
		}
	} else {
		s.logs = filepath.Join(s.scratch.Dir, "logs")
		if err := os.MkdirAll(s.logs, 0o700); err != nil {
			return fmt.Errorf("directory for logs: %w", err)
		}
	}
	s.key, err = encryptionKey(keep)
	return err
}

// encryptionKey makes a new key, or finds the one with which an earlier start encrypted what the directory keeps.
func encryptionKey(keep string) (string, error) {
	if keep == "" {
		return newKey(), nil
	}
	file := filepath.Join(keep, "encryption-keys")
	text, err := os.ReadFile(file)
	if err == nil {
		return strings.TrimSpace(string(text)), nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("read encryption key: %w", err)
	}
	key := newKey()
	if err := os.WriteFile(file, []byte(key+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("write encryption key: %w", err)
	}
	return key, nil
}

func newKey() string {
	key := make([]byte, 32)
	rand.Read(key) // never fails
	return "demo:" + base64.StdEncoding.EncodeToString(key)
}

// prepare makes the database, brings its schema up to date and makes the programs' login.
func (s *services) prepare(ctx context.Context, programs *programs) error {
	if err := s.claim(ctx); err != nil {
		return err
	}
	if err := s.createDatabase(ctx); err != nil {
		return fmt.Errorf("create database: %w", err)
	}
	owner := s.databaseURL(nil)
	if _, err := programs.output(ctx, "migrate", []string{"DATABASE_URL=" + owner}); err != nil {
		return err
	}
	// A login of our own: in a given Postgres cleversync_app may have a password that others use.
	statement := fmt.Sprintf(`CREATE ROLE %s LOGIN PASSWORD '%s' IN ROLE cleversync_app`, login, s.password)
	if _, err := s.admin.Exec(ctx, statement); err != nil {
		return fmt.Errorf("create login: %w", err)
	}
	return nil
}

func (s *services) claim(ctx context.Context) error {
	var free bool
	if err := s.admin.QueryRow(ctx, `SELECT pg_try_advisory_lock($1)`, int64(demoLock)).Scan(&free); err != nil {
		return fmt.Errorf("claim database server: %w", err)
	}
	if !free {
		return errors.New("another demo is using this Postgres: end it first, or let this one start its own")
	}
	s.claimed = true
	return nil
}

// createDatabase makes the database, unless a kept directory holds it. What a killed demo left in a given Postgres goes.
func (s *services) createDatabase(ctx context.Context) error {
	if s.given() {
		if err := s.dropAll(ctx); err != nil {
			return err
		}
	}
	// On kept data the login is there, with a password that nobody knows any more.
	if _, err := s.admin.Exec(ctx, `DROP ROLE IF EXISTS `+login); err != nil {
		return err
	}
	var exists bool
	err := s.admin.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`, database).Scan(&exists)
	if err != nil || exists {
		return err
	}
	_, err = s.admin.Exec(ctx, `CREATE DATABASE `+database)
	return err
}

func (s *services) dropAll(ctx context.Context) error {
	for _, statement := range []string{
		`DROP DATABASE IF EXISTS ` + database + ` WITH (FORCE)`,
		`DROP ROLE IF EXISTS ` + login,
	} {
		if _, err := s.admin.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// given tells whether somebody else runs the services.
func (s *services) given() bool { return s.scratch.Dir == "" }

// databaseURL names the demo's database; as nobody else, it logs in as the owner.
func (s *services) databaseURL(as *url.Userinfo) string {
	u, err := url.Parse(s.scratch.DatabaseURL)
	if err != nil {
		panic(err) // scratch has connected with it
	}
	u.Path = "/" + database
	if as != nil {
		u.User = as
	}
	return u.String()
}

// environment is what every program needs to know of them.
func (s *services) environment() []string {
	return []string{
		"DATABASE_URL=" + s.databaseURL(url.UserPassword(login, s.password)),
		"REDIS_URL=" + s.scratch.RedisURL,
	}
}

// stop leaves a given Postgres as it was found, and ends services of our own. It may be called twice.
func (s *services) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), tidyTimeout)
	defer cancel()
	var err error
	if s.admin != nil {
		if s.given() && s.claimed {
			err = s.dropAll(ctx)
		}
		if s.given() {
			err = errors.Join(err, os.RemoveAll(s.logs))
		}
		err = errors.Join(err, s.admin.Close(ctx))
		s.admin = nil
	}
	return errors.Join(err, s.scratch.Stop())
}
