package clevertest

import (
	"bytes"
	"encoding/json"
	"reflect"
)

// append appends a record as it was. A district and a recorded record are
// written as they came, less the key that events lack.
func (s *snapshot) append(dst []byte, k kind, f form) []byte {
	if s.raw == nil {
		return appendAny(dst, s.record, f)
	}
	if k != users || !f.event {
		return append(dst, s.raw...)
	}
	keys := object(s.raw)
	if roles, ok := keys["roles"].(map[string]any); ok {
		if student, ok := roles["student"].(map[string]any); ok {
			delete(student, "email")
		}
	}
	return append(dst, plainJSON(keys)...)
}

// previous returns the previous_attributes of an update: what has changed, as
// it was before. Objects are entered, so that only changed leaves are there; an
// array is one leaf. What was not there before has the value "", an array that
// was not there is empty. That last_modified moves is not told.
func previous(before, after []byte) map[string]any {
	diff := changed(object(before), object(after))
	delete(diff, "last_modified")
	return diff
}

func changed(before, after map[string]any) map[string]any {
	diff := map[string]any{}
	for key, now := range after {
		was, had := before[key]
		inner, isObject := now.(map[string]any)
		old, wasObject := was.(map[string]any)
		switch {
		case isObject && (wasObject || !had):
			if nested := changed(old, inner); len(nested) > 0 {
				diff[key] = nested
			}
		case !had:
			if old := blank(now); !reflect.DeepEqual(old, now) {
				diff[key] = old
			}
		case !reflect.DeepEqual(was, now):
			diff[key] = was
		}
	}
	for key, was := range before {
		if _, has := after[key]; !has {
			diff[key] = was
		}
	}
	return diff
}

// blank is the old value of a field that was not there.
func blank(now any) any {
	if _, ok := now.([]any); ok {
		return []any{}
	}
	return ""
}

// object reads a record that the simulator wrote or has read before.
func object(text []byte) map[string]any {
	var keys map[string]any
	if err := json.Unmarshal(text, &keys); err != nil {
		panic("clevertest: a record is no JSON: " + err.Error())
	}
	return keys
}

// plainJSON writes a value as JavaScript does, without escapes for HTML.
func plainJSON(value any) []byte {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic("clevertest: decoded JSON does not encode: " + err.Error())
	}
	return bytes.TrimRight(text.Bytes(), "\n")
}
