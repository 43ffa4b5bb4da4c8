package clever

import "strings"

// maxSegments is how deep Clever's paths go: /schools/{id}/users.
const maxSegments = 3

// endpointOf gives the path with its ids taken out, without version and query:
// fit for labels, details and logs, since it names no school and no pupil.
func endpointOf(path string) string {
	path, _, _ = strings.Cut(path, "?")
	segments := strings.Split(strings.Trim(path, "/"), "/")
	if strings.HasPrefix(segments[0], "v3.") {
		segments = segments[1:]
	}
	var b strings.Builder
	for i, s := range segments {
		if i == maxSegments {
			break
		}
		b.WriteByte('/')
		b.WriteString(segmentLabel(strings.ToLower(s)))
	}
	return b.String()
}

func segmentLabel(s string) string {
	switch s {
	case "users", "schools", "sections", "courses", "terms", "districts", "mycontacts", "oauth", "tokens", "me":
		return s
	}
	return "{id}"
}

// statusLabel gives a status for a metric: itself where Clever is known to use
// it, else its class.
func statusLabel(status int) string {
	switch status {
	case 200:
		return "200"
	case 400:
		return "400"
	case 401:
		return "401"
	case 403:
		return "403"
	case 404:
		return "404"
	case 413:
		return "413"
	case 429:
		return "429"
	case 500:
		return "500"
	case 502:
		return "502"
	case 503:
		return "503"
	case 504:
		return "504"
	}
	return string('0'+rune(min(max(status/100, 1), 9))) + "xx"
}
