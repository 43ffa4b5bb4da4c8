package clevertest

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
)

// webPage is what a person sees of a page.
type webPage struct {
	problem string
	forms   []webForm
	links   []string
}

type webForm struct {
	method string
	fields url.Values
}

// readPage reads one of the simulator's own pages, which are well-formed.
func readPage(text io.Reader) (*webPage, error) {
	p, d := &webPage{}, xml.NewDecoder(text)
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return p, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read page: %w", err)
		}
		element, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		if attribute(element, "role") == "alert" {
			if err := d.DecodeElement(&p.problem, &element); err != nil {
				return nil, fmt.Errorf("read page: %w", err)
			}
			continue
		}
		p.see(element)
	}
}

func (p *webPage) see(element xml.StartElement) {
	switch name := attribute(element, "name"); element.Name.Local {
	case "a":
		p.links = append(p.links, attribute(element, "href"))
	case "form":
		p.forms = append(p.forms, webForm{strings.ToUpper(attribute(element, "method")), url.Values{}})
	case "input", "button":
		if len(p.forms) > 0 && name != "" {
			p.forms[len(p.forms)-1].fields.Set(name, attribute(element, "value"))
		}
	}
}

func attribute(element xml.StartElement, name string) string {
	for _, a := range element.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}
