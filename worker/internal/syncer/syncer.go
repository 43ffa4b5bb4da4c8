// Package syncer performs the steps of a run: it is where a district's data
// gets from Clever into School Manager. Read it from here: Perform says what
// each step does, in the order in which a run takes them.
//
//	prepare   the district's token and state; the fetch steps begin
//	fetch-*   one stream each: read, map, stage page by page
//	plan      compare what is staged with what is applied, write the changes
//	apply     execute the changes, in one transaction that also ends the run
//
// A step may be interrupted at any point and performed again by another
// worker: every write checks the step's epoch, and a page's rows and its cursor
// move in one transaction.
package syncer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"cleversync/shared/clever"
	"cleversync/shared/credential"
	"cleversync/shared/dispatch"
	"cleversync/shared/postgres"
	"cleversync/shared/syncrun"
)

// ErrSliceOver says that a fetch step has used up its time and goes on in a
// fresh task, so that no worker is held by one district.
var ErrSliceOver = errors.New("the time slice is over")

// Config is what a Syncer works with.
type Config struct {
	Pool     *pgxpool.Pool
	Clever   *clever.Client
	Dispatch *dispatch.Dispatcher
	Tokens   *credential.Store
	Metrics  *Metrics
	Log      *slog.Logger
	// Slice is how long one task works on a fetch step.
	Slice time.Duration
	// Bound is how many steps may be in flight before further ones wait for the
	// dispatcher.
	Bound int
	// StatementTimeout bounds each statement of plan and apply, LockTimeout
	// their waits for locks in the roster store.
	StatementTimeout, LockTimeout time.Duration
}

// Syncer performs steps. It is safe for concurrent use.
type Syncer struct {
	Config
}

// New makes a Syncer.
func New(c Config) *Syncer { return &Syncer{Config: c} }

// asCaller lets ask talk to Clever as the run's district.
func (s *Syncer) asCaller(ctx context.Context, c *postgres.Claim, ask func(clever.Caller) error) error {
	return s.Tokens.Ask(ctx, c.Config.District, c.Lane == syncrun.LaneManual, ask)
}

// Perform does one claimed step to its end and returns the deliveries of what
// comes next. Any error leaves the step claimed: the caller decides what
// becomes of it.
func (s *Syncer) Perform(ctx context.Context, c *postgres.Claim) ([]syncrun.Delivery, error) {
	switch c.Step {
	case syncrun.Prepare:
		return s.prepare(ctx, c)
	case syncrun.FetchSchools:
		return s.fetchSchools(ctx, c)
	case syncrun.FetchStudents, syncrun.FetchTeachers:
		return s.fetchUsers(ctx, c)
	case syncrun.FetchSections:
		return s.fetchSections(ctx, c)
	case syncrun.FetchCourses:
		return s.fetchCourses(ctx, c)
	case syncrun.FetchTerms:
		return s.fetchTerms(ctx, c)
	case syncrun.FetchContacts:
		return s.fetchContacts(ctx, c)
	case syncrun.Plan:
		return s.plan(ctx, c)
	case syncrun.Apply:
		return s.apply(ctx, c)
	}
	return nil, fmt.Errorf("unknown step %q", c.Step)
}
