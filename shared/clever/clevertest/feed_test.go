package clevertest_test

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"cleversync/shared/clever/clevertest"

	"github.com/google/go-cmp/cmp"
)

// feed reads all events that a query selects.
func feed(t *testing.T, s *clevertest.Server, version, query string) []told {
	t.Helper()
	items, _ := list(t, s, "/"+version+"/events?limit=10000"+query)
	var all []told
	for _, it := range items {
		all = append(all, decode[told](t, it.Data))
	}
	return all
}

func idsTold(events []told) []string {
	var all []string
	for _, e := range events {
		all = append(all, e.ID)
	}
	return all
}

func december(day int) time.Time { return time.Date(2026, 12, day, 3, 8, 34, 367e6, time.UTC) }

func TestFeed_OnTheWire(t *testing.T) {
	t.Parallel()
	s := simulator(t, clevertest.Config{Students: 10})
	student := ids(t, s, "/v3.1/users?role=student")[0]
	if err := s.Edit(func(e *clevertest.Edits) {
		e.User(student, func(u *clevertest.User) {
			u.Name.Middle, u.Student.Gender = "Q <&> R", "none"
			u.Student.Schools = append(u.Student.Schools, "another")
		})
	}); err != nil {
		t.Fatal(err)
	}
	was := slices.Collect(simulator(t, clevertest.Config{Students: 10}).District().Users())[0]
	evolve(t, s, clevertest.Night{At: december(1)})
	events := feed(t, s, "v3.0", "")
	body := get(s, "/v3.0/events?record_type=users").Body.String()
	record := strings.Replace(string(fetch(t, s, "/v3.0/users/"+student).Data), `,"email":"`+was.Email+`"}}`, `}}`, 1) // a student's second email
	want := `{"data":[{"data":{"id":"` + events[1].ID + `","type":"users.updated","created":"2026-12-01T03:09:40.000Z","data":{"object":` + record +
		`,"previous_attributes":{"name":{"middle":"` + was.Name.Middle + `"},"roles":{"student":{"gender":"` + was.Student.Gender + `","schools":["` + was.Student.School + `"]}}}}},` +
		`"uri":"/v3.0/events/` + events[1].ID + `"}],"links":[{"rel":"self","uri":"/v3.0/events?record_type=users"}]}`
	if diff := cmp.Diff(want, body); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	district := events[0]
	if district.Type != "districts.updated" || !cmp.Equal(district.Data.Previous, map[string]any{"last_sync": "2026-11-24T03:08:05.652Z"}) {
		t.Errorf("first event %+v", district)
	}
	one := fetch(t, s, "/v3.1/events/"+district.ID)
	if diff := cmp.Diff([]link{{"self", "/v3.1/events/" + district.ID}}, one.Links); diff != "" || decode[told](t, one.Data).ID != district.ID {
		t.Errorf("one event: %s (-want +got):\n%s", one.Data, diff)
	}
	for _, id := range []string{"0123456789abcdef01234567", student} {
		if w := get(s, "/v3.1/events/"+id); w.Code != http.StatusNotFound || !strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") {
			t.Errorf("GET event %s: status %d", id, w.Code)
		}
	}
}

// TestFeed_IdsAndOrder: ids begin with the second of created, ascend over all
// nights, however near to each other, and a batch has the recorded order.
func TestFeed_IdsAndOrder(t *testing.T) {
	t.Parallel()
	s := simulator(t, clevertest.Config{Students: 300})
	if err := s.Edit(func(e *clevertest.Edits) {
		e.School(ids(t, s, "/v3.1/schools")[0], func(sc *clevertest.School) { sc.Name = "Renamed" })
	}); err != nil {
		t.Fatal(err)
	}
	for night := range 4 {
		n := busy()
		n.At = december(1).Add(time.Duration(night) * time.Millisecond)
		evolve(t, s, n)
	}
	order := strings.Fields("districts.updated schools.updated users.created users.updated terms.created courses.created sections.created sections.updated " +
		"sections.deleted courses.deleted terms.deleted users.deleted")
	last, at, batches := "", -1, 0
	for _, e := range feed(t, s, "v3.1", "") {
		seconds, err := strconv.ParseInt(e.ID[:8], 16, 64)
		if err != nil || e.Created != time.Unix(seconds, 0).UTC().Format("2006-01-02T15:04:05.000Z") || len(e.ID) != 24 {
			t.Errorf("event %s created at %s", e.ID, e.Created)
		}
		if e.ID <= last {
			t.Errorf("event %s after %s", e.ID, last)
		}
		place := slices.Index(order, e.Type)
		if e.Type == "districts.updated" {
			batches++
		} else if place < at {
			t.Errorf("%s after %s", e.Type, order[at])
		}
		last, at = e.ID, place
	}
	if batches != 4 {
		t.Errorf("%d batches", batches)
	}
}

