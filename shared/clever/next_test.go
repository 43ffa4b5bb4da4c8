package clever_test

import (
	"fmt"
	"strings"
	"testing"

	"cleversync/shared/fault"
)

// TestReadPage_NextLinks answers the page after "b", whose last record is "d",
// with links of all kinds.
func TestReadPage_NextLinks(t *testing.T) {
	t.Parallel()
	const path = "/v3.1/schools/s1/users?limit=2&role=student&starting_after=b"
	const onward = "/v3.1/schools/s1/users?limit=2&role=student&starting_after="
	for _, c := range []struct{ name, link, want string }{
		{"as Clever writes it", "/v3.1/schools/s1/users?limit=2&role=student&starting_after=d", onward + "d"},
		{"filters stay ours", "/v3.1/schools/s1/users?starting_after=d", onward + "d"},
		{"filters cannot be changed", "/v3.1/schools/s1/users?role=contact&limit=10000&starting_after=d", onward + "d"},
		{"in another case", "/v3.1/Schools/s1/Users?starting_after=d", onward + "d"},
		{"absolute, on the API's host", "{base}/v3.1/schools/s1/users?starting_after=d", onward + "d"},
		{"beyond the last record", "/v3.1/schools/s1/users?starting_after=e", onward + "e"},
		{"the page itself", path, ""},
		{"backwards", "/v3.1/schools/s1/users?starting_after=a", ""},
		{"before the last record", "/v3.1/schools/s1/users?starting_after=c", ""},
		{"no cursor", "/v3.1/schools/s1/users?limit=2", ""},
		{"a cursor that is no id", "/v3.1/schools/s1/users?starting_after=d%0a", ""},
		{"another host", "https://evil.example/v3.1/schools/s1/users?starting_after=d", ""},
		{"another host without a scheme", "//evil.example/v3.1/schools/s1/users?starting_after=d", ""},
		{"another scheme", "ftp://{host}/v3.1/schools/s1/users?starting_after=d", ""},
		{"somebody's password", "http://a:b@{host}/v3.1/schools/s1/users?starting_after=d", ""},
		{"another list", "/v3.1/schools/s1/sections?starting_after=d", ""},
		{"another school", "/v3.1/schools/s2/users?starting_after=d", ""},
		{"another version", "/v3.0/schools/s1/users?starting_after=d", ""},
		{"a way up", "/v3.1/schools/s1/users/../../s2/users?starting_after=d", ""},
		{"a relative one", "users?starting_after=d", ""},
		{"opaque", "mailto:users?starting_after=d", ""},
		{"no link at all", "%zz", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			body := `{"data":[` + user("c") + `,` + user("d") + `],"links":[{"rel":"next","uri":%q}]}`
			client, base := serveAt(t, func(base string) string {
				return fmt.Sprintf(body, strings.NewReplacer("{base}", base, "{host}", strings.TrimPrefix(base, "http://")).Replace(c.link))
			})
			_, page, err := read(t.Context(), client, path, "b")
			if c.want == "" {
				wantFault(t, err, fault.SnapshotIncomplete)
				return
			}
			if err != nil || page.Next != c.want {
				t.Errorf("next page %q, %v; want %q of %s", page.Next, err, c.want, base)
			}
		})
	}
}

// TestReadPage_EmptyPages end a list; with a next link they need never end.
func TestReadPage_EmptyPages(t *testing.T) {
	t.Parallel()
	client := serve(t, answer(`{"data":[],"links":[{"rel":"next","uri":"/v3.1/users?limit=2&starting_after=b"}]}`))
	_, _, err := read(t.Context(), client, "/v3.1/users?limit=2&starting_after=a", "a")
	wantFault(t, err, fault.SnapshotIncomplete)
	last := serve(t, answer(`{"data":[],"links":[{"rel":"prev","uri":"/v3.1/users?limit=2&ending_before=a"}]}`))
	_, page, err := read(t.Context(), last, "/v3.1/users?limit=2&starting_after=a", "a")
	if err != nil || page.Next != "" || page.LastID != "a" {
		t.Errorf("page %+v, %v; want the list's end", page, err)
	}
}
