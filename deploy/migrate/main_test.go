package main

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"cleversync/shared/postgres"
	"cleversync/shared/postgres/postgrestest"
)

func getenv(values map[string]string) func(string) string {
	return func(name string) string { return values[name] }
}

func TestRun_WithoutDatabase(t *testing.T) {
	t.Parallel()
	err := run(t.Context(), getenv(nil))
	if err == nil || !strings.Contains(err.Error(), "DATABASE_URL is not set") {
		t.Errorf("want to be told of DATABASE_URL, got %v", err)
	}
	err = run(t.Context(), getenv(map[string]string{"DATABASE_URL": "postgres://owner:hunter2@%zz"}))
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("want an error without the password, got %v", err)
	}
}

// TestRun_FromNothing: what it makes of an empty database is one that programs accept, and a second time changes nothing.
func TestRun_FromNothing(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	empty(t, db)
	if err := postgres.CheckSchema(t.Context(), db.Pool); err == nil {
		t.Fatal("an empty database counts as migrated")
	}
	for range 2 {
		if err := run(t.Context(), getenv(map[string]string{"DATABASE_URL": db.OwnerURL})); err != nil {
			t.Fatal(err)
		}
		if err := postgres.CheckSchema(t.Context(), db.Pool); err != nil {
			t.Error(err)
		}
	}
}

// empty takes out what the migrations made.
func empty(t *testing.T, db postgrestest.Database) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), db.OwnerURL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), `DROP SCHEMA sync, staging, school_manager CASCADE`); err != nil {
		t.Fatal(err)
	}
}