func TestFeed_PagesAndCursors(t *testing.T) {
	t.Parallel()
	s := simulator(t, clevertest.Config{Students: 50})
	if links := fetch(t, s, "/v3.0/events").Links; !slices.Equal(links, []link{{"self", "/v3.0/events?"}}) {
		t.Errorf("links of an empty feed: %v", links)
	}
	evolve(t, s, clevertest.Night{At: december(1), Renames: clevertest.Count(3)})
	all := idsTold(feed(t, s, "v3.1", ""))
	if len(all) != 7 {
		t.Fatalf("%d events", len(all))
	}
	last := all[6]
	for path, want := range map[string]struct {
		ids   []string
		links []link
	}{
		"/v3.1/events?ending_before=last&limit=1": {all[6:], []link{
			{"self", "/v3.1/events?ending_before=last&limit=1"}, {"prev", "/v3.1/events?limit=1&ending_before=" + last},
		}},
		"/v3.1/events?limit=2": {all[:2], []link{{"self", "/v3.1/events?limit=2"}, {"next", "/v3.1/events?limit=2&starting_after=" + all[1]}}},
		"/v3.1/events?starting_after=" + all[1] + "&limit=2": {all[2:4], []link{
			{"self", "/v3.1/events?starting_after=" + all[1] + "&limit=2"},
			{"prev", "/v3.1/events?limit=2&ending_before=" + all[2]}, {"next", "/v3.1/events?limit=2&starting_after=" + all[3]},
		}},
		"/v3.1/events?starting_after=" + last: {nil, []link{{"self", "/v3.1/events?starting_after=" + last}}},
		"/v3.1/events?starting_after=0123456789abcdef01234567&limit=3": {all[:3], []link{
			{"self", "/v3.1/events?starting_after=0123456789abcdef01234567&limit=3"},
			{"prev", "/v3.1/events?limit=3&ending_before=" + all[0]}, {"next", "/v3.1/events?limit=3&starting_after=" + all[2]},
		}},
		"/v3.1/events?limit=2&ending_before=" + all[4]: {all[2:4], []link{
			{"self", "/v3.1/events?limit=2&ending_before=" + all[4]},
			{"prev", "/v3.1/events?limit=2&ending_before=" + all[2]}, {"next", "/v3.1/events?limit=2&starting_after=" + all[3]},
		}},
	} {
		got, a := page(t, s, path)
		if diff := cmp.Diff(want.ids, got) + cmp.Diff(want.links, a.Links); diff != "" {
			t.Errorf("GET %s (-want +got):\n%s", path, diff)
		}
	}
	for path, want := range map[string]int{"limit=10001": 413, "limit=0": 400, "record_type=contacts": 400, "starting_after=a&ending_before=b": 400} {
		if w := get(s, "/v3.1/events?"+path); w.Code != want {
			t.Errorf("GET %s: status %d, want %d", path, w.Code, want)
		}
	}
}

// TestFeed_ForgetsAfterThirtyDays: an expired cursor is no error, and the feed
// silently begins with the oldest event.
func TestFeed_ForgetsAfterThirtyDays(t *testing.T) {
	t.Parallel()
	now := december(1)
	s := simulator(t, clevertest.Config{Students: 50, Now: func() time.Time { return now }})
	evolve(t, s, clevertest.Night{})
	old := idsTold(feed(t, s, "v3.1", ""))[0]
	now = december(20)
	evolve(t, s, clevertest.Night{})
	kept := idsTold(feed(t, s, "v3.1", ""))[1]
	now = december(1).Add(30 * 24 * time.Hour)
	if got := idsTold(feed(t, s, "v3.1", "")); !slices.Equal(got, []string{old, kept}) {
		t.Errorf("after 30 days: %v", got)
	}
	now = now.Add(time.Hour)
	got, a := page(t, s, "/v3.1/events?starting_after="+old)
	if !slices.Equal(got, []string{kept}) || a.link("prev") != "/v3.1/events?ending_before="+kept {
		t.Errorf("after an expired cursor: %v, links %v", got, a.Links)
	}
	if w := get(s, "/v3.1/events/"+old); w.Code != http.StatusNotFound {
		t.Errorf("the expired event: status %d", w.Code)
	}
}

