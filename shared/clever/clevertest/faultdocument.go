package clevertest

import (
	"bytes"
	"encoding/json"
)

// document is the body of a list or of a single object, taken apart. An object
// counts as a list of one.
type document struct {
	items  []json.RawMessage
	single bool
	links  []documentLink
}

// documentLink is a link whose uri may be anything.
type documentLink struct {
	Rel string `json:"rel"`
	URI any    `json:"uri"`
}

// parseDocument reads a genuine body, nil where it is no document.
func parseDocument(body []byte) *document {
	var parts struct {
		Data  json.RawMessage
		Links []documentLink
	}
	if json.Unmarshal(body, &parts) != nil || len(parts.Data) == 0 {
		return nil
	}
	doc := &document{links: append([]documentLink{}, parts.Links...)}
	if parts.Data[0] != '[' {
		doc.single, doc.items = true, []json.RawMessage{parts.Data}
		return doc
	}
	if json.Unmarshal(parts.Data, &doc.items) != nil {
		return nil
	}
	return doc
}

func (doc *document) encode() []byte {
	body := append([]byte(`{"data":`), doc.encodeData()...)
	body = append(append(body, `,"links":`...), doc.encodeLinks()...)
	return append(body, '}')
}

func (doc *document) encodeData() []byte {
	data := bytes.Join(asBytes(doc.items), []byte(","))
	if doc.single {
		return data
	}
	return append(append([]byte{'['}, data...), ']')
}

func (doc *document) encodeLinks() []byte { return encodeJSON(doc.links) }

func asBytes(raws []json.RawMessage) [][]byte {
	all := make([][]byte, len(raws))
	for i, raw := range raws {
		all[i] = raw
	}
	return all
}

// encodeJSON encodes what a fault made of decoded JSON, which always encodes.
func encodeJSON(v any) []byte {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("clevertest: decoded JSON does not encode: " + err.Error())
	}
	return bytes.TrimSuffix(text.Bytes(), []byte("\n"))
}

// wrapped tells whether an item holds its record in data, as those of lists
// do, unlike a single object and the items of the token list.
func (doc *document) wrapped(i int) (record, uri json.RawMessage, ok bool) {
	var parts struct{ Data, URI json.RawMessage }
	if doc.single || json.Unmarshal(doc.items[i], &parts) != nil || len(parts.Data) == 0 {
		return doc.items[i], nil, false
	}
	return parts.Data, parts.URI, true
}

// replace puts another value in the place of a record, within its wrapper.
func (doc *document) replace(i int, record json.RawMessage) {
	_, uri, ok := doc.wrapped(i)
	if !ok {
		doc.items[i] = record
		return
	}
	item := append([]byte(`{"data":`), record...)
	if len(uri) > 0 {
		item = append(append(item, `,"uri":`...), uri...)
	}
	doc.items[i] = append(item, '}')
}

// edit changes the members of a record, and tells whether it has any.
func (doc *document) edit(i int, f func(map[string]json.RawMessage)) bool {
	record, _, _ := doc.wrapped(i)
	var members map[string]json.RawMessage
	if json.Unmarshal(record, &members) != nil || members == nil {
		return false
	}
	f(members)
	doc.replace(i, encodeJSON(members))
	return true
}

// id is that of a record, "" where it has none.
func (doc *document) id(i int) string {
	record, _, _ := doc.wrapped(i)
	var key struct{ ID string }
	_ = json.Unmarshal(record, &key) // one that cannot be read is none
	return key.ID
}

func (doc *document) ids() []string {
	var all []string
	for i := range doc.items {
		if id := doc.id(i); id != "" {
			all = append(all, id)
		}
	}
	return all
}

// setNext replaces the next link; nil takes it away.
func (doc *document) setNext(uri any) {
	links := []documentLink{}
	for _, l := range doc.links {
		if l.Rel != "next" {
			links = append(links, l)
		}
	}
	if uri != nil {
		links = append(links, documentLink{"next", uri})
	}
	doc.links = links
}

// next is the uri of the next link, "" where there is none.
func (doc *document) next() string {
	for _, l := range doc.links {
		if uri, ok := l.URI.(string); ok && l.Rel == "next" {
			return uri
		}
	}
	return ""
}
