package schoolmanager_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"cleversync/shared/postgres"
	"cleversync/shared/roster"
	"cleversync/shared/syncrun"
)

// model is the roster by the rules in plain words: what plan and apply do with
// sets, done one by one.
type model struct {
	schools map[string]*entry[roster.School]
	users   map[string]*entry[roster.User]
	rooms   map[string]*room
	parents map[string]*parent
	// locals are users whom no sync owns, by School Manager's id.
	locals map[string]localUser
	// rekeyed are the new ids of people of the run under way, by their old ones;
	// matched are the issues of who is who.
	rekeyed map[string]string
	matched map[roster.IssueCode]int64
	// ran tells whether a run has completed; records are what it received.
	ran     bool
	records map[syncrun.Step]int64
}

type entry[T any] struct {
	record T
	live   bool
	// from tells which row it is: the id under which it came first, or of a
	// local user School Manager's.
	from string
}

// tie is a membership or a link; resolved is not kept, it follows from users.
type tie struct {
	value string
	live  bool
}

type room struct {
	entry[roster.Classroom]
	name   string
	course roster.Course
	term   roster.Term
	ties   map[string]*tie
}

type parent struct {
	entry[roster.Parent]
	ties map[[2]string]*tie
}

func newModel() *model {
	return &model{
		schools: map[string]*entry[roster.School]{}, users: map[string]*entry[roster.User]{},
		rooms: map[string]*room{}, parents: map[string]*parent{}, records: map[syncrun.Step]int64{}, locals: map[string]localUser{},
	}
}

// verdict is what withholds removals in one run.
type verdict struct {
	paused                     bool
	doubt                      map[syncrun.Step]bool
	unread                     map[syncrun.Step][]string
	noStudents, noTeachers     bool
	noSections, noParents      bool
	unsureCourses, unsureTerms bool
	// held tells of which streams' kinds removals were withheld.
	held map[syncrun.Step]bool
}

func (m *model) judge(s *snapshot, o roster.Options, state string) verdict {
	v := verdict{paused: state == "paused", doubt: map[syncrun.Step]bool{}, unread: map[syncrun.Step][]string{}, held: map[syncrun.Step]bool{}}
	for step, f := range s.steps {
		differs := f.total != nil && *f.total != f.records
		v.doubt[step] = f.blind > 0 || differs && float64(f.records) < 0.9*float64(m.records[step])
		v.unread[step] = f.unread
		v.unsureCourses = v.unsureCourses || step == syncrun.FetchCourses && (differs || f.blind > 0)
		v.unsureTerms = v.unsureTerms || step == syncrun.FetchTerms && (differs || f.blind > 0)
	}
	v.unsureCourses, v.unsureTerms = v.unsureCourses || v.paused, v.unsureTerms || v.paused
	v.noStudents, v.noTeachers = true, true
	for _, u := range allUsers(s) {
		v.noStudents = v.noStudents && !u.Student
		v.noTeachers = v.noTeachers && !u.Teacher
	}
	v.noSections = o.Classrooms && len(s.classrooms) == 0
	v.noParents = o.Parents && len(s.parents) == 0
	return v
}

func allUsers(s *snapshot) map[string]roster.User {
	all := map[string]roster.User{}
	for _, step := range []syncrun.Step{syncrun.FetchTeachers, syncrun.FetchStudents} {
		for _, u := range s.users[step] {
			all[u.Record.ID] = u.Record
		}
	}
	return all
}

// fails tells whether the rules let the run fail.
func (m *model) fails(s *snapshot, o roster.Options) bool {
	for _, f := range s.steps {
		if f.incomplete {
			return true
		}
	}
	for _, id := range o.Schools {
		came := slices.Contains(s.steps[syncrun.FetchSchools].unread, id) || s.steps[syncrun.FetchSchools].blind > 0
		for _, r := range s.schools {
			came = came || r.Record.ID == id
		}
		if !came {
			return true
		}
	}
	anybody := len(allUsers(s)) > 0
	for _, step := range []syncrun.Step{syncrun.FetchStudents, syncrun.FetchTeachers} {
		anybody = anybody || len(s.steps[step].unread) > 0 || s.steps[step].blind > 0
	}
	there := !m.ran
	for _, u := range m.users {
		there = there || u.live
	}
	return !anybody && there
}

