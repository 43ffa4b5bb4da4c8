package clever

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"cleversync/shared/roster"
)

// decode makes a record of one element of a list, {"data": record, "uri": …}.
// It never fails: what is wrong with the element is said in what it gives.
//
// Nearly every element decodes at once. Only where that fails, because some
// value has a type that it should not have, the element is gone through again
// value by value.
//
// Why this decoder: a page of 2,000 users of 1 KB takes (BenchmarkDecode, one
// core of a 2-core EPYC) 114,000 records/s with encoding/json, 252,000 with
// go-json-experiment in one pass, and 203,000 as done here, where it first cuts
// an element out of the stream and then decodes it. The second pass costs a
// microsecond a record and buys what is needed: an element of which one value
// is wrong can be read again, and nothing but the element at hand is held.
// bytedance/sonic is faster still (371,000 with whole pages), but it generates
// machine code against the runtime's internals and checks neither UTF-8 nor
// what it skips by default: not for input from elsewhere. Beside what a
// database takes for a record, 5 microseconds do not show.
func decode[T roster.Source](element jsontext.Value) roster.Received[T] {
	var wrapped struct {
		Data T `json:"data"`
	}
	if json.Unmarshal(element, &wrapped, tolerant) != nil {
		return decodeLeniently[T](element)
	}
	return receive(wrapped.Data, nil, false)
}

// receive judges a decoded record. Without an id that can be one it is
// undecodable: it could be neither kept nor compared.
func receive[T roster.Source](record T, bad []string, undecodable bool) roster.Received[T] {
	id := idOf(&record)
	if !roster.ValidID(id) {
		id, undecodable = "", true
	}
	if undecodable {
		return roster.Received[T]{ID: id, Undecodable: true}
	}
	return roster.Received[T]{Record: record, ID: id, BadFields: bad}
}

func idOf[T roster.Source](record *T) string {
	switch r := any(record).(type) {
	case *roster.SourceUser:
		return r.ID
	case *roster.SourceSection:
		return r.ID
	case *roster.SourceSchool:
		return r.ID
	case *roster.SourceCourse:
		return r.ID
	case *roster.SourceTerm:
		return r.ID
	}
	return ""
}
