package scratch

import (
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

func TestFromEnv(t *testing.T) {
	t.Parallel()
	const database, redisURL = "postgres://u:secret@127.0.0.1:1/d", "redis://:secret@127.0.0.1:2/0"
	for name, c := range map[string]struct{ database, redis, wrong string }{
		"both":             {database, redisURL, ""},
		"neither":          {"", " ", ""},
		"database only":    {database, "", "only one of"},
		"redis only":       {"", redisURL, "only one of"},
		"no database name": {"postgres://u:secret@127.0.0.1:1/", redisURL, databaseVar + " is not an address"},
		"bad database":     {"postgres://u:secret@127.0.0.1:port/d", redisURL, databaseVar + " is not an address"},
		"not a URL":        {"host=127.0.0.1 dbname=d password=secret", redisURL, databaseVar + " is not an address"},
		"bad redis":        {database, "http://:secret@127.0.0.1", redisVar + " is not an address"},
		"worse redis":      {database, "redis://:secret%@127.0.0.1", redisVar + " is not an address"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := fromEnv(environment(&Services{DatabaseURL: c.database, RedisURL: c.redis}))
			switch {
			case c.wrong == "" && err != nil:
				t.Error(err)
			case c.wrong == "" && (got == nil) != (c.database == ""):
				t.Errorf("got %v", got)
			case c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)):
				t.Errorf("got error %v", err)
			case err != nil && strings.Contains(err.Error(), "secret"):
				t.Errorf("the error shows a password: %v", err)
			}
		})
	}
}

// DATABASE_URL may name production.
func TestFromEnv_ReadsNoOtherVariable(t *testing.T) {
	t.Parallel()
	_, err := fromEnv(func(name string) string {
		if name != databaseVar && name != redisVar {
			t.Errorf("reads %s", name)
		}
		return ""
	})
	if err != nil {
		t.Error(err)
	}
}

func TestClaimDatabase(t *testing.T) {
	t.Parallel()
	services := private(t, Options{Disposable: true})
	for name, c := range map[string]struct {
		statements []string
		wrong      string
	}{
		"empty":              {nil, ""},
		"with an extension":  {[]string{`CREATE EXTENSION pg_stat_statements`}, ""},
		"somebody's table":   {[]string{`CREATE TABLE grades (id int)`}, "relation public.grades"},
		"somebody's schema":  {[]string{`CREATE SCHEMA payroll`}, "schema payroll"},
		"somebody's routine": {[]string{`CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'`}, "function public.f"},
		// Production looks like this.
		"our tables without the mark": {[]string{`CREATE SCHEMA sync`, `CREATE TABLE sync.runs (id int)`}, "schema sync"},
		"somebody's comment":          {[]string{`COMMENT ON DATABASE %s IS 'payroll'`, `CREATE SCHEMA sync`}, "schema sync"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := TestPrefix + strings.Map(func(r rune) rune {
				if r >= 'a' && r <= 'z' {
					return r
				}
				return '_'
			}, name)
			execute(t, services.DatabaseURL, `CREATE DATABASE `+database)
			u, err := url.Parse(services.DatabaseURL)
			if err != nil {
				t.Fatal(err)
			}
			u.Path = "/" + database
			given := &Services{DatabaseURL: u.String()}
			for _, statement := range c.statements {
				execute(t, given.DatabaseURL, strings.ReplaceAll(statement, "%s", database))
			}
			err = given.claimDatabase(t.Context())
			if c.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), c.wrong) {
					t.Errorf("got error %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			// From now on it is ours, whatever we put into it.
			execute(t, given.DatabaseURL, `CREATE SCHEMA sync`, `CREATE TABLE sync.runs (id int)`)
			if err := given.claimDatabase(t.Context()); err != nil {
				t.Errorf("second time: %v", err)
			}
		})
	}
	t.Run("a user who may not make databases", func(t *testing.T) {
		t.Parallel()
		execute(t, services.DatabaseURL, `CREATE ROLE weak LOGIN PASSWORD 'weak'`)
		u, err := url.Parse(services.DatabaseURL)
		if err != nil {
			t.Fatal(err)
		}
		u.User = url.UserPassword("weak", "weak")
		err = (&Services{DatabaseURL: u.String()}).claimDatabase(t.Context())
		if err == nil || !strings.Contains(err.Error(), "CREATEDB") {
			t.Errorf("got error %v", err)
		}
	})
}

func TestClaimRedis(t *testing.T) {
	t.Parallel()
	services := private(t, Options{Disposable: true})
	client := redisClient(t, services.RedisURL)
	given := &Services{RedisURL: services.RedisURL}

	if err := client.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	other := redisClient(t, strings.TrimSuffix(services.RedisURL, "/0")+"/7")
	if err := other.Set(t.Context(), "asynq:queues", "somebody's", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if err := given.claimRedis(t.Context()); err == nil || !strings.Contains(err.Error(), "db7:keys=1") {
		t.Errorf("with a key in another database: %v", err)
	}
	if err := client.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	if err := given.claimRedis(t.Context()); err != nil {
		t.Fatalf("empty: %v", err)
	}
	if err := other.Set(t.Context(), "asynq:queues", "ours", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if err := given.claimRedis(t.Context()); err != nil {
		t.Errorf("second time: %v", err)
	}
}

func TestGiven_IsNotStopped(t *testing.T) {
	t.Parallel()
	services := private(t, Options{Disposable: true})
	given, err := fromEnv(environment(services))
	if err != nil {
		t.Fatal(err)
	}
	for name, control := range map[string]func() error{
		"stop postgres":  func() error { return given.StopPostgres(Fast) },
		"start postgres": func() error { return given.StartPostgres(t.Context()) },
		"kill redis":     given.KillRedis,
		"start redis":    func() error { return given.StartRedis(t.Context()) },
	} {
		if err := control(); err == nil {
			t.Errorf("%s was done", name)
		}
	}
	if err := given.Stop(); err != nil {
		t.Error(err)
	}
	execute(t, services.DatabaseURL, `SELECT 1`)
}

func TestTidy(t *testing.T) {
	t.Parallel()
	services := private(t, Options{Disposable: true})
	execute(t, services.DatabaseURL,
		`CREATE DATABASE `+TestPrefix+`left`,
		`CREATE DATABASE `+TestPrefix+`used`,
		`CREATE DATABASE somebodys`)
	user, err := pgx.Connect(t.Context(), strings.Replace(services.DatabaseURL, "/postgres?", "/"+TestPrefix+"used?", 1))
	if err != nil {
		t.Fatal(err)
	}
	defer user.Close(t.Context())
	given, err := fromEnv(environment(services))
	if err != nil {
		t.Fatal(err)
	}
	if err := given.Tidy(); err != nil {
		t.Fatal(err)
	}
	got := ask[string](t, services.DatabaseURL, `SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database WHERE NOT datistemplate`)
	if want := TestPrefix + "used postgres somebodys"; got != want {
		t.Errorf("left: %s, want: %s", got, want)
	}
}
