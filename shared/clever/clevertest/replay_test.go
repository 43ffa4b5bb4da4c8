package clevertest_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"cleversync/shared/clever/clevertest"

	"github.com/google/go-cmp/cmp"
)

// told is an event as a client reads it.
type told struct {
	ID, Type, Created string
	Data              struct {
		Object   map[string]any
		Previous map[string]any `json:"previous_attributes"`
	}
}

// copyOf is what a client holds of a district: records by kind and id.
type copyOf map[string]map[string]map[string]any

var kinds = []string{"districts", "schools", "users", "sections", "courses", "terms"}

// snapshot reads all lists, as far as events can tell of them: their objects
// lack a student's second email, and in v3.0 nothing tells that a record was
// modified where only v3.1 shows how.
func snapshot(t *testing.T, s *clevertest.Server, version string) copyOf {
	t.Helper()
	c := copyOf{}
	for _, kind := range kinds {
		c[kind] = map[string]map[string]any{}
		items, _ := list(t, s, "/"+version+"/"+kind+"?limit=10000")
		for _, it := range items {
			record := decode[map[string]any](t, it.Data)
			if roles, ok := record["roles"].(map[string]any); ok {
				if student, ok := roles["student"].(map[string]any); ok {
					delete(student, "email")
				}
			}
			c[kind][record["id"].(string)] = record
		}
	}
	return c
}

// forget drops what v3.0 does not tell.
func (c copyOf) forget(version string) copyOf {
	for _, records := range c {
		for _, record := range records {
			if version == "v3.0" {
				delete(record, "last_modified")
			}
		}
	}
	return c
}

// apply changes the copy by an event, and checks that the event is about the
// copy as it is.
func (c copyOf) apply(t *testing.T, e told, version string) {
	t.Helper()
	kind, op, _ := strings.Cut(e.Type, ".")
	id := e.Data.Object["id"].(string)
	had, ok := c[kind][id]
	if ok != (op != "created") {
		t.Errorf("%s of %s, which is there: %t", e.Type, id, ok)
		return
	}
	switch op {
	case "deleted":
		last := copyOf{kind: {"had": had, "told": maps.Clone(e.Data.Object)}}.forget(version)[kind]
		if diff := cmp.Diff(last["had"], last["told"]); diff != "" || e.Data.Previous != nil {
			t.Errorf("%s of %s: not the last record (-want +got):\n%s", e.Type, id, diff)
		}
		delete(c[kind], id)
	case "updated":
		want := previously(had, e.Data.Object)
		delete(want, "last_modified")
		if diff := cmp.Diff(want, e.Data.Previous); diff != "" || len(want) == 0 {
			t.Errorf("%s of %s: previous_attributes (-want +got):\n%s", e.Type, id, diff)
		}
		fallthrough
	default:
		c[kind][id] = e.Data.Object
	}
}

// previously says in another way than the simulator what has changed: all
// leaves of both records by path, those that differ put together again.
func previously(was, now map[string]any) map[string]any {
	before, after, diff := map[string]any{}, map[string]any{}, map[string]any{}
	leaves("", was, before)
	leaves("", now, after)
	for path, value := range after {
		if _, ok := before[path]; ok {
			continue
		}
		before[path] = ""
		if _, ok := value.([]any); ok {
			before[path] = []any{}
		}
	}
	for path, value := range before {
		if reflect.DeepEqual(value, after[path]) {
			continue
		}
		at, keys := diff, strings.Split(path, "/")
		for _, key := range keys[:len(keys)-1] {
			if at[key] == nil {
				at[key] = map[string]any{}
			}
			at = at[key].(map[string]any)
		}
		at[keys[len(keys)-1]] = value
	}
	return diff
}

func leaves(path string, value any, into map[string]any) {
	if object, ok := value.(map[string]any); ok {
		for key, inner := range object {
			leaves(strings.TrimPrefix(path+"/"+key, "/"), inner, into)
		}
		return
	}
	into[path] = value
}

// poll reads the events after a cursor, page by page by next, and returns the
// new cursor.
func poll(t *testing.T, s *clevertest.Server, version, cursor string, limit int, each func(told)) string {
	t.Helper()
	path := fmt.Sprintf("/%s/events?limit=%d", version, limit)
	if cursor != "" {
		path += "&starting_after=" + cursor
	}
	for path != "" {
		items, a := list(t, s, path)
		for _, it := range items {
			e := decode[told](t, it.Data)
			if e.ID <= cursor || it.URI != "/"+version+"/events/"+e.ID {
				t.Fatalf("event %s with the uri %s comes after %s", e.ID, it.URI, cursor)
			}
			cursor = e.ID
			each(e)
		}
		path = a.link("next")
	}
	return cursor
}