func TestFeed_Filters(t *testing.T) {
	t.Parallel()
	s := simulator(t, clevertest.Config{Students: 300})
	schools := ids(t, s, "/v3.1/schools")
	evolve(t, s, busy())
	all := feed(t, s, "v3.1", "")
	for query, has := range map[string]func(told) bool{
		"&record_type=users":                          func(e told) bool { return strings.HasPrefix(e.Type, "users.") },
		"&record_type=sections&record_type=districts": func(e told) bool { return e.Type[0] == 's' && e.Type[1] == 'e' || e.Type[0] == 'd' },
		"&record_type=resources":                      func(told) bool { return false },
		"&record_type=users&record_type=resources":    func(e told) bool { return strings.HasPrefix(e.Type, "users.") },
	} {
		want := idsTold(slices.DeleteFunc(slices.Clone(all), func(e told) bool { return !has(e) }))
		if diff := cmp.Diff(want, idsTold(feed(t, s, "v3.1", query))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
	}
	seen := map[string]int{}
	for _, school := range schools {
		for _, e := range feed(t, s, "v3.1", "&school="+school) {
			seen[e.ID]++
			if kind, _, _ := strings.Cut(e.Type, "."); slices.Contains([]string{"districts", "courses", "terms"}, kind) {
				t.Errorf("%s is among those of a school", e.Type)
			}
		}
	}
	for _, e := range all { // who transfers is of both schools
		if strings.HasPrefix(e.Type, "sections.") && seen[e.ID] != 1 {
			t.Errorf("%s %s is among those of %d schools", e.Type, e.ID, seen[e.ID])
		}
	}
	if len(feed(t, s, "v3.1", "&school=nowhere")) > 0 {
		t.Error("a school that is not there has events")
	}
}

// TestFeed_OlderVersionTellsLess: what only v3.1 shows has no event in v3.0.
func TestFeed_OlderVersionTellsLess(t *testing.T) {
	t.Parallel()
	s := simulator(t, clevertest.Config{Students: 50})
	evolve(t, s, clevertest.Night{Facts: clevertest.Count(3), Renames: clevertest.Count(1)})
	newer, older := feed(t, s, "v3.1", "&record_type=users"), feed(t, s, "v3.0", "&record_type=users")
	if len(newer) != 5 && len(newer) != 4 || len(older) != 2 {
		t.Errorf("%d events in v3.1, %d in v3.0", len(newer), len(older))
	}
	for _, e := range newer {
		w := get(s, "/v3.0/events/"+e.ID)
		if want := slices.Contains(idsTold(older), e.ID); (w.Code == http.StatusOK) != want {
			t.Errorf("event %s in v3.0: status %d", e.ID, w.Code)
		}
	}
}

// TestFeed_SharingIsCreation: what a district stops to share is deleted, and
// what it shares again is created, with the dates that it has.
func TestFeed_SharingIsCreation(t *testing.T) {
	t.Parallel()
	s := simulator(t, clevertest.Config{Students: 300})
	school := ids(t, s, "/v3.1/schools")[1]
	people := ids(t, s, "/v3.1/schools/"+school+"/users?primary=true&role=student&limit=1000")
	s.HideSchool(school)
	gone := evolve(t, s, clevertest.Night{})
	s.ShowSchool(school)
	back := evolve(t, s, clevertest.Night{})
	for _, kind := range []string{"users", "sections", "schools"} {
		if diff := cmp.Diff(gone.IDs[kind+".deleted"], back.IDs[kind+".created"]); diff != "" || len(gone.IDs[kind+".deleted"]) == 0 {
			t.Errorf("%s deleted, and created again (-deleted +created):\n%s", kind, diff)
		}
	}
	if !slices.Contains(back.IDs["users.created"], people[0]) || len(gone.IDs["users.updated"]) > 0 {
		t.Errorf("deleted %v", gone.IDs)
	}
	for _, e := range feed(t, s, "v3.1", "&record_type=users") {
		if created := e.Data.Object["created"].(string); created > "2026-11" {
			t.Errorf("%s, created at %s", e.Type, created)
		}
	}
}

// TestFeed_OptIn: without events switched on the feed is empty, and what
// happened then is not told later.
func TestFeed_OptIn(t *testing.T) {
	t.Parallel()
	s := simulator(t, clevertest.Config{Students: 50, NoEvents: true})
	if done := evolve(t, s, busy()); len(done.IDs["users.updated"]) == 0 || len(feed(t, s, "v3.1", "")) > 0 {
		t.Errorf("changes %v, events %d", done.IDs, len(feed(t, s, "v3.1", "")))
	}
	s.SetEvents(true)
	evolve(t, s, clevertest.Night{})
	if got := feed(t, s, "v3.1", ""); len(got) != 1 || got[0].Type != "districts.updated" {
		t.Errorf("events %v", got)
	}
	s.SetEvents(false)
	evolve(t, s, busy())
	if got := feed(t, s, "v3.1", ""); len(got) != 1 {
		t.Errorf("%d events", len(got))
	}
}
