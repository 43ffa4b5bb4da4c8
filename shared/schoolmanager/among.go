package schoolmanager

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// few is the number of keys up to which rows are looked up by index.
const few = 1000

// among gives the condition that a column is among the keys that a statement
// selects as id, or "" where it selects none, so that nothing need be done.
//
// A few keys are passed as an array: the planner sees how many there are and
// takes the index, and should it not, looks each row up in a hash. Many are
// joined, which reads the tenant's rows once. Left to the planner, who knows
// nothing of the run's own rows, either case can become a loop in a loop.
func among[T any](ctx context.Context, tx pgx.Tx, args pgx.NamedArgs, column, name, selected string) (string, error) {
	var keys []T
	err := tx.QueryRow(ctx, fmt.Sprintf(`
		SELECT coalesce(array_agg(id), '{}')
		FROM (SELECT id FROM (%s) AS selected LIMIT %d) AS first`, selected, few+1), args).Scan(&keys)
	switch {
	case err != nil:
		return "", fmt.Errorf("select %s: %w", name, err)
	case len(keys) == 0:
		return "", nil
	case len(keys) > few:
		return column + ` IN (` + selected + `)`, nil
	}
	args[name] = keys
	return column + ` = ANY (@` + name + `)`, nil
}
