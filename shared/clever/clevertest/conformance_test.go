package clevertest_test

import (
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"cleversync/shared/clever/clevertest"

	"github.com/getkin/kin-openapi/openapi3"
)

// deviation is where Clever was recorded to answer otherwise than its Swagger
// file says, and the simulator does as it was recorded.
type deviation struct {
	path, at, what *regexp.Regexp
	why            string
}

func (d *deviation) covers(path string, f fault) bool {
	return d.path.MatchString(path) && d.at.MatchString(f.at) && d.what.MatchString(f.what)
}

func deviations() []*deviation {
	of := func(path, at, what, why string) *deviation {
		return &deviation{regexp.MustCompile("^" + path + "$"), regexp.MustCompile("^" + at + "$"), regexp.MustCompile("^" + what), why}
	}
	const record = `(/data/\*)?/data`
	return []*deviation{
		of(`.*`, `/data/\*`, `properties: property "uri" is unsupported`, "items of lists carry their uri"),
		of(`.*`, `/`, `properties: property "links" is unsupported`, "single objects carry links"),
		of(`.*`, record+`/roles/student`, `properties: property "email" is unsupported`, "students carry their e-mail address twice"),
		of(`.*/(terms?|terms/\{id\})`, record+`/(start|end)_date`, `format: .*"datetime"`, "dates of terms come with and without a time"),
		of(`(/\w+/\{id\})?/resources`, `/`, `properties: property "resources" is unsupported`, "resources have a list of another form"),
		of(`/events(/\{id\})?`, record, `properties: property "data" is unsupported`, "an event carries its record, and what changed in it, one level deeper"),
		of(`/\w+`, `/`, `properties: property "count" is unsupported`, "the file has the parameter count and not its answer"),
	}
}

// elsewhere are the paths of the file that this test leaves out: two products
// of Clever's beside the data API.
var elsewhere = regexp.MustCompile(`^/attendance/|/assignments`)

// neverFound are paths that answer 404 only: no resource was ever seen.
var neverFound = regexp.MustCompile(`^/resources/`)

// audit compares answers with Clever's file, and counts.
type audit struct {
	mu         sync.Mutex
	deviations []*deviation
	occurred   map[*deviation]int
	answered   map[string]int // 200s by path
}

// TestConformance walks every path of Clever's Swagger file, with real ids, in
// both versions, through several generated districts and the recorded one.
func TestConformance(t *testing.T) {
	t.Parallel()
	specs := specifications(t)
	a := &audit{deviations: deviations(), occurred: map[*deviation]int{}, answered: map[string]int{}}
	t.Run("districts", func(t *testing.T) {
		for name, cfg := range map[string]clevertest.Config{
			"small": {Students: 3, Seed: 1}, "seed 2": {Students: 150, Seed: 2}, "seed 3": {Students: 400, Seed: 3}, "seed 4": {Students: 60, Seed: 4},
			"recorded": {Dir: beside(t, "data", "clever-demo-district")},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				s := simulator(t, cfg)
				for range 3 { // nights, so that there are events
					if _, err := s.Evolve(clevertest.SchoolNight()); err != nil {
						t.Fatal(err)
					}
				}
				for version, spec := range specs {
					(&auditor{t, a, s, version, spec}).walk()
				}
			})
		}
	})
	for _, d := range a.deviations {
		if a.occurred[d] == 0 {
			t.Errorf("a deviation that does not occur: %s", d.why)
		}
	}
	for path := range specs["/v3.1"].Paths.Map() {
		if a.answered[path] == 0 && !elsewhere.MatchString(path) && !neverFound.MatchString(path) {
			t.Errorf("GET %s never answered 200", path)
		}
	}
}

// auditor audits one district in one version.
type auditor struct {
	t *testing.T
	*audit
	s       *clevertest.Server
	version string
	spec    specification
}

func (a *auditor) walk() {
	known := map[string][]string{"districts": {a.s.District().ID()}}
	for _, kind := range []string{"schools", "sections", "courses", "terms"} {
		known[kind] = sample(ids(a.t, a.s, a.version+"/"+kind+"?limit=10000"))
	}
	for _, role := range []string{"student", "teacher", "staff", "contact", "district_admin"} {
		known["users"] = append(known["users"], sample(ids(a.t, a.s, a.version+"/users?limit=10000&role="+role))...)
	}
	known["events"] = sample(ids(a.t, a.s, a.version+"/events?limit=10000"))
	for path, item := range a.spec.Paths.Map() {
		if item.Get == nil || elsewhere.MatchString(path) {
			continue
		}
		kind, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
		all := queries(item.Get)
		if !strings.Contains(path, "{id}") {
			for _, query := range all {
				a.ask(path, path+query, http.StatusOK)
			}
			continue
		}
		for i, id := range known[kind] {
			query := all[i%len(all)] // in turn, not each for each id
			a.ask(path, strings.Replace(path, "{id}", id, 1), http.StatusOK)
			a.ask(path, strings.Replace(path, "{id}", id, 1)+query, http.StatusOK)
		}
		a.ask(path, strings.Replace(path, "{id}", "0123456789abcdef01234567", 1), http.StatusNotFound)
	}
}

