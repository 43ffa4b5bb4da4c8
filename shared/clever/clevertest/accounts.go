package clevertest

import (
	"encoding/json"
	"fmt"
	"iter"
	"path"
	"slices"
	"strings"
	"time"
)

// Password is the password of everybody.
const Password = "clever"

// Badge returns the code on the Clever Badge of the user with this id.
func Badge(userID string) string { return badgePrefix + userID }

const badgePrefix = "badge-"

// How long clever.com remembers.
const (
	sessionLife = 2 * time.Hour
	codeLife    = time.Minute
	passLife    = 24 * time.Hour
)

// identity is who has logged in at Clever, in which role. Somebody with
// several roles is in one of them per log-in, and /me and /userinfo tell of
// that one alone.
type identity struct {
	at   *Sharing
	id   string
	role role
}

// none reports whether nobody has logged in.
func (i identity) none() bool { return i.at == nil }

// user returns the record of who logged in, as it is shared with the app now.
func (i identity) user(d *District) (at ref, u *User, ok bool) {
	at, ok = d.find(users, i.id)
	if !ok {
		return ref{}, nil, false
	}
	return at, d.user(at, new(scratch)), true
}

// String returns the role as /me spells it.
func (r role) String() string {
	return [...]string{anyRole: "", student: "student", teacher: "teacher", staff: "staff", admin: "district_admin", contact: "contact"}[r]
}

// everyone returns the district as its own people know it: with the schools
// that it does not share with the app, whose people can log in at Clever too.
func (d *Sharing) everyone() *District {
	st := *d.state.Load()
	st.hidden = nil
	return &District{d.source, &st}
}

// loginRole is the role in which a user logs in where no form says which. A
// contact has none: to Clever's log-in a person is one of these four.
func (u *User) loginRole() (role, bool) {
	for _, in := range u.memberships() {
		if in.role != contact {
			return in.role, true
		}
	}
	return anyRole, false
}

// names returns what the user may type as user name.
func (u *User) names() []string {
	names := []string{u.ID, u.Email}
	if u.Student != nil {
		names = append(names, u.Student.Username)
	}
	if u.Teacher != nil {
		names = append(names, u.Teacher.Username)
	}
	if u.Staff != nil {
		names = append(names, u.Staff.Username)
	}
	return names
}

// account finds who logs in with a user name, an e-mail address or a Clever id
// as an administrator or as anybody else. Where two have the same, it is the
// one with the lesser id.
func (d *Sharing) account(name string, asAdmin bool) (identity, bool) {
	if name = strings.TrimSpace(name); name == "" {
		return identity{}, false
	}
	for u := range d.accounts(name, asAdmin) {
		if slices.ContainsFunc(u.names(), func(own string) bool { return strings.EqualFold(own, name) }) {
			as, ok := u.loginRole()
			if asAdmin {
				as, ok = admin, u.Admin != nil
			}
			return identity{d, u.ID, as}, ok
		}
	}
	return identity{}, false
}

// accounts yields the users among whom the name is looked for: by id at once,
// else by a walk, which takes a second in a district of a million.
func (d *Sharing) accounts(name string, asAdmin bool) iter.Seq[*User] {
	all, sc := d.everyone(), new(scratch)
	return func(yield func(*User) bool) {
		if at, ok := all.find(users, name); ok {
			yield(all.user(at, sc))
			return
		}
		roles := []role{student, teacher, staff}
		if asAdmin {
			roles = []role{admin}
		}
		for _, r := range roles {
			for at := range all.all(all.withRole(r)) {
				if !yield(all.user(at, sc)) {
					return
				}
			}
		}
	}
}

// holder finds whose badge has this code.
func (d *Sharing) holder(badge string) (identity, bool) {
	id, ok := strings.CutPrefix(strings.TrimSpace(badge), badgePrefix)
	if !ok {
		return identity{}, false
	}
	all := d.everyone()
	at, ok := all.find(users, id)
	if !ok {
		return identity{}, false
	}
	as, ok := all.user(at, new(scratch)).loginRole()
	return identity{d, id, as}, ok
}

// front is what a district's record says of its log-in.
type front struct {
	Portal  string   `json:"portal_url"`
	Methods []string `json:"login_methods"`
}

func readFront(raw []byte) (front, error) {
	var f front
	if err := json.Unmarshal(raw, &f); err != nil {
		return f, fmt.Errorf("read district record: %w", err)
	}
	return f, nil
}

// Portal returns the path of the district's portal.
func (d *Sharing) Portal() string { return "/in/" + d.front.shortname() }

// shortname is what the district's portal is called in its address.
func (f front) shortname() string { return path.Base(f.Portal) }

// forms are the ways to log in on the district's page. Methods in which
// somebody else than Clever asks for the password (Google, SAML and so on) are
// played by the form for passwords.
func (f front) forms() []string {
	const badges = "Clever Badges"
	var forms []string
	if len(f.Methods) == 0 || slices.ContainsFunc(f.Methods, func(m string) bool { return m != badges }) {
		forms = append(forms, MethodPassword)
	}
	if slices.Contains(f.Methods, badges) {
		forms = append(forms, MethodBadge)
	}
	return append(forms, MethodAdmin)
}
