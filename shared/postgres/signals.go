package postgres

import (
	"context"
	"fmt"

	"github.com/google/uuid"
)

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
