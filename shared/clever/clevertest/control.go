package clevertest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// controlPath begins the paths of the control endpoint; Clever has none there.
const controlPath = "/_control/"

// maxControlBody bounds what the control endpoint reads.
const maxControlBody = 1 << 20

// refused is an error that the control endpoint answers with its status.
type refused struct {
	status int
	reason string
}

func (e *refused) Error() string { return e.reason }

func refuse(status int, format string, args ...any) error {
	return &refused{status, fmt.Sprintf(format, args...)}
}

// orders is the table of the control endpoint: what answers, by path and
// method. An answer is encoded as JSON.
type orders map[string]map[string]func(*http.Request) (any, error)

func (s *Server) orders() orders {
	return orders{
		"faults": {
			http.MethodGet:    func(*http.Request) (any, error) { return s.Faults(), nil },
			http.MethodPut:    s.putFaults,
			http.MethodDelete: s.deleteFaults,
		},
		"faults/kinds":                {http.MethodGet: func(*http.Request) (any, error) { return FaultKinds(), nil }},
		"requests":                    {http.MethodGet: func(*http.Request) (any, error) { return s.Requests(), nil }},
		"districts":                   {http.MethodGet: s.listDistricts},
		"districts/{id}":              {http.MethodGet: s.onDistrict(nothing)},
		"districts/{id}/rotate-token": {http.MethodPost: s.onDistrict(rotateToken)},
		"districts/{id}/disconnect":   {http.MethodPost: s.onDistrict(disconnect)},
		"districts/{id}/hide-school":  {http.MethodPost: s.onDistrict(hideSchool)},
		"districts/{id}/show-school":  {http.MethodPost: s.onDistrict(showSchool)},
		"districts/{id}/state":        {http.MethodPost: s.onDistrict(setState)},
		"districts/{id}/nights":       {http.MethodPost: s.night},
	}
}

// controls makes the control endpoint's handler. A page in somebody's browser
// is kept out: it could otherwise send orders to a simulator on the same
// machine.
func (s *Server) controls() http.Handler {
	mux := http.NewServeMux()
	for path, methods := range s.orders() {
		mux.HandleFunc(controlPath+path, func(w http.ResponseWriter, r *http.Request) {
			answer := methods[r.Method]
			if answer == nil {
				controlError(w, refuse(http.StatusMethodNotAllowed, "%s is not possible here", r.Method))
				return
			}
			result, err := answer(r)
			if err != nil {
				controlError(w, err)
				return
			}
			controlJSON(w, http.StatusOK, result)
		})
	}
	mux.HandleFunc(controlPath, func(w http.ResponseWriter, _ *http.Request) {
		controlError(w, refuse(http.StatusNotFound, "the control endpoint has no such path"))
	})
	browsers := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case s.cfg.ControlToken != "" && !same(bearer(r), s.cfg.ControlToken):
			controlError(w, refuse(http.StatusUnauthorized, "the control endpoint wants its token as bearer token"))
		case browsers.Check(r) != nil:
			controlError(w, refuse(http.StatusForbidden, "the control endpoint takes no orders from pages of other origins"))
		default:
			mux.ServeHTTP(w, r)
		}
	})
}

func (s *Server) putFaults(r *http.Request) (any, error) {
	var rules []FaultRule
	if err := readControl(r, &rules); err != nil {
		return nil, err
	}
	if err := s.SetFaults(rules...); err != nil {
		return nil, refuse(http.StatusBadRequest, "%s", err)
	}
	return s.Faults(), nil
}

func (s *Server) deleteFaults(*http.Request) (any, error) {
	err := s.SetFaults()
	return s.Faults(), err
}

// durations reads and writes durations as people do: "1.5s".
var (
	readDurations = json.WithUnmarshalers(json.UnmarshalFunc(func(text []byte, d *time.Duration) error {
		var s string
		if err := json.Unmarshal(text, &s); err != nil {
			return errors.New(`not a duration, such as "1.5s"`)
		}
		parsed, err := time.ParseDuration(s)
		if err != nil {
			return errors.New(`not a duration, such as "1.5s"`)
		}
		*d = parsed
		return nil
	}))
	writeDurations = json.WithMarshalers(json.MarshalFunc(func(d time.Duration) ([]byte, error) {
		return quote(nil, d.String()), nil
	}))
)

// readControl reads the body of an order. It must be said to be JSON, which a
// browser cannot say for a foreign page without asking first.
func readControl(r *http.Request, into any) error {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return refuse(http.StatusUnsupportedMediaType, "the body must be sent as application/json")
	}
	text, err := io.ReadAll(io.LimitReader(r.Body, maxControlBody+1))
	switch {
	case err != nil:
		return refuse(http.StatusBadRequest, "the body could not be read")
	case len(text) > maxControlBody:
		return refuse(http.StatusRequestEntityTooLarge, "the body is larger than %d bytes", maxControlBody)
	case len(bytes.TrimSpace(text)) == 0:
		return refuse(http.StatusBadRequest, "the body is empty")
	}
	err = json.Unmarshal(text, into, json.RejectUnknownMembers(true), readDurations)
	if semantic, ok := errors.AsType[*json.SemanticError](err); ok {
		return refuse(http.StatusBadRequest, "%s: %s", semantic.JSONPointer, whatIsWrong(semantic))
	}
	if err != nil {
		return refuse(http.StatusBadRequest, "the body is no JSON: %s", err)
	}
	return nil
}

// whatIsWrong says in a few words why a value was not taken.
func whatIsWrong(err *json.SemanticError) string {
	switch {
	case errors.Is(err, json.ErrUnknownName):
		return "no such field"
	case err.Err != nil:
		return err.Err.Error()
	}
	return fmt.Sprintf("a value of another type is wanted (%s)", err.GoType)
}

func controlJSON(w http.ResponseWriter, status int, value any) {
	text, err := json.Marshal(value, writeDurations, json.Deterministic(true), jsontext.WithIndent("  "))
	if err != nil {
		status, text = http.StatusInternalServerError, []byte(`{"error":"the answer cannot be encoded"}`)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write(append(text, '\n'))
}

func controlError(w http.ResponseWriter, err error) {
	status := http.StatusInternalServerError
	if r, ok := errors.AsType[*refused](err); ok {
		status = r.status
	}
	controlJSON(w, status, map[string]string{"error": strings.TrimSpace(err.Error())})
}
