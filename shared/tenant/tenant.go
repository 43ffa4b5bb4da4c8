// Package tenant holds what a tenant is and the rules of its connection to a
// Clever district: who may be synced at all, and which schools and options a
// connection may have.
//
// A tenant is a School Manager customer installation. Linewize entitles it,
// its own IT enables it; only both together let a run begin.
package tenant

import (
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"cleversync/shared/fault"
	"cleversync/shared/roster"
)

// Tenant is a customer installation in one region.
type Tenant struct {
	ID        uuid.UUID
	Name      string
	Region    string
	Entitled  bool
	NextDueAt time.Time // zero = not scheduled yet
	CreatedAt time.Time
	// NeedsReview: changes were withheld and wait for a person.
	NeedsReview bool
	// PreviewsOnly: after an undo, nightly runs apply nothing until a person
	// resumes them.
	PreviewsOnly bool
}

// Grant is what of a district a tenant may use at all. Only an operator or the
// district's own administrator gives it.
type Grant struct {
	Whole   bool
	Schools []string
}

// Connection is a tenant's link to a Clever district.
type Connection struct {
	District string
	// DistrictName is as Clever last gave it, empty where nobody has asked yet.
	DistrictName string
	Enabled      bool
	Grant        Grant
	Options      roster.Options
	// Confirmed: a person has confirmed what the last change of options or
	// schools removes. What is not confirmed is withheld.
	Confirmed bool
	Version   int64
	LinkedBy  string
	UpdatedAt time.Time
	// DisconnectedAt is when the tenant was disconnected, zero while it is
	// connected. What is known of the connection stays, to be linked again.
	DisconnectedAt time.Time
}

// Connected tells whether the connection is one that a tenant has now.
func (c *Connection) Connected() bool { return c != nil && c.DisconnectedAt.IsZero() }

// Startable tells why a run of this tenant cannot begin, or nil. A nil
// connection is none.
func Startable(t Tenant, c *Connection) error {
	switch {
	case !t.Entitled:
		return fault.New(fault.NotEnabled, "Clever sync is not turned on for this tenant by Linewize")
	case !c.Connected():
		return fault.New(fault.NotConnected, "no Clever district is connected")
	case !c.Enabled:
		return fault.New(fault.NotEnabled, "Clever sync is not enabled in this tenant's settings")
	case !c.Options.Whole && len(c.Options.Schools) == 0:
		return fault.New(fault.NoSchoolSelected, "neither a school nor the whole district is selected")
	}
	return nil
}

// Check tells what is wrong with a connection's choices, all faults at once,
// each with the field it concerns. An empty result is a valid connection.
func (c Connection) Check() []Problem {
	var problems []Problem
	add := func(field, format string, args ...any) {
		problems = append(problems, Problem{Field: field, Message: fmt.Sprintf(format, args...)})
	}
	if c.District == "" {
		add("district_id", "is required")
	}
	if c.Options.Whole && len(c.Options.Schools) > 0 {
		add("schools", "must be empty when the whole district is selected")
	}
	if c.Options.Whole && !c.Grant.Whole {
		add("whole_district", "this tenant was not granted the whole district")
	}
	for _, school := range c.Options.Schools {
		if !c.Grant.Whole && !slices.Contains(c.Grant.Schools, school) {
			add("schools", "school %q was not granted to this tenant", school)
		}
	}
	if c.Options.Parents && len(c.Options.ParentTypes) == 0 {
		add("parent_types", "select at least one role type, or turn Sync Parent Data off")
	}
	for _, kind := range c.Options.ParentTypes {
		if !slices.Contains(roster.ParentTypes, kind) {
			add("parent_types", "%q is none of Clever's role types", kind)
		}
	}
	return problems
}

// Problem is one fault in what a person asked for.
type Problem struct {
	Field   string
	Message string
}
