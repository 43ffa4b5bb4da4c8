package roster

import (
	"slices"
	"time"
)

// review collects what is wrong with one record while it is mapped, each issue
// once. Of the values that were cut or dropped it keeps the first.
type review struct {
	kind          Kind
	id            string
	long, invalid string
	issues        []Issue
}

// begin starts the review of a record; readable tells whether it can be mapped
// at all.
func begin[T Source](kind Kind, in Received[T]) (r review, readable bool) {
	r = review{kind: kind, id: in.ID}
	if !in.Undecodable && ValidID(in.ID) {
		if len(in.BadFields) > 0 {
			r.invalid = in.BadFields[0]
		}
		return r, true
	}
	if !ValidID(r.id) {
		r.id = ""
	}
	r.report(RecordUndecodable, "")
	return r, false
}

func (r *review) report(code IssueCode, field string) {
	r.issues = append(r.issues, Issue{Code: code, Kind: r.kind, ID: r.id, Field: field})
}

// text cleans a value.
func (r *review) text(field, s string) string {
	s, cut := clean(s)
	if cut && r.long == "" {
		r.long = field
	}
	return s
}

// reference checks an id that refers to another record; what is none is
// dropped.
func (r *review) reference(field, id string) string {
	if id == "" || ValidID(id) {
		return id
	}
	r.drop(field)
	return ""
}

// references gives the ids sorted and each once.
func (r *review) references(field string, ids []string) []string {
	if len(ids) == 0 {
		return nil
	}
	kept := make([]string, 0, len(ids))
	for _, id := range ids {
		if id = r.reference(field, id); id != "" {
			kept = append(kept, id)
		}
	}
	slices.Sort(kept)
	return slices.Compact(kept)
}

// date gives a date as YYYY-MM-DD. Of a timestamp it is the date as written,
// in the timestamp's own zone.
func (r *review) date(field, s string) string {
	s = r.text(field, s)
	if s == "" {
		return ""
	}
	layout := time.DateOnly
	if len(s) > len(layout) {
		layout = time.RFC3339
	}
	// Postgres knows no year 0.
	if t, err := time.Parse(layout, s); err != nil || t.Year() < 1 {
		r.drop(field)
		return ""
	}
	return s[:len(time.DateOnly)]
}

func (r *review) drop(field string) {
	if r.invalid == "" {
		r.invalid = field
	}
}

// end gives all issues of the record.
func (r *review) end() []Issue {
	if r.long != "" {
		r.report(ValueTooLong, r.long)
	}
	if r.invalid != "" {
		r.report(ValueInvalid, r.invalid)
	}
	return r.issues
}
