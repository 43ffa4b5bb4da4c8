package schoolmanager_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"cleversync/shared/roster"
	"cleversync/shared/syncrun"
)

// localUser is somebody whom School Manager has without any sync.
type localUser struct {
	roster.User
	administrator bool
}

// same tells whether two texts are equal and not empty.
func same(a, b string) bool { return a != "" && strings.EqualFold(a, b) }

// samePerson tells whether one who leaves and one who comes are one by the
// rules. maybe tells that they share what identifies, which puts both in doubt
// where it is shared by more.
func samePerson(a, b roster.User) bool {
	if a.Student != b.Student || a.Teacher != b.Teacher {
		return false
	}
	sis, address := sisKey(a, b), addressKey(a, b)
	siblings := same(a.Email, b.Email) && a.First != "" && b.First != "" && !same(a.First, b.First)
	return sis && !siblings || address
}

func sameRole(a, b roster.User) bool { return a.Student == b.Student && a.Teacher == b.Teacher }

func sisKey(a, b roster.User) bool {
	return sameRole(a, b) && same(a.SISID, b.SISID) && same(a.Last, b.Last)
}

func addressKey(a, b roster.User) bool {
	return sameRole(a, b) && same(a.Email, b.Email) && same(a.First, b.First) && same(a.Last, b.Last) && strings.EqualFold(a.Middle, b.Middle)
}

// couples pairs who comes with who leaves: each must fit exactly one, and what
// two of either side share must identify nobody else there.
func couples[T any](anew, leaving map[string]T, fits func(a, b T) bool, keys ...func(a, b T) bool) map[string]string {
	crowded := func(one T, side, other map[string]T) bool {
		return slices.ContainsFunc(keys, func(key func(a, b T) bool) bool {
			alike, there := 0, 0
			for _, o := range side {
				if key(one, o) {
					alike++
				}
			}
			for _, o := range other {
				if key(one, o) {
					there++
				}
			}
			return there > 0 && alike+there > 2
		})
	}
	fitting := func(one T, all map[string]T) (ids []string) {
		for id, o := range all {
			if fits(one, o) {
				ids = append(ids, id)
			}
		}
		return ids
	}
	pairs := map[string]string{}
	for id, n := range anew {
		olds := fitting(n, leaving)
		if len(olds) != 1 || len(fitting(leaving[olds[0]], anew)) != 1 ||
			crowded(n, anew, leaving) || crowded(leaving[olds[0]], leaving, anew) {
			continue
		}
		pairs[olds[0]] = id
	}
	return pairs
}

// matchUsers finds who of those who came is somebody known.
func (m *model) matchUsers(came map[string]roster.User, v verdict, byName bool) {
	anew, leaving := map[string]roster.User{}, map[string]roster.User{}
	for id, u := range came {
		if m.users[id] == nil {
			anew[id] = u
		}
	}
	for id, e := range m.users {
		_, still := came[id]
		unread := slices.Contains(v.unread[syncrun.FetchStudents], id) || slices.Contains(v.unread[syncrun.FetchTeachers], id)
		if e.live && !still && !unread {
			leaving[id] = e.record
		}
	}
	m.rekeyed = couples(anew, leaving, samePerson, sisKey, addressKey)
	for old, id := range m.rekeyed {
		m.users[id] = m.users[old]
		delete(m.users, old)
		m.matched[roster.RecordRekeyed]++
	}
	m.adopt(anew, byName)
}

// adopt takes local users for those who came and are not yet known.
func (m *model) adopt(anew map[string]roster.User, byName bool) {
	shares := []func(a, b roster.User) bool{
		func(a, b roster.User) bool { return same(a.Email, b.Email) },
		func(a, b roster.User) bool { return same(a.Username, b.Username) },
		func(a, b roster.User) bool { return byName && same(a.First, b.First) && same(a.Last, b.Last) },
	}
	locals := map[string]roster.User{}
	for id, l := range m.locals {
		locals[id] = l.User
	}
	// strongest gives by what one shares something with the other side.
	strongest := func(one roster.User, other map[string]roster.User) int {
		return slices.IndexFunc(shares, func(share func(a, b roster.User) bool) bool {
			for _, o := range other {
				if share(one, o) {
					return true
				}
			}
			return false
		})
	}
	with := func(by int, one roster.User, all map[string]roster.User) (ids []string) {
		for id, o := range all {
			if shares[by](one, o) {
				ids = append(ids, id)
			}
		}
		return ids
	}
	adopted := map[string]string{}
	for id, n := range anew {
		by := strongest(n, locals)
		if by < 0 || m.users[id] != nil {
			continue
		}
		fit := with(by, n, locals)
		if len(fit) != 1 || len(with(by, n, anew)) != 1 || strongest(locals[fit[0]], anew) != by {
			m.matched[roster.AmbiguousMatch]++
			continue
		}
		if l := m.locals[fit[0]]; sameRole(l.User, n) && !l.administrator {
			adopted[id] = fit[0]
		}
	}
	for id, local := range adopted {
		m.users[id] = &entry[roster.User]{from: local}
		delete(m.locals, local)
		m.matched[roster.UserAdopted]++
	}
}

// matchParents finds which of the parents who came left under another id.
func (m *model) matchParents(s *snapshot, v verdict) {
	anew, leaving := map[string]roster.Parent{}, map[string]roster.Parent{}
	came := map[string]bool{}
	for _, r := range s.parents {
		came[r.Record.ID] = true
		if m.parents[r.Record.ID] == nil {
			anew[r.Record.ID] = r.Record
		}
	}
	for id, e := range m.parents {
		if e.live && !came[id] && !slices.Contains(v.unread[syncrun.FetchContacts], id) {
			leaving[id] = e.record
		}
	}
	fits := func(a, b roster.Parent) bool { return same(a.Email, b.Email) && same(a.Name, b.Name) }
	for old, id := range couples(anew, leaving, fits, fits) {
		m.parents[id] = m.parents[old]
		delete(m.parents, old)
		m.matched[roster.RecordRekeyed]++
	}
}

func studentOf(key [2]string) string { return key[0] }

func withStudent(key [2]string, id string) [2]string { return [2]string{id, key[1]} }

// follow moves the ties of re-keyed people to their new ids where these are
// wanted; where a tie to the new id is there already, the old one goes.
func follow[K comparable](ties map[K]*tie, wanted map[K]string, rekeyed map[string]string, person func(K) string, with func(K, string) K) {
	for key, t := range ties {
		id := rekeyed[person(key)]
		if _, stays := wanted[key]; id == "" || stays || !t.live {
			continue
		}
		moved := with(key, id)
		if _, named := wanted[moved]; !named {
			continue
		}
		if ties[moved] != nil {
			t.live = false
			continue
		}
		delete(ties, key)
		ties[moved] = t
	}
}

// takeAlong moves what stays only because it is withheld.
func takeAlong[K comparable](ties map[K]*tie, wanted map[K]string, rekeyed map[string]string, person func(K) string, with func(K, string) K) {
	for key, t := range ties {
		id := rekeyed[person(key)]
		if _, stays := wanted[key]; id == "" || stays || !t.live || ties[with(key, id)] != nil {
			continue
		}
		delete(ties, key)
		ties[with(key, id)] = t
	}
}

func (m *model) takeAlong(ties map[string]*tie, wanted map[string]string) {
	takeAlong(ties, wanted, m.rekeyed, func(key string) string { return key }, func(_, id string) string { return id })
}

// rows tells of every person which row it is. A row is known by the Clever id
// under which it was seen first, an adopted user by its own id (addLocal).
func (w *world) rows() []string {
	w.t.Helper()
	var all []string
	for _, row := range list(w, `
		SELECT concat_ws('|', 'user', id, clever_id, CASE WHEN archived_at IS NULL THEN 'true' ELSE 'false' END)
		FROM school_manager.users
		WHERE tenant_id = $1 AND source = 'clever'
		UNION ALL
		SELECT concat_ws('|', 'parent', id, clever_id, CASE WHEN archived_at IS NULL THEN 'true' ELSE 'false' END)
		FROM school_manager.parents
		WHERE tenant_id = $1 AND source = 'clever'`, w.tenant) {
		f := strings.Split(row, "|")
		kind, id, key, live := f[0], f[1], f[2], f[3]
		if w.from[id] == "" {
			w.from[id] = key
		}
		all = append(all, fmt.Sprintf("row %s %s|%s|%s", kind, key, live, w.from[id]))
	}
	return all
}

// checkMatched compares the issues of who is who with the model's.
func checkMatched(w *world, out outcome, m *model) {
	w.t.Helper()
	got := map[roster.IssueCode]int64{}
	for _, code := range []roster.IssueCode{roster.AmbiguousMatch, roster.UserAdopted, roster.RecordRekeyed} {
		if n := out.issues[code]; n > 0 {
			got[code] = n
		}
	}
	if diff := cmp.Diff(m.matched, got); diff != "" {
		w.t.Fatalf("issues of who is who (-want +got):\n%s", diff)
	}
}

// addLocal adds a user by hand, in each of these tenants the same.
func addLocal(l localUser, tenants ...*world) (id string) {
	id = uuid.NewString()
	for _, w := range tenants {
		w.touch(`
			INSERT INTO school_manager.users (tenant_id, id, student, teacher, first_name, middle_name, last_name, email, username, sis_id, administrator)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
			w.tenant, id, l.Student, l.Teacher, l.First, l.Middle, l.Last, l.Email, l.Username, l.SISID, l.administrator)
		w.from[id] = id
	}
	return id
}

// checkLocals checks that of the local rows of before only those are gone that
// were adopted, and that the others are untouched.
func checkLocals(w *world, before []string, m *model) {
	w.t.Helper()
	var want []string
	for _, row := range before {
		adopted := strings.HasPrefix(row, "users(") && !slices.ContainsFunc(slices.Collect(maps.Keys(m.locals)), func(id string) bool { return strings.Contains(row, id) })
		if !adopted {
			want = append(want, row)
		}
	}
	if diff := cmp.Diff(want, w.local()); diff != "" {
		w.t.Fatalf("local rows (-want +got):\n%s", diff)
	}
}
