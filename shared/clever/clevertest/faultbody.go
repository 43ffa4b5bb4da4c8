package clevertest

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
)

func (k *strike) truncated(p *reply) bool {
	if len(p.body) == 0 {
		return false
	}
	p.body = p.body[:partOf(p.body, k.fault.Bytes)]
	return true
}

func (k *strike) emptyBody(p *reply) bool {
	p.body = nil
	p.packed = true
	return true
}

func (k *strike) trailing(p *reply) bool {
	p.body = append(p.body, k.fault.Text...)
	return true
}

// giantBody fills the space before the last bracket, so that the body stays
// JSON.
func (k *strike) giantBody(p *reply) bool {
	p.fillAt = bytes.LastIndexByte(p.body, '}')
	if p.fillAt < 0 {
		p.fillAt = 0
		return false
	}
	p.filler, p.fill = ' ', max(0, k.fault.Bytes-int64(len(p.body)))
	return true
}

// giantRecord fills a value that nobody knows in one record.
func (k *strike) giantRecord(p *reply) bool {
	const mark = "~fill~"
	doc := parseDocument(p.body)
	if doc == nil || k.fault.Skip >= len(doc.items) {
		return false
	}
	i := k.fault.Skip
	size := k.fault.Bytes - int64(len(doc.items[i]))
	if !doc.edit(i, func(record map[string]json.RawMessage) { record["garbage"] = json.RawMessage(`"` + mark + `"`) }) {
		return false
	}
	p.body = doc.encode()
	p.fillAt = bytes.Index(p.body, []byte(mark))
	p.body = slices.Delete(p.body, p.fillAt, p.fillAt+len(mark))
	p.filler, p.fill = 'x', max(0, size)
	return true
}

// gzip damages what the client is to decompress.
func (k *strike) gzip(p *reply) bool {
	if k.fault.Variant == "plain" {
		p.header.Set("Content-Encoding", "gzip")
		p.packed = true
		return true
	}
	p.pack(k)
	if !p.packed || len(p.body) < 20 {
		return false
	}
	switch n := len(p.body); k.fault.Variant {
	case "checksum":
		p.body[n-6] ^= 0xff // the checksum stands before the length, 8 bytes from the end
	case "truncated":
		p.body = p.body[:n/2]
	default:
		p.body[10] = 0xff // the first block, behind the header: of a type that is none
	}
	return true
}

// shapes are whole bodies of another shape than a list or an object has, and
// what stands for one part of them: "%" is the genuine links, "#" the genuine
// data.
var shapes = map[string]string{
	"no_data":      `{"links":%}`,
	"data_null":    `{"data":null,"links":%}`,
	"data_object":  `{"data":{},"links":%}`,
	"data_array":   `{"data":[],"links":%}`,
	"data_number":  `{"data":7,"links":%}`,
	"data_string":  `{"data":"records","links":%}`,
	"data_twice":   `{"data":#,"data":#,"links":%}`,
	"items_number": `{"data":[1,2,3],"links":%}`,
	"items_array":  `{"data":[[],[]],"links":%}`,
	"links_number": `{"data":#,"links":7}`,
	"links_object": `{"data":#,"links":{"next":"/v3.1/users"}}`,
	"next_number":  `{"data":#,"links":[{"rel":"next","uri":7}]}`,
	"count_string": `{"data":#,"count":"many","links":%}`,
	"resources":    `{"resources":[]}`,
	"object":       `{}`,
	"array":        `[]`,
	"number":       `7`,
	"string":       `"records"`,
	"null":         `null`,
	"no_json":      `records`,
}

// shapeNames has the shape that stands for all first.
func shapeNames() []string {
	names := slices.Sorted(maps.Keys(shapes))
	i := slices.Index(names, "no_data")
	return append([]string{"no_data"}, slices.Delete(names, i, i+1)...)
}

func (k *strike) shape(p *reply) bool {
	doc := parseDocument(p.body)
	if doc == nil {
		return false
	}
	var body []byte
	for _, c := range []byte(shapes[k.fault.Variant]) {
		switch c {
		case '%':
			body = append(body, doc.encodeLinks()...)
		case '#':
			body = append(body, doc.encodeData()...)
		default:
			body = append(body, c)
		}
	}
	p.body = body
	return true
}
