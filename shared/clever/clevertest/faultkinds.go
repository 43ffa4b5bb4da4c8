package clevertest

import (
	"net/http"
	"time"
)

// FaultKind names what a fault does.
type FaultKind string

// The kinds of faults. Their variants are told by [FaultKinds]; of each, the
// first is what an empty variant stands for.
const (
	// FaultStatusCode answers a status with no body, one of JSON or one of HTML,
	// which Text is the message of.
	FaultStatusCode FaultKind = "status"
	// FaultRateLimit answers 429 without a body and with Clever's headers. The
	// variant is when they say that the window ends: Delay (60 s) from now, in
	// the past, in a week, or nowhere. Buckets reports two buckets, of which one
	// is exhausted: as repeated headers, or as lists with commas.
	FaultRateLimit FaultKind = "rate_limit"
	// FaultHeaders changes headers of the genuine answer, those in Headers; an
	// empty list takes one away.
	FaultHeaders FaultKind = "headers"
	// FaultFraming sends the genuine answer in another Framing.
	FaultFraming FaultKind = "framing"

	// FaultSlowStart holds the whole answer back for Delay.
	FaultSlowStart FaultKind = "slow_start"
	// FaultHold holds the whole answer back until the rules are replaced.
	FaultHold FaultKind = "hold"
	// FaultDrip sends the body in pieces of Bytes with a Pause after each.
	FaultDrip FaultKind = "drip"
	// FaultStall sends the first Bytes of the body (half of it), then nothing
	// for Delay or, without one, until the rules are replaced or the client
	// leaves; then it cuts the connection.
	FaultStall FaultKind = "stall"
	// FaultCut cuts the connection: before the answer, in its headers, after
	// them, or after Bytes of the body (half of it). Reset makes it a reset
	// instead of an abrupt end. A client of Go's standard library asks again
	// without a word where an old connection ends before the answer.
	FaultCut FaultKind = "cut"

	// FaultTruncated sends the first Bytes of the body (half of it) as if they
	// were all.
	FaultTruncated FaultKind = "truncated"
	// FaultEmptyBody sends 200 without a body.
	FaultEmptyBody FaultKind = "empty_body"
	// FaultTrailing sends Text behind the body.
	FaultTrailing FaultKind = "trailing"
	// FaultShape sends JSON of another shape than the genuine answer's.
	FaultShape FaultKind = "shape"
	// FaultGiantBody fills the body up to Bytes with white space.
	FaultGiantBody FaultKind = "giant_body"
	// FaultGiantRecord fills the record after the first Skip up to Bytes.
	FaultGiantRecord FaultKind = "giant_record"
	// FaultGzip damages the compressed body, or sends a plain one as compressed.
	FaultGzip FaultKind = "gzip"

	// FaultRecords damages Records records (1) after the first Skip of a page.
	// Of wrong_type, Field is the one value to damage, as a dotted path; by
	// default all but the id are. Depth is that of deep (20,000).
	FaultRecords FaultKind = "records"
	// FaultNext changes the next link. Text is the uri of custom. Of missing,
	// the list is silently short; of endless, pages are empty and have a next
	// one each; of repeat, the page before is sent again.
	FaultNext FaultKind = "next"
	// FaultListChange changes the list that is being read: Records records (1)
	// vanish or appear, behind the request's cursor or ahead of it. What
	// appears is withdrawn at the first request that the rule meets.
	FaultListChange FaultKind = "list_change"

	// FaultLastSync moves the district's last_sync on by Delay (1 h), as
	// FaultState and the others change the district: before the answer.
	FaultLastSync FaultKind = "last_sync"
	// FaultState sets the district's state to Text.
	FaultState FaultKind = "state"
	// FaultRotateToken replaces the district's token: the request's is old.
	FaultRotateToken FaultKind = "rotate_token"
	// FaultDisconnect withdraws the district.
	FaultDisconnect FaultKind = "disconnect"
	// FaultHideSchool stops sharing the school whose id Text is.
	FaultHideSchool FaultKind = "hide_school"
	// FaultShowSchool shares it again.
	FaultShowSchool FaultKind = "show_school"
)

// Fault is what a rule does. Each kind reads some of the fields; to set another
// is an error.
type Fault struct {
	Kind    FaultKind `json:"kind"`
	Variant string    `json:"variant,omitzero"`
	// Status is the code to answer.
	Status int `json:"status,omitzero"`
	// Text is a message, a uri, an id or a state, by the kind.
	Text string `json:"text,omitzero"`
	// Headers replace those of the answer.
	Headers map[string][]string `json:"headers,omitzero"`
	// Framing tells the client where the body ends: "length" (a content-length,
	// the default), "chunked", or "close" (only the connection's end tells).
	Framing string `json:"framing,omitzero"`
	// Reset ends a connection with a reset.
	Reset bool `json:"reset,omitzero"`
	// Buckets of a rate limit: "one" (the default), "repeated", "list".
	Buckets string `json:"buckets,omitzero"`
	// Delay and Pause are durations, in JSON as "1.5s".
	Delay time.Duration `json:"delay,omitzero"`
	Pause time.Duration `json:"pause,omitzero"`
	// Bytes is a size, a piece or a place, by the kind.
	Bytes int64 `json:"bytes,omitzero"`
	// Records is how many records are concerned, Skip how many before them are
	// left alone, Field the path of a value, Depth how deep values are nested.
	Records int    `json:"records,omitzero"`
	Skip    int    `json:"skip,omitzero"`
	Field   string `json:"field,omitzero"`
	Depth   int    `json:"depth,omitzero"`
}

