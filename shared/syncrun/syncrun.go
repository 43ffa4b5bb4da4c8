// Package syncrun holds the words and the pure rules of a run: its states, its
// steps, and which step follows which. A run is one sync of one tenant; a step
// is the unit of its work that one task performs.
//
// The order of a run: prepare, then the fetch steps side by side (the contacts
// only after the students, by which they are filtered), then plan, then apply.
package syncrun

import (
	"slices"
	"strings"

	"github.com/google/uuid"

	"cleversync/shared/roster"
)

// State is the state of a run.
type State string

// The states of a run; the last three are final.
const (
	Queued    State = "queued"
	Running   State = "running"
	Completed State = "completed"
	Failed    State = "failed"
	Cancelled State = "cancelled"
)

// Final tells whether a run in this state is over.
func (s State) Final() bool { return s == Completed || s == Failed || s == Cancelled }

// StepState is the state of a step.
type StepState string

// The states of a step; the last three are final.
const (
	StepReady     StepState = "ready"
	StepRunning   StepState = "running"
	StepWaiting   StepState = "waiting"
	StepDone      StepState = "done"
	StepFailed    StepState = "failed"
	StepCancelled StepState = "cancelled"
)

// Trigger says who started a run.
type Trigger string

// A run is started by a person or service, or by its slot in the window.
const (
	Manual    Trigger = "manual"
	Scheduled Trigger = "scheduled"
)

// Lane is the priority of a run: a scheduled run that a person joins moves to
// the manual lane.
type Lane string

// The lanes.
const (
	LaneManual    Lane = "manual"
	LaneScheduled Lane = "scheduled"
)

// Step is the name of a step; it is unique within its run.
type Step string

// The steps.
const (
	Prepare       Step = "prepare"
	FetchSchools  Step = "fetch-schools"
	FetchStudents Step = "fetch-students"
	FetchTeachers Step = "fetch-teachers"
	FetchSections Step = "fetch-sections"
	FetchCourses  Step = "fetch-courses"
	FetchTerms    Step = "fetch-terms"
	FetchContacts Step = "fetch-contacts"
	Plan          Step = "plan"
	Apply         Step = "apply"
)

// Steps lists every step in the order in which people read them.
func Steps() []Step {
	return []Step{
		Prepare, FetchSchools, FetchStudents, FetchTeachers, FetchSections,
		FetchCourses, FetchTerms, FetchContacts, Plan, Apply,
	}
}

// IsFetch tells whether a step reads a stream from Clever.
func (s Step) IsFetch() bool { return strings.HasPrefix(string(s), "fetch-") }

// Stream is what a fetch step reads, "" for other steps.
func (s Step) Stream() string {
	stream, _ := strings.CutPrefix(string(s), "fetch-")
	if !s.IsFetch() {
		return ""
	}
	return stream
}

// Stage is the kind of step, as metrics and the queue name it: prepare, fetch,
// plan or apply.
func (s Step) Stage() string {
	if s.IsFetch() {
		return "fetch"
	}
	return string(s)
}

// Config is the copy of everything that a run works by, taken when it begins.
// No step reads the tenant's connection again.
type Config struct {
	District string         `json:"district"`
	Options  roster.Options `json:"options"`
	// PageSize is the number of records asked for at once.
	PageSize int `json:"page_size"`
	// Mapping is the version of the mapping code that began the run.
	Mapping int `json:"mapping"`
	// Limits are those of the breaker; the zero value stands for the defaults.
	Limits roster.Limits `json:"limits,omitzero"`
	// Unconfirmed: nobody has confirmed what the last change of options or
	// schools removes.
	Unconfirmed bool `json:"unconfirmed,omitempty"`
	// Preview ends the run after its plan: nothing is applied.
	Preview bool `json:"preview,omitempty"`
	// Hold names kept changes which the run applies; it fetches nothing.
	Hold *uuid.UUID `json:"hold,omitempty"`
	// Undo names a run that this one takes back; it fetches and plans nothing.
	Undo *Undo `json:"undo,omitempty"`
}

// Undo says what of a run is taken back.
type Undo struct {
	Run uuid.UUID `json:"run"`
	// RemovalsOnly brings back what the run removed and leaves the rest.
	RemovalsOnly bool `json:"removals_only,omitempty"`
}

// Offline tells whether the run asks Clever nothing.
func (c Config) Offline() bool { return c.Hold != nil || c.Undo != nil }

// Equal tells whether two runs would do the same.
func (c Config) Equal(other Config) bool {
	return c.District == other.District && c.PageSize == other.PageSize && c.Mapping == other.Mapping &&
		c.Options.Whole == other.Options.Whole && slices.Equal(c.Options.Schools, other.Options.Schools) &&
		c.Options.Classrooms == other.Options.Classrooms && c.Options.UniqueClassNames == other.Options.UniqueClassNames &&
		c.Limits.OrDefault() == other.Limits.OrDefault() && c.Unconfirmed == other.Unconfirmed &&
		c.Preview == other.Preview && !c.Offline() && !other.Offline() &&
		c.Options.Parents == other.Options.Parents && slices.Equal(c.Options.ParentTypes, other.Options.ParentTypes) &&
		c.Options.MatchByName == other.Options.MatchByName
}

// Fetches are the fetch steps that prepare begins. The contacts are not among
// them: they follow the students.
func (c Config) Fetches() []Step {
	steps := []Step{FetchSchools, FetchStudents, FetchTeachers}
	if c.Options.Classrooms {
		steps = append(steps, FetchSections, FetchCourses, FetchTerms)
	}
	return steps
}

// Next is what the end of a step brings, given whether any other step of the
// run is unfinished. It is the whole fan-in; callers hold the run's lock.
func (c Config) Next(ended Step, othersUnfinished bool) []Step {
	switch {
	case ended == Prepare && c.Undo != nil:
		return []Step{Apply}
	case ended == Prepare && c.Hold != nil:
		return []Step{Plan}
	case ended == Prepare:
		return c.Fetches()
	case ended == FetchStudents && c.Options.Parents:
		return []Step{FetchContacts}
	case ended.IsFetch() && !othersUnfinished:
		return []Step{Plan}
	case ended == Plan:
		return []Step{Apply}
	}
	return nil
}

// Earliest are those of the missing steps with which a run goes on: the ones
// that are not there yet, and of plan and apply only the first. It is for runs
// of which no step is unfinished.
func Earliest(missing []Step, done []string) []Step {
	var next []Step
	for _, step := range Steps() {
		if !slices.Contains(missing, step) || slices.Contains(done, string(step)) {
			continue
		}
		if (step == Plan || step == Apply) && len(next) > 0 {
			break
		}
		next = append(next, step)
	}
	return next
}