// sample takes some of many, first and last among them.
func sample(of []string) []string {
	const most = 5
	if len(of) <= most {
		return of
	}
	var some []string
	for i := range most {
		some = append(some, of[i*(len(of)-1)/(most-1)])
	}
	return some
}

// queries are those by which a path is asked: none, all of a long list, a
// short page, the pages beside it, and each value of each choice.
func queries(operation *openapi3.Operation) []string {
	all := []string{""}
	for _, p := range operation.Parameters {
		switch {
		case p.Value.In != "query":
		case p.Value.Name == "limit":
			all = append(all, "?limit=10000", "?limit=2", "?limit=2&starting_after=0", "?limit=2&ending_before=last", "?limit=2&ending_before=0")
		default:
			for _, value := range p.Value.Schema.Value.Enum {
				all = append(all, "?"+p.Value.Name+"="+value.(string))
			}
		}
	}
	return all
}

// ask asks for one address of a path. Of what a record names and the district
// does not have, 404 will do.
func (a *auditor) ask(path, address string, want int) {
	a.t.Helper()
	w := get(a.s, a.version+address)
	named := regexp.MustCompile(`^/sections/\{id\}/(course|term)$`).MatchString(path)
	if w.Code != want && !(named && w.Code == http.StatusNotFound) {
		a.t.Errorf("GET %s%s: status %d, want %d", a.version, address, w.Code, want)
		return
	}
	wantType := "application/json; charset=utf-8"
	if w.Code == http.StatusOK && strings.HasSuffix(path, "/resources") {
		wantType = "application/json"
	}
	if got := w.Header().Get("Content-Type"); got != wantType {
		a.t.Errorf("GET %s%s: content-type %q", a.version, address, got)
	}
	faults, err := a.spec.faults(path, w.Code, w.Body.Bytes())
	if err != nil {
		a.t.Error(err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if w.Code == http.StatusOK {
		a.answered[path]++
	}
	for _, f := range faults {
		i := slices.IndexFunc(a.deviations, func(d *deviation) bool { return d.covers(path, f) })
		if i < 0 {
			a.t.Errorf("GET %s%s: %s %s", a.version, address, f.at, f.what)
			continue
		}
		a.occurred[a.deviations[i]]++
	}
}

// TestConformance_SeesBrokenRecords: what validates everything validates
// nothing. Each sort of broken value that the simulator makes on request is one
// that Clever's file forbids, but null: it is allowed where a key may be left
// out, which is said of most.
func TestConformance_SeesBrokenRecords(t *testing.T) {
	t.Parallel()
	spec := specifications(t)["/v3.1"]
	s := simulator(t, clevertest.Config{Students: 2000, Seed: 5, Broken: true})
	broken := map[string]bool{}
	for u := range s.District().Users() {
		if b := u.Broken; b != nil && b.Value != nil && !broken[b.Path] {
			broken[b.Path] = true
			check(t, s, spec, "/users/{id}", u.ID, b)
		}
	}
	for sec := range s.District().Sections() {
		if b := sec.Broken; b != nil && b.Value != nil && !broken[b.Path] {
			broken[b.Path] = true
			check(t, s, spec, "/sections/{id}", sec.ID, b)
		}
	}
	if len(broken) < 5 {
		t.Errorf("broken: %v", slices.Sorted(maps.Keys(broken)))
	}
}

func check(t *testing.T, s *clevertest.Server, spec specification, path, id string, b *clevertest.Breakage) {
	t.Helper()
	w := get(s, "/v3.1"+strings.Replace(path, "{id}", id, 1))
	faults, err := spec.faults(path, w.Code, w.Body.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	at := "/data/" + strings.ReplaceAll(b.Path, ".", "/")
	if !slices.ContainsFunc(faults, func(f fault) bool { return strings.HasPrefix(f.at, at) }) {
		t.Errorf("%s with %v at %s: faults %v", path, b.Value, at, faults)
	}
}