// sync is one run that does not fail.
func (m *model) sync(s *snapshot, o roster.Options, state string) {
	v := m.judge(s, o, state)
	m.rekeyed, m.matched = map[string]string{}, map[roster.IssueCode]int64{}
	m.syncSchools(s, o, v)
	held := m.syncUsers(s, o, v)
	m.syncRooms(s, o, v, held)
	m.syncParents(s, o, v, held)
	m.remember(s, v)
}

// remember keeps what the run received for the next one to compare with, unless
// it was not believed. A stream that was not read keeps its older number.
func (m *model) remember(s *snapshot, v verdict) {
	differs := false
	for _, f := range s.steps {
		differs = differs || f.total != nil && *f.total != f.records
	}
	for step, f := range s.steps {
		if !differs || !v.held[step] {
			m.records[step] = f.records
		}
	}
	m.ran = true
}

func (m *model) syncSchools(s *snapshot, o roster.Options, v verdict) {
	came := map[string]bool{}
	for _, r := range s.schools {
		came[r.Record.ID] = true
		m.schools[r.Record.ID] = &entry[roster.School]{record: r.Record, live: true}
	}
	for id, e := range m.schools {
		hold := v.paused || v.doubt[syncrun.FetchSchools] || slices.Contains(v.unread[syncrun.FetchSchools], id) ||
			len(s.schools) == 0 && o.AtSchool(id)
		v.held[syncrun.FetchSchools] = v.held[syncrun.FetchSchools] || e.live && !came[id] && hold
		e.live = e.live && (came[id] || hold)
	}
}

// syncUsers gives the users who stay only because their removal is withheld.
func (m *model) syncUsers(s *snapshot, o roster.Options, v verdict) map[string]bool {
	came := allUsers(s)
	m.matchUsers(came, v, o.MatchByName)
	for id, u := range came {
		if m.users[id] == nil {
			m.users[id] = &entry[roster.User]{from: id}
		}
		m.users[id].record, m.users[id].live = u, true
	}
	held := map[string]bool{}
	for id, e := range m.users {
		if _, ok := came[id]; ok || !e.live {
			continue
		}
		u := e.record
		inScope := slices.ContainsFunc(u.Schools, o.AtSchool)
		held[id] = v.paused ||
			u.Student && (v.doubt[syncrun.FetchStudents] || v.noStudents && inScope) ||
			u.Teacher && (v.doubt[syncrun.FetchTeachers] || v.noTeachers && inScope) ||
			slices.Contains(v.unread[syncrun.FetchStudents], id) || slices.Contains(v.unread[syncrun.FetchTeachers], id)
		e.live = held[id]
		v.held[syncrun.FetchStudents] = v.held[syncrun.FetchStudents] || held[id]
		v.held[syncrun.FetchTeachers] = v.held[syncrun.FetchStudents]
	}
	return held
}

func (m *model) syncRooms(s *snapshot, o roster.Options, v verdict, held map[string]bool) {
	came := map[string]bool{}
	for _, r := range s.classrooms {
		came[r.Record.ID] = true
		e := m.rooms[r.Record.ID]
		if e == nil {
			e = &room{ties: map[string]*tie{}}
			m.rooms[r.Record.ID] = e
		}
		courseBefore, termBefore := e.record.Course, e.record.Term
		e.record, e.live = r.Record, true
		e.course = lookUp(s.courses, r.Record.Course, func(c roster.Course) string { return c.ID },
			courseBefore, e.course, v.unsureCourses, v.unread[syncrun.FetchCourses])
		e.term = lookUp(s.terms, r.Record.Term, func(t roster.Term) string { return t.ID },
			termBefore, e.term, v.unsureTerms, v.unread[syncrun.FetchTerms])
		wanted := map[string]string{}
		for _, id := range r.Record.Students {
			wanted[id] = "student"
		}
		for i, id := range r.Record.Teachers {
			wanted[id] = "teacher"
			if i == 0 {
				wanted[id] = "primary_teacher"
			}
		}
		follow(e.ties, wanted, m.rekeyed, func(key string) string { return key }, func(_, id string) string { return id })
		settle(e.ties, wanted, func(key string) bool { return v.paused || held[key] })
		m.takeAlong(e.ties, wanted)
	}
	for id, e := range m.rooms {
		if came[id] || !e.live {
			continue
		}
		e.live = v.paused || v.doubt[syncrun.FetchSections] || v.noSections && o.AtSchool(e.record.School) ||
			slices.Contains(v.unread[syncrun.FetchSections], id)
		for _, step := range []syncrun.Step{syncrun.FetchSections, syncrun.FetchCourses, syncrun.FetchTerms} {
			v.held[step] = v.held[step] || e.live
		}
		if !e.live {
			settle(e.ties, nil, func(string) bool { return false })
		}
		m.takeAlong(e.ties, nil)
	}
	m.nameRooms(came, o)
}

