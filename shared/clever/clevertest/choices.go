package clevertest

import (
	"net/http"
	"slices"
	"strings"
)

// roles are those that users can be asked for by name.
var roles = map[string]role{
	"student": student, "teacher": teacher, "staff": staff, "contact": contact, "district_admin": admin,
}

// askedRole reads the parameter role, which is one of the given or left out,
// or answers what is wrong with it.
func (c *call) askedRole(among ...string) (role, bool) {
	sent := c.r.URL.Query().Get("role")
	if sent != "" && !slices.Contains(among, sent) {
		message(c.w, http.StatusBadRequest, "role must be one of "+strings.Join(among, ", "))
		return anyRole, false
	}
	return roles[sent], true
}

// askedPrimary reads the parameter primary, which is true or left out, or
// answers what is wrong with it.
func (c *call) askedPrimary() (only, ok bool) {
	sent := c.r.URL.Query().Get("primary")
	if sent != "" && sent != "true" {
		message(c.w, http.StatusBadRequest, "primary must be true")
		return false, false
	}
	return sent == "true", true
}

func (c *call) users() {
	if r, ok := c.askedRole("contact", "district_admin", "staff", "student", "teacher"); ok {
		c.list(c.district.withRole(r))
	}
}

// schoolUsers answers who is at a school; contacts and administrators are at
// none.
func (c *call) schoolUsers() {
	r, ok := c.askedRole("staff", "student", "teacher")
	if !ok {
		return
	}
	primary, ok := c.askedPrimary()
	if !ok {
		return
	}
	if at, ok := c.target(schools); ok {
		c.list(c.district.usersAt(at, r, primary))
	}
}

// sectionUsers answers the students and teachers of a section.
func (c *call) sectionUsers() {
	r, ok := c.askedRole("student", "teacher")
	if !ok {
		return
	}
	c.related(sections, func(d *District, at ref) listing {
		s := d.section(at, new(scratch))
		switch r {
		case student:
			return d.named(users, s.Students)
		case teacher:
			return d.named(users, s.Teachers)
		default:
			return d.named(users, slices.Concat(s.Students, s.Teachers))
		}
	})
}

// userSchools answers the schools that a user's roles name, or the first of
// each role.
func (c *call) userSchools() {
	primary, ok := c.askedPrimary()
	if !ok {
		return
	}
	c.related(users, func(d *District, at ref) listing {
		u := d.user(at, new(scratch))
		if !primary {
			return d.named(schools, u.schools())
		}
		var ids []string
		for _, in := range u.memberships() {
			ids = append(ids, in.schools[:min(1, len(in.schools))]...)
		}
		return d.named(schools, ids)
	})
}
