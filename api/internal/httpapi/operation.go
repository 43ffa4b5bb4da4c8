package httpapi

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"cleversync/shared/postgres"
)

// operation describes one operation of the API, for its readers and for admit.
type operation struct {
	id, method, path     string
	tag                  string
	summary, description string
	// scope is the least that a token must have. An operation of ScopeTenant
	// has {tenant} in its path, and a tenant's token reaches its own only.
	scope postgres.Scope
	// status is that of success, 0 for huma's default.
	status int
	// answers are further successes, with the same body.
	answers map[int]string
	// problems are the codes that the operation itself may answer with; those
	// that any operation may answer with are added.
	problems []code
	// csv says that success is a table, not JSON.
	csv bool
}

const metadataScope = "scope"

// register adds an operation to the API. Whatever its function returns as an
// error becomes a Problem.
func register[I, O any](a *API, op operation, work func(context.Context, *I) (*O, error)) {
	described := op.describe(a.problems)
	if body, ok := reflect.TypeFor[O]().FieldByName("Body"); ok {
		for status := range op.answers {
			described.Responses[strconv.Itoa(status)].Content = map[string]*huma.MediaType{
				"application/json": {Schema: a.huma.OpenAPI().Components.Schemas.Schema(body.Type, true, "")},
			}
		}
	}
	huma.Register(a.huma, described, func(ctx context.Context, in *I) (*O, error) {
		out, err := work(ctx, in)
		if err != nil {
			return nil, a.problemOf(ctx, err)
		}
		return out, nil
	})
}

func (op operation) describe(problem *huma.Schema) huma.Operation {
	described := huma.Operation{
		OperationID:   op.id,
		Method:        op.method,
		Path:          op.path,
		Tags:          []string{op.tag},
		Summary:       op.summary,
		Description:   op.description,
		DefaultStatus: op.status,
		Security:      []map[string][]string{{"bearer": {}}, {"basic": {}}},
		Metadata:      map[string]any{metadataScope: op.scope},
		Responses:     op.responses(problem),
	}
	return described
}

func (op operation) responses(problem *huma.Schema) map[string]*huma.Response {
	byStatus := map[int][]code{}
	for _, c := range op.allProblems() {
		byStatus[c.status()] = append(byStatus[c.status()], c)
	}
	responses := map[string]*huma.Response{}
	for status, codes := range byStatus {
		responses[strconv.Itoa(status)] = problemResponse(codes, problem)
	}
	for status, text := range op.answers {
		responses[strconv.Itoa(status)] = &huma.Response{Description: text}
	}
	if op.csv {
		responses["200"] = &huma.Response{
			Description: "The table, its first row the names of the columns.",
			Content:     map[string]*huma.MediaType{"text/csv": {Schema: &huma.Schema{Type: huma.TypeString}}},
		}
	}
	return responses
}

func problemResponse(codes []code, schema *huma.Schema) *huma.Response {
	examples := map[string]*huma.Example{}
	lines := make([]string, len(codes))
	for i, c := range codes {
		lines[i] = fmt.Sprintf("`%s`: %s", c, c.meaning())
		examples[string(c)] = &huma.Example{Summary: c.meaning(), Value: c.example()}
	}
	return &huma.Response{
		Description: strings.Join(lines, "\n\n"),
		Content:     map[string]*huma.MediaType{problemType: {Schema: schema, Examples: examples}},
	}
}

// allProblems are the operation's own and those that its form brings.
func (op operation) allProblems() []code {
	all := map[code]bool{codeUnauthorized: true, codeTooManyAttempts: true, codeInvalid: true, codeInternal: true, codeUnavailable: true}
	if op.scope == postgres.ScopeOperator {
		all[codeForbidden] = true
	}
	if strings.Contains(op.path, "{tenant}") {
		all[codeUnknownTenant] = true
	}
	if op.method != http.MethodGet {
		all[codeCrossOrigin] = true
	}
	if op.hasBody() {
		all[codeMalformed], all[codeTooLarge], all[codeMediaType], all[codeSlow] = true, true, true, true
	}
	for _, c := range op.problems {
		all[c] = true
	}
	return slices.Sorted(maps.Keys(all))
}

// hasBody tells whether the operation takes a body. Starting and cancelling
// take none, nor does resuming: what they need is in the path.
func (op operation) hasBody() bool {
	switch op.method {
	case http.MethodPut, http.MethodPatch:
		return true
	case http.MethodPost:
		return !strings.Contains(op.path, "/runs") && !strings.HasSuffix(op.path, "/resume")
	}
	return false
}