// nameRooms names the rooms that came; one whose removal is withheld keeps its
// name but takes part in who has which sis_id.
func (m *model) nameRooms(came map[string]bool, o roster.Options) {
	with := map[string]int{}
	for _, e := range m.rooms {
		if e.live {
			with[e.record.SISID]++
		}
	}
	for id, e := range m.rooms {
		if !came[id] {
			continue
		}
		e.name = cmp.Or(e.record.Name, e.course.Name, e.record.SISID, id)
		switch {
		case !o.UniqueClassNames:
		case e.record.SISID == "" || with[e.record.SISID] > 1:
			e.name += " - " + id
		default:
			e.name += " - " + e.record.SISID
		}
	}
}

// lookUp finds a course or term. What cannot be known stays as it was.
func lookUp[T any](rows []postgres.Staged[T], id string, idOf func(T) string, idBefore string, before T, unsure bool, unread []string) T {
	for _, r := range rows {
		if idOf(r.Record) == id {
			return r.Record
		}
	}
	if id != "" && id == idBefore && (unsure || slices.Contains(unread, id)) {
		return before
	}
	var none T
	return none
}

// settle makes ties what is wanted; what is not, goes unless it is withheld.
func settle[K comparable](ties map[K]*tie, wanted map[K]string, withheld func(K) bool) {
	for key, value := range wanted {
		ties[key] = &tie{value, true}
	}
	for key, t := range ties {
		if _, ok := wanted[key]; !ok && t.live {
			t.live = withheld(key)
		}
	}
}

func (m *model) syncParents(s *snapshot, o roster.Options, v verdict, held map[string]bool) {
	came := map[string]bool{}
	m.matchParents(s, v)
	for _, r := range s.parents {
		came[r.Record.ID] = true
		e := m.parents[r.Record.ID]
		if e == nil {
			e = &parent{entry: entry[roster.Parent]{from: r.Record.ID}, ties: map[[2]string]*tie{}}
			m.parents[r.Record.ID] = e
		}
		e.record, e.live = r.Record, true
		wanted := map[[2]string]string{}
		for _, l := range r.Record.Links {
			wanted[[2]string{l.Student, l.Type}] = l.Relationship
		}
		follow(e.ties, wanted, m.rekeyed, studentOf, withStudent)
		settle(e.ties, wanted, func(key [2]string) bool { return v.paused || held[key[0]] && slices.Contains(o.ParentTypes, key[1]) })
		takeAlong(e.ties, wanted, m.rekeyed, studentOf, withStudent)
	}
	for id, e := range m.parents {
		if came[id] || !e.live {
			continue
		}
		hold := v.paused || v.doubt[syncrun.FetchContacts] || slices.Contains(v.unread[syncrun.FetchContacts], id)
		for key, t := range e.ties {
			asked := o.Parents && t.live && (m.userLive(key[0]) || m.rekeyed[key[0]] != "") && slices.Contains(o.ParentTypes, key[1])
			hold = hold || asked && (held[key[0]] || v.noParents)
		}
		v.held[syncrun.FetchContacts] = v.held[syncrun.FetchContacts] || hold
		if e.live = hold; !hold {
			settle(e.ties, nil, func([2]string) bool { return false })
		}
		takeAlong(e.ties, nil, m.rekeyed, studentOf, withStudent)
	}
}

func (m *model) userLive(id string) bool { return m.users[id] != nil && m.users[id].live }

