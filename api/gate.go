package main

import (
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"cleversync/shared/postgres"
)

// gate keeps requests out until the database is known to be one that we may
// serve from: of a schema that this build understands, and reached as a role
// that row level security binds.
type gate struct {
	closed, open http.Handler
	isOpen       atomic.Bool
}

// ServeHTTP answers from behind the gate, or says that it is closed.
func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if g.isOpen.Load() {
		g.open.ServeHTTP(w, r)
		return
	}
	g.closed.ServeHTTP(w, r)
}

// retryEvery is the pause between two attempts to reach the database.
const retryEvery = time.Second

// openFor opens the gate once the database has been checked, however long it
// takes to come up. A database that answers and is the wrong one is an error.
func (g *gate) openFor(ctx context.Context, log *slog.Logger, pool *pgxpool.Pool) error {
	for tries := 0; ; tries++ {
		err := check(ctx, pool)
		if err == nil {
			g.isOpen.Store(true)
			return nil
		}
		if ctx.Err() != nil {
			return nil
		}
		if !postgres.IsOutage(err) {
			return err
		}
		if tries == 0 {
			log.WarnContext(ctx, "database not reached; waiting for it", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(retryEvery):
		}
	}
}

func check(ctx context.Context, pool *pgxpool.Pool) error {
	if err := postgres.CheckRole(ctx, pool); err != nil {
		return err
	}
	return postgres.CheckSchema(ctx, pool)
}
