package httpapi

import "net/http"

// Closed answers while the database is not known to be usable: about the
// program's health, and 503 to all else.
func Closed(health http.Handler) http.Handler {
	mux := http.NewServeMux()
	for _, path := range healthPaths {
		mux.Handle(path, health)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		setHeaders(w.Header())
		p := newProblem(codeUnavailable, "")
		p.retryAfter = awhile
		p.send(w)
	})
	return mux
}
