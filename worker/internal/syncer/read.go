package syncer

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"

	"cleversync/shared/clever"
	"cleversync/shared/fault"
	"cleversync/shared/postgres"
	"cleversync/shared/roster"
)

// maxRequests bounds how many small lists make one batch: a lost worker repeats
// no more than these.
const maxRequests = 50

// maxBatch bounds the bytes of further lists in a batch, and so its memory.
const maxBatch = 8 << 20

// readBatch reads one page, and as long as that is small the lists after it
// too, mapped and ready to be staged. It moves at.
func readBatch[S roster.Source, R any](ctx context.Context, s *Syncer, c *postgres.Claim, st stream[S, R], at *place) (batch[R], error) {
	var b batch[R]
	for requests := 0; at.List < len(st.lists); requests++ {
		if requests > 0 && (requests == maxRequests || int(b.move.Records) > c.Config.PageSize/2 || b.move.Bytes > maxBatch) {
			break
		}
		if err := readPage(ctx, s, c, st, at, &b); err != nil {
			return b, err
		}
	}
	b.move.Rows, b.move.Issues = int64(len(b.rows)), int64(len(b.issues))
	b.move.Complete = at.List == len(st.lists)
	cursor, err := json.Marshal(at)
	if err != nil {
		return b, fmt.Errorf("write cursor: %w", err)
	}
	to := string(cursor)
	b.move.To = &to
	return b, nil
}

// readPage reads the page at which at stands, adds it to the batch, and moves
// at to the page after.
func readPage[S roster.Source, R any](ctx context.Context, s *Syncer, c *postgres.Claim, st stream[S, R], at *place, b *batch[R]) error {
	from := st.lists[at.List]
	received := make([]roster.Received[S], 0, min(c.Config.PageSize, 4096))
	var page clever.Page
	err := s.asCaller(ctx, c, func(caller clever.Caller) (err error) {
		received = received[:0]
		page, err = clever.ReadPage(ctx, s.Clever, caller, cmp.Or(at.Path, from.path), at.After, func(r roster.Received[S]) error {
			received = append(received, r)
			return nil
		})
		return err
	})
	if err != nil && st.goneIsEmpty && fault.Of(err).Code == fault.CleverNotShared {
		page, received, err = clever.Page{}, received[:0], nil
	}
	if err != nil {
		return err
	}
	rows, issues, err := st.translate(ctx, from.name, received)
	if err != nil {
		return err
	}
	b.rows, b.issues = append(b.rows, rows...), append(b.issues, issues...)
	b.move.Pages++
	b.move.Records += int64(page.Records)
	b.move.Bytes += page.Bytes
	for i := range received {
		if received[i].Undecodable && received[i].ID == "" {
			b.move.Blind++
		}
	}
	if page.HasTotal && at.Path == "" {
		total := int64(page.Total)
		if b.move.Total != nil {
			total += *b.move.Total
		}
		b.move.Total = &total
	}
	at.Path, at.After = page.Next, page.LastID
	if page.Next == "" {
		at.List, at.After = at.List+1, ""
	}
	return nil
}
