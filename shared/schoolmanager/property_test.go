package schoolmanager_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cleversync/shared/roster"
)

const (
	histories = 6 // random histories of each property
	nights    = 6 // runs of each
)

// Whatever Clever sends, options change and lists are worth: after each run the
// roster is what the rules say, the counts say what was done, and the same
// again does nothing.
func TestRosterFollowsTheRules(t *testing.T) {
	t.Parallel()
	for seed := range uint64(histories) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r, d, w, m := newChance(seed), newDistrict(), newWorld(t), newModel()
			r.begin(d)
			o := r.options()
			for night := range nights {
				if r.in(40) {
					o = r.options()
				}
				if night > 0 {
					r.trouble(d)
				}
				for range r.IntN(4) {
					l := r.local()
					m.locals[addLocal(l, w)] = l
				}
				checkedRun(w, d, o, m, night)
				if r.in(40) {
					idleRun(w, d, o)
				}
				for range r.IntN(12) {
					r.step(d)
				}
			}
		})
	}
}

// checkedRun runs once and compares all that can be seen with the model.
func checkedRun(w *world, d *district, o roster.Options, m *model, night int) {
	w.t.Helper()
	s := d.fetch(o)
	fails := m.fails(s, o)
	before, local := w.dump(), w.local()
	out := w.run(d, o)
	if fails != (out.err != nil) {
		w.t.Fatalf("night %d: error %v, want one: %v", night, out.err, fails)
	}
	if !fails {
		m.sync(s, o, d.state)
	}
	after := w.dump()
	if diff := cmp.Diff(m.lines(), after); diff != "" {
		w.t.Fatalf("night %d, %+v: roster (-want +got):\n%s", night, o, diff)
	}
	if !fails {
		checkCounts(w, out, before, after)
		checkMatched(w, out, m)
		checkLocals(w, local, m)
	}
}

// checkCounts compares the counts with what readers saw before and see now.
func checkCounts(w *world, out outcome, before, after []string) {
	w.t.Helper()
	seen := func(lines []string, kind roster.Kind) (n int64) {
		prefix := map[roster.Kind]string{roster.KindMembership: "member ", roster.KindLink: "link "}[kind]
		for _, l := range lines {
			if prefix == "" && strings.HasPrefix(l, string(kind)+" ") && strings.Contains(l, "|true|") && strings.Split(l, "|")[1] == "true" ||
				prefix != "" && strings.HasPrefix(l, prefix) && strings.HasSuffix(l, "|true") {
				n++
			}
		}
		return n
	}
	var written int64
	for kind, c := range out.counts {
		written += c.Written
		if got := c.Synced() + c.Held; got != seen(after, kind) {
			w.t.Fatalf("%s: %+v: synced and held are %d, readers see %d", kind, c, got, seen(after, kind))
		}
		adopted := int64(0)
		if kind == roster.KindUser {
			adopted = out.issues[roster.UserAdopted]
		}
		if got := seen(before, kind) + adopted + c.Added + c.Restored - c.Archived; got != seen(after, kind) {
			w.t.Fatalf("%s: %+v: from %d to %d, readers see %d", kind, c, seen(before, kind), got, seen(after, kind))
		}
		if c.Skipped != 0 {
			w.t.Fatalf("%s: %+v: skipped", kind, c)
		}
	}
	if got := w.writtenBy(); written > 0 && got != written {
		w.t.Fatalf("%d rows have the new change_seq, counted were %d", got, written)
	}
}

// writtenBy counts the rows that the newest apply has written.
func (w *world) writtenBy() int64 {
	w.t.Helper()
	parts := make([]string, 0, 6)
	for _, table := range []string{"schools", "users", "classrooms", "classroom_members", "parents", "parent_links"} {
		parts = append(parts, `(SELECT count(*) FROM school_manager.`+table+` x WHERE x.tenant_id = t.id AND x.change_seq = t.change_seq AND x.source = 'clever')`)
	}
	return one[int64](w, `SELECT `+strings.Join(parts, " + ")+` FROM sync.tenants t WHERE t.id = $1`, w.tenant)
}

// idleRun runs again on the same data: nothing may be written, not even to the
// tenant.
func idleRun(w *world, d *district, o roster.Options) {
	w.t.Helper()
	fingerprint := func() []string {
		var all []string
		for _, table := range []string{"sync.tenants", "school_manager.schools", "school_manager.users", "school_manager.classrooms",
			"school_manager.classroom_members", "school_manager.parents", "school_manager.parent_links"} {
			all = append(all, list(w, `SELECT '`+table+` ' || ctid || ' ' || xmin FROM `+table)...)
		}
		slices.Sort(all)
		return all
	}
	before := fingerprint()
	out := w.run(d, o)
	if out.err != nil {
		return // the rules refused it before, too
	}
	for kind, c := range out.counts {
		if c.Written+c.Added+c.Updated+c.Archived+c.Restored+c.Skipped != 0 {
			w.t.Fatalf("again, %s: %+v", kind, c)
		}
	}
	if diff := cmp.Diff(before, fingerprint()); diff != "" {
		w.t.Fatalf("a second run wrote rows:\n%s", diff)
	}
}