// FaultKinds returns every kind with its variants, for documentation and for
// tests that must forget none.
func FaultKinds() map[FaultKind][]string {
	kinds := map[FaultKind][]string{}
	for kind, spec := range faultSpecs() {
		kinds[kind] = spec.variants
	}
	return kinds
}

// faultSpec is how a kind is checked and carried out.
type faultSpec struct {
	variants []string
	// takes are the fields that the kind reads, requires those without which it
	// cannot do, by their JSON names.
	takes, requires []string
	// needs tells whether a request can be met at all, where that depends on it.
	needs func(*Fault, *http.Request) bool
	// prepare is called at the first request, and gives what it withdrew.
	prepare func(*Server, *http.Request, *Fault) []string
	act     func(*strike)
}

func faultSpecs() map[FaultKind]faultSpec {
	return map[FaultKind]faultSpec{
		FaultStatusCode: {act: answering((*strike).status), variants: []string{"empty", "json", "html"}, takes: []string{"text", "headers", "framing"}, requires: []string{"status"}},
		FaultRateLimit:  {act: answering((*strike).rateLimit), variants: []string{"window", "past", "far", "absent"}, takes: []string{"buckets", "delay", "headers"}},
		FaultHeaders:    {act: damaging((*strike).headers), requires: []string{"headers"}, takes: []string{"framing"}},
		FaultFraming:    {act: damaging((*strike).asItIs), requires: []string{"framing"}},

		FaultSlowStart: {act: answering((*strike).slowStart), requires: []string{"delay"}},
		FaultHold:      {act: answering((*strike).slowStart)},
		FaultDrip:      {act: answering((*strike).drip), takes: []string{"framing"}, requires: []string{"bytes", "pause"}},
		FaultStall:     {act: answering((*strike).stall), takes: []string{"bytes", "delay", "framing"}},
		FaultCut:       {act: answering((*strike).cut), variants: []string{"body", "before", "in_headers", "after_headers"}, takes: []string{"bytes", "reset", "framing"}},

		FaultTruncated:   {act: damaging((*strike).truncated), takes: []string{"bytes", "framing"}},
		FaultEmptyBody:   {act: damaging((*strike).emptyBody), takes: []string{"framing"}},
		FaultTrailing:    {act: damaging((*strike).trailing), takes: []string{"framing"}, requires: []string{"text"}},
		FaultShape:       {act: damaging((*strike).shape), variants: shapeNames(), takes: []string{"framing"}},
		FaultGiantBody:   {act: damaging((*strike).giantBody), takes: []string{"framing"}, requires: []string{"bytes"}},
		FaultGiantRecord: {act: damaging((*strike).giantRecord), takes: []string{"skip", "framing"}, requires: []string{"bytes"}},
		FaultGzip:        {act: damaging((*strike).gzip), needs: acceptsGzip, variants: []string{"corrupt", "checksum", "plain", "truncated"}, takes: []string{"framing"}},

		FaultRecords:    {act: damaging((*strike).records), variants: recordNames(), takes: []string{"records", "skip", "field", "depth", "framing"}},
		FaultNext:       {act: damaging((*strike).next), needs: canRepeat, variants: nextNames(), takes: []string{"text", "framing"}},
		FaultListChange: {act: changing((*strike).listChange), prepare: withdraw, variants: []string{"vanish_ahead", "vanish_behind", "appear_ahead", "appear_behind"}, takes: []string{"records"}},

		FaultLastSync:    {act: changing((*strike).lastSync), takes: []string{"delay"}},
		FaultState:       {act: changing((*strike).state), takes: []string{"text"}},
		FaultRotateToken: {act: changing((*strike).rotateToken)},
		FaultDisconnect:  {act: changing((*strike).disconnect)},
		FaultHideSchool:  {act: changing((*strike).hideSchool), requires: []string{"text"}},
		FaultShowSchool:  {act: changing((*strike).showSchool), requires: []string{"text"}},
	}
}

// answering makes an act of a fault that needs no particular genuine answer.
func answering(f func(*strike)) func(*strike) {
	return func(k *strike) {
		k.count(true)
		f(k)
	}
}

// damaging makes an act of a fault that changes the genuine answer. The
// function tells whether it could; where not, the answer goes out as it is.
func damaging(f func(*strike, *reply) bool) func(*strike) {
	return func(k *strike) {
		answer := k.genuine()
		acted := answer.status == http.StatusOK && f(k, answer)
		k.count(acted)
		answer.send(k, acted)
	}
}

// changing makes an act of a fault that changes the district; the answer is
// genuine, and tells what the district is like after the change.
func changing(f func(*strike) bool) func(*strike) {
	return func(k *strike) {
		k.count(f(k))
		k.server.Answer(k.w, k.r)
	}
}
