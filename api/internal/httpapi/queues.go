package httpapi

import (
	"net/http"
)

// queuesPolicy is wider than that of every other page: the dashboard's own
// bundle styles itself inline and starts with an inline script.
const queuesPolicy = "default-src 'self'; style-src 'self' 'unsafe-inline'; script-src 'self' 'unsafe-inline'; " +
	"img-src 'self' data:; font-src 'self' data:; base-uri 'self'; form-action 'none'; frame-ancestors 'none'"

// serveQueues mounts the dashboard of the queues. It has no sign-in of its own,
// so a browser is asked for a token by HTTP Basic; only an operator's gets in.
func (a *API) serveQueues(mux *http.ServeMux, dashboard http.Handler) {
	guarded := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, err := a.auth.Authenticate(r.Context(), r)
		if err == nil && !who.Operator() {
			err = newProblem(codeForbidden, "Only an operator's token allows this.")
		}
		if err != nil {
			a.refuseQueues(w, r, err)
			return
		}
		w.Header().Set("Content-Security-Policy", queuesPolicy)
		w.Header().Del("Cache-Control")
		dashboard.ServeHTTP(w, r)
	})
	mux.Handle("/queues", guarded)
	mux.Handle("/queues/", guarded)
}

func (a *API) refuseQueues(w http.ResponseWriter, r *http.Request, err error) {
	p := a.problemOf(r.Context(), err)
	if p.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Basic realm="Clever sync: an operator's token as the password", charset="UTF-8"`)
	}
	p.send(w)
}
