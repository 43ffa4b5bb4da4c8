package clever

import (
	"context"

	"github.com/go-json-experiment/json/jsontext"

	"cleversync/shared/roster"
)

// Page is what is known of a page once it has been read.
type Page struct {
	// Next is the path and query of the next page, empty at the list's end.
	Next string
	// LastID is the id of the last record that had a readable one, else what
	// came in. It goes into the reading of the next page.
	LastID string
	// Records were received, undecodable ones included.
	Records int
	// Bytes of the body after decompression: the size that bounds and memory
	// go by. What goes over the wire is known to the transport alone.
	Bytes int64
	// Total is Clever's own count of the whole list, where the body gave one.
	Total    int
	HasTotal bool
}

// ReadPage reads one page of a list and calls each for every record in order,
// while the body arrives. after is the last id of the page before, "" at the
// start: ids must strictly ascend from there, else the list is no complete one
// and the fault is snapshot_incomplete. An error of each ends the reading and
// comes back as it is. Only with a nil error is the page whole; records handed
// over before an error are then part of nothing.
func ReadPage[T roster.Source](ctx context.Context, c *Client, caller Caller, path, after string, each func(roster.Received[T]) error) (Page, error) {
	l, err := parseListPath(path)
	if err != nil {
		return Page{}, err
	}
	p := Page{LastID: max(after, l.cursor)}
	err = c.get(ctx, c.data(caller, path), func(b *body) error {
		e, err := readList(b, func(element jsontext.Value) error {
			return take(&p, decode[T](element), each)
		})
		if err != nil {
			return err
		}
		p.Bytes, p.Total, p.HasTotal = b.wire.read, e.total, e.hasTotal
		if p.Records == 0 && e.next != "" {
			return incomplete("an empty page has a next one") // such a list need not ever end
		}
		p.Next, err = l.next(c.api, e.next, p.LastID)
		return err
	})
	return p, err
}
