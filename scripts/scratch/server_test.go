package scratch

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPostgres_FailureShowsItsLog(t *testing.T) {
	t.Parallel()
	services := private(t, Options{Disposable: true})
	if err := services.StopPostgres(Fast); err != nil {
		t.Fatal(err)
	}
	good := services.postgres.options
	services.postgres.options = []string{"shared_bufers=1MB"}
	err := services.StartPostgres(t.Context())
	if err == nil || !strings.Contains(err.Error(), `unrecognized configuration parameter "shared_bufers"`) {
		t.Errorf("got %v", err)
	}
	services.postgres.options = good
	if err := services.StartPostgres(t.Context()); err != nil {
		t.Error(err)
	}
}

// Each service must say that its port is taken, in words that we know, for another one to be tried.
func TestStart_PortTaken(t *testing.T) {
	t.Parallel()
	services := private(t, Options{Disposable: true})
	listener, err := net.Listen("tcp", net.JoinHostPort(loopback, "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	taken := listener.Addr().(*net.TCPAddr).Port

	if err := errors.Join(services.StopPostgres(Fast), services.KillRedis()); err != nil {
		t.Fatal(err)
	}
	services.postgres.port, services.redis.port = taken, taken
	if err := services.StartPostgres(t.Context()); !errors.Is(err, errPortTaken) {
		t.Errorf("postgres: %v", err)
	}
	if err := services.StartRedis(t.Context()); !errors.Is(err, errPortTaken) {
		t.Errorf("redis: %v", err)
	}
}

func TestOnFreePort(t *testing.T) {
	t.Parallel()
	var port int
	var tried []int
	err := onFreePort(&port, func() error {
		tried = append(tried, port)
		if len(tried) < 3 {
			return errPortTaken
		}
		return nil
	})
	if err != nil || len(tried) != 3 || port != tried[2] {
		t.Errorf("tried %v, ended with %d, error %v", tried, port, err)
	}
	other := errors.New("other")
	calls := 0
	err = onFreePort(&port, func() error { calls++; return other })
	if !errors.Is(err, other) || calls != 1 {
		t.Errorf("another error was tried %d times, got %v", calls, err)
	}
}

func TestMajorIn(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]int{
		"postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)": 15,
		"postgres (PostgreSQL) 18beta1":                        18,
		"postgres (PostgreSQL) 9.6.24":                         9,
		"no such thing":                                        0,
	} {
		if got := majorIn([]byte(said)); got != want {
			t.Errorf("%s: got %d, want %d", said, got, want)
		}
	}
}

func TestEnterable(t *testing.T) {
	t.Parallel()
	as, err := account()
	if err != nil {
		t.Fatal(err)
	}
	if as == nil {
		t.Skip("only root starts services as another user")
	}
	closed := t.TempDir()
	inside := filepath.Join(closed, "inside")
	if err := os.Mkdir(inside, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := enterable(inside, as); err == nil || !strings.Contains(err.Error(), closed) {
		t.Errorf("a directory in a closed one: %v", err)
	}
	if err := enterable("/var/tmp", as); err != nil {
		t.Errorf("/var/tmp: %v", err)
	}
	fresh, err := freshDir([]string{inside, "/var/tmp"}, as)
	if err != nil {
		t.Fatalf("the closed place was not passed over: %v", err)
	}
	if err := os.RemoveAll(fresh); err != nil {
		t.Error(err)
	}
}
