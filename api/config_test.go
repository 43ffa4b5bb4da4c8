package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cleversync/shared/daemon"
)

func valid() map[string]string {
	return map[string]string{
		"DATABASE_URL": "postgres://cleversync_app:hunter2@db:5432/school",
		"REDIS_URL":    "redis://:hunter3@redis:6379/0",

		"ENCRYPTION_KEYS": "k:aHVudGVyNGh1bnRlcjRodW50ZXI0aHVudGVyNDEyMzQ=", "CLEVER_CLIENT_ID": "id", "CLEVER_CLIENT_SECRET": "hunter5",
	}
}

func TestConfig_Defaults(t *testing.T) {
	t.Parallel()
	c, err := daemon.Parse[Config](environment(valid()))
	if err != nil {
		t.Fatal(err)
	}
	if c.Addr != "127.0.0.1:8080" || c.DatabaseMaxConns != 10 || c.PageSize != 2000 || c.ShutdownTimeout != 25*time.Second {
		t.Errorf("defaults %+v", c)
	}
	if diff := cmp.Diff([]string{"us-nz", "au", "uk"}, c.Regions); diff != "" || len(c.regions()) != 3 {
		t.Errorf("regions (-want +got):\n%s", diff)
	}
	for _, text := range []string{fmt.Sprintf("%v", c), fmt.Sprintf("%+v", c), fmt.Sprintf("%#v", c), fmt.Sprint(&c)} {
		if strings.Contains(text, "hunter") {
			t.Errorf("the configuration prints a secret: %s", text)
		}
	}
}

func TestConfig_AllFaultsAtOnce(t *testing.T) {
	t.Parallel()
	err := command(t.Context(), nil, environment(map[string]string{
		"ADDR": "nowhere", "DATABASE_URL": "mysql://root:hunter2@db/x", "REDIS_URL": "http://:hunter3@redis", "DATABASE_MAX_CONNS": "1",
		"REGIONS": "us-nz,mars,us-nz", "PAGE_SIZE": "0", "LOG_LEVEL": "loud", "SHUTDOWN_TIMEOUT": "25",
		"ENCRYPTION_KEYS": "k:hunter4", "CLEVER_CLIENT_ID": "id", "CLEVER_CLIENT_SECRET": "hunter5", "PUBLIC_URL": "http://sync.example.org",
	}), io.Discard, io.Discard)
	misuse, ok := errors.AsType[*daemon.Misuse](err)
	if !ok {
		t.Fatalf("got %v, want a *Misuse", err)
	}
	var variables []string
	for _, fault := range misuse.Faults {
		name, _, _ := strings.Cut(fault.Error(), ":")
		variables = append(variables, name)
	}
	want := []string{"LOG_LEVEL", "SHUTDOWN_TIMEOUT", "ADDR", "DATABASE_URL", "REDIS_URL", "DATABASE_MAX_CONNS", "PAGE_SIZE", "PUBLIC_URL", "ENCRYPTION_KEYS", "REGIONS", "REGIONS"}
	if diff := cmp.Diff(want, variables); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
	if strings.Contains(err.Error(), "hunter") {
		t.Errorf("the faults repeat a secret: %v", err)
	}
}

func TestConfig_NothingSet(t *testing.T) {
	t.Parallel()
	_, err := daemon.Parse[Config](environment(nil))
	if misuse, ok := errors.AsType[*daemon.Misuse](err); !ok || len(misuse.Faults) != 5 {
		t.Errorf("got %v, want DATABASE_URL, REDIS_URL, ENCRYPTION_KEYS and the client's id and secret to be required", err)
	}
}

func TestCommand_Misused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"unknown command":       {[]string{"serve"}, `unknown command "serve"`},
		"no name":               {[]string{"create-token"}, "-name"},
		"unknown scope":         {[]string{"create-token", "-name", "x", "-scope", "root"}, "-scope"},
		"no tenant":             {[]string{"create-token", "-name", "x", "-scope", "tenant"}, "-tenant"},
		"tenant of an operator": {[]string{"create-token", "-name", "x", "-tenant", "1"}, "-tenant"},
		"unknown flag":          {[]string{"create-token", "-name", "x", "-force"}, "-force"},
		"an argument":           {[]string{"create-token", "-name", "x", "y"}, `"y"`},
		"rotate with a flag":    {[]string{"rotate-keys", "-now"}, "-now"},
		"rotate with nothing":   {[]string{"rotate-keys"}, "ENCRYPTION_KEYS"},
		"no database":           {[]string{"create-token", "-name", "x"}, "DATABASE_URL"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := command(t.Context(), c.args, environment(nil), io.Discard, io.Discard)
			if _, ok := errors.AsType[*daemon.Misuse](err); !ok || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want a *Misuse with %q", err, c.want)
			}
		})
	}
}
