package httpapi

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"cleversync/shared/fault"
)

// checkDocumented fails the test where an operation answered in a way that its
// description does not announce. Every test of the package goes through it.
func (w *world) checkDocumented(r *http.Request, got reply) {
	w.t.Helper()
	op := operationFor(w.api.OpenAPI(), r.Method, r.URL.Path)
	if op == nil {
		return
	}
	response := op.Responses[strconv.Itoa(got.status)]
	if response == nil {
		w.t.Errorf("%s %s answered %d, which is not documented: %s", r.Method, op.Path, got.status, got.body)
		return
	}
	mediaType, _, _ := strings.Cut(got.header.Get("Content-Type"), ";")
	if mediaType != problemType {
		return
	}
	var p Problem
	if err := json.Unmarshal([]byte(got.body), &p); err != nil {
		w.t.Errorf("problem %q: %v", got.body, err)
	}
	if _, ok := response.Content[problemType].Examples[p.Code]; !ok {
		w.t.Errorf("%s %s answered %d with code %s, which is not documented", r.Method, op.Path, got.status, p.Code)
	}
}

// operationFor finds the operation that a request is for.
func operationFor(spec *huma.OpenAPI, method, path string) *huma.Operation {
	for _, op := range operations(spec) {
		if op.Method == method && matches(op.Path, path) {
			return op
		}
	}
	return nil
}

func matches(pattern, path string) bool {
	want, got := strings.Split(pattern, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return false
	}
	for i := range want {
		if want[i] != got[i] && !strings.HasPrefix(want[i], "{") {
			return false
		}
	}
	return true
}

func TestOpenAPI_IsConsistent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var spec struct {
		OpenAPI    string                                `json:"openapi"`
		Paths      map[string]map[string]json.RawMessage `json:"paths"`
		Components struct {
			Schemas         map[string]json.RawMessage `json:"schemas"`
			SecuritySchemes map[string]json.RawMessage `json:"securitySchemes"`
		} `json:"components"`
	}
	got := w.do(request{method: "GET", path: "/openapi.json"})
	got.into(t, 200, &spec)
	if !strings.HasPrefix(spec.OpenAPI, "3.1.") {
		t.Errorf("openapi %q, want 3.1", spec.OpenAPI)
	}
	for _, ref := range regexp.MustCompile(`"\$ref":"([^"]+)"`).FindAllStringSubmatch(got.body, -1) {
		name, ok := strings.CutPrefix(ref[1], "#/components/schemas/")
		if _, there := spec.Components.Schemas[name]; !ok || !there {
			t.Errorf("%s refers to nothing", ref[1])
		}
	}
	ids := map[string]bool{}
	for path, item := range spec.Paths {
		for method, raw := range item {
			checkOperation(t, method+" "+path, raw, ids)
		}
	}
	if len(ids) != len(operations(w.api.OpenAPI())) || len(ids) < 14 {
		t.Errorf("%d operations described, %d registered, want all of them and at least 14", len(ids), len(operations(w.api.OpenAPI())))
	}
}

func checkOperation(t *testing.T, name string, raw json.RawMessage, ids map[string]bool) {
	t.Helper()
	var op struct {
		ID         string `json:"operationId"`
		Summary    string `json:"summary"`
		Parameters []struct{ Name, In string }
		Security   []map[string][]string
		Responses  map[string]struct {
			Description string
			Content     map[string]struct{ Examples map[string]json.RawMessage }
		}
	}
	if err := json.Unmarshal(raw, &op); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if op.ID == "" || ids[op.ID] || op.Summary == "" || len(op.Security) != 2 {
		t.Errorf("%s: id %q (seen before: %t), summary %q, %d ways to sign in", name, op.ID, ids[op.ID], op.Summary, len(op.Security))
	}
	ids[op.ID] = true
	inPath := map[string]bool{}
	for _, p := range op.Parameters {
		inPath[p.Name] = p.In == "path"
	}
	for _, variable := range regexp.MustCompile(`\{([a-z]+)\}`).FindAllStringSubmatch(name, -1) {
		if !inPath[variable[1]] {
			t.Errorf("%s: parameter %s is not described", name, variable[1])
		}
	}
	for status, response := range op.Responses {
		if response.Description == "" {
			t.Errorf("%s: answer %s is not described", name, status)
		}
		if status >= "400" && len(response.Content[problemType].Examples) == 0 {
			t.Errorf("%s: answer %s has no example of a problem", name, status)
		}
	}
	for _, status := range []string{"401", "422", "429", "500", "503"} {
		if _, ok := op.Responses[status]; !ok {
			t.Errorf("%s: answer %s is not described", name, status)
		}
	}
}

func TestCodes_EachHasStatusAndMeaning(t *testing.T) {
	t.Parallel()
	for _, e := range fault.Explanations() {
		status, ok := faultStatuses[e.Code]
		if !ok || status < 400 || status > 599 {
			t.Errorf("fault %s is answered with %d", e.Code, status)
		}
		if _, twice := explanations[code(e.Code)]; twice {
			t.Errorf("fault %s is explained twice", e.Code)
		}
	}
	if len(faultStatuses) != len(fault.Explanations()) {
		t.Errorf("%d faults have a status, %d exist", len(faultStatuses), len(fault.Explanations()))
	}
	for c, e := range explanations {
		if http.StatusText(e.status) == "" || e.status < 400 || e.meaning == "" {
			t.Errorf("code %s: status %d, meaning %q", c, e.status, e.meaning)
		}
	}
}

// TestProblemOf_EveryFault asks for the answer to each kind of failure that a
// sync knows, so that a new one cannot be forgotten.
func TestProblemOf_EveryFault(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, e := range fault.Explanations() {
		f := fault.Wrap(http.ErrBodyNotAllowed, e.Code, "said to the user")
		p := w.api.problemOf(t.Context(), f)
		if p.Code != string(e.Code) || p.Status != faultStatuses[e.Code] {
			t.Errorf("%s: answered as %+v", e.Code, p)
		}
		if strings.Contains(p.Detail, http.ErrBodyNotAllowed.Error()) {
			t.Errorf("%s: shows its cause: %s", e.Code, p.Detail)
		}
		if e.Code != fault.Internal && p.Detail != "said to the user" {
			t.Errorf("%s: detail %q", e.Code, p.Detail)
		}
	}
}

func TestWorld_FindsOperations(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, op := range operations(w.api.OpenAPI()) {
		path := regexp.MustCompile(`\{[a-z]+\}`).ReplaceAllString(op.Path, "x")
		r := httptest.NewRequestWithContext(t.Context(), op.Method, path, nil)
		if operationFor(w.api.OpenAPI(), r.Method, r.URL.Path) != op {
			t.Errorf("%s %s is not found", op.Method, path)
		}
	}
}
