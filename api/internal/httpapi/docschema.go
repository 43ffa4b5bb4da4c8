package httpapi

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// ordered gives the properties that must be there first, as they are declared,
// then the others by name.
func ordered(s *huma.Schema) []string {
	names := slices.Clone(s.Required)
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		if !slices.Contains(names, name) && shown(s.Properties[name]) {
			names = append(names, name)
		}
	}
	return names
}

// shown tells whether a property is part of the description; huma marks hidden
// ones only by leaving them out when it writes the schema.
func shown(s *huma.Schema) bool {
	return s.Type != "" || s.Ref != "" || len(s.AllOf)+len(s.AnyOf)+len(s.OneOf) > 0
}

func docFields(s *huma.Schema) []docField {
	var fields []docField
	for _, name := range ordered(s) {
		fields = append(fields, docOf(name, s.Properties[name], slices.Contains(s.Required, name)))
	}
	return fields
}

func docOf(name string, s *huma.Schema, required bool) docField {
	return docField{
		Name: name, Type: typeOf(s), Schema: schemaName(s), Description: s.Description,
		Limits: limits(s), Required: required,
	}
}

// schemaName is the named schema that s refers to, itself or as its items.
func schemaName(s *huma.Schema) string {
	if s == nil {
		return ""
	}
	if s.Ref != "" {
		return path.Base(s.Ref)
	}
	return schemaName(s.Items)
}

func typeOf(s *huma.Schema) string {
	switch {
	case s.Ref != "":
		return path.Base(s.Ref)
	case s.Items != nil:
		return "list of " + typeOf(s.Items)
	case s.Format != "" && s.Type == huma.TypeString:
		return s.Format
	}
	return s.Type
}

func limits(s *huma.Schema) []string {
	var all []string
	add := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	if len(s.Enum) > 0 {
		values := make([]string, len(s.Enum))
		for i, value := range s.Enum {
			values[i] = fmt.Sprint(value)
		}
		add("one of %s", strings.Join(values, ", "))
	}
	if s.Default != nil {
		add("default %v", s.Default)
	}
	if s.Minimum != nil && s.Maximum != nil {
		add("from %g to %g", *s.Minimum, *s.Maximum)
	}
	if s.MaxLength != nil {
		add("at most %d characters", *s.MaxLength)
	}
	if s.MaxItems != nil {
		add("at most %d items", *s.MaxItems)
	}
	if s.PatternDescription != "" {
		add("%s", s.PatternDescription)
	} else if s.Pattern != "" {
		add("matches %s", s.Pattern)
	}
	if s.Items != nil {
		for _, limit := range limits(s.Items) {
			add("each %s", limit)
		}
	}
	return all
}

// example writes a value that a schema allows, its properties in the order of
// ordered.
func example(registry huma.Registry, s *huma.Schema) string {
	var b strings.Builder
	writeExample(&b, registry, s, "")
	return b.String()
}

func writeExample(b *strings.Builder, registry huma.Registry, s *huma.Schema, indent string) {
	switch {
	case s.Ref != "":
		writeExample(b, registry, registry.SchemaFromRef(s.Ref), indent)
	case len(s.Examples) > 0 && s.Type != huma.TypeObject:
		writeScalar(b, s.Examples[0])
	case s.Type == huma.TypeObject:
		deeper := indent + "  "
		b.WriteString("{")
		for i, name := range ordered(s) {
			if i > 0 {
				b.WriteString(",")
			}
			fmt.Fprintf(b, "\n%s%q: ", deeper, name)
			writeExample(b, registry, s.Properties[name], deeper)
		}
		b.WriteString("\n" + indent + "}")
	case s.Type == huma.TypeArray:
		b.WriteString("[")
		writeExample(b, registry, s.Items, indent)
		b.WriteString("]")
	default:
		writeScalar(b, exampleScalar(s))
	}
}

func writeScalar(b *strings.Builder, value any) {
	text, err := json.Marshal(value)
	if err != nil {
		text = []byte("null") // no example holds what JSON cannot
	}
	b.Write(text)
}

const exampleID = "01a20de4-2969-7120-b501-bc391be44490"

func exampleScalar(s *huma.Schema) any {
	switch {
	case s.Default != nil:
		return s.Default
	case len(s.Enum) > 0:
		return s.Enum[0]
	case s.Format == "uuid":
		return exampleID
	case s.Format == "date-time":
		return "2026-11-24T18:00:00Z"
	}
	switch s.Type {
	case huma.TypeBoolean:
		return true
	case huma.TypeInteger, huma.TypeNumber:
		return 0
	}
	return "text"
}
