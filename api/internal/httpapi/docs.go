package httpapi

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"strings"
)

// docsPolicy lets the page use its own style sheet and nothing else: it has no
// script and loads nothing from elsewhere.
const docsPolicy = "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

//go:embed docs
var docsFiles embed.FS

// serveDocs serves the description of the API, for programs at /openapi.json
// and for people at /docs. Both are made once, when every operation is known.
func (a *API) serveDocs(mux *http.ServeMux) error {
	spec, err := json.Marshal(a.huma.OpenAPI())
	if err != nil {
		return fmt.Errorf("describe the api: %w", err)
	}
	page, err := a.docsPage()
	if err != nil {
		return err
	}
	style, err := docsFiles.ReadFile("docs/style.css")
	if err != nil {
		return fmt.Errorf("read the docs' style: %w", err)
	}
	mux.Handle("GET /openapi.json", static("application/json", spec, ""))
	mux.Handle("GET /docs", static("text/html; charset=utf-8", page, docsPolicy))
	mux.Handle("GET /docs/style.css", static("text/css; charset=utf-8", style, ""))
	return nil
}

func static(contentType string, body []byte, policy string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Cache-Control", "no-cache")
		if policy != "" {
			w.Header().Set("Content-Security-Policy", policy)
		}
		// An error here means that the caller has gone.
		_, _ = w.Write(body)
	})
}

func (a *API) docsPage() ([]byte, error) {
	page, err := template.New("page.html").Funcs(template.FuncMap{
		"prose": prose,
		"lower": strings.ToLower,
	}).ParseFS(docsFiles, "docs/page.html")
	if err != nil {
		return nil, fmt.Errorf("parse the docs' page: %w", err)
	}
	var b bytes.Buffer
	if err := page.Execute(&b, viewDocs(a.huma.OpenAPI())); err != nil {
		return nil, fmt.Errorf("render the docs: %w", err)
	}
	return b.Bytes(), nil
}

// prose makes paragraphs of a description, with `code` in them.
func prose(text string) template.HTML {
	var b strings.Builder
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		if paragraph == "" {
			continue
		}
		b.WriteString("<p>")
		for i, part := range strings.Split(paragraph, "`") {
			if i%2 == 1 {
				b.WriteString("<code>" + template.HTMLEscapeString(part) + "</code>")
				continue
			}
			b.WriteString(template.HTMLEscapeString(part))
		}
		b.WriteString("</p>")
	}
	return template.HTML(b.String()) // every part was escaped above
}
