package clevertest

import (
	_ "embed"
	"html/template"
	"net/http"
	"slices"
	"strings"
)

// The names of the fields that the forms of the log-in pages have. A form
// whose fieldMethod is one of the three methods is a log-in.
const (
	fieldSearch   = "q"        // the name of a school or district, or a part of it
	fieldMethod   = "method"   // MethodPassword, MethodBadge or MethodAdmin
	fieldUsername = "username" // user name, e-mail address or Clever id
	fieldPassword = "password"
	fieldBadge    = "badge"
	fieldConfirm  = "confirm" // yes, or no: it is somebody else
)

const (
	sessionCookie = "clever_session"
	maxFound      = 25      // results of a search
	maxForm       = 1 << 16 // bytes
)

//go:embed login.html
var loginHTML string

var loginTemplate = template.Must(template.New("login").Parse(loginHTML))

// view is what a page shows.
type view struct {
	Title, Problem string
	Person         string // who has a session
	Confirm        bool   // ask whether it is they
	Forms          []string
	Search         *searchView
	Elsewhere      string // the page where another district can be searched
}

// searchView is the search for a school or a district. Kept is the query that
// the app asked with.
type searchView struct {
	Typed string
	Kept  []pair
	Found []pair
}

type pair struct{ Name, Value string }

func show(w http.ResponseWriter, status int, v *view) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Strict-Transport-Security", "max-age=15552000; includeSubDomains")
	w.WriteHeader(status)
	loginTemplate.Execute(w, v) // fails only when the browser has gone away
}

// welcome sends on who has a session that will do, and shows all others the
// log-in page.
func (s *Server) welcome(w http.ResponseWriter, r *http.Request, e visit) {
	who := s.session(r)
	switch {
	case who.none() || e.district != nil && e.district != who.at:
		s.askWho(w, r, e, http.StatusOK, "")
	case e.confirm:
		show(w, http.StatusOK, &view{Title: "Is this you?", Person: who.at.everyone().name(who), Confirm: true})
	default:
		s.arrive(w, r, e, who)
	}
}

// logIn answers a form.
func (s *Server) logIn(w http.ResponseWriter, r *http.Request, e visit) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		s.askWho(w, r, e, http.StatusBadRequest, "The form could not be read.")
		return
	}
	switch r.PostForm.Get(fieldConfirm) {
	case "yes":
		if who := s.session(r); !who.none() {
			s.arrive(w, r, e, who)
			return
		}
		s.askWho(w, r, e, http.StatusOK, "")
	case "no":
		s.endSession(w, r)
		s.askWho(w, r, e, http.StatusOK, "")
	default:
		who, problem := s.recognize(e, r)
		if problem != "" {
			s.askWho(w, r, e, http.StatusForbidden, problem)
			return
		}
		s.beginSession(w, r, who)
		s.arrive(w, r, e, who)
	}
}

// recognize finds who filled in the form, or says what is wrong with it. An
// administrator or a badge is known without a district; a user name is not.
func (s *Server) recognize(e visit, r *http.Request) (who identity, problem string) {
	form, method := r.PostForm, r.PostForm.Get(fieldMethod)
	among := s.sharings
	switch {
	case e.district != nil:
		among = []*Sharing{e.district}
	case method == MethodPassword:
		return identity{}, "Search for your school or district first."
	}
	var found []identity
	for _, d := range among {
		var ok bool
		switch method {
		case MethodBadge:
			who, ok = d.holder(form.Get(fieldBadge))
		case MethodPassword, MethodAdmin:
			who, ok = d.account(form.Get(fieldUsername), method == MethodAdmin)
		}
		if ok && slices.Contains(d.front.forms(), method) {
			found = append(found, who)
		}
	}
	switch {
	case len(found) == 0 && method == MethodBadge:
		return identity{}, "Nobody has this badge."
	case len(found) == 0 || method != MethodBadge && form.Get(fieldPassword) != Password:
		return identity{}, "Wrong user name or password."
	case len(found) > 1:
		return identity{}, "Several districts have this user name. Search for yours first."
	}
	return found[0], ""
}

// askWho shows the log-in page: of one district, or the one to search it on,
// where administrators and badges are admitted at once.
func (s *Server) askWho(w http.ResponseWriter, r *http.Request, e visit, status int, problem string) {
	v := &view{Problem: problem}
	if e.district != nil {
		v.Title, v.Forms = "Log in at "+e.district.everyone().info.Name, e.district.front.forms()
		if query := r.URL.Query(); query.Has("district_id") {
			query.Del("district_id")
			v.Elsewhere = r.URL.Path + "?" + query.Encode()
		}
	} else {
		v.Title, v.Forms = "Log in with Clever", []string{MethodBadge, MethodAdmin}
		v.Search = s.search(r)
	}
	show(w, status, v)
}

// search finds the districts and schools with what was typed in their names.
func (s *Server) search(r *http.Request) *searchView {
	query := r.URL.Query()
	v := &searchView{Typed: strings.TrimSpace(query.Get(fieldSearch))}
	query.Del(fieldSearch)
	for name, values := range query {
		for _, value := range values {
			v.Kept = append(v.Kept, pair{name, value})
		}
	}
	slices.SortFunc(v.Kept, func(a, b pair) int { return strings.Compare(a.Name, b.Name) })
	if v.Typed == "" {
		return v
	}
	for _, d := range s.sharings {
		query.Set("district_id", d.source.districtID())
		for _, name := range d.places(v.Typed) {
			if v.Found = append(v.Found, pair{name, r.URL.Path + "?" + query.Encode()}); len(v.Found) == maxFound {
				return v
			}
		}
	}
	return v
}

// places names the district and those of its schools whose names have the
// text in them.
func (d *Sharing) places(text string) []string {
	all, text := d.everyone(), strings.ToLower(text)
	var names []string
	if strings.Contains(strings.ToLower(all.info.Name), text) {
		names = append(names, all.info.Name)
	}
	for school := range all.Schools() {
		if strings.Contains(strings.ToLower(school.Name), text) {
			names = append(names, school.Name+", "+all.info.Name)
		}
	}
	return names
}

// name is what the pages call somebody.
func (d *District) name(who identity) string {
	if _, u, ok := who.user(d); ok {
		return strings.TrimSpace(u.Name.First + " " + u.Name.Last)
	}
	return "Somebody"
}
