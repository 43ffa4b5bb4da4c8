// Package postgrestest gives each test a database of its own in a real Postgres.
//
// A database is a clone of a template that has all migrations, which takes milliseconds where migrating takes a second.
// The template's name holds a hash of the migrations, so that whoever changes one gets a new template, and all test
// programs that run at the same time share it.
package postgrestest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"cleversync/scripts/scratch"
	"cleversync/shared/postgres"
)

const (
	appRole  = "cleversync_app"
	maxConns = 8                // of a test's pool
	patience = 10 * time.Second // for a test to give back its connections
	// setUp bounds everything here that waits for Postgres.
	setUp = 2 * time.Minute
	// howTo is what a person sees who runs a test without Postgres.
	howTo = "this test needs Postgres and Redis; run scripts/test, or: go run ./scripts/scratch/run -- go test ./..."
)

// Database is one test's own.
type Database struct {
	// URL logs in as the role that the programs use.
	URL string
	// OwnerURL logs in as whoever migrated: for what programs may not do.
	OwnerURL string
	// Pool is open to URL. The test's end closes it.
	Pool *pgxpool.Pool
}

// New makes a migrated, otherwise empty database, and drops it when the test ends. A test without Postgres fails: one
// that is skipped would look as good as one that has passed.
func New(t testing.TB) Database {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), setUp)
	defer cancel()
	given, err := scratch.Given(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if given == nil {
		t.Fatal(howTo)
	}
	template, err := ensureTemplate(ctx, given.DatabaseURL)
	if err != nil {
		t.Fatalf("template database: %v", err)
	}
	name := databaseName(t.Name())
	if err := clone(ctx, given.DatabaseURL, template, name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { drop(t, given.DatabaseURL, name) })

	db := Database{OwnerURL: in(given.DatabaseURL, name, nil)}
	db.URL = in(given.DatabaseURL, name, url.UserPassword(appRole, appPassword(given.DatabaseURL)))
	db.Pool, err = postgres.Open(t.Context(), postgres.Options{URL: db.URL, MaxConns: maxConns, Name: "postgrestest"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closePool(t, db.Pool) })
	return db
}

// databaseName is made from the test's name, so that a person can tell databases apart, and is unique.
func databaseName(test string) string {
	const longest = 30
	plain := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToLower(test))
	return scratch.TestPrefix + plain[:min(longest, len(plain))] + "_" + strings.ToLower(rand.Text()[:12])
}

// in returns the same server's address for another database and, where one is given, another user.
func in(server, database string, user *url.Userinfo) string {
	u, err := url.Parse(server)
	if err != nil {
		panic("postgrestest: address that scratch has accepted does not parse") // its text may hold a password
	}
	u.Path = "/" + database
	if user != nil {
		u.User = user
	}
	return u.String()
}

// appPassword is the same in all test programs that use one server, since roles belong to the server.
func appPassword(server string) string {
	return fmt.Sprintf("%x", sha256.Sum256([]byte(appRole+server)))
}

// clone copies the template's files, which takes half as long as its other strategy, writing all pages to the WAL.
func clone(ctx context.Context, server, template, name string) error {
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, fmt.Sprintf(`CREATE DATABASE %s TEMPLATE %s STRATEGY FILE_COPY`, quote(name), quote(template)))
	if err != nil {
		return fmt.Errorf("clone database %s: %w", template, err)
	}
	return nil
}

// drop removes the database even while a program that the test has started is still connected to it.
func drop(t testing.TB, server, name string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), setUp)
	defer cancel()
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		t.Errorf("drop database: %v", err)
		return
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, fmt.Sprintf(`DROP DATABASE IF EXISTS %s WITH (FORCE)`, quote(name))); err != nil {
		t.Errorf("drop database: %v", err)
	}
}

// closePool does not wait for ever for a connection that the test has kept: that is the test's mistake, and is shown.
func closePool(t testing.TB, pool *pgxpool.Pool) {
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		pool.Close()
	}()
	select {
	case <-closed:
	case <-time.After(patience):
		t.Errorf("%d connections of the test's pool were never released", pool.Stat().AcquiredConns())
	}
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }
