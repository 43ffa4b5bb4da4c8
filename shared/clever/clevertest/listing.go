package clevertest

import (
	"cmp"
	"iter"
	"slices"
)

// listing is some records of a kind in the order of their ids: those at spans
// of the source that no entry of the overlay stands for, and the entries that
// belong to it.
type listing struct {
	kind    kind
	base    spans
	belongs func(*entry) bool // nil: all do
}

func (l listing) has(e *entry) bool { return !e.gone && (l.belongs == nil || l.belongs(e)) }

// everyone lists all records of a kind.
func (d *District) everyone(k kind) listing {
	return listing{kind: k, base: spans{{0, d.source.size(k)}}}
}

// withRole lists the users of a role.
func (d *District) withRole(want role) listing {
	if want == anyRole {
		return d.everyone(users)
	}
	return listing{users, d.source.withRole(want), func(e *entry) bool {
		u, ok := e.record.(*User)
		return ok && u.has(want)
	}}
}

// usersAt lists who is at a school in a role; primary: whose school it is
// first of all.
func (d *District) usersAt(school ref, want role, primary bool) listing {
	id, base := d.id(schools, school), spans(nil)
	if d.known(school) {
		base = d.source.schoolUsers(school.rank, want, primary)
	}
	return listing{users, base, func(e *entry) bool {
		u, ok := e.record.(*User)
		return ok && u.at(id, want, primary)
	}}
}

// sectionsAt lists the sections of a school.
func (d *District) sectionsAt(school ref) listing {
	id, base := d.id(schools, school), spans(nil)
	if d.known(school) {
		base = d.source.schoolSections(school.rank)
	}
	return listing{sections, base, func(e *entry) bool {
		s, ok := e.record.(*Section)
		return ok && s.School == id
	}}
}

// known reports whether the source has a record with the id of this one.
func (d *District) known(r ref) bool { return r.over == nil || r.over.replaces }

// chosen lists single records, in any order and some of them repeatedly.
func chosen(k kind, refs []ref) listing {
	var ranks []int
	own := map[*entry]bool{}
	for _, r := range refs {
		if r.over != nil {
			own[r.over] = true
		} else {
			ranks = append(ranks, r.rank)
		}
	}
	slices.Sort(ranks)
	return listing{k, pick(ranks), func(e *entry) bool { return own[e] }}
}

// bound is a place in the order of ids, in the source and in the overlay.
type bound struct{ rank, over int }

// after returns the place behind an id, or with equal, of it.
func (d *District) after(k kind, id string, equal bool) bound {
	return bound{search(d.source, k, id, equal), d.over.at(k, id, equal)}
}

// from yields the shared records of a listing from a place on, ascending.
func (d *District) from(l listing, b bound) iter.Seq[ref] {
	return func(yield func(ref) bool) {
		over, i, filtered := d.over[l.kind], b.over, d.filtered(l.kind)
		offer := func(e *entry) bool {
			r := ref{over: e, rank: e.at}
			return !l.has(e) || filtered && !d.visible(l.kind, r) || yield(r)
		}
		for rank := range l.base.from(b.rank) {
			replaced := false
			for ; i < len(over) && over[i].at <= rank; i++ {
				replaced = over[i].replaces && over[i].at == rank
				if !offer(over[i]) {
					return
				}
			}
			if r := (ref{rank: rank}); !replaced && (!filtered || d.visible(l.kind, r)) && !yield(r) {
				return
			}
		}
		for ; i < len(over); i++ {
			if !offer(over[i]) {
				return
			}
		}
	}
}

// below yields the shared records of a listing before a place, descending.
func (d *District) below(l listing, b bound) iter.Seq[ref] {
	return func(yield func(ref) bool) {
		over, i, filtered := d.over[l.kind], b.over, d.filtered(l.kind)
		offer := func(e *entry) bool {
			r := ref{over: e, rank: e.at}
			return !l.has(e) || filtered && !d.visible(l.kind, r) || yield(r)
		}
		for rank := range l.base.below(b.rank) {
			replaced := false
			for ; i > 0 && (over[i-1].at > rank || over[i-1].at == rank && over[i-1].replaces); i-- {
				replaced = replaced || over[i-1].at == rank
				if !offer(over[i-1]) {
					return
				}
			}
			if r := (ref{rank: rank}); !replaced && (!filtered || d.visible(l.kind, r)) && !yield(r) {
				return
			}
		}
		for ; i > 0; i-- {
			if !offer(over[i-1]) {
				return
			}
		}
	}
}

// all yields the shared records of a listing.
func (d *District) all(l listing) iter.Seq[ref] { return d.from(l, bound{}) }

// count counts a listing: without looking at the source's records, unless a
// school is hidden.
func (d *District) count(l listing) int {
	n := 0
	if d.filtered(l.kind) {
		for range d.all(l) {
			n++
		}
		return n
	}
	n = l.base.size()
	for _, e := range d.over[l.kind] {
		if e.replaces && l.base.has(e.at) {
			n--
		}
		if l.has(e) {
			n++
		}
	}
	return n
}

// has reports whether a rank is in one of the spans.
func (s spans) has(rank int) bool {
	_, ok := slices.BinarySearchFunc(s, rank, func(sp span, rank int) int {
		if sp.lo <= rank && rank < sp.hi {
			return 0
		}
		return cmp.Compare(sp.lo, rank)
	})
	return ok
}
