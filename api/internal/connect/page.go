package connect

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"time"

	"cleversync/shared/fault"
	"cleversync/shared/postgres"
)

//go:embed pages
var files embed.FS

// pages are the parsed templates, each with the frame of all around it.
type pages struct {
	byName map[string]*template.Template
	style  []byte
}

func parsePages() (pages, error) {
	style, err := files.ReadFile("pages/style.css")
	if err != nil {
		return pages{}, err
	}
	p := pages{byName: map[string]*template.Template{}, style: style}
	for _, name := range []string{"start", "district", "school", "message", "wait"} {
		p.byName[name], err = template.ParseFS(files, "pages/frame.html", "pages/"+name+".html")
		if err != nil {
			return pages{}, err
		}
	}
	return p, nil
}

// view is a page before it is rendered.
type view struct {
	Template, Title string
	// LeadsToClever says that a form of the page ends at Clever: browsers hold
	// the page's policy against every redirect on the way, those from Clever to
	// a district's own log-in included.
	LeadsToClever bool
	// Refresh has the browser ask again after so many seconds.
	Refresh int
	Data    any
}

// render answers with a page. It is made whole first, so that an error is no
// half page.
func (c *Connector) render(w http.ResponseWriter, status int, v view) error {
	var page bytes.Buffer
	if err := c.pages.byName[v.Template].ExecuteTemplate(&page, "frame", v); err != nil {
		return fmt.Errorf("render %s: %w", v.Template, err)
	}
	forms := "'self'"
	if v.LeadsToClever {
		forms += " https: " + c.Clever.LogInOrigin()
	}
	w.Header().Set("Content-Security-Policy",
		"default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action "+forms)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	// An error here means that the browser has gone.
	_, _ = w.Write(page.Bytes())
	return nil
}

// Errors that a page of their own explains.
var (
	errUnknownTicket = errors.New("unknown ticket")
	errOtherBrowser  = errors.New("another browser")
	errBadForm       = errors.New("not a form of ours")
)

type tooOftenError struct{ wait time.Duration }

func (e *tooOftenError) Error() string { return "too often; try again in " + e.wait.String() }

// refusedError is a log-in of which nothing is stored.
type refusedError struct{ code string }

func (e *refusedError) Error() string { return "refused: " + e.code }

// messageView is a page that only says something.
type messageView struct {
	Text, Action, Code string
	Facts              []fact
	// RetryAt is where a form to try again leads, empty where there is none.
	RetryAt, RetryLabel string
}

// fact is a line of what is known.
type fact struct{ Name, Value string }

// fail answers with the page of an error. What nobody foresaw is logged.
func (c *Connector) fail(w http.ResponseWriter, r *http.Request, err error) {
	status, v := http.StatusInternalServerError, view{Template: "message", Title: "Something went wrong"}
	message := messageView{Text: "A defect of ours. Nothing was changed.", Action: "Try again in a moment.", Code: CodeInternal}
	if often, ok := errors.AsType[*tooOftenError](err); ok {
		w.Header().Set("Retry-After", strconv.Itoa(max(1, int(often.wait.Seconds()))))
		status, v.Title = http.StatusTooManyRequests, "Too many attempts"
		message = messageView{Text: "Too many attempts came from your network.", Action: "Try again in a minute.", Code: "too_many_attempts"}
	} else if refused, ok := errors.AsType[*refusedError](err); ok {
		reason := Explain(refused.code)
		status, v.Title = http.StatusForbidden, "The log-in did not lead on"
		message = messageView{Text: reason.Meaning, Action: reason.Action, Code: reason.Code}
	} else if f, ok := errors.AsType[*fault.Fault](err); ok && f.Code != fault.Internal {
		reason := Explain(codeOf(r.Context(), err))
		status, v.Title = http.StatusServiceUnavailable, "Clever did not answer"
		message = messageView{Text: reason.Meaning, Action: reason.Action, Code: reason.Code}
	} else if known, ok := knownFailures[unwrapped(err)]; ok {
		status, v.Title, message = known.status, known.title, known.messageView
	} else if r.Context().Err() != nil || postgres.IsOutage(err) {
		c.Log.WarnContext(r.Context(), "page not served", "error", err)
		status, v.Title = http.StatusServiceUnavailable, "Not available just now"
		message = messageView{Text: "The database does not answer.", Action: "Try again in a moment.", Code: "unavailable"}
	} else {
		c.Log.ErrorContext(r.Context(), "page failed", "error", err)
	}
	v.Data = message
	if err := c.render(w, status, v); err != nil {
		c.Log.ErrorContext(r.Context(), "page failed", "error", err)
	}
}

type failure struct {
	status int
	title  string
	messageView
}

const beginAnew = "Begin again in School Manager, under Configuration > Authentication > Clever."

// knownFailures are errors without more to say than what they are. That a
// log-in belongs to another browser is told in the same words as that there is
// none.
var knownFailures = map[error]failure{
	errUnknownTicket: {http.StatusNotFound, "This address is good no longer", messageView{
		Text: "The address was used already, is older than ten minutes, or is not complete.", Action: beginAnew, Code: "unknown_ticket"}},
	errOtherBrowser: {http.StatusForbidden, "This log-in is not known here", messageView{
		Text: "It was begun in another browser, or this browser keeps no cookies, or it began another log-in since.", Action: beginAnew, Code: "unknown_login"}},
	errBadForm: {http.StatusBadRequest, "This request cannot be used", messageView{
		Text: "It did not come from a page of ours.", Action: beginAnew, Code: "malformed_request"}},
	ErrNoAddress: {http.StatusServiceUnavailable, "Not set up yet", messageView{
		Text: "This deployment does not know its public address.", Action: "Ask an operator to set PUBLIC_URL.", Code: "public_address_unknown"}},
}

// unwrapped finds the known failure in an error's chain.
func unwrapped(err error) error {
	for known := range knownFailures {
		if errors.Is(err, known) {
			return known
		}
	}
	return nil
}
