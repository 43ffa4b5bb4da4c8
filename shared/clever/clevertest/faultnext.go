package clevertest

import (
	"maps"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// nextLinks makes the next link of each variant, from the page's own: where it
// leads to and its cursor. Nil takes the link away.
var nextLinks = map[string]func(k *strike, own *url.URL, cursor string) any{
	"self":       func(k *strike, _ *url.URL, _ string) any { return k.r.URL.RequestURI() },
	"backwards":  func(k *strike, _ *url.URL, _ string) any { return k.linkTo(firstID) },
	"other_host": func(_ *strike, own *url.URL, _ string) any { return "https://clever.example.net" + own.String() },
	"other_list": func(_ *strike, own *url.URL, _ string) any { return otherList(own).String() },
	"no_cursor":  func(k *strike, _ *url.URL, _ string) any { return k.r.URL.EscapedPath() + "?limit=100" },
	"unusable":   func(*strike, *url.URL, string) any { return "%zz" },
	"empty":      func(*strike, *url.URL, string) any { return "" },
	"number":     func(*strike, *url.URL, string) any { return 7 },
	"missing":    func(*strike, *url.URL, string) any { return nil },
	"custom":     func(k *strike, _ *url.URL, _ string) any { return k.fault.Text },
	"endless":    nil, // concerns the records too, as does the next
	"repeat":     nil,
}

// firstID is less than every id of a record.
const firstID = "000000000000000000000000"

// nextNames has the variant that is the default first.
func nextNames() []string {
	return append([]string{"self"}, slices.DeleteFunc(slices.Sorted(maps.Keys(nextLinks)), func(name string) bool { return name == "self" })...)
}

// next damages the next link. Only a page that has one is damaged, since a link
// on the last page would be another fault; an endless list has no last page.
func (k *strike) next(p *reply) bool {
	doc := parseDocument(p.body)
	if doc == nil || doc.single {
		return false
	}
	after := k.r.URL.Query().Get("starting_after")
	variant := k.fault.Variant
	if variant == "" {
		variant = "self"
	}
	switch own := doc.next(); {
	case variant == "endless":
		doc.items = nil
		doc.setNext(k.linkTo(idAfter(after)))
	case variant == "repeat":
		before := aside(k.server, k.r, 0, "ending_before", after+"!") // "!" stands before all that ids consist of
		if before == nil {
			return false
		}
		doc.items = before.items
	case own == "":
		return false
	default:
		link, err := url.Parse(own)
		if err != nil {
			return false
		}
		doc.setNext(nextLinks[variant](k, link, link.Query().Get("starting_after")))
	}
	p.body = doc.encode()
	return true
}

// canRepeat tells whether there is a page before this one, where a repetition
// needs it.
func canRepeat(f *Fault, r *http.Request) bool {
	return f.Variant != "repeat" || r.URL.Query().Get("starting_after") != ""
}

// linkTo is a link to the request's list from a cursor on.
func (k *strike) linkTo(cursor string) string {
	return (&call{r: k.r}).cursorURI("starting_after", cursor)
}

// otherList is the link with the last part of its path changed.
func otherList(own *url.URL) *url.URL {
	other := *own
	at := strings.LastIndexByte(own.Path, '/')
	other.Path = own.Path[:at] + "/courses"
	if other.Path == own.Path {
		other.Path = own.Path[:at] + "/terms"
	}
	other.RawPath = ""
	return &other
}

// idAfter is a made-up id that comes next.
func idAfter(id string) string {
	n, ok := new(big.Int).SetString(id, 16)
	if !ok {
		return id + firstID
	}
	text := n.Add(n, big.NewInt(1)).Text(16)
	return strings.Repeat("0", max(0, len(id)-len(text))) + text
}
