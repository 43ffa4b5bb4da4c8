package clever_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cleversync/shared/clever"
	"cleversync/shared/fault"
	"cleversync/shared/roster"
)

const users = "/v3.1/users?limit=2&role=student"

// user is an element of a list of users.
func user(id string) string {
	return fmt.Sprintf(`{"data":{"id":%q,"email":"","name":{"first":"F","last":"L"},"roles":{"student":{"school":"s1"}}},"uri":"/v3.1/users/%s"}`, id, id)
}

func TestReadPage_Envelopes(t *testing.T) {
	t.Parallel()
	const self, next = `{"rel":"self","uri":"/v3.1/users?limit=2&role=student"}`, `{"rel":"next","uri":"/v3.1/users?limit=2&role=student&starting_after=b"}`
	two := "[" + user("a") + "," + user("b") + "]"
	nextPath := users + "&starting_after=b"
	for _, c := range []struct {
		name, body string
		want       clever.Page
	}{
		{"data first", `{"data":` + two + `,"links":[` + self + `,` + next + `]}`, clever.Page{Next: nextPath, LastID: "b", Records: 2}},
		{"links first", `{"links":[` + self + `,` + next + `],"data":` + two + `}`, clever.Page{Next: nextPath, LastID: "b", Records: 2}},
		{"last page", `{"data":` + two + `,"links":[` + self + `]}`, clever.Page{LastID: "b", Records: 2}},
		{"empty", `{"data":[],"links":[` + self + `]}`, clever.Page{}},
		{"no links", `{"data":` + two + `}`, clever.Page{LastID: "b", Records: 2}},
		{"null links", `{"data":[],"links":null}`, clever.Page{}},
		{"count", `{"count":17,"data":` + two + `}`, clever.Page{LastID: "b", Records: 2, Total: 17, HasTotal: true}},
		{"count of zero", `{"count":0,"data":[]}`, clever.Page{HasTotal: true}},
		{"count that is none", `{"count":"many","data":[]}`, clever.Page{}},
		{"count below zero", `{"count":-1,"data":[]}`, clever.Page{}},
		{"unknown keys", `{"x":{"data":[1,2,{"links":[]}]},"data":[],"y":"\u0000"}`, clever.Page{}},
		{"spaces and a line at the end", "\n { \"data\" : [ " + user("a") + " ] }\n\n", clever.Page{LastID: "a", Records: 1}},
		{"undecodable ones are counted", `{"data":[1,null,` + user("a") + `,{"uri":"x"}]}`, clever.Page{LastID: "a", Records: 4}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, got, err := read(t.Context(), serve(t, answer(c.body)), users, "")
			c.want.Bytes = int64(len(c.body))
			if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
				t.Errorf("%v, page (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestReadPage_BadAnswers(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"nothing":                 "",
		"HTML":                    "<!DOCTYPE html><pre>Cannot GET /v3.1/users</pre>",
		"null":                    "null",
		"a list":                  "[]",
		"a string":                `"data"`,
		"no data":                 `{"links":[]}`,
		"resources":               `{"resources":[]}`,
		"only a count":            `{"count":3}`,
		"null data":               `{"data":null}`,
		"one object":              `{"data":{"id":"a"}}`,
		"data twice":              `{"data":[],"data":[` + user("a") + `]}`,
		"cut, yet complete":       `{"data":[` + user("a") + `,{"data":{"id"`,
		"cut after the list":      `{"data":[` + user("a") + `]`,
		"more than one value":     `{"data":[]}{"data":[]}`,
		"no comma":                `{"data":[` + user("a") + user("b") + `]}`,
		"trailing comma":          `{"data":[` + user("a") + `,]}`,
		"links that are none":     `{"data":[],"links":{"next":"/v3.1/users"}}`,
		"a next link to nowhere":  `{"data":[],"links":[{"rel":"next"}]}`,
		"a next link of a number": `{"data":[],"links":[{"rel":"next","uri":5}]}`,
		"nested too deep":         `{"data":[` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `]}`,
		"not a number":            `{"data":[{"data":{"x":NaN}}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := read(t.Context(), serve(t, answer(body)), users, "")
			if f := wantFault(t, err, fault.CleverBadResponse); f.Final {
				t.Error("another try may help, yet the fault is final")
			}
		})
	}
}

// TestReadPage_HTML is told apart for whoever reads the error: it usually means
// that a proxy answered.
func TestReadPage_HTML(t *testing.T) {
	t.Parallel()
	_, _, err := read(t.Context(), serve(t, refuse(http.StatusOK, "Content-Type", "text/html; charset=utf-8")), users, "")
	if f := wantFault(t, err, fault.CleverBadResponse); !strings.Contains(f.Detail, "HTML") {
		t.Errorf("the detail is %q", f.Detail)
	}
}

// TestReadPage_ErrorsQuoteNothing has the body full of what must not be quoted.
func TestReadPage_ErrorsQuoteNothing(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"Geheim":"Geheim" "Geheim"}`, `{"data":[{"Geheim":Geheim}]}`, `{"data":"Geheim"}`, `Geheim`, `{"data":[],"links":"Geheim"}`,
		`{"data":[],"links":[{"rel":"next","uri":"http://Geheim/"}]}`, `{"data":[` + user("Geheim") + `,` + user("Geheim") + `]}`,
	} {
		_, _, err := read(t.Context(), serve(t, answer(body)), "/v3.1/users/Geheim/mycontacts?limit=1", "")
		if err == nil || strings.Contains(err.Error(), "Geheim") {
			t.Errorf("%s gives the error %v", body, err)
		}
	}
}

func TestReadPage_Order(t *testing.T) {
	t.Parallel()
	broken := `{"data":{"id":"c","name":5}}`
	for _, c := range []struct {
		name, path, after string
		elements          []string
		ok                bool
	}{
		{"ascending", users, "", []string{user("a"), user("b")}, true},
		{"twice the same", users, "", []string{user("a"), user("a")}, false},
		{"descending", users, "", []string{user("b"), user("a")}, false},
		{"the last of the page before again", users + "&starting_after=a", "a", []string{user("a")}, false},
		{"before the cursor, though nobody says after what", users + "&starting_after=b", "", []string{user("a")}, false},
		{"an undecodable one in order", users, "", []string{user("b"), broken, user("d")}, true},
		{"an undecodable one out of order", users, "", []string{user("d"), broken}, false},
		{"one without an id is nowhere", users, "", []string{user("b"), `{"data":{"id":7}}`, user("c")}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			client := serve(t, answer(`{"data":[`+strings.Join(c.elements, ",")+`]}`))
			_, _, err := read(t.Context(), client, c.path, c.after)
			if c.ok && err != nil {
				t.Error(err)
			}
			if !c.ok {
				wantFault(t, err, fault.SnapshotIncomplete)
			}
		})
	}
}

// TestReadPage_CallerStops passes on what the caller of a page comes up with.
func TestReadPage_CallerStops(t *testing.T) {
	t.Parallel()
	client := serve(t, answer(`{"data":[`+user("a")+`,`+user("b")+`]}`))
	for _, stop := range []error{errors.New("enough"), fault.New(fault.RosterStoreUnavailable, "away")} {
		calls := 0
		_, err := clever.ReadPage(t.Context(), client, caller, users, "", func(roster.Received[roster.SourceUser]) error {
			calls++
			return stop
		})
		if err != stop || calls != 1 {
			t.Errorf("error %v after %d calls; want %v after one", err, calls, stop)
		}
	}
}

func TestReadPage_BadPath(t *testing.T) {
	t.Parallel()
	client := serve(t, answer(`{"data":[]}`))
	for _, path := range []string{"", "/", "users", "https://evil.example/v3.1/users", "//evil.example/v3.1/users", "/oauth/tokens", "/v3.1/users#x", "@evil/v3.1", "/v3.1/%zz"} {
		_, _, err := read(t.Context(), client, path, "")
		wantFault(t, err, fault.Internal)
	}
}
