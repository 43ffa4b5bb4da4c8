package clevertest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// members are those of a record, undecoded.
type members = map[string]json.RawMessage

// deepMark is replaced by deep nesting, which encoding/json would not encode.
const deepMark = `"~deep~"`

// garbage is what each variant does to the ith record of a page; what has the
// place of a whole item or changes the order is done in place.
var garbage = map[string]func(f *Fault, doc *document, i int) bool{
	"wrong_type": func(f *Fault, doc *document, i int) bool {
		return doc.edit(i, func(m members) { wrongTypes(m, f.Field) })
	},
	"no_id":        func(_ *Fault, doc *document, i int) bool { return doc.edit(i, func(m members) { delete(m, "id") }) },
	"number_id":    withID(`1234567890`),
	"null_id":      withID(`null`),
	"object_id":    withID(`{"$oid":"5f0000000000000000000a03"}`),
	"empty_id":     withID(`""`),
	"odd_id":       withID(`"5f00\u0000\n<b>"`),
	"null":         withRecord(`null`),
	"number":       withRecord(`7`),
	"array":        withRecord(`[]`),
	"empty":        withRecord(`{}`),
	"null_item":    withItem(`null`),
	"number_item":  withItem(`7`),
	"unwrapped":    unwrap,
	"duplicate":    duplicate,
	"out_of_order": nil, // concerns several records at once
	"deep": func(_ *Fault, doc *document, i int) bool {
		return doc.edit(i, func(m members) { m["garbage"] = json.RawMessage(deepMark) })
	},
}

// recordNames has the variant that is the default first.
func recordNames() []string {
	return append([]string{"wrong_type"}, slices.DeleteFunc(slices.Sorted(maps.Keys(garbage)), func(name string) bool { return name == "wrong_type" })...)
}

// records damages some records of a page.
func (k *strike) records(p *reply) bool {
	doc := parseDocument(p.body)
	f := *k.fault
	from, n := f.Skip, cmp.Or(f.Records, 1)
	if doc == nil || from >= len(doc.items) {
		return false
	}
	to := min(from+n, len(doc.items))
	if f.Variant == "out_of_order" {
		to = min(max(to, from+2), len(doc.items)) // one alone is in order
		if to-from < 2 {
			return false
		}
		slices.Reverse(doc.items[from:to])
	} else {
		damage, done := garbage[cmp.Or(f.Variant, "wrong_type")], false
		for i := to - 1; i >= from; i-- { // backwards, since a duplicate moves those behind it
			done = damage(&f, doc, i) || done
		}
		if !done {
			return false
		}
	}
	p.body = doc.encode()
	if f.Variant == "deep" {
		depth := cmp.Or(f.Depth, 20_000)
		nested := append(bytes.Repeat([]byte("["), depth), bytes.Repeat([]byte("]"), depth)...)
		p.body = bytes.ReplaceAll(p.body, []byte(deepMark), nested)
	}
	return true
}

func withID(id string) func(*Fault, *document, int) bool {
	return func(_ *Fault, doc *document, i int) bool {
		return doc.edit(i, func(m members) { m["id"] = json.RawMessage(id) })
	}
}

func withRecord(record string) func(*Fault, *document, int) bool {
	return func(_ *Fault, doc *document, i int) bool {
		doc.replace(i, json.RawMessage(record))
		return true
	}
}

func withItem(item string) func(*Fault, *document, int) bool {
	return func(_ *Fault, doc *document, i int) bool {
		doc.items[i] = json.RawMessage(item)
		return true
	}
}

func unwrap(_ *Fault, doc *document, i int) bool {
	record, _, ok := doc.wrapped(i)
	doc.items[i] = record
	return ok
}

func duplicate(_ *Fault, doc *document, i int) bool {
	doc.items = slices.Insert(doc.items, i, doc.items[i])
	return !doc.single
}

// wrongTypes gives values another type: all but the id, or the one at a dotted
// path.
func wrongTypes(m members, field string) {
	if field == "" {
		for name, value := range m {
			if name != "id" {
				m[name] = otherType(value)
			}
		}
		return
	}
	name, rest, deeper := strings.Cut(field, ".")
	if !deeper {
		m[name] = otherType(m[name])
		return
	}
	var inner members
	if json.Unmarshal(m[name], &inner) == nil && inner != nil {
		wrongTypes(inner, rest)
		m[name] = encodeJSON(inner)
	}
}

// otherType is a value that no decoder takes for one of the given type.
func otherType(value json.RawMessage) json.RawMessage {
	if len(value) > 0 && value[0] == '"' {
		return json.RawMessage(`7`)
	}
	return json.RawMessage(`"garbage"`)
}
