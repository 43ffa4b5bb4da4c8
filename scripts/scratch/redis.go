package scratch

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"github.com/redis/go-redis/v9"
)

// redisSettings are those of production (append-only file once a second, never evict), and so many logical databases
// that every test can have its own.
const redisSettings = `bind %s
port %d
protected-mode yes
requirepass %s
databases 1024
appendonly yes
appendfsync everysec
save ""
maxmemory-policy noeviction
daemonize no
dir %q
`

// redisServer is a private Redis and, while it runs, its process.
type redisServer struct {
	bin     string
	data    string
	port    int
	host    host
	process *process
}

func (s *redisServer) start(ctx context.Context) error {
	if s.process.running() {
		return errors.New("redis is running already")
	}
	if err := os.MkdirAll(s.data, 0o700); err != nil {
		return fmt.Errorf("redis directory: %w", err)
	}
	// The password stands in a file, for anybody may read a command line.
	config := s.host.file("redis.conf")
	text := fmt.Sprintf(redisSettings, loopback, s.port, s.host.password, s.data)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return fmt.Errorf("redis configuration: %w", err)
	}
	if err := errors.Join(handTo(s.data, s.host.as), handTo(config, s.host.as)); err != nil {
		return err
	}
	process, err := launch(exec.Command(s.bin, config), s.host.file("redis.log"), s.host.group, s.host.as)
	if err != nil {
		return err
	}
	s.process = process
	return process.ready(ctx, s.ping)
}

func (s *redisServer) ping(ctx context.Context) error {
	options, err := redis.ParseURL(s.url())
	if err != nil {
		return err
	}
	// The client would report on stderr that nobody listens yet.
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", options.Addr)
	if err != nil {
		return err
	}
	if err := conn.Close(); err != nil {
		return err
	}
	options.MaxRetries = -1 // our caller tries again
	options.ContextTimeoutEnabled = true
	client := redis.NewClient(options)
	return errors.Join(client.Ping(ctx).Err(), client.Close())
}

// stop lets Redis write what it has not yet written to its file.
func (s *redisServer) stop() error {
	if !s.process.running() {
		return nil
	}
	return s.process.end(syscall.SIGTERM)
}

// kill loses the writes of up to the last two seconds.
func (s *redisServer) kill() error {
	if !s.process.running() {
		return errors.New("redis is not running")
	}
	return s.process.end(syscall.SIGKILL)
}

func (s *redisServer) url() string {
	u := url.URL{
		Scheme: "redis",
		User:   url.UserPassword("default", s.host.password), // redis-cli wants a name,
		Host:   net.JoinHostPort(loopback, strconv.Itoa(s.port)),
		Path:   "/0",
	}
	return u.String()
}
