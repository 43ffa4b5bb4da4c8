package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// ErrCancelled says that a person asked to cancel the run.
var ErrCancelled = errors.New("the run was cancelled")

// RefuseCancelled fails with ErrCancelled where somebody has asked to cancel the
// run. It is the last look before a run's changes become final, in their own
// transaction and under the run's lock: what was asked before it counts.
func RefuseCancelled(ctx context.Context, tx pgx.Tx, run uuid.UUID) error {
	var asked bool
	err := tx.QueryRow(ctx, `
		SELECT EXISTS (SELECT 1 FROM sync.run_signals WHERE run_id = $1 AND signal = 'cancel')`, run).Scan(&asked)
	if err != nil {
		return fmt.Errorf("look for a cancel of run %s: %w", run, err)
	}
	if asked {
		return ErrCancelled
	}
	return nil
}

// Signal is what a person asks of a run under way.
type Signal string

// The signals.
const (
	// SignalCancel stops the run at the next page.
	SignalCancel Signal = "cancel"
	// SignalRerun begins one manual run more when this one has ended.
	SignalRerun Signal = "rerun"
)

// SendSignal leaves a signal for a run. It is a row of its own, so that it
// waits for no lock; leaving it twice changes nothing.
func SendSignal(ctx context.Context, q Querier, run, tenant uuid.UUID, signal Signal, actor string) error {
	_, err := q.Exec(ctx, `
		INSERT INTO sync.run_signals (run_id, tenant_id, signal, actor)
		VALUES ($1, $2, $3, $4)
		ON CONFLICT (run_id, signal) DO NOTHING`, run, tenant, signal, actor)
	if err != nil {
		return fmt.Errorf("send %s to run %s: %w", signal, run, err)
	}
	return nil
}
