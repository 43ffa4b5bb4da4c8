package postgrestest_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5"

	"cleversync/shared/postgres"
	"cleversync/shared/postgres/postgrestest"
)

func TestNew_GivesAMigratedDatabase(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	if err := postgres.CheckSchema(t.Context(), db.Pool); err != nil {
		t.Error(err)
	}
	if err := postgres.CheckRole(t.Context(), db.Pool); err != nil {
		t.Error(err)
	}
}

func TestNew_OwnerMayWhatProgramsMayNot(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	const statement = `CREATE TABLE sync.probe (id int)`
	if _, err := db.Pool.Exec(t.Context(), statement); err == nil {
		t.Error("the programs' role may make tables in schema sync")
	}
	owner, err := pgx.Connect(t.Context(), db.OwnerURL)
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close(t.Context())
	if _, err := owner.Exec(t.Context(), statement); err != nil {
		t.Errorf("owner: %v", err)
	}
}

// Two of these run at the same time and would collide in a shared database.
func TestNew_DatabasesAreSeparate(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"one", "two"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			owner, err := pgx.Connect(t.Context(), postgrestest.New(t).OwnerURL)
			if err != nil {
				t.Fatal(err)
			}
			defer owner.Close(t.Context())
			if _, err := owner.Exec(t.Context(), `CREATE TABLE public.probe (id int)`); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestNew_DropsItsDatabase(t *testing.T) {
	t.Parallel()
	var url string
	t.Run("inner", func(t *testing.T) {
		db := postgrestest.New(t)
		url = db.OwnerURL
		// Somebody who is still connected must not keep the database alive.
		if _, err := pgx.Connect(t.Context(), url); err != nil {
			t.Fatal(err)
		}
	})
	conn, err := pgx.Connect(t.Context(), url)
	if err == nil {
		t.Error("the database is still there")
		conn.Close(t.Context())
	} else if !strings.Contains(err.Error(), "does not exist") {
		t.Error(err)
	}
}

// TestNew_FailsWithoutPostgres runs this program again without services: the test there must fail, not be skipped.
func TestNew_FailsWithoutPostgres(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestNew_GivesAMigratedDatabase$", "-test.v")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Error("the test passed")
	}
	if !strings.Contains(string(out), "--- FAIL") || !strings.Contains(string(out), "scripts/test") {
		t.Errorf("the test does not say what to do:\n%s", out)
	}
}

func TestMigrationsHash(t *testing.T) {
	t.Parallel()
	hash := func(files fstest.MapFS) string {
		t.Helper()
		sum, err := postgrestest.MigrationsHash(files)
		if err != nil {
			t.Fatal(err)
		}
		return sum
	}
	one := fstest.MapFS{"1.sql": {Data: []byte("a")}, "2.sql": {Data: []byte("b")}}
	for name, other := range map[string]fstest.MapFS{
		"content": {"1.sql": {Data: []byte("a")}, "2.sql": {Data: []byte("c")}},
		"name":    {"1.sql": {Data: []byte("a")}, "3.sql": {Data: []byte("b")}},
		"moved":   {"1.sql": {Data: []byte("ab")}, "2.sql": {Data: []byte("")}},
		"fewer":   {"1.sql": {Data: []byte("a")}},
	} {
		if hash(one) == hash(other) {
			t.Errorf("%s: same hash for other migrations", name)
		}
	}
	if hash(one) != hash(one) {
		t.Error("another hash for the same migrations")
	}
}
