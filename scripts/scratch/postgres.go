package scratch

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/jackc/pgx/v5"
)

const (
	loopback  = "127.0.0.1"
	superuser = "postgres"
)

// StopMode is how Postgres is asked to stop, in the words of pg_ctl.
type StopMode string

const (
	// Fast disconnects everybody, rolls back and writes a checkpoint.
	Fast StopMode = "fast"
	// Immediate is a crash: nothing is written, the next start recovers and empties UNLOGGED tables.
	Immediate StopMode = "immediate"
)

// settings are what a demo of 200,000 students needs; everything else is Postgres' default.
var settings = []string{
	"listen_addresses=" + loopback,
	"unix_socket_directories=", // none: TCP reaches everybody, and a socket's path may be too long
	"ssl=off",
	"shared_buffers=256MB",
	"max_wal_size=2GB",
	"max_connections=200",
	"log_line_prefix=%m [%p] ",
	"log_checkpoints=off",
}

// disposable saves a test run most of its waiting. Data survives a stop by Fast only, not Immediate.
var disposable = []string{"fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_wal_size=512MB"}

// postgresServer is a private cluster and, while it runs, its process.
type postgresServer struct {
	bin     string
	data    string
	port    int
	options []string
	host    host
	process *process
}

// initialise makes the cluster, unless a kept directory holds one. The encoding is UTF8, sorting by bytes.
func (s *postgresServer) initialise(ctx context.Context) error {
	if _, err := os.Stat(filepath.Join(s.data, "PG_VERSION")); err == nil {
		return nil
	}
	cmd := exec.Command(filepath.Join(s.bin, "initdb"), "--pgdata="+s.data, "--username="+superuser,
		"--pwfile="+s.host.passwordFile(), "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync")
	initdb, err := launch(cmd, s.host.file("postgres.log"), s.host.group, s.host.as)
	if err != nil {
		return err
	}
	select {
	case <-initdb.done:
	case <-ctx.Done():
		return errors.Join(fmt.Errorf("make postgres cluster: %w", ctx.Err()), initdb.end(syscall.SIGINT))
	}
	if !cmd.ProcessState.Success() {
		return initdb.explain(fmt.Errorf("initdb ended (%s)", cmd.ProcessState))
	}
	return nil
}

func (s *postgresServer) start(ctx context.Context) error {
	if s.process.running() {
		return errors.New("postgres is running already")
	}
	args := []string{"-D", s.data, "-c", "port=" + strconv.Itoa(s.port)}
	for _, setting := range s.options {
		args = append(args, "-c", setting)
	}
	process, err := launch(exec.Command(filepath.Join(s.bin, "postgres"), args...), s.host.file("postgres.log"), s.host.group, s.host.as)
	if err != nil {
		return err
	}
	s.process = process
	return process.ready(ctx, s.ping)
}

func (s *postgresServer) ping(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, s.url())
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

func (s *postgresServer) stop(mode StopMode) error {
	signals := map[StopMode]syscall.Signal{Fast: syscall.SIGINT, Immediate: syscall.SIGQUIT}
	sig, ok := signals[mode]
	if !ok {
		return fmt.Errorf("stop postgres: unknown mode %q", mode)
	}
	if !s.process.running() {
		return nil
	}
	return s.process.end(sig)
}

func (s *postgresServer) url() string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(superuser, s.host.password),
		Host:     net.JoinHostPort(loopback, strconv.Itoa(s.port)),
		Path:     "/postgres",
		RawQuery: "sslmode=disable",
	}
	return u.String()
}
