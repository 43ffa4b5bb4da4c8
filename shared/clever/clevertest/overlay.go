package clevertest

import (
	"slices"
	"sort"
	"strings"
	"time"
)

// entry is a record that is not, or no longer, as the source has it: changed,
// added or gone. It is not written once its overlay is part of a state.
type entry struct {
	id string
	// at is the first rank of the source whose id is not less: where the
	// entry stands among the source's records. Replaces says that it is the
	// id of that very record, which the entry then stands for.
	at       int
	replaces bool
	// gone: the record is in no list, and what record has is its last state.
	// Left is when a night took it away, zero where somebody removed it by hand.
	gone bool
	left time.Time
	// record is a *User, *Section, *School, *Course or *Term; nil: as the
	// source has it.
	record any
	fresh  bool // while a draft holds the entry: record is the draft's own copy
}

// overlay is all that differs from the source: for each kind the entries,
// ascending by id. The slices are never written once they are in a state, so
// that a copy of the overlay is a copy of a moment.
type overlay [terms + 1][]*entry

// at returns the place of the first entry whose id is greater than id, or with
// equal, not less.
func (o *overlay) at(k kind, id string, equal bool) int {
	return sort.Search(len(o[k]), func(i int) bool {
		return o[k][i].id > id || equal && o[k][i].id == id
	})
}

// get returns the entry of an id, nil where there is none.
func (o *overlay) get(k kind, id string) *entry {
	if i := o.at(k, id, true); i < len(o[k]) && o[k][i].id == id {
		return o[k][i]
	}
	return nil
}

// merge returns the overlay with changed entries; those that are nil are taken
// out, and so the source's record is back.
func (o overlay) merge(changes [terms + 1]map[string]*entry) overlay {
	for k, changed := range changes {
		if len(changed) == 0 {
			continue
		}
		merged := make([]*entry, 0, len(o[k])+len(changed))
		for _, e := range o[k] {
			if _, ok := changed[e.id]; !ok {
				merged = append(merged, e)
			}
		}
		for _, e := range changed {
			if e != nil {
				merged = append(merged, e)
			}
		}
		slices.SortFunc(merged, func(a, b *entry) int { return strings.Compare(a.id, b.id) })
		o[k] = merged
	}
	return o
}

// ref points to a record of a kind: the overlay's entry, or, where that is
// nil, the record at a rank of the source.
type ref struct {
	over *entry
	rank int
}

// lookup finds a record by id, whether or not it is shared or gone.
func (d *District) lookup(k kind, id string) (ref, bool) {
	if e := d.over.get(k, id); e != nil {
		return ref{over: e, rank: e.at}, true
	}
	rank, ok := find(d.source, k, id)
	return ref{rank: rank}, ok
}

// asSource returns whether the record is the source's own, and its rank.
func (r ref) asSource() (rank int, ok bool) { return r.rank, r.over == nil || r.over.record == nil }

func (d *District) id(k kind, r ref) string {
	if r.over != nil {
		return r.over.id
	}
	return d.source.id(k, r.rank)
}

func (d *District) appendID(dst []byte, k kind, r ref) []byte {
	if r.over != nil {
		return append(dst, r.over.id...)
	}
	return d.source.appendID(dst, k, r.rank)
}

// user returns a user, who must not be changed: it is the state's own, or is
// filled into a scratch and valid until that is used again.
func (d *District) user(r ref, into *scratch) *User {
	if rank, ok := r.asSource(); ok {
		return d.source.user(rank, into)
	}
	return r.over.record.(*User)
}

// section returns a section under the same conditions as user.
func (d *District) section(r ref, into *scratch) *Section {
	if rank, ok := r.asSource(); ok {
		return d.source.section(rank, into)
	}
	return r.over.record.(*Section)
}

func (d *District) school(r ref) School {
	if rank, ok := r.asSource(); ok {
		return d.source.school(rank)
	}
	return *r.over.record.(*School)
}

func (d *District) course(r ref) Course {
	if rank, ok := r.asSource(); ok {
		return d.source.course(rank)
	}
	return *r.over.record.(*Course)
}

func (d *District) term(r ref) Term {
	if rank, ok := r.asSource(); ok {
		return d.source.term(rank)
	}
	return *r.over.record.(*Term)
}
