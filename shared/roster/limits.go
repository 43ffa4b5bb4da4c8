package roster

// Limits are the bounds beyond which a run withholds changes until a person
// has looked at them. Shares are of the rows that were applied before, from 0
// to 1, and must be exceeded together with the number beside them: a share
// alone would trip at every small school. The zero value stands for
// DefaultLimits, so that a forgotten limit is no open door.
type Limits struct {
	// Removals is the share of removed rows of a kind, at a school or in the
	// tenant; Rows their number, and Edges that of memberships and links.
	Removals float64 `json:"removals"`
	Rows     int64   `json:"rows"`
	Edges    int64   `json:"edges"`
	// Week is the share of rows removed within seven days, of the most that
	// there were in them. Rows and Edges hold for it too.
	Week float64 `json:"week"`
	// Updates is the share of rows whose name, address, username or role
	// changes; UpdateRows their number.
	Updates    float64 `json:"updates"`
	UpdateRows int64   `json:"update_rows"`
	// Creates is the share of new people from which, where removals are
	// withheld, the new ones are withheld too: they are probably the same
	// people under new ids.
	Creates float64 `json:"creates"`
}

// DefaultLimits are those of a tenant for which nobody has set others.
func DefaultLimits() Limits {
	return Limits{Removals: 0.10, Rows: 5, Edges: 25, Week: 0.25, Updates: 0.75, UpdateRows: 25, Creates: 0.25}
}

// Set changes the limit of this name, which is its name in JSON; false for
// another name.
func (l *Limits) Set(name string, value float64) bool {
	switch name {
	case "removals":
		l.Removals = value
	case "rows":
		l.Rows = int64(value)
	case "edges":
		l.Edges = int64(value)
	case "week":
		l.Week = value
	case "updates":
		l.Updates = value
	case "update_rows":
		l.UpdateRows = int64(value)
	case "creates":
		l.Creates = value
	default:
		return false
	}
	return true
}

// OrDefault gives the limits, or the default ones where none are set.
func (l Limits) OrDefault() Limits {
	if l == (Limits{}) {
		return DefaultLimits()
	}
	return l
}