// A run that takes unchanged records without their content ends as a run for
// which every hash was cleared, issues included.
func TestElidedRunEndsLikeAWholeOne(t *testing.T) {
	t.Parallel()
	for seed := range uint64(histories) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r, d, elided := newChance(seed+1000), newDistrict(), newWorld(t)
			whole := newTenant(t, elided.pool)
			r.begin(d)
			o := r.options()
			for night := range nights {
				if r.in(30) {
					o = r.options()
				}
				if night > 0 {
					r.trouble(d)
				}
				for range r.IntN(4) {
					addLocal(r.local(), elided, whole)
				}
				for _, table := range []string{"schools", "users", "classrooms", "parents"} {
					whole.exec(`UPDATE school_manager.`+table+` SET hash = NULL WHERE tenant_id = $1`, whole.tenant)
				}
				a, b := elided.run(d, o), whole.run(d, o)
				if diff := cmp.Diff(whole.dump(), elided.dump()); diff != "" {
					t.Fatalf("night %d: roster (-whole +elided):\n%s", night, diff)
				}
				if diff := cmp.Diff(b.issues, a.issues); diff != "" || (a.err == nil) != (b.err == nil) {
					t.Fatalf("night %d: issues (-whole +elided):\n%s\n%v, %v", night, diff, a.err, b.err)
				}
				for range r.IntN(8) {
					r.step(d)
				}
			}
		})
	}
}

// People who write to the roster by hand lose nothing of their own, and what
// they did to synced rows is mended by the next run.
func TestWritesFromOutside(t *testing.T) {
	t.Parallel()
	for seed := range uint64(histories) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r, d, w, m := newChance(seed+2000), newDistrict(), newWorld(t), newModel()
			r.strangers = true
			r.begin(d)
			anchor(d)
			o := r.options()
			for night := range nights {
				if r.in(30) {
					o = r.options()
				}
				local := w.local()
				s := d.fetch(o)
				if out := w.run(d, o); out.err == nil {
					m.sync(s, o, d.state)
				}
				if diff := cmp.Diff(live(m.lines()), live(w.dump())); diff != "" {
					t.Fatalf("night %d: live roster (-want +got):\n%s", night, diff)
				}
				if diff := cmp.Diff(local, w.local()); diff != "" {
					t.Fatalf("night %d: local rows changed:\n%s", night, diff)
				}
				idleRun(w, d, o)
				for range r.IntN(6) {
					r.step(d)
				}
				for range r.IntN(6) {
					r.meddle(w)
				}
			}
		})
	}
}

// anchor gives each school somebody of each kind who never leaves, so that no
// kind is ever without records.
func anchor(d *district) {
	d.student("s99", "a", "b", "c")
	d.teacher("t99", "a", "b", "c")
	for _, school := range []string{"a", "b", "c"} {
		d.school(school)
		d.section("c99"+school, school, []string{"t99"}, "s99")
	}
	d.contact("p99", "s99", "s99:Family", "s99:Emergency")
}

// live leaves out what is archived: a person may have deleted it for good.
func live(lines []string) []string {
	return slices.DeleteFunc(slices.Clone(lines), func(l string) bool {
		parts := strings.Split(l, "|")
		return parts[1] == "gone" || parts[1] == "false" && !strings.HasPrefix(l, "member ") && !strings.HasPrefix(l, "link ")
	})
}

// local lists the rows that no sync owns.
func (w *world) local() []string {
	w.t.Helper()
	var all []string
	for _, table := range []string{"schools", "users", "classrooms", "classroom_members", "parents", "parent_links"} {
		all = append(all, list(w, `SELECT '`+table+`' || x FROM school_manager.`+table+` x WHERE source = 'local'`)...)
	}
	slices.Sort(all)
	return all
}

