package clevertest

import (
	"slices"
	"sort"
	"time"
)

// retention is how long an event stays in the feed.
const retention = 30 * 24 * time.Hour

// behind is how long after a district's sync its events come, as recorded:
// about a minute. A second has at most eventsASecond of them.
const (
	behind        = 66
	eventsASecond = 100
)

// event is one entry of the feed. It keeps the records and not their text, of
// which each version has its own.
type event struct {
	id   string
	time int64 // unix second, which the id begins with
	difference
}

// name is the event's type.
func (e *event) name() string { return e.kind.path() + "." + e.op }

// publish appends to the feed what has changed since the last sync, and makes
// the present view what the next one is compared with. An app that has not
// switched events on gets none, and none later for this sync.
func (d *Sharing) publish(st *state) []difference {
	found := differ(&District{d.source, st.synced}, &District{d.source, st})
	st.synced = st.view()
	if d.silent.Load() {
		return found
	}
	first := st.at.Unix() + behind
	if n := len(st.feed); n > 0 {
		first = max(first, st.feed[n-1].time+1)
	}
	feed := slices.Clone(kept(st.feed, d.now(st)))
	for i, change := range found {
		second := first + int64(i/eventsASecond)
		space := newIDs(mix(d.seed)+forEvents, uint32(second))
		feed = append(feed, &event{string(space.append(nil, i)), second, change})
	}
	st.feed = feed
	return found
}

// view is the state as an app sees it, and nothing else of it.
func (st *state) view() *state {
	return &state{info: st.info, original: st.original, hidden: st.hidden, over: st.over}
}

// kept returns the part of a feed that is not too old at a time.
func kept(feed []*event, now time.Time) []*event {
	oldest := now.Add(-retention).Unix()
	return feed[sort.Search(len(feed), func(i int) bool { return feed[i].time >= oldest }):]
}

// selection is which events of a feed are asked for.
type selection struct {
	version string
	school  string
	kinds   []kind // none: all
}

func (s *selection) has(e *event) bool {
	return (!e.newer || s.version != "v3.0") &&
		(len(s.kinds) == 0 || slices.Contains(s.kinds, e.kind)) &&
		(s.school == "" || e.object.touches(s.school) || e.before.touches(s.school))
}

// page returns a page of a feed, and whether it goes on. A cursor that is no
// event of the feed, because it is too old or was never one, is passed over
// silently: the page begins with the oldest event.
func (s *selection) page(feed []*event, want paging) (page []*event, more bool) {
	at := func(id string) int { return sort.Search(len(feed), func(i int) bool { return feed[i].id >= id }) }
	if want.before != "" {
		end := at(want.before)
		for i := end - 1; i >= 0 && len(page) < want.limit; i-- {
			if s.has(feed[i]) {
				page = append(page, feed[i])
			}
		}
		slices.Reverse(page)
		return page, slices.ContainsFunc(feed[end:], s.has)
	}
	if i := at(want.after); i < len(feed) && feed[i].id == want.after {
		feed = feed[i+1:]
	}
	for _, e := range feed {
		if !s.has(e) {
			continue
		}
		if len(page) == want.limit {
			return page, true
		}
		page = append(page, e)
	}
	return page, false
}
