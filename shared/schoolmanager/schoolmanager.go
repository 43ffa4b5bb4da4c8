// Package schoolmanager keeps School Manager's roster equal to what a run has
// staged. It is the only package that knows School Manager's tables; another
// target would be another package.
//
// Plan compares the staged records with the applied rows by content hash and
// writes every difference as a change row, in the schema staging. Apply
// executes exactly these rows, each only where the roster row is still as plan
// saw it; the rest is skipped, and the next run sees it again. Both work in
// few statements over whole sets, never row by row, and leave the transaction
// to the caller, who has locked the run and its step. Lock order: run, steps,
// tenant, roster rows.
//
// Three rules shape everything here:
//
//   - A sync touches only what a sync owns: rows with a Clever id (source
//     "clever"). What was added by hand stays.
//   - A removal needs proof. Where a list may be incomplete, removals are
//     withheld: the row stays as it is, with what hangs on it (hold).
//   - A record whose hash is that of the applied row comes elided, without its
//     content. The result must be the same as if it had come whole. So a write
//     from outside the sync clears the row's hash (triggers do that), and what
//     depends on other rows (names, resolved members) is compared for itself.
//
// What keeps a wrong night from emptying a school, with its default, where it is
// enforced, and the test that shows it:
//
//	a list is whole                 always        safety.go refuse         TestIncompleteListFailsTheRun
//	a selected school is there      always        safety.go refuse         TestMissingSchoolFailsTheRun
//	somebody is shared              always        safety.go refuse         TestNobodySharedFailsTheRun
//	Clever's own count agrees       10 % fewer    safety.go doubtful       safety_test.go
//	a paused district removes none  always        safety.go withheld       safety_test.go
//	a torn snapshot removes none    once more     safety.go withheld       syncer's TestRun_renewedAgainAndAgain
//	removals, a school or tenant    10 % and 5    guards.go, breaker.go    TestBreaker_removalsByShareAndNumber
//	the same, memberships, links    10 % and 25   guards.go, breaker.go    TestBreaker_emptiedSections
//	removals of seven days          25 %          breaker.go judge         TestIncident_SlowBleed
//	names, addresses, roles         75 % and 25   guards.go, breaker.go    TestBreaker_updates
//	newcomers beside withheld ones  25 %          breaker.go judge         TestBreaker_samePeopleUnderNewIDs
//	unconfirmed choices             always        breaker.go confirm       TestBreaker_choicesCountNowhere
//	a decision is about a digest    14 days       keep.go                  TestIncident_StaleApproval
//	the newest run can be undone    30 days       journal.go               TestUndo_restoresTheExactEarlierState
package schoolmanager

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"cleversync/shared/roster"
)

// Hashes gives the content hashes of the applied, unarchived rows of a kind
// that the sync owns among these Clever ids. A fetched record with the same
// hash is unchanged and can be staged elided. Kinds without a hash of their own
// (memberships, links) have none.
func Hashes(ctx context.Context, tx pgx.Tx, tenant uuid.UUID, kind roster.Kind, ids []string) (map[string]roster.Hash, error) {
	r, ok := recordOf(kind)
	if !ok {
		return nil, fmt.Errorf("hashes of %s: this kind has none", kind)
	}
	// Each id is looked up by the index: the planner, which may know nothing
	// yet of a tenant that came today, would rather read the tenant's rows.
	rows, err := tx.Query(ctx, `
		SELECT id, hash
		FROM (SELECT i.id, (SELECT hash
		                    FROM school_manager.`+r.table+`
		                    WHERE tenant_id = $1
		                      AND clever_id = i.id
		                      AND archived_at IS NULL) AS hash
		      FROM unnest($2::text[]) AS i (id)) AS applied
		WHERE hash IS NOT NULL`, tenant, ids)
	if err != nil {
		return nil, fmt.Errorf("read hashes of %d %s: %w", len(ids), r.table, err)
	}
	found := make(map[string]roster.Hash, len(ids))
	var id string
	var hash roster.Hash
	if _, err := pgx.ForEachRow(rows, []any{&id, (*[16]byte)(&hash)}, func() error {
		found[id] = hash
		return nil
	}); err != nil {
		return nil, fmt.Errorf("read hashes of %d %s: %w", len(ids), r.table, err)
	}
	return found, nil
}
