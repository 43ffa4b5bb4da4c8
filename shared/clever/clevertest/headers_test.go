package clevertest_test

import (
	"maps"
	"slices"
	"testing"

	"cleversync/shared/clever/clevertest"

	"github.com/google/go-cmp/cmp"
)

// TestHeaders_OfEachSortOfAnswer: which headers come differs by host and by
// what is answered.
func TestHeaders_OfEachSortOfAnswer(t *testing.T) {
	t.Parallel()
	s, err := clevertest.New(clevertest.Config{Students: 10, RateLimit: 5, ClientID: "app", ClientSecret: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	api := []string{
		"Access-Control-Allow-Methods", "Access-Control-Allow-Origin", "Cache-Control", "Server", "Strict-Transport-Security",
		"X-Envoy-Upstream-Service-Time", "X-Powered-By", "X-Ratelimit-Bucket", "X-Ratelimit-Limit", "X-Ratelimit-Remaining", "X-Ratelimit-Reset", "X-Request-Id",
	}
	oauth := []string{"Cache-Control", "Content-Type", "Strict-Transport-Security"}
	for _, c := range []struct {
		path   string
		status int
		want   []string
	}{
		{"/v3.1/users", 200, append([]string{"Content-Type", "Etag"}, api...)},
		{"/v3.1/resources", 200, append([]string{"Content-Type", "Clever-Request-Id"}, api...)},
		{"/v3.1/users/x", 404, append([]string{"Content-Type"}, api...)},
		{"/v3.1/x", 404, append([]string{"Content-Type", "Content-Security-Policy", "X-Content-Type-Options"}, api...)},
		{"/userinfo", 404, append([]string{"Content-Type", "Content-Security-Policy", "X-Content-Type-Options"}, api...)},
		{"/v3.1/users", 429, api},
		{"/oauth/tokens", 401, oauth},
		{"/oauth/tokeninfo", 200, oauth},
		{"/oauth/authorize", 400, append([]string{"Referrer-Policy"}, oauth...)},
	} {
		w := get(s, c.path)
		got := slices.Sorted(maps.Keys(w.Header()))
		slices.Sort(c.want)
		if diff := cmp.Diff(c.want, got); w.Code != c.status || diff != "" {
			t.Errorf("GET %s: status %d, want %d; headers (-want +got):\n%s", c.path, w.Code, c.status, diff)
		}
	}
}
