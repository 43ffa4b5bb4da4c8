package connect

import (
	"cmp"
	"maps"
	"slices"

	"cleversync/shared/fault"
	"cleversync/shared/postgres"
)

// Codes of log-ins that did not lead on. They are never renamed. Beside them
// stand those of faults: Clever may be away in the middle of a log-in.
const (
	CodeNotAdmin       = "not_a_district_admin"
	CodeNotShared      = "district_not_shared"
	CodeNeedsOperator  = "district_change_needs_operator"
	CodeOtherDistrict  = "other_district"
	CodeNoSchool       = "no_school_found"
	CodeNotConnected   = string(fault.NotConnected)
	CodeRefusedThere   = "refused_at_clever"
	CodeUnauthorized   = "unauthorized_at_clever"
	CodeSpent          = "code_expired"
	CodeRejected       = "rejected"
	CodeInterrupted    = "interrupted"
	CodeExpired        = "expired"
	CodeUnavailable    = string(fault.CleverUnavailable)
	CodeBadResponse    = string(fault.CleverBadResponse)
	CodeRateLimited    = string(fault.CleverRateLimited)
	CodeInternal       = string(fault.Internal)
	codeWithoutMeaning = CodeInternal
)

// Reason explains a code to the person who logged in, and to whoever began the
// log-in.
type Reason struct {
	Code, Meaning, Action string
	// another person should log in at the next try.
	another bool
}

var reasons = map[string]Reason{
	CodeNotAdmin: {Meaning: "Whoever logged in is no district administrator at Clever, and only one may connect a district.",
		Action: "Ask a district administrator to log in.", another: true},
	CodeNotShared: {Meaning: "The district does not share its data with this application.",
		Action: "Open Clever's dashboard, add the application and share the schools with it; then log in again."},
	CodeNeedsOperator: {Meaning: "The tenant is, or was, connected to another district.",
		Action: "Ask your Success Manager to change the district, or log in with an administrator of the former one.", another: true},
	CodeOtherDistrict: {Meaning: "Whoever logged in belongs to another district than the connected one.",
		Action: "Log in with an account of the connected district.", another: true},
	CodeNoSchool: {Meaning: "Clever names no school of this person that may be selected. A district administrator is at no school.",
		Action: "Let somebody who teaches or learns at the school log in, or search for the school by its name.", another: true},
	CodeNotConnected: {Meaning: "The tenant is not connected to a district.",
		Action: "Connect the district first."},
	CodeRefusedThere: {Meaning: "Clever ended the log-in without an account.",
		Action: "Try again; if it recurs, ask the district whether the application may be used."},
	CodeUnauthorized: {Meaning: "Clever does not let this account use the application: the district does not share it with this person.",
		Action: "Log in with another account, or let the district share the application in Clever's dashboard.", another: true},
	CodeSpent: {Meaning: "The log-in came back too late: Clever keeps its answer for a minute only, and for one use.",
		Action: "Try again."},
	CodeRejected: {Meaning: "The person who logged in said that this is not the district to connect.",
		Action: "Log in with an administrator of the right district.", another: true},
	CodeInterrupted: {Meaning: "The log-in was interrupted before Clever's answer was kept. Nothing was changed.",
		Action: "Try again."},
	CodeExpired: {Meaning: "The log-in was not finished in time. Nothing was changed.",
		Action: "Begin again in School Manager, under Configuration > Authentication > Clever."},
	CodeUnavailable: {Meaning: "Clever did not answer. Nothing was changed.",
		Action: "Try again in a few minutes. See status.clever.com."},
	CodeBadResponse: {Meaning: "Clever gave an answer that cannot be used. Nothing was changed.",
		Action: "Try again; if it recurs, tell your Success Manager the time."},
	CodeRateLimited: {Meaning: "Clever allows no more requests for now. Nothing was changed.",
		Action: "Try again in a few minutes."},
	CodeInternal: {Meaning: "A defect of ours. Nothing was changed.",
		Action: "Try again; if it recurs, tell your Success Manager the time."},
}

// Explain gives the reason behind a code.
func Explain(code string) Reason {
	code = cmp.Or(code, codeWithoutMeaning)
	reason, ok := reasons[code]
	if !ok {
		code, reason = codeWithoutMeaning, reasons[codeWithoutMeaning]
	}
	reason.Code = code
	return reason
}

// Codes lists all codes in order.
func Codes() []string { return slices.Sorted(maps.Keys(reasons)) }

// CodeOf tells why a log-in did not lead on, empty where it did or still may:
// one that nobody finished says so although nothing has ended it.
func CodeOf(l postgres.Login) string {
	switch {
	case l.State == postgres.LoginRefused:
		return l.Code
	case l.Expired:
		return CodeExpired
	case l.Stalled:
		return CodeInterrupted
	}
	return ""
}

// codeOfError is the code of what Clever's error parameter says.
func codeOfError(text string) string {
	if text == "unauthorized-user" || text == "unauthorized_user" || text == "unauthorized_client" {
		return CodeUnauthorized
	}
	return CodeRefusedThere
}
