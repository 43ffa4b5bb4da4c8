package syncer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"cleversync/shared/fault"
	"cleversync/shared/postgres"
	"cleversync/shared/roster"
	"cleversync/shared/schoolmanager"
	"cleversync/shared/syncrun"
)

// stream says how one stream is read, mapped and staged.
type stream[S roster.Source, R any] struct {
	lists []list
	// mode goes into the cursor: a stream that can be read in two ways must go
	// on in the way in which it began.
	mode string
	// goneIsEmpty takes a list that is not shared (any more) for an empty one.
	goneIsEmpty bool
	// translate maps a batch of one list and names its issues.
	translate func(ctx context.Context, list string, in []roster.Received[S]) ([]postgres.Staged[R], []roster.Issue, error)
	// kind, with id, is for streams whose unchanged records are elided; an empty
	// kind elides nothing.
	kind  roster.Kind
	id    func(*R) string
	stage func(context.Context, pgx.Tx, *postgres.Claim, []postgres.Staged[R]) error
}

// place is where in a stream the next page begins. As JSON it is the cursor.
type place struct {
	Mode  string `json:"mode,omitempty"`
	List  int    `json:"list"`
	Path  string `json:"path,omitempty"`
	After string `json:"after,omitempty"`
}

// batch is what goes into staging in one transaction: a page, or several small
// ones.
type batch[R any] struct {
	rows   []postgres.Staged[R]
	issues []roster.Issue
	move   postgres.PageMove
}

// fetch reads a stream to its end. A stream whose progress was lost starts
// again; one whose list was out of order starts again once.
func fetch[S roster.Source, R any](ctx context.Context, s *Syncer, c *postgres.Claim, st stream[S, R]) error {
	began := time.Now()
	for {
		progress, err := s.begin(ctx, c)
		if err != nil || progress.Complete {
			return err
		}
		err = fetchFrom(ctx, s, c, st, progress, began.Add(s.Slice))
		disordered := err != nil && fault.Of(err).Code == fault.SnapshotIncomplete && !progress.Reread
		if !disordered && !errors.Is(err, postgres.ErrLostProgress) {
			return err
		}
		err = c.Fenced(ctx, s.Pool, func(tx pgx.Tx) error {
			return postgres.RestartProgress(ctx, tx, c, disordered || progress.Reread)
		})
		if err != nil {
			return err
		}
	}
}

func (s *Syncer) begin(ctx context.Context, c *postgres.Claim) (progress postgres.Progress, err error) {
	err = c.Fenced(ctx, s.Pool, func(tx pgx.Tx) error {
		progress, err = postgres.BeginProgress(ctx, tx, c)
		return err
	})
	return progress, err
}

// fetchFrom reads from where the progress stands. While one batch is staged the
// next is fetched: the reader is at most one batch ahead.
func fetchFrom[S roster.Source, R any](ctx context.Context, s *Syncer, c *postgres.Claim, st stream[S, R], progress postgres.Progress, until time.Time) error {
	at, err := placeOf(progress.Cursor)
	if err != nil {
		return err
	}
	at.Mode = st.mode
	batches := make(chan batch[R])
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(batches)
		for from := progress.Cursor; ; {
			b, err := readBatch(ctx, s, c, st, &at)
			if err != nil {
				return err
			}
			b.move.From = from
			select {
			case batches <- b:
			case <-ctx.Done():
				return ctx.Err()
			}
			if b.move.Complete {
				return nil
			}
			from = b.move.To
		}
	})
	group.Go(func() error {
		for b := range batches {
			if err := stageBatch(ctx, s, c, st, b); err != nil {
				return err
			}
			if !b.move.Complete && time.Now().After(until) {
				return ErrSliceOver
			}
		}
		return nil
	})
	return group.Wait()
}

func placeOf(cursor *string) (place, error) {
	var at place
	if cursor == nil {
		return at, nil
	}
	if err := json.Unmarshal([]byte(*cursor), &at); err != nil {
		return at, fmt.Errorf("read cursor: %w", err)
	}
	return at, nil
}

// stageBatch puts a batch into staging and moves the cursor, in one
// transaction.
func stageBatch[S roster.Source, R any](ctx context.Context, s *Syncer, c *postgres.Claim, st stream[S, R], b batch[R]) error {
	err := c.Fenced(ctx, s.Pool, func(tx pgx.Tx) error {
		if err := elide(ctx, tx, c, st, b.rows); err != nil {
			return err
		}
		if err := st.stage(ctx, tx, c, b.rows); err != nil {
			return err
		}
		if err := postgres.StageIssues(ctx, tx, c, b.issues); err != nil {
			return err
		}
		return postgres.MoveProgress(ctx, tx, c, b.move)
	})
	if err != nil {
		return err
	}
	s.Metrics.staged(c.Step, b.move)
	return nil
}

// elide marks the rows that are unchanged against the applied roster: a quiet
// night stages almost nothing of them.
func elide[S roster.Source, R any](ctx context.Context, tx pgx.Tx, c *postgres.Claim, st stream[S, R], rows []postgres.Staged[R]) error {
	if st.kind == "" || len(rows) == 0 {
		return nil
	}
	ids := make([]string, len(rows))
	for i := range rows {
		ids[i] = st.id(&rows[i].Record)
	}
	applied, err := schoolmanager.Hashes(ctx, tx, c.Tenant, st.kind, ids)
	if err != nil {
		return err
	}
	for i := range rows {
		hash, known := applied[ids[i]]
		rows[i].Elided = known && hash == rows[i].Hash
	}
	return nil
}

// finish ends a fetch step.
func (s *Syncer) finish(ctx context.Context, c *postgres.Claim) ([]syncrun.Delivery, error) {
	return s.finishWith(ctx, c, func(pgx.Tx) error { return nil })
}

// finishWith ends a fetch step together with something more. Where the
// district's data was renewed since the run looked at it, lists of two moments
// would stand side by side, and who moved from one to the other would be in
// none: all of them are read once more. Were it renewed again, the run goes on
// and nobody is removed.
func (s *Syncer) finishWith(ctx context.Context, c *postgres.Claim, more func(pgx.Tx) error) (next []syncrun.Delivery, err error) {
	district, err := s.district(ctx, c)
	if err != nil {
		return nil, err
	}
	err = c.FencedRun(ctx, s.Pool, func(tx pgx.Tx) error {
		again, err := postgres.Renewed(ctx, tx, c, district.State, district.LastSync)
		if err != nil {
			return err
		}
		if again {
			next, err = s.anew(ctx, tx, c)
			return err
		}
		if err := more(tx); err != nil {
			return err
		}
		next, err = postgres.EndStep(ctx, tx, c, s.Bound)
		return err
	})
	return next, err
}
