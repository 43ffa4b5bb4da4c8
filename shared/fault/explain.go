package fault

import "slices"

// Retry says what trying again can do about a kind of failure.
type Retry int

const (
	// Never: only a person or the next run can help.
	Never Retry = iota
	// Few tries follow each other quickly, then the run fails.
	Few
	// Backoff tries with growing pauses for as long as the outage may last.
	Backoff
	// AfterReset waits for the other side's limit to reset; such waits burn no
	// attempt.
	AfterReset
)

// Explanation is what documentation, API and console say of a code.
type Explanation struct {
	Code    Code
	Meaning string
	// Fixer can do something about it: "clever" stands for Clever's own people,
	// "district" for whoever runs Clever there, "school" for the tenant's IT,
	// "operator" for ours.
	Fixer string
	// Action is the next step, as a sentence for the fixer.
	Action string
	Retry  Retry
}

var explanations = []Explanation{
	{NotConnected, "The tenant is not connected to a Clever district.", "school", "Log in with Clever, or ask an operator to connect the district.", Never},
	{NoSchoolSelected, "No school is selected for the tenant.", "school", "Select at least one school, or the whole district.", Never},
	{NotEnabled, "Clever sync is not turned on for the tenant.", "school", "Turn it on under Configuration > Authentication > Clever; where that is not offered, ask your Success Manager.", Never},
	{CleverTokenRevoked, "Clever refuses the district's token, or the district no longer shares with us.", "district", "Open Clever's dashboard and share the application again, then run the sync.", Never},
	{CleverNotShared, "A selected school, or everything, is no longer shared with us. Nobody was removed.", "district", "Share the school with the application in Clever, or select other schools here.", Never},
	{CleverDistrictHeld, "Clever holds this district's own sync (pending or error). Nothing was changed.", "district", "Settle the question that Clever shows in its dashboard; the next window tries again.", Never},
	{CleverRateLimited, "Clever allowed no more requests for too long.", "operator", "Run the sync again later; if it recurs, see which other program uses this district's token.", AfterReset},
	{CleverUnavailable, "Clever did not answer usably for 30 minutes.", "clever", "Nothing to do: the next window tries again. See status.clever.com.", Backoff},
	{CleverBadResponse, "Clever gave an answer that cannot be used.", "clever", "Run the sync again; if it recurs, report the time and the run to Clever's support.", Few},
	{SnapshotIncomplete, "A list from Clever had no end or was out of order, twice. Nothing was changed.", "clever", "Run the sync again; if it recurs, report the time and the run to Clever's support.", Never},
	{AppliesStopped, "Many tenants of the region show the same damage, so changes are stopped. Nothing was changed.", "operator", "Find the common cause, then resume the region.", Never},
	{RosterStoreUnavailable, "School Manager's store did not take the changes in time.", "operator", "Look for long locks or a full disk in Postgres.", Backoff},
	{LostWorker, "Workers died five times on the same piece of work.", "operator", "Look in the workers' logs for this run; memory is the usual cause.", Never},
	{Cancelled, "A person cancelled the run.", "school", "Run the sync again when it suits.", Never},
	{Internal, "A defect of ours.", "operator", "Find the log line with the run's id and report it.", Few},
}

// Explain gives the explanation of a code; an unknown code is Internal's.
func Explain(code Code) Explanation {
	i := slices.IndexFunc(explanations, func(e Explanation) bool { return e.Code == code })
	if i < 0 {
		return Explain(Internal)
	}
	return explanations[i]
}

// Explanations lists every code, for documentation and for tests that must
// forget none.
func Explanations() []Explanation { return slices.Clone(explanations) }
