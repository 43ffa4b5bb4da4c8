package clevertest

import (
	"net/http"
	"slices"
)

// personalCall is one request with an SSO token, by somebody who is shared.
type personalCall struct {
	call
	grant
	place ref
	user  *User
}

// personalRoutes builds the mux of SSO tokens. What is not in it answers as an
// unknown route, lists with their paging among it.
func (s *Server) personalRoutes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("/", notRouted)
	mux.HandleFunc("GET /userinfo", s.personally("", (*personalCall).userInfo))
	for _, version := range versions {
		for path, answer := range map[string]func(*personalCall){
			"/me":             (*personalCall).me,
			"/users/{id}":     (*personalCall).self,
			"/schools/{id}":   (*personalCall).ownSchool,
			"/districts/{id}": func(c *personalCall) { c.oneDistrict() },
		} {
			mux.HandleFunc("GET /"+version+path, s.personally(version, answer))
		}
	}
	return mux
}

// personally finds who the token stands for. Somebody who is no longer shared,
// alone or with their school, is gone from everything that the token saw.
func (s *Server) personally(version string, answer func(*personalCall)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		g := r.Context().Value(grantKey{}).(grant) // Answer has put it there
		d := g.at.District()
		place, u, ok := g.identity.user(d)
		if !ok {
			message(w, http.StatusNotFound, "Resource not found")
			return
		}
		answer(&personalCall{call{server: s, w: w, r: r, version: version, district: d}, g, place, u})
	}
}

// me answers /me, whose self link alone has no version.
func (c *personalCall) me() {
	district := c.district.ID()
	body := field(nil, `{"type":"user","data":{"id":`, c.id)
	body = field(body, `,"district":`, district)
	body = field(body, `,"type":`, c.role.String())
	body = append(body, `,"authorized_by":"district"},"links":[`...)
	body = appendLink(body, "self", "/me")
	body = appendLink(append(body, ','), "canonical", "/"+c.version+"/users/"+c.id)
	body = appendLink(append(body, ','), "district", "/"+c.version+"/districts/"+district)
	c.server.send(c.w, c.r, append(body, `]}`...))
}

// userInfo answers /userinfo, with the names of OpenID Connect.
func (c *personalCall) userInfo() {
	u, district := c.user, c.district.ID()
	body := field(nil, `{"sub":`, c.id)
	body = field(body, `,"user_id":`, u.legacyID(c.role))
	body = field(body, `,"multi_role_user_id":`, c.id)
	body = field(body, `,"user_type":`, c.role.String())
	body = field(body, `,"district_id":`, district)
	body = field(body, `,"district":`, district)
	body = field(body, `,"email":`, u.Email)
	body = appendName(body, u)
	body = texts(body, `,"schools":`, c.schools())
	body = field(body, `,"given_name":`, u.Name.First)
	body = field(body, `,"family_name":`, u.Name.Last)
	c.server.send(c.w, c.r, append(body, `,"email_verified":false,"authorized_by":"district"}`...))
}

// self answers /users/{id} for the person's own id, without links.
func (c *personalCall) self() {
	if c.r.PathValue("id") != c.id {
		message(c.w, http.StatusNotFound, "Resource not found")
		return
	}
	body := c.district.appendRecord([]byte(`{"data":`), users, c.place, c.version, new(scratch))
	c.server.send(c.w, c.r, append(body, '}'))
}

func (c *personalCall) ownSchool() {
	if !slices.Contains(c.schools(), c.r.PathValue("id")) {
		message(c.w, http.StatusNotFound, "Resource not found")
		return
	}
	c.object(schools)
}

// schools returns those of the role of this log-in.
func (c *personalCall) schools() []string {
	for _, in := range c.user.memberships() {
		if in.role == c.role {
			return in.schools
		}
	}
	return nil
}

// legacyID is the id of before v3, which a student has kept.
func (u *User) legacyID(r role) string {
	switch {
	case r == teacher && u.Teacher != nil:
		return u.Teacher.LegacyID
	case r == staff && u.Staff != nil:
		return u.Staff.LegacyID
	case r == admin && u.Admin != nil:
		return u.Admin.LegacyID
	default:
		return u.ID
	}
}
