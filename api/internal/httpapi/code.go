package httpapi

import (
	"net/http"

	"cleversync/shared/fault"
)

// code is what a Problem says to programs: one of a sync's fault codes, or one
// of the API's own. Codes are never renamed.
type code string

// The API's own codes.
const (
	codeMalformed        code = "malformed_request"
	codeUnauthorized     code = "unauthorized"
	codeForbidden        code = "forbidden"
	codeCrossOrigin      code = "cross_origin"
	codeNotFound         code = "not_found"
	codeUnknownTenant    code = "unknown_tenant"
	codeUnknownRun       code = "unknown_run"
	codeUnknownToken     code = "unknown_token"
	codeUnknownHold      code = "unknown_hold"
	codeHoldNotOpen      code = "hold_not_open"
	codeUnknownLogin     code = "unknown_login"
	codeNoConnection     code = "no_connection"
	codeMethodNotAllowed code = "method_not_allowed"
	codeSlow             code = "request_timeout"
	codeRunUnfinished    code = "run_unfinished"
	codeRunEnded         code = "run_ended"
	codeNotUndoable      code = "not_undoable"
	codeTooLarge         code = "request_too_large"
	codeMediaType        code = "unsupported_media_type"
	codeInvalid          code = "invalid_request"
	codeTooManyAttempts  code = "too_many_attempts"
	codeTooManyLogins    code = "too_many_logins"
	codePublicAddress    code = "public_address_unknown"
	codeInternal              = code(fault.Internal)
	codeUnavailable      code = "unavailable"
)

type explanation struct {
	status          int
	meaning, action string
}

var explanations = map[code]explanation{
	codeMalformed:        {http.StatusBadRequest, "The body is missing or is no JSON.", ""},
	codeUnauthorized:     {http.StatusUnauthorized, "The request carries no token, or one that is unknown, revoked or expired.", "Send a valid token as Authorization: Bearer."},
	codeForbidden:        {http.StatusForbidden, "The token does not allow this.", "Ask an operator."},
	codeCrossOrigin:      {http.StatusForbidden, "Another web site made the browser send this.", ""},
	codeNotFound:         {http.StatusNotFound, "There is nothing at this address.", "See /docs for what there is."},
	codeUnknownTenant:    {http.StatusNotFound, "There is no such tenant, or the token is not for it.", ""},
	codeUnknownRun:       {http.StatusNotFound, "The tenant has no such run.", ""},
	codeUnknownToken:     {http.StatusNotFound, "There is no such token.", ""},
	codeUnknownHold:      {http.StatusNotFound, "The tenant has no such held changes.", ""},
	codeHoldNotOpen:      {http.StatusConflict, "These changes can no longer be decided about: they are decided, too old, or a newer sync has replaced them.", "Look at the newest held changes."},
	codeNoConnection:     {http.StatusNotFound, "The tenant is not connected to a Clever district.", "Log in with Clever, or ask an operator to connect it."},
	codeUnknownLogin:     {http.StatusNotFound, "The tenant has no such log-in, or it ended more than a day ago.", "Begin another."},
	codeMethodNotAllowed: {http.StatusMethodNotAllowed, "This address does not take that method.", "See the Allow header."},
	codeSlow:             {http.StatusRequestTimeout, "The body did not arrive in time.", ""},
	codeRunUnfinished:    {http.StatusConflict, "A run of this tenant is under way.", "Wait for it or cancel it; coalesce=true joins it instead."},
	codeRunEnded:         {http.StatusConflict, "The run has ended already.", ""},
	codeNotUndoable:      {http.StatusConflict, "Only the newest run that wrote anything can be undone, once, and no undo.", ""},
	codeTooLarge:         {http.StatusRequestEntityTooLarge, "The body is larger than 1 MB.", ""},
	codeMediaType:        {http.StatusUnsupportedMediaType, "The body is not application/json.", ""},
	codeInvalid:          {http.StatusUnprocessableEntity, "A parameter or a value of the body is not valid; errors names each.", ""},
	codeTooManyAttempts:  {http.StatusTooManyRequests, "Too many refused tokens came from this address.", "Wait as long as Retry-After says."},
	codeTooManyLogins:    {http.StatusTooManyRequests, "Too many log-ins were begun for this tenant.", "Wait as long as Retry-After says."},
	codePublicAddress:    {http.StatusServiceUnavailable, "This deployment does not know the address at which browsers reach it.", "Ask an operator to set PUBLIC_URL."},
	codeUnavailable:      {http.StatusServiceUnavailable, "The database does not answer.", "Try again in a moment."},
}

// faultStatuses says with which status a sync's fault is answered: 422 where
// the tenant's settings are at fault, 409 where something stands in the way,
// 502 and 503 where Clever or the roster store failed.
var faultStatuses = map[fault.Code]int{
	fault.NotConnected:           http.StatusUnprocessableEntity,
	fault.NoSchoolSelected:       http.StatusUnprocessableEntity,
	fault.NotEnabled:             http.StatusUnprocessableEntity,
	fault.CleverTokenRevoked:     http.StatusBadGateway,
	fault.CleverNotShared:        http.StatusBadGateway,
	fault.CleverDistrictHeld:     http.StatusConflict,
	fault.CleverRateLimited:      http.StatusServiceUnavailable,
	fault.CleverUnavailable:      http.StatusServiceUnavailable,
	fault.CleverBadResponse:      http.StatusBadGateway,
	fault.SnapshotIncomplete:     http.StatusBadGateway,
	fault.AppliesStopped:         http.StatusConflict,
	fault.RosterStoreUnavailable: http.StatusServiceUnavailable,
	fault.LostWorker:             http.StatusInternalServerError,
	fault.Cancelled:              http.StatusConflict,
	fault.Internal:               http.StatusInternalServerError,
}

func (c code) explain() explanation {
	if e, ok := explanations[c]; ok {
		return e
	}
	known := fault.Explain(fault.Code(c))
	return explanation{status: faultStatuses[known.Code], meaning: known.Meaning, action: known.Action}
}

func (c code) status() int     { return c.explain().status }
func (c code) meaning() string { return c.explain().meaning }

// action is empty for an internal error: its explanation is for operators.
func (c code) action() string {
	if c == codeInternal {
		return "Report the reference."
	}
	return c.explain().action
}

func (c code) example() *Problem {
	p := newProblem(c, "")
	if c == codeInternal {
		p.Reference = "QK7Y2M5RXWV3JTA6NLD4GHBZCE"
	}
	return p
}

// codeOfStatus is the code of what huma itself refuses.
func codeOfStatus(status int) code {
	switch status {
	case http.StatusBadRequest:
		return codeMalformed
	case http.StatusNotFound:
		return codeNotFound
	case http.StatusMethodNotAllowed:
		return codeMethodNotAllowed
	case http.StatusRequestTimeout:
		return codeSlow
	case http.StatusRequestEntityTooLarge:
		return codeTooLarge
	case http.StatusUnsupportedMediaType:
		return codeMediaType
	case http.StatusUnprocessableEntity:
		return codeInvalid
	}
	return codeInternal
}
