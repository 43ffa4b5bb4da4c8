package clever

import (
	"bytes"
	"reflect"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"cleversync/shared/roster"
)

// decodeLeniently decodes an element of which some value has the wrong type.
// Such a value is left out and its path noted; where the path is one that
// decides who or where the record is, the whole record is undecodable. So it is
// where a whole list is none: read as empty, it would take every member from a
// class.
func decodeLeniently[T roster.Source](element jsontext.Value) roster.Received[T] {
	var wrapped struct {
		Data T `json:"data"`
	}
	var l lenient
	l.read(element, reflect.ValueOf(&wrapped).Elem(), "")
	for i, path := range l.bad {
		l.bad[i] = strings.TrimPrefix(strings.TrimPrefix(path, "data"), ".")
	}
	return receive(wrapped.Data, l.bad, l.lostList || slices.ContainsFunc(l.bad, isDecisive))
}

// isDecisive tells whether a record without the value at path is none: the id,
// the name, a role, or a school. The empty path is the record itself. The
// names are told apart from other values by Clever's schema, in which no other
// path ends so.
func isDecisive(path string) bool {
	switch path {
	case "", "id", "name", "name.first", "name.middle", "name.last", "school",
		"roles", "roles.student", "roles.teacher", "roles.contact":
		return true
	}
	return strings.HasPrefix(path, "roles.") && (strings.HasSuffix(path, ".school") || strings.HasSuffix(path, ".schools"))
}

// lenient decodes values into the Source types, which consist of structs,
// pointers to them, slices and strings.
type lenient struct {
	bad []string
	// lostList: something that should be a list is none.
	lostList bool
}

// read decodes v into the target and tells whether it could; if not it leaves
// the target empty and notes the path. null is an absent value, here as on the
// fast path.
func (l *lenient) read(v jsontext.Value, into reflect.Value, path string) bool {
	into.SetZero()
	kind := v.Kind()
	switch {
	case kind == 'n':
		return true
	case into.Kind() == reflect.Pointer && kind == '{':
		into.Set(reflect.New(into.Type().Elem()))
		return l.object(v, into.Elem(), path)
	case into.Kind() == reflect.Struct && kind == '{':
		return l.object(v, into, path)
	case into.Kind() == reflect.Slice && kind == '[':
		return l.array(v, into, path)
	case into.Kind() == reflect.String && kind == '"':
		var s string
		if json.Unmarshal(v, &s, tolerant) == nil {
			into.SetString(s)
			return true
		}
	case into.Kind() == reflect.Slice:
		l.lostList = true
	}
	return l.note(path)
}

// object decodes what it can of an object. A member that cannot be decoded is
// noted, and the object is still one.
func (l *lenient) object(v jsontext.Value, into reflect.Value, path string) bool {
	d := jsontext.NewDecoder(bytes.NewReader(v), tolerant)
	if open(d, '{') != nil {
		return l.note(path)
	}
	for d.PeekKind() != '}' {
		t, err := d.ReadToken()
		if err != nil {
			return l.note(path)
		}
		name := t.String()
		value, err := d.ReadValue()
		if err != nil {
			return l.note(path)
		}
		if field := fieldOf(into, name); field.IsValid() {
			l.read(value, field, join(path, name))
		}
	}
	return true
}

// array decodes a list without the elements that are not of its type.
func (l *lenient) array(v jsontext.Value, into reflect.Value, path string) bool {
	d := jsontext.NewDecoder(bytes.NewReader(v), tolerant)
	if open(d, '[') != nil {
		return l.note(path)
	}
	for d.PeekKind() != ']' {
		value, err := d.ReadValue()
		if err != nil {
			return l.note(path)
		}
		if element := reflect.New(into.Type().Elem()).Elem(); l.read(value, element, path) {
			into.Set(reflect.Append(into, element))
		}
	}
	return true
}

// note remembers a path once, and answers false for whoever gives up there.
func (l *lenient) note(path string) bool {
	if !slices.Contains(l.bad, path) {
		l.bad = append(l.bad, path)
	}
	return false
}

// fieldOf finds the field of a struct that is decoded from name.
func fieldOf(v reflect.Value, name string) reflect.Value {
	for i := range v.NumField() {
		if tag, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ","); tag == name {
			return v.Field(i)
		}
	}
	return reflect.Value{}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
