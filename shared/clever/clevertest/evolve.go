package clevertest

import (
	"fmt"
	"time"
)

// Changes is what an app sees of a night: the ids of the records by the type of
// the event that tells of them ("users.created"), ascending. Records of hidden
// schools are not among them; what was edited, removed, hidden and shown since
// the night before is.
type Changes struct {
	// Number counts the district's nights from 1.
	Number   int                 `json:"number"`
	LastSync string              `json:"last_sync"`
	IDs      map[string][]string `json:"ids"`
}

// Evolve lets a night pass: the district changes, all at once, and the events
// of the change are in the feed. A night is a function of the district as it
// stands, its seed and the number of the night: the same district evolves in
// the same way. It fails, changing nothing, on amounts that cannot be and on a
// time before the last sync.
func (d *Sharing) Evolve(n Night) (Changes, error) {
	var done Changes
	if err := n.check(); err != nil {
		return done, err
	}
	var failed error
	d.update(func(st *state) {
		at := d.nightTime(st, n.At)
		if at.Before(st.at) {
			failed = fmt.Errorf("night at %s: the last one was at %s", timestamp(at), timestamp(st.at))
			return
		}
		st.nights++
		draft := d.draft(st, at)
		newPlot(draft, n, d.seed, st.nights, at).play()
		st.over, st.made, st.at = draft.seal(), draft.made, at
		if !n.KeepLastSync {
			st.info.LastSync = timestamp(at)
		}
		done = Changes{Number: st.nights, LastSync: st.info.LastSync, IDs: map[string][]string{}}
		for _, change := range d.publish(st) {
			name := change.kind.path() + "." + change.op
			done.IDs[name] = append(done.IDs[name], change.id(d.source.districtID()))
		}
	})
	return done, failed
}

// nightTime is when the sync of a night is, where that was not given: by the
// clock so long ago that its events come now, and always after the last one.
func (d *Sharing) nightTime(st *state, given time.Time) time.Time {
	switch {
	case !given.IsZero():
		return given.UTC()
	case d.clock == nil:
		return st.at.Add(24 * time.Hour)
	}
	at := d.clock().Add(-behind * time.Second).UTC()
	if !at.After(st.at) {
		return st.at.Add(time.Second)
	}
	return at
}

// id returns the id of the record that has changed.
func (d *difference) id(district string) string {
	switch record := d.object.record.(type) {
	case *User:
		return record.ID
	case *Section:
		return record.ID
	case *School:
		return record.ID
	case *Course:
		return record.ID
	case *Term:
		return record.ID
	}
	return district
}
