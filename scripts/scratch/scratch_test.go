package scratch

import (
	"context"
	"errors"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
)

// private starts services of the test's own, whatever the environment names.
func private(t *testing.T, options Options) *Services {
	t.Helper()
	options.Private = true
	services, err := Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := services.Stop(); err != nil {
			t.Error(err)
		}
	})
	return services
}

// execute runs statements in the services' database.
func execute(t *testing.T, url string, statements ...string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for _, statement := range statements {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// ask returns the one value that a query yields.
func ask[T any](t *testing.T, url, query string, args ...any) T {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var value T
	if err := conn.QueryRow(t.Context(), query, args...).Scan(&value); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return value
}

func redisClient(t *testing.T, url string) *redis.Client {
	t.Helper()
	options, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	options.MaxRetries, options.DialerRetries = -1, 1 // some tests want to see that nobody answers
	client := redis.NewClient(options)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func hostOf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

func TestStop_LeavesNothing(t *testing.T) {
	t.Parallel()
	services := private(t, Options{Disposable: true})
	execute(t, services.DatabaseURL, `SELECT 1`)
	if err := redisClient(t, services.RedisURL).Ping(t.Context()).Err(); err != nil {
		t.Error(err)
	}
	if err := services.Stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(services.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("directory is still there: %v", err)
	}
	for _, address := range []string{services.DatabaseURL, services.RedisURL} {
		if conn, err := net.Dial("tcp", hostOf(t, address)); err == nil {
			t.Errorf("somebody still listens on %s", conn.RemoteAddr())
			conn.Close()
		}
	}
	if err := services.Stop(); err != nil {
		t.Errorf("second stop: %v", err)
	}
}

func TestStart_Private(t *testing.T) {
	t.Parallel()
	services := private(t, Options{})

	t.Run("directory is closed to others", func(t *testing.T) {
		info, err := os.Stat(services.Dir)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o700 {
			t.Errorf("mode is %v", info.Mode())
		}
		if owner := info.Sys().(*syscall.Stat_t).Uid; owner == 0 {
			t.Error("postgres runs as root")
		}
	})
	t.Run("loopback only", func(t *testing.T) {
		if got := ask[string](t, services.DatabaseURL, `SHOW listen_addresses`); got != loopback {
			t.Errorf("postgres listens on %q", got)
		}
		if got := ask[string](t, services.DatabaseURL, `SHOW unix_socket_directories`); got != "" {
			t.Errorf("postgres has sockets in %q", got)
		}
		got, err := redisClient(t, services.RedisURL).ConfigGet(t.Context(), "bind").Result()
		if err != nil || got["bind"] != loopback {
			t.Errorf("redis listens on %v, error %v", got, err)
		}
	})
	t.Run("no commit is lost", func(t *testing.T) {
		for _, setting := range []string{"fsync", "synchronous_commit", "full_page_writes"} {
			if got := ask[string](t, services.DatabaseURL, `SELECT current_setting($1)`, setting); got != "on" {
				t.Errorf("%s is %s", setting, got)
			}
		}
	})
	t.Run("encoding and order", func(t *testing.T) {
		got := ask[string](t, services.DatabaseURL,
			`SELECT pg_encoding_to_char(encoding) || ' ' || datcollate FROM pg_database WHERE datname = current_database()`)
		if got != "UTF8 C" {
			t.Errorf("database is %s", got)
		}
	})
	t.Run("redis is as in production", func(t *testing.T) {
		for name, want := range map[string]string{
			"appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction", "save": "", "databases": "1024",
		} {
			got, err := redisClient(t, services.RedisURL).ConfigGet(t.Context(), name).Result()
			if err != nil || got[name] != want {
				t.Errorf("%s is %q, want %q, error %v", name, got[name], want, err)
			}
		}
	})
	t.Run("password is wanted", func(t *testing.T) {
		u, _ := url.Parse(services.DatabaseURL)
		u.User = url.UserPassword(superuser, "guess")
		if conn, err := pgx.Connect(t.Context(), u.String()); err == nil {
			t.Error("postgres takes any password")
			conn.Close(t.Context())
		}
		client := redis.NewClient(&redis.Options{Addr: hostOf(t, services.RedisURL)})
		defer client.Close()
		if err := client.Ping(t.Context()).Err(); err == nil {
			t.Error("redis takes no password")
		}
	})
	t.Run("a program that is handed the addresses takes them", func(t *testing.T) {
		given, err := fromEnv(environment(services))
		if err != nil {
			t.Fatal(err)
		}
		execute(t, services.DatabaseURL, `CREATE SCHEMA sync`)
		if err := given.claim(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// environment names the services as scratch/run does.
func environment(services *Services) func(string) string {
	return func(name string) string {
		return map[string]string{databaseVar: services.DatabaseURL, redisVar: services.RedisURL}[name]
	}
}

func TestStopPostgres_Immediate(t *testing.T) {
	t.Parallel()
	services := private(t, Options{})
	execute(t, services.DatabaseURL,
		`CREATE TABLE kept AS SELECT 1 AS n`,
		`CREATE UNLOGGED TABLE emptied AS SELECT 1 AS n`)
	if err := services.StopPostgres(Immediate); err != nil {
		t.Fatal(err)
	}
	if _, err := pgx.Connect(t.Context(), services.DatabaseURL); err == nil {
		t.Fatal("postgres still answers")
	}
	if err := services.StartPostgres(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := ask[int](t, services.DatabaseURL, `SELECT count(*) FROM kept`); n != 1 {
		t.Errorf("%d rows in the logged table", n)
	}
	if n := ask[int](t, services.DatabaseURL, `SELECT count(*) FROM emptied`); n != 0 {
		t.Errorf("%d rows in the unlogged table: that was no crash", n)
	}
	if err := services.StartPostgres(t.Context()); err == nil {
		t.Error("a running postgres was started again")
	}
}

func TestStopPostgres_Fast(t *testing.T) {
	t.Parallel()
	services := private(t, Options{})
	execute(t, services.DatabaseURL, `CREATE UNLOGGED TABLE kept AS SELECT 1 AS n`)
	for range 2 { // twice is no error
		if err := services.StopPostgres(Fast); err != nil {
			t.Fatal(err)
		}
	}
	if err := services.StartPostgres(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := ask[int](t, services.DatabaseURL, `SELECT count(*) FROM kept`); n != 1 {
		t.Errorf("%d rows in the unlogged table: that was a crash", n)
	}
	if err := services.StopPostgres("gently"); err == nil {
		t.Error("an unknown mode was taken")
	}
}

func TestKillRedis(t *testing.T) {
	t.Parallel()
	services := private(t, Options{Disposable: true})
	client := redisClient(t, services.RedisURL)
	if err := client.Set(t.Context(), "kept", "yes", 0).Err(); err != nil {
		t.Fatal(err)
	}
	written(t, client)
	if err := services.KillRedis(); err != nil {
		t.Fatal(err)
	}
	if err := client.Ping(t.Context()).Err(); err == nil {
		t.Fatal("redis still answers")
	}
	if err := services.KillRedis(); err == nil {
		t.Error("a dead redis was killed")
	}
	if err := services.StartRedis(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := client.Get(t.Context(), "kept").Result(); err != nil || got != "yes" {
		t.Errorf("got %q, error %v", got, err)
	}
}

// written waits until Redis has written what it was told: while it forces an earlier write to disk it holds later ones
// back, for two seconds at most.
func written(t *testing.T, client *redis.Client) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for ; ; <-tick.C {
		info, err := client.Info(t.Context(), "persistence").Result()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(info, "aof_buffer_length:0\r") {
			return
		}
	}
}

func TestStart_KeptDirectory(t *testing.T) {
	t.Parallel()
	parent, err := os.MkdirTemp("/var/tmp", "cleversync-test-") // t.TempDir may be closed to Postgres' user
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(parent) })
	if err := os.Chmod(parent, 0o711); err != nil {
		t.Fatal(err)
	}
	options := Options{Dir: filepath.Join(parent, "data"), Keep: true}
	first := private(t, options)
	execute(t, first.DatabaseURL, `CREATE TABLE kept AS SELECT 1 AS n`)
	if err := first.Stop(); err != nil {
		t.Fatal(err)
	}
	second := private(t, options)
	if n := ask[int](t, second.DatabaseURL, `SELECT count(*) FROM kept`); n != 1 {
		t.Errorf("%d rows", n)
	}

	foreign := filepath.Join(parent, "foreign")
	if err := os.MkdirAll(filepath.Join(foreign, "thesis"), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err = Start(t.Context(), Options{Dir: foreign, Keep: true, Private: true})
	if err == nil || !strings.Contains(err.Error(), "neither empty nor one of ours") {
		t.Errorf("a foreign directory: %v", err)
	}
}

func TestStart_EndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Start(ctx, Options{Private: true}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
