package clevertest

import (
	"time"
)

// began is the time of a district that does not say when it was last synced.
func began() time.Time { return time.Date(2026, time.November, 24, 3, 8, 5, 0, time.UTC) }

// timestamp writes a time as Clever does.
func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// lastSync returns when a district was last synced.
func lastSync(info DistrictState) time.Time {
	at, err := time.Parse(time.RFC3339, info.LastSync)
	if err != nil {
		return began()
	}
	return at.UTC()
}

// now is the time in the simulated world: [Config.Now], or where that is not
// set, the time of the last night.
func (d *Sharing) now(st *state) time.Time {
	if d.clock != nil {
		return d.clock()
	}
	return st.at
}
