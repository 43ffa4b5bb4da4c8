package schoolmanager

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"
)

const defaultWorkMem = "256MB"

// setBased are the settings for statements over whole sets. Staged rows are
// new, so the planner's statistics know nothing of this run and would have it
// expect one row, and loop or sort: with both shunned it hashes, which is right
// for any size. Compiling costs more than it saves.
func setBased(workMem string) map[string]string {
	return map[string]string{
		"work_mem":                        cmp.Or(workMem, defaultWorkMem),
		"jit":                             "off",
		"enable_nestloop":                 "off",
		"enable_mergejoin":                "off",
		"max_parallel_workers_per_gather": "0",
		// Of the rows of a run only their number is asked: a small sample tells.
		"default_statistics_target": "10",
	}
}

// withSettings runs fn under settings and gives back those of before, since the
// caller's transaction goes on. After an error it need not: nothing can be done
// any more in that transaction.
func withSettings(ctx context.Context, tx pgx.Tx, settings map[string]string, fn func() error) error {
	names := slices.Sorted(maps.Keys(settings))
	values := make([]string, len(names))
	for i, name := range names {
		values[i] = settings[name]
	}
	var before []string
	err := tx.QueryRow(ctx, `
		SELECT array_agg(coalesce(current_setting(name, true), '') ORDER BY place)
		FROM unnest($1::text[]) WITH ORDINALITY AS wanted (name, place)`, names).Scan(&before)
	if err != nil {
		return fmt.Errorf("read settings: %w", err)
	}
	if err := set(ctx, tx, names, values); err != nil {
		return err
	}
	if err := fn(); err != nil {
		return err
	}
	return set(ctx, tx, names, before)
}

func set(ctx context.Context, tx pgx.Tx, names, values []string) error {
	_, err := tx.Exec(ctx, `
		SELECT set_config(name, value, true)
		FROM unnest($1::text[], $2::text[]) AS wanted (name, value)`, names, values)
	if err != nil {
		return fmt.Errorf("change settings: %w", err)
	}
	return nil
}
