// Package fault names every way in which a sync can end badly. Each kind has a
// stable code that people, programs and alerts may rely on, an explanation for
// the person who reads it, and one policy that says whether trying again can
// help. Codes are never renamed.
//
// An error becomes a Fault where the cause is understood (at the edge to
// Clever, in the roster store, in a rule); everything else is Internal. The
// detail of a Fault is written for its reader and holds no secret and no
// pupil's data.
package fault

import (
	"errors"
	"fmt"
	"time"
)

// Code identifies a kind of failure, for ever.
type Code string

// The codes, in the order in which a sync can meet them.
const (
	NotConnected           Code = "not_connected"
	NoSchoolSelected       Code = "no_school_selected"
	NotEnabled             Code = "not_enabled"
	CleverTokenRevoked     Code = "clever_token_revoked"
	CleverNotShared        Code = "clever_not_shared"
	CleverDistrictHeld     Code = "clever_district_held"
	CleverRateLimited      Code = "clever_rate_limited"
	CleverUnavailable      Code = "clever_unavailable"
	CleverBadResponse      Code = "clever_bad_response"
	SnapshotIncomplete     Code = "snapshot_incomplete"
	AppliesStopped         Code = "applies_stopped"
	RosterStoreUnavailable Code = "roster_store_unavailable"
	LostWorker             Code = "lost_worker"
	Cancelled              Code = "cancelled"
	Internal               Code = "internal"
)

// Fault is an error of a known kind.
type Fault struct {
	Code   Code
	Detail string
	// RetryAfter is how long the other side asked us to wait, zero where it
	// did not say. It is a duration, not a time of day, so that a wrong clock
	// on either side cannot hurt.
	RetryAfter time.Duration
	// Final says that this one failure cannot be cured by trying again although
	// its kind usually can: a 4xx among the bad answers, for example.
	Final bool
	// Err is the cause. It is for the log; it is never shown to a caller.
	Err error
}

// Error gives the code and the detail, and the cause for the log.
func (f *Fault) Error() string {
	if f.Err == nil {
		return fmt.Sprintf("%s: %s", f.Code, f.Detail)
	}
	return fmt.Sprintf("%s: %s: %v", f.Code, f.Detail, f.Err)
}

// Unwrap gives the cause.
func (f *Fault) Unwrap() error { return f.Err }

// New makes a Fault without a cause.
func New(code Code, format string, args ...any) *Fault {
	return &Fault{Code: code, Detail: fmt.Sprintf(format, args...)}
}

// Wrap makes a Fault of err. The format describes it for a user and must not
// contain err's own text, which may quote data.
func Wrap(err error, code Code, format string, args ...any) *Fault {
	return &Fault{Code: code, Detail: fmt.Sprintf(format, args...), Err: err}
}

// Of finds the Fault in err's chain. What is no Fault is Internal: nobody
// foresaw it, so its text stays out of everything that users see.
func Of(err error) *Fault {
	if f, ok := errors.AsType[*Fault](err); ok {
		return f
	}
	return &Fault{Code: Internal, Detail: "an unexpected error; the log has it under this run", Err: err}
}
