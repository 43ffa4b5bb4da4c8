package clevertest

import (
	"net/http"
)

// session returns who has logged in with this browser, nobody where no one
// has or where Clever no longer knows the person.
func (s *Server) session(r *http.Request) identity {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return identity{}
	}
	who, ok := s.sessions.find(s.instant(), cookie.Value)
	if !ok {
		return identity{}
	}
	if _, _, known := who.user(who.at.everyone()); !known {
		return identity{}
	}
	return who
}

// beginSession replaces the browser's session, if it has one.
func (s *Server) beginSession(w http.ResponseWriter, r *http.Request, who identity) {
	s.forget(r)
	s.setSession(w, s.sessions.keep(s.instant(), who), int(sessionLife.Seconds()))
}

func (s *Server) endSession(w http.ResponseWriter, r *http.Request) {
	s.forget(r)
	r.Header.Del("Cookie") // for what is still done with this request
	s.setSession(w, "", -1)
}

func (s *Server) forget(r *http.Request) {
	if cookie, err := r.Cookie(sessionCookie); err == nil {
		s.sessions.take(s.instant(), cookie.Value)
	}
}

// setSession sets the cookie, without Secure: the simulator listens on the
// loopback interface, without TLS.
func (s *Server) setSession(w http.ResponseWriter, key string, seconds int) {
	http.SetCookie(w, &http.Cookie{
		Name: sessionCookie, Value: key, Path: "/", MaxAge: seconds, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// logOut answers GET /logout.
func (s *Server) logOut(w http.ResponseWriter, r *http.Request) {
	s.endSession(w, r)
	show(w, http.StatusOK, &view{Title: "You are logged out"})
}
