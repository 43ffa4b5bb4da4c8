package httpapi

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"cleversync/shared/fault"
	"cleversync/shared/postgres"
)

// What the docs page shows; see docs/page.html.
type (
	docs struct {
		Title, Version, Description string
		Groups                      []docGroup
		Schemas                     []docSchema
		Codes                       []docCode
	}
	docGroup struct {
		Name, Description string
		Operations        []docOperation
	}
	docOperation struct {
		ID, Method, Path, Summary, Description, Scope, Curl string
		Parameters                                          []docField
		Body                                                *docContent
		Responses                                           []docResponse
	}
	docResponse struct {
		Status, Title, Description string
		Problem                    bool
		Headers                    []string
		Content                    *docContent
	}
	docContent struct {
		Type, Schema, Example string
	}
	docSchema struct {
		Name   string
		Fields []docField
	}
	docField struct {
		Name, In, Type, Schema, Description string
		Limits                              []string
		Required                            bool
	}
	docCode struct {
		Code, Meaning, Action string
		Status                int
	}
)

func viewDocs(spec *huma.OpenAPI) docs {
	view := docs{Title: spec.Info.Title, Version: spec.Info.Version, Description: spec.Info.Description, Codes: docCodes()}
	for _, tag := range spec.Tags {
		view.Groups = append(view.Groups, docGroup{Name: tag.Name, Description: tag.Description, Operations: docOperations(spec, tag.Name)})
	}
	schemas := spec.Components.Schemas.Map()
	for _, name := range slices.Sorted(maps.Keys(schemas)) {
		view.Schemas = append(view.Schemas, docSchema{Name: name, Fields: docFields(schemas[name])})
	}
	return view
}

// operations gives every operation of the description, sorted by path, each
// path's in the order of methods in which people think.
func operations(spec *huma.OpenAPI) []*huma.Operation {
	var all []*huma.Operation
	for _, path := range slices.Sorted(maps.Keys(spec.Paths)) {
		item := spec.Paths[path]
		for _, op := range []*huma.Operation{item.Post, item.Get, item.Put, item.Patch, item.Delete} {
			if op != nil {
				all = append(all, op)
			}
		}
	}
	return all
}

func docOperations(spec *huma.OpenAPI, tag string) []docOperation {
	var views []docOperation
	for _, op := range operations(spec) {
		if !slices.Contains(op.Tags, tag) {
			continue
		}
		view := docOperation{
			ID: op.OperationID, Method: op.Method, Path: op.Path, Summary: op.Summary, Description: op.Description,
			Scope: "operator, or a tenant's own token",
		}
		if op.Metadata[metadataScope] == postgres.ScopeOperator {
			view.Scope = "operator"
		}
		for _, p := range op.Parameters {
			field := docOf(p.Name, p.Schema, p.Required)
			field.In, field.Description = p.In, cmp.Or(p.Description, field.Description)
			view.Parameters = append(view.Parameters, field)
		}
		if op.RequestBody != nil {
			view.Body = contentOf(spec, op.RequestBody.Content)
		}
		view.Responses = docResponses(spec, op)
		view.Curl = curl(view)
		views = append(views, view)
	}
	return views
}

func docResponses(spec *huma.OpenAPI, op *huma.Operation) []docResponse {
	var views []docResponse
	for _, status := range slices.Sorted(maps.Keys(op.Responses)) {
		response := op.Responses[status]
		number, _ := strconv.Atoi(status)
		view := docResponse{
			Status: status, Title: http.StatusText(number), Description: response.Description,
			Problem: number >= http.StatusBadRequest,
			Headers: slices.Sorted(maps.Keys(response.Headers)),
		}
		if view.Description == view.Title {
			view.Description = ""
		}
		if !view.Problem {
			view.Content = contentOf(spec, response.Content)
		}
		views = append(views, view)
	}
	return views
}

func contentOf(spec *huma.OpenAPI, content map[string]*huma.MediaType) *docContent {
	for _, mediaType := range slices.Sorted(maps.Keys(content)) {
		schema := content[mediaType].Schema
		view := &docContent{Type: mediaType, Schema: schemaName(schema)}
		if view.Schema != "" {
			view.Example = example(spec.Components.Schemas, schema)
		}
		return view
	}
	return nil
}

func curl(op docOperation) string {
	line := `curl -H "Authorization: Bearer $TOKEN"`
	if op.Method != http.MethodGet {
		line += " -X " + op.Method
	}
	path := strings.NewReplacer("{tenant}", "$TENANT", "{run}", "$RUN", "{id}", "$ID").Replace(op.Path)
	line += fmt.Sprintf(` "$CLEVERSYNC%s"`, path)
	if op.Body != nil {
		line += " \\\n  -H 'Content-Type: application/json' -d @body.json"
	}
	return line
}

func docCodes() []docCode {
	all := slices.Sorted(maps.Keys(explanations))
	for _, e := range fault.Explanations() {
		if c := code(e.Code); !slices.Contains(all, c) {
			all = append(all, c)
		}
	}
	views := make([]docCode, len(all))
	for i, c := range all {
		views[i] = docCode{Code: string(c), Status: c.status(), Meaning: c.meaning(), Action: c.action()}
	}
	slices.SortStableFunc(views, func(a, b docCode) int { return cmp.Compare(a.Status, b.Status) })
	return views
}