// TestEvents_TellTheDifferenceExactly is what events are for: a client that
// took a snapshot and then only reads events holds what the lists answer.
func TestEvents_TellTheDifferenceExactly(t *testing.T) {
	t.Parallel()
	for seed := range uint64(5) {
		for _, version := range []string{"v3.0", "v3.1"} {
			for name, cfg := range map[string]clevertest.Config{
				"small": {Students: 40, Seed: seed}, "larger": {Students: 150, Seed: seed}, "recorded": {Dir: "recorded", Seed: seed},
			} {
				if cfg.Dir != "" && seed > 0 || cfg.Students > 100 && seed > 1 {
					continue
				}
				t.Run(fmt.Sprint(name, seed, version), func(t *testing.T) {
					t.Parallel()
					nights := 7
					if cfg.Dir != "" {
						cfg.Dir, nights = recordings(t), 3
					}
					checkReplay(t, simulator(t, cfg), version, nights, rand.New(rand.NewPCG(seed, 9)))
				})
			}
		}
	}
}

func checkReplay(t *testing.T, s *clevertest.Server, version string, nights int, rng *rand.Rand) {
	t.Helper()
	client, cursor := snapshot(t, s, version), ""
	for night := range nights {
		for range rng.IntN(3) {
			disturb(t, s, rng)
		}
		n := nightOf(rng)
		evolve(t, s, n)
		if rng.IntN(3) == 0 {
			continue // two nights are read at once
		}
		cursor = poll(t, s, version, cursor, 1+rng.IntN(200), func(e told) { client.apply(t, e, version) })
		want := snapshot(t, s, version).forget(version)
		if got := client.forget(version); !reflect.DeepEqual(want, got) {
			diff := cmp.Diff(want, got)
			t.Fatalf("after night %d, %+v (-lists +replayed):\n%.3000s", night, n, diff)
		}
		client = snapshot(t, s, version)
	}
}

// disturb changes something between two nights.
func disturb(t *testing.T, s *clevertest.Server, rng *rand.Rand) {
	t.Helper()
	var schools []string
	for school := range s.District().Schools() {
		schools = append(schools, school.ID)
	}
	var people []string
	for u := range s.District().Users() {
		people = append(people, u.ID)
	}
	pick := func(from []string) string { return from[rng.IntN(len(from))] }
	err := error(nil)
	switch who := pick(people); rng.IntN(6) {
	case 0:
		if len(schools) > 1 {
			s.HideSchool(pick(schools))
		}
	case 1:
		for id := range hiddenIn(s) {
			s.ShowSchool(id)
		}
	case 2:
		err = s.Edit(func(e *clevertest.Edits) {
			e.User(who, func(u *clevertest.User) { u.Name.Last += " the Third" })
		})
	case 3:
		err = s.Edit(func(e *clevertest.Edits) { e.Remove(who) })
		if err == nil && rng.IntN(2) == 0 {
			err = s.Edit(func(e *clevertest.Edits) { e.Restore(who) })
		}
	case 4:
		s.SetDistrict(func(d *clevertest.DistrictState) { d.PauseEnd = fmt.Sprint("2027-01-1", rng.IntN(9)) })
	default:
		err = s.Edit(func(e *clevertest.Edits) { e.AddUser(clevertest.User{Admin: &clevertest.Admin{Title: "New"}}) })
	}
	if err != nil {
		t.Fatal(err)
	}
}

// hiddenIn names the schools that people name and that are not shared.
func hiddenIn(s *clevertest.Server) map[string]bool {
	hidden := map[string]bool{}
	for u := range s.District().Users() {
		if u.Student != nil {
			for _, id := range u.Student.Schools {
				hidden[id] = true
			}
		}
	}
	for school := range s.District().Schools() {
		delete(hidden, school.ID)
	}
	return hidden
}

// TestEvents_Previously checks the oracle of these tests on the recorded
// examples.
func TestEvents_Previously(t *testing.T) {
	t.Parallel()
	was := decode[map[string]any](t, json.RawMessage(`{"name":{"first":"A","middle":""},"roles":{"student":{"gender":"X","schools":["a"],"ext":{}}}}`))
	now := decode[map[string]any](t, json.RawMessage(`{"name":{"first":"A","middle":"L"},"roles":{"student":{"gender":"F","schools":["a","b"],"ext":{"gifted_status":"Y"}}}}`))
	want := decode[map[string]any](t, json.RawMessage(`{"name":{"middle":""},"roles":{"student":{"gender":"X","schools":["a"],"ext":{"gifted_status":""}}}}`))
	if diff := cmp.Diff(want, previously(was, now)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
