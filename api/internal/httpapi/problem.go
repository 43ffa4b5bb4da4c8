package httpapi

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"cleversync/api/internal/auth"
	"cleversync/api/internal/connect"
	"cleversync/shared/dispatch"
	"cleversync/shared/fault"
	"cleversync/shared/postgres"
)

const problemType = "application/problem+json"

// awhile is when a caller may come back while the database is away.
const awhile = 5 * time.Second

// Problem is every error's answer: RFC 9457 with a code of ours.
type Problem struct {
	Title     string              `json:"title" doc:"The status in words."`
	Status    int                 `json:"status" doc:"The HTTP status."`
	Code      string              `json:"code" doc:"What went wrong, for programs: codes are never renamed."`
	Detail    string              `json:"detail" doc:"What went wrong, for people."`
	Action    string              `json:"action,omitempty" doc:"What can be done about it."`
	Run       *uuid.UUID          `json:"run,omitempty" format:"uuid" doc:"The run under way, where that is the problem."`
	Reference string              `json:"reference,omitempty" doc:"Finds the log line of an internal error."`
	Errors    []*huma.ErrorDetail `json:"errors,omitempty" doc:"Each fault of a request that was refused, all at once."`

	retryAfter time.Duration
}

// Error gives the detail.
func (p *Problem) Error() string { return p.Detail }

// GetStatus gives the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders gives Retry-After where it is known.
func (p *Problem) GetHeaders() http.Header {
	if p.retryAfter <= 0 {
		return nil
	}
	return http.Header{"Retry-After": {strconv.Itoa(int(p.retryAfter.Round(time.Second).Seconds()))}}
}

// ContentType makes huma send the media type of RFC 9457.
func (p *Problem) ContentType(string) string { return problemType }

func problemSchema(registry huma.Registry) *huma.Schema {
	return registry.Schema(reflect.TypeFor[Problem](), true, "Problem")
}

// newProblem makes a problem of a code. An empty detail is the code's meaning.
func newProblem(c code, detail string) *Problem {
	return &Problem{
		Title:  http.StatusText(c.status()),
		Status: c.status(),
		Code:   string(c),
		Detail: cmp.Or(detail, c.meaning()),
		Action: c.action(),
	}
}

// invalid makes the problem of a request that has these faults.
func invalid(details ...*huma.ErrorDetail) *Problem {
	p := newProblem(codeInvalid, "")
	p.Errors = details
	return p
}

// problemOf is the one place where an error becomes an answer. What nobody
// foresaw is logged under a reference, which is all that the caller gets.
func (a *API) problemOf(ctx context.Context, err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	if f, ok := errors.AsType[*fault.Fault](err); ok && f.Code != fault.Internal {
		p := newProblem(code(f.Code), f.Detail)
		p.retryAfter = f.RetryAfter
		return p
	}
	if unfinished, ok := errors.AsType[*dispatch.UnfinishedError](err); ok {
		p := newProblem(codeRunUnfinished, "")
		p.Run = &unfinished.Run
		return p
	}
	if limited, ok := errors.AsType[*auth.LimitedError](err); ok {
		p := newProblem(codeTooManyAttempts, "")
		p.retryAfter = limited.RetryAfter
		return p
	}
	for known, c := range knownErrors {
		if errors.Is(err, known) {
			return newProblem(c, "")
		}
	}
	if ctx.Err() != nil || postgres.IsOutage(err) {
		a.log.WarnContext(ctx, "request not served", "error", err)
		p := newProblem(codeUnavailable, "")
		p.retryAfter = awhile
		return p
	}
	return a.internal(ctx, err)
}

func (a *API) internal(ctx context.Context, err error) *Problem {
	p := newProblem(codeInternal, "")
	p.Reference = rand.Text()
	a.log.ErrorContext(ctx, "request failed", "reference", p.Reference, "error", err)
	return p
}

var knownErrors = map[error]code{
	auth.ErrNoCredentials:   codeUnauthorized,
	auth.ErrRefused:         codeUnauthorized,
	postgres.ErrNoTenant:    codeUnknownTenant,
	postgres.ErrNoRun:       codeUnknownRun,
	postgres.ErrNoToken:     codeUnknownToken,
	dispatch.ErrNoRun:       codeUnknownRun,
	dispatch.ErrRunEnded:    codeRunEnded,
	dispatch.ErrNotUndoable: codeNotUndoable,
	postgres.ErrNoHold:      codeUnknownHold,
	postgres.ErrNotOpen:     codeHoldNotOpen,
	postgres.ErrNoLogin:     codeUnknownLogin,
	connect.ErrNoAddress:    codePublicAddress,
}

// fromHuma turns the errors that huma makes itself (a body that is no JSON, a
// value that its schema refuses) into problems like all others. What the caller
// sent is not sent back.
func (a *API) fromHuma(ctx huma.Context, _ string, body any) (any, error) {
	model, ok := body.(*huma.ErrorModel)
	if !ok {
		return body, nil
	}
	if model.Status >= http.StatusInternalServerError {
		return a.internal(ctx.Context(), errors.Join(model, errors.Join(asErrors(model.Errors)...))), nil
	}
	p := newProblem(codeOfStatus(model.Status), "")
	p.Status, p.Title = model.Status, http.StatusText(model.Status)
	for _, detail := range model.Errors {
		p.Errors = append(p.Errors, &huma.ErrorDetail{Message: detail.Message, Location: detail.Location})
	}
	return p, nil
}

func asErrors(details []*huma.ErrorDetail) []error {
	errs := make([]error, len(details))
	for i, detail := range details {
		errs[i] = errors.New(detail.Message)
	}
	return errs
}

// send writes a problem where huma does not.
func (p *Problem) send(w http.ResponseWriter) {
	for name, values := range p.GetHeaders() {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", problemType)
	w.WriteHeader(p.Status)
	// An error here means that the caller has gone.
	_ = json.NewEncoder(w).Encode(p)
}