// meddle is one write by hand.
func (r chance) meddle(w *world) {
	const some = ` WHERE (tenant_id, id) IN (SELECT tenant_id, id FROM school_manager.%s WHERE tenant_id = $1 AND source = 'clever' AND archived_at IS %s NULL ORDER BY md5(id::text || $2) LIMIT 1)`
	const tie = ` WHERE ctid IN (SELECT ctid FROM school_manager.%s WHERE tenant_id = $1 AND source = 'clever' AND archived_at IS NULL ORDER BY md5(ctid::text || $2) LIMIT 1)`
	key := r.id("x", 1000)
	statements := []string{
		`UPDATE school_manager.users SET first_name = 'by hand'` + fmt.Sprintf(some, "users", ""),
		`UPDATE school_manager.users SET archived_at = now()` + fmt.Sprintf(some, "users", ""),
		`UPDATE school_manager.users SET archived_at = NULL` + fmt.Sprintf(some, "users", "NOT"),
		`DELETE FROM school_manager.users` + fmt.Sprintf(some, "users", ""),
		`UPDATE school_manager.classrooms SET name = 'by hand'` + fmt.Sprintf(some, "classrooms", ""),
		`UPDATE school_manager.classrooms SET archived_at = now()` + fmt.Sprintf(some, "classrooms", ""),
		`DELETE FROM school_manager.classrooms` + fmt.Sprintf(some, "classrooms", ""),
		`UPDATE school_manager.parents SET phone = 'by hand'` + fmt.Sprintf(some, "parents", ""),
		`DELETE FROM school_manager.parents` + fmt.Sprintf(some, "parents", ""),
		`UPDATE school_manager.classroom_members SET archived_at = now()` + fmt.Sprintf(tie, "classroom_members"),
		`UPDATE school_manager.classroom_members SET role = 'teacher'` + fmt.Sprintf(tie, "classroom_members"),
		`UPDATE school_manager.classroom_members SET user_id = NULL` + fmt.Sprintf(tie, "classroom_members"),
		`DELETE FROM school_manager.classroom_members` + fmt.Sprintf(tie, "classroom_members"),
		`UPDATE school_manager.parent_links SET relationship = 'by hand'` + fmt.Sprintf(tie, "parent_links"),
		`DELETE FROM school_manager.parent_links` + fmt.Sprintf(tie, "parent_links"),
		`INSERT INTO school_manager.users (tenant_id, id, student, teacher, first_name) SELECT $1, gen_random_uuid(), true, false, $2`,
		`INSERT INTO school_manager.classrooms (tenant_id, id, name) SELECT $1, gen_random_uuid(), $2`,
		`INSERT INTO school_manager.classroom_members (tenant_id, classroom_id, user_key, user_id, role)
			SELECT $1, c.id, u.id::text, u.id, 'student' FROM school_manager.classrooms c, school_manager.users u
			WHERE c.tenant_id = $1 AND u.tenant_id = $1 AND u.source = 'local' ORDER BY md5(c.id::text || $2) LIMIT 1 ON CONFLICT DO NOTHING`,
		`INSERT INTO school_manager.classroom_members (tenant_id, classroom_id, user_key, user_id, role, source)
			SELECT $1, c.id, u.clever_id, u.id, 'student', 'clever' FROM school_manager.classrooms c, school_manager.users u
			WHERE c.tenant_id = $1 AND c.source = 'clever' AND u.tenant_id = $1 AND u.source = 'clever' ORDER BY md5(c.id::text || u.id::text || $2) LIMIT 1 ON CONFLICT DO NOTHING`,
	}
	statement := statements[r.IntN(len(statements))]
	if !strings.Contains(statement, "$2") {
		statement += ` AND $2 <> ''`
	}
	w.exec(statement, w.tenant, key)
}

// Two tenants of one district have the same Clever ids and never touch each
// other's rows.
func TestTenantsOfOneDistrict(t *testing.T) {
	t.Parallel()
	for seed := range uint64(histories / 2) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r, d, first := newChance(seed+3000), newDistrict(), newWorld(t)
			tenants := []*world{first, newTenant(t, first.pool)}
			models := []*model{newModel(), newModel()}
			options := []roster.Options{r.options(), r.options()}
			r.begin(d)
			for night := range nights {
				i := r.IntN(2)
				if r.in(30) {
					options[i] = r.options()
				}
				checkedRun(tenants[i], d, options[i], models[i], night)
				if diff := cmp.Diff(models[1-i].lines(), tenants[1-i].dump()); diff != "" {
					t.Fatalf("night %d: the other tenant's roster (-want +got):\n%s", night, diff)
				}
				for range r.IntN(10) {
					r.step(d)
				}
			}
		})
	}
}

// More rows than are looked up by key (few in among.go) go another way to the
// same end: all of them change, leave and come back.
func TestManyChangesAtOnce(t *testing.T) {
	t.Parallel()
	w, d, m := newWorld(t), small(), newModel()
	o := everything()
	for i := range 1100 {
		id := fmt.Sprintf("%04d", i)
		d.student("s"+id, "a")
		d.section("c"+id, "a", []string{"t1"}, "s"+id, "nobody"+id)
		d.contact("p"+id, "s"+id, "nobody"+id)
	}
	first := maps.Clone(d.people)
	checkedRun(w, d, o, m, 0)
	for id, s := range d.sections {
		s.Period, s.Students = "2", append(s.Students[:len(s.Students):len(s.Students)], "s1")
		d.sections[id] = s
	}
	checkedRun(w, d, o, m, 1)
	for id := range first {
		if id != "t1" && id != "s1" {
			delete(d.people, id)
		}
	}
	checkedRun(w, d, o, m, 2)
	maps.Copy(d.people, first)
	for i := range 1100 {
		d.student(fmt.Sprintf("nobody%04d", i), "a")
	}
	checkedRun(w, d, o, m, 3)
	o.Classrooms, o.Parents = false, false
	checkedRun(w, d, o, m, 4)
	checkedRun(w, d, everything(), m, 5)
	idleRun(w, d, everything())
}