// lines writes the roster in the words of dump.
func (m *model) lines() []string {
	var all []string
	add := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	for id, e := range m.schools {
		r := e.record
		add("school %s|%v|%s|%s|%s", id, e.live, r.Name, r.SISID, r.Number)
	}
	for id, e := range m.users {
		r := e.record
		add("user %s|%v|%v|%v|%s|%s|%s|%s|%s|%s|%s|%s|%s", id, e.live, r.Student, r.Teacher, r.First, r.Last, r.Email, r.Username, r.SISID,
			strings.Join(r.Schools, ","), r.Grade, r.StudentNumber, r.TeacherNumber)
		add("row user %s|%v|%s", id, e.live, e.from)
	}
	for id, e := range m.rooms {
		r := e.record
		add("classroom %s|%v|%s|%s|%s|%s|%s|%s|%s|%s|%s|%s|%s|%s|%s", id, e.live, e.name, r.Name, r.SISID, r.School, r.Course, e.course.Name, e.course.Number,
			r.Term, e.term.Name, e.term.Start, e.term.End, r.Subject, r.Period)
		for key, t := range e.ties {
			if t.live {
				add("member %s %s|%s|%v", id, key, t.value, m.userLive(key))
			} else {
				add("member %s %s|gone", id, key)
			}
		}
	}
	for id, e := range m.parents {
		r := e.record
		add("parent %s|%v|%s|%s|%s|%s", id, e.live, r.Name, r.Email, r.Phone, r.PhoneType)
		add("row parent %s|%v|%s", id, e.live, e.from)
		for key, t := range e.ties {
			if t.live {
				add("link %s %s %s|%s|%v", id, key[0], key[1], t.value, m.userLive(key[0]))
			} else {
				add("link %s %s %s|gone", id, key[0], key[1])
			}
		}
	}
	slices.Sort(all)
	return all
}

// dump writes what the sync owns of the tenant's roster, a line each.
func (w *world) dump() []string {
	w.t.Helper()
	var all []string
	for _, statement := range []string{
		`SELECT concat_ws('|', 'school ' || clever_id, b.live, name, sis_id, number)
		FROM school_manager.schools, LATERAL (SELECT CASE WHEN archived_at IS NULL THEN 'true' ELSE 'false' END) AS b (live)
		WHERE tenant_id = $1 AND source = 'clever'`,
		`SELECT concat_ws('|', 'user ' || clever_id, b.live, b.student, b.teacher, first_name, last_name, email, username, sis_id,
			array_to_string(schools, ','), grade, student_number, teacher_number)
		FROM school_manager.users, LATERAL (SELECT CASE WHEN archived_at IS NULL THEN 'true' ELSE 'false' END,
			CASE WHEN student THEN 'true' ELSE 'false' END, CASE WHEN teacher THEN 'true' ELSE 'false' END) AS b (live, student, teacher)
		WHERE tenant_id = $1 AND source = 'clever'`,
		`SELECT concat_ws('|', 'classroom ' || clever_id, b.live, name, source_name, sis_id, school_id, course_id, course_name, course_number,
			term_id, term_name, coalesce(term_start::text, ''), coalesce(term_end::text, ''), subject, period)
		FROM school_manager.classrooms, LATERAL (SELECT CASE WHEN archived_at IS NULL THEN 'true' ELSE 'false' END) AS b (live)
		WHERE tenant_id = $1 AND source = 'clever'`,
		`SELECT 'member ' || c.clever_id || ' ' || m.user_key || CASE
			WHEN m.archived_at IS NOT NULL THEN '|gone'
			WHEN m.user_id IS NULL THEN '|' || m.role || '|false'
			WHEN EXISTS (SELECT FROM school_manager.users u WHERE u.tenant_id = m.tenant_id AND u.id = m.user_id AND u.clever_id = m.user_key) THEN '|' || m.role || '|true'
			ELSE '|orphan' END
		FROM school_manager.classroom_members m
		JOIN school_manager.classrooms c ON c.tenant_id = m.tenant_id AND c.id = m.classroom_id
		WHERE m.tenant_id = $1 AND m.source = 'clever'`,
		`SELECT concat_ws('|', 'parent ' || clever_id, b.live, name, email, phone, phone_type)
		FROM school_manager.parents, LATERAL (SELECT CASE WHEN archived_at IS NULL THEN 'true' ELSE 'false' END) AS b (live)
		WHERE tenant_id = $1 AND source = 'clever'`,
		`SELECT concat_ws(' ', 'link', p.clever_id, l.student_key, l.type) || CASE
			WHEN l.archived_at IS NOT NULL THEN '|gone'
			WHEN l.student_id IS NULL THEN '|' || l.relationship || '|false'
			WHEN EXISTS (SELECT FROM school_manager.users u WHERE u.tenant_id = l.tenant_id AND u.id = l.student_id AND u.clever_id = l.student_key) THEN '|' || l.relationship || '|true'
			ELSE '|orphan' END
		FROM school_manager.parent_links l
		JOIN school_manager.parents p ON p.tenant_id = l.tenant_id AND p.id = l.parent_id
		WHERE l.tenant_id = $1 AND l.source = 'clever'`,
	} {
		all = append(all, list(w, statement, w.tenant)...)
	}
	all = append(all, w.rows()...)
	slices.Sort(all)
	return all
}
