package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"cleversync/shared/clever/clevertest"
)

// nights is how often the districts change while they are served, and how many
// times, 0 being no end.
type nights struct {
	every time.Duration
	count int
}

func (n nights) check() error {
	switch {
	case n.every < 0:
		return fmt.Errorf("--every %s: want 0 or more", n.every)
	case n.count < 0:
		return fmt.Errorf("--nights %d: want 0 or more", n.count)
	case n.count > 0 && n.every == 0:
		return fmt.Errorf("--nights %d: --every says how often", n.count)
	}
	return nil
}

// pass lets the nights pass, until all have or ctx ends, and says what changed
// in each.
func (n nights) pass(ctx context.Context, logger *slog.Logger, sim *clevertest.Server) {
	if n.every == 0 {
		return
	}
	clock := time.NewTicker(n.every)
	defer clock.Stop()
	for night := 0; n.count == 0 || night < n.count; night++ {
		select {
		case <-ctx.Done():
			return
		case <-clock.C:
		}
		for _, sharing := range sim.Sharings() {
			done, err := sharing.Evolve(clevertest.SchoolNight())
			if err != nil {
				logger.ErrorContext(ctx, "night", "error", err)
				return
			}
			logger.InfoContext(ctx, "night", "district", sharing.District().ID(), "number", done.Number, "last_sync", done.LastSync, "changes", counted(done))
		}
	}
}

// counted is how many records changed, by the type of the event.
func counted(done clevertest.Changes) map[string]int {
	counts := make(map[string]int, len(done.IDs))
	for name, ids := range done.IDs {
		counts[name] = len(ids)
	}
	return counts
}
