package clever

import (
	"net/url"
	"strings"

	"cleversync/shared/fault"
	"cleversync/shared/roster"
)

const cursorKey = "starting_after"

// listPath is the path of a page, taken apart.
type listPath struct {
	path string
	// filters are the query without its cursor, as it was written.
	filters, cursor string
}

// parseListPath takes apart the path of a page that is to be read. It comes
// from a constructor of List or from a page before.
func parseListPath(raw string) (listPath, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Host != "" || u.Scheme != "" || u.Fragment != "" || !strings.HasPrefix(u.Path, "/v3.") {
		return listPath{}, fault.New(fault.Internal, "a cursor does not hold the path of a page")
	}
	var filters []string
	for part := range strings.SplitSeq(u.RawQuery, "&") {
		if part != "" && !strings.HasPrefix(part, cursorKey+"=") {
			filters = append(filters, part)
		}
	}
	return listPath{u.EscapedPath(), strings.Join(filters, "&"), u.Query().Get(cursorKey)}, nil
}

// next gives the page that a next link leads to, empty where there is no link.
//
// Of the link only the cursor is used; path and filters stay our own, so that
// no answer can send a token elsewhere or turn a list of students into one of
// everybody. Yet a link to another host or list, or one that does not lead on
// beyond what has been read, shows that the list is not whole.
func (l listPath) next(api *url.URL, link, lastID string) (string, error) {
	if link == "" {
		return "", nil
	}
	u, err := url.Parse(link)
	if err != nil || !l.isSame(api, u) {
		return "", incomplete("a next link leads to another list")
	}
	cursor := u.Query().Get(cursorKey)
	if !roster.ValidID(cursor) || cursor <= l.cursor || cursor < lastID {
		return "", incomplete("a next link does not lead on")
	}
	filters := l.filters
	if filters != "" {
		filters += "&"
	}
	return l.path + "?" + filters + cursorKey + "=" + url.QueryEscape(cursor), nil
}

// isSame tells whether a link stays on this list. Clever writes some paths in
// another case than they are asked for.
func (l listPath) isSame(api, link *url.URL) bool {
	path := link.EscapedPath()
	if link.Host != "" || link.Scheme != "" {
		if link.Scheme != api.Scheme || !strings.EqualFold(link.Host, api.Host) || !strings.HasPrefix(path, api.EscapedPath()) {
			return false
		}
		path = strings.TrimPrefix(path, api.EscapedPath())
	}
	return link.User == nil && link.Opaque == "" && strings.EqualFold(path, l.path)
}

// take counts a record, holds its id to the order, and hands it over.
func take[T roster.Source](p *Page, r roster.Received[T], each func(roster.Received[T]) error) error {
	p.Records++
	if r.ID != "" {
		if r.ID <= p.LastID {
			return incomplete("the ids of a list do not ascend")
		}
		p.LastID = r.ID
	}
	return passOn(each(r))
}

// incomplete is the fault of a list that has no end or is out of order.
func incomplete(what string) *fault.Fault {
	return fault.New(fault.SnapshotIncomplete, "%s", what)
}
