package postgres_test

import (
	"testing"
	"time"

	"cleversync/shared/postgres"
	"cleversync/shared/postgres/postgrestest"
)

func hold(t *testing.T, turn *postgres.Turn) bool {
	t.Helper()
	mine, err := turn.Hold(t.Context())
	must(t, err)
	return mine
}

func TestTurn_oneAtATime(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	one, two := postgres.NewTurn(db.Pool, "test", time.Minute), postgres.NewTurn(db.Pool, "test", time.Minute)
	other := postgres.NewTurn(db.Pool, "other", time.Minute)
	defer one.Release(t.Context())
	defer two.Release(t.Context())
	defer other.Release(t.Context())
	if !hold(t, one) || hold(t, two) || !hold(t, one) {
		t.Error("the turn is not the first one's alone")
	}
	if !hold(t, other) {
		t.Error("another duty is not free")
	}
	one.Release(t.Context())
	if !hold(t, two) || hold(t, one) {
		t.Error("the turn did not go to the second")
	}
}

// A holder that dies, or falls silent, loses its connection; it learns of that
// at its next tick, and the turn is free.
func TestTurn_endsWithItsConnection(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	one, two := postgres.NewTurn(db.Pool, "test", time.Minute), postgres.NewTurn(db.Pool, "test", time.Minute)
	defer one.Release(t.Context())
	defer two.Release(t.Context())
	hold(t, one)
	_, err := db.Pool.Exec(t.Context(), `
		SELECT pg_terminate_backend(l.pid, 10000)
		FROM pg_locks l
		JOIN pg_database d ON d.oid = l.database
		WHERE d.datname = current_database()
		  AND l.locktype = 'advisory'`)
	must(t, err)
	if !hold(t, two) {
		t.Error("the turn of a lost connection is not free")
	}
	if mine, err := one.Hold(t.Context()); mine || err == nil {
		t.Errorf("the first still holds the turn: %v, %v", mine, err)
	}
	if hold(t, one) {
		t.Error("both hold the turn")
	}
}

// A holder that hangs keeps its connection, and the server ends that.
func TestTurn_endsWhenItsHolderFallsSilent(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	one, two := postgres.NewTurn(db.Pool, "test", time.Millisecond), postgres.NewTurn(db.Pool, "test", time.Minute)
	defer one.Release(t.Context())
	defer two.Release(t.Context())
	hold(t, one)
	for !hold(t, two) {
	}
}
