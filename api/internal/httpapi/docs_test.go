package httpapi

import (
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestDocs_LoadNothingFromElsewhere reads the page as a browser would and
// looks at everything that it could load or run.
func TestDocs_LoadNothingFromElsewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	page := w.do(request{method: "GET", path: "/docs"})
	if page.status != 200 || page.header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("%d %v", page.status, page.header)
	}
	elements := parseHTML(t, page.body)
	var ids, targets []string
	for _, e := range elements {
		if slices.Contains([]string{"script", "iframe", "object", "embed", "img", "base", "form", "style"}, e.Name.Local) {
			t.Errorf("the page has a <%s>", e.Name.Local)
		}
		for _, a := range e.Attr {
			name := a.Name.Local
			switch {
			case name == "id":
				ids = append(ids, a.Value)
			case name == "href" && strings.HasPrefix(a.Value, "#"):
				targets = append(targets, a.Value[1:])
			case name == "href" && slices.Contains([]string{"/openapi.json", "/docs/style.css", "data:,"}, a.Value):
			case name == "href" || name == "src" || name == "srcset" || name == "style" || strings.HasPrefix(name, "on"):
				t.Errorf("<%s %s=%q>", e.Name.Local, name, a.Value)
			}
		}
	}
	slices.Sort(ids)
	if unique := slices.Compact(slices.Clone(ids)); len(unique) != len(ids) {
		t.Errorf("ids are not unique: %q", ids)
	}
	for _, target := range targets {
		if !slices.Contains(ids, target) {
			t.Errorf("the link to #%s leads nowhere", target)
		}
	}
	style := w.do(request{method: "GET", path: "/docs/style.css"})
	if style.status != 200 || regexp.MustCompile(`url\(|@import|//`).MatchString(style.body) {
		t.Errorf("style sheet: %d; it must load nothing", style.status)
	}
	if !strings.Contains(style.body, "prefers-color-scheme: dark") {
		t.Error("the style sheet has no dark colours")
	}
}

func parseHTML(t *testing.T, page string) []xml.StartElement {
	t.Helper()
	decoder := xml.NewDecoder(strings.NewReader(page))
	decoder.Strict, decoder.AutoClose, decoder.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	var elements []xml.StartElement
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return elements
		}
		if err != nil {
			t.Fatalf("the page is not well formed: %v", err)
		}
		if start, ok := token.(xml.StartElement); ok {
			elements = append(elements, start.Copy())
		}
	}
}

func TestDocs_ShowEveryOperationCodeAndSchema(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	page := w.do(request{method: "GET", path: "/docs"}).body
	for _, op := range operations(w.api.OpenAPI()) {
		if !strings.Contains(page, `<article id="`+op.OperationID+`">`) || !strings.Contains(page, "<code>"+op.Path+"</code>") {
			t.Errorf("operation %s is not shown", op.OperationID)
		}
	}
	for _, c := range docCodes() {
		if !strings.Contains(page, "<td><code>"+c.Code+"</code></td>") {
			t.Errorf("code %s is not shown", c.Code)
		}
	}
	for name := range w.api.OpenAPI().Components.Schemas.Map() {
		if !strings.Contains(page, `<article id="schema-`+name+`">`) {
			t.Errorf("schema %s is not shown", name)
		}
	}
	for _, hidden := range []string{"ConnectionChange</a></h3>"} {
		_, after, _ := strings.Cut(page, hidden)
		section, _, _ := strings.Cut(after, "</article>")
		if section == "" || strings.Contains(section, "district_id") {
			t.Error("the change of a connection shows what only linking may change")
		}
	}
}

// TestDocs_ExamplesAreTaken sends each example body of the page to its
// operation: whoever copies one must not be refused.
func TestDocs_ExamplesAreTaken(t *testing.T) {
	t.Parallel()
	n := newNeighbours(t)
	w := n.world
	id := w.newTenant()
	w.link(id, `{"district_id":"d1","enabled":true,"grant":{"whole":true},"whole_district":true}`)
	for _, op := range operations(w.api.OpenAPI()) {
		if op.RequestBody == nil {
			continue
		}
		n.hold(id, n.myRun)
		r := n.requestOf(op, id, n.myRun, w.operator)
		r.body = strings.ReplaceAll(r.body, exampleID, id.String())
		if got := w.do(r); got.status >= 400 {
			t.Errorf("%s: %d %s\n%s", op.OperationID, got.status, got.body, r.body)
		}
	}
}
