package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"cleversync/shared/syncrun"
)

// recordedDir holds bodies that the real Clever answered; it is not part of this repository.
const recordedDir = "../../../../shared/data/clever-demo-district"

// record is what this test needs of Clever's records. It reads them by itself, so that no code of ours is trusted twice.
type record struct {
	ID    string
	Email string
	Roles struct {
		Student, Teacher json.RawMessage
		Contact          *struct {
			Relationships []struct{ Student, Type string } `json:"student_relationships"`
		}
	}
	Students, Teachers []string
}

func readRecords(t *testing.T, name string) []record {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(recordedDir, name))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("the recorded district is not here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	var body struct{ Data []struct{ Data record } }
	if err := json.Unmarshal(text, &body); err != nil {
		t.Fatal(err)
	}
	var records []record
	for _, wrapped := range body.Data {
		records = append(records, wrapped.Data)
	}
	return records
}

// expectation is what a sync of the recorded district must come to.
type expectation struct {
	Users, Classrooms, Parents, Memberships, ParentLinks int64
	NotSelected                                          int64 // issues parent_role_not_selected
}

// expect counts in the records what the rules of a sync make of them. Every contact here has an e-mail address and a
// relationship with a type to a student of the district, and no section names somebody who is not there; it fails where
// that is not so, since then it would have to know more rules.
func expect(t *testing.T, users, sections []record, types []string) expectation {
	t.Helper()
	var want expectation
	students, members := map[string]bool{}, map[string]bool{}
	for _, u := range users {
		if u.Roles.Student != nil {
			students[u.ID] = true
		}
		if u.Roles.Student != nil || u.Roles.Teacher != nil {
			members[u.ID] = true
		}
	}
	want.Users, want.Classrooms = int64(len(members)), int64(len(sections))
	for _, s := range sections {
		in := map[string]bool{}
		for _, id := range slices.Concat(s.Students, s.Teachers) {
			if !members[id] {
				t.Fatalf("section %s names %s, who is not in the district", s.ID, id)
			}
			in[id] = true
		}
		want.Memberships += int64(len(in))
	}
	for _, u := range users {
		if u.Roles.Contact == nil {
			continue
		}
		if strings.TrimSpace(u.Email) == "" || len(u.Roles.Contact.Relationships) == 0 {
			t.Fatalf("contact %s has no e-mail address or no student", u.ID)
		}
		links := map[string]bool{}
		for _, r := range u.Roles.Contact.Relationships {
			if !students[r.Student] || r.Type == "" {
				t.Fatalf("contact %s has a relationship that this test cannot judge", u.ID)
			}
			if slices.Contains(types, r.Type) {
				links[r.Student+" "+r.Type] = true
			}
		}
		want.ParentLinks += int64(len(links))
		switch {
		case len(links) > 0:
			want.Parents++
		case len(types) > 0: // else no contact is read at all
			want.NotSelected++
		}
	}
	return want
}

func got(r apiRun) expectation {
	e := expectation{
		Users: r.Synced.Users, Classrooms: r.Synced.Classrooms, Parents: r.Synced.Parents,
		Memberships: r.Synced.Memberships, ParentLinks: r.Synced.ParentLinks,
	}
	for _, i := range r.Issues {
		if i.Code == "parent_role_not_selected" {
			e.NotSelected = i.Count
		}
	}
	return e
}

// TestDemo_RealDistrict syncs what the real Clever once answered: the first run with the demo's own choice, then one with
// each other choice of role types, through the API of the demo that stays up.
func TestDemo_RealDistrict(t *testing.T) {
	t.Parallel()
	users, sections := readRecords(t, "users.json"), readRecords(t, "sections.json")
	d := startDemo(t, nil, "--json", "--district", recordedDir)
	d.stderr.await(t, regexp.MustCompile(`Sync once more`))
	d.stdout.await(t, regexp.MustCompile(`}\n`)) // it comes through another pipe

	all := []string{"Parent/Guardian", "Family", "Emergency", "Other"}
	first := d.outcome(t)
	if first.Status != syncrun.Completed {
		t.Fatalf("the first run: %s", first.Status)
	}
	want := expect(t, users, sections, all)
	if want.Users == 0 || want.Parents == 0 || want.Memberships == 0 {
		t.Fatalf("the records hold nothing to expect: %+v", want)
	}
	have := expectation{
		Users: first.Users, Classrooms: first.Classrooms, Parents: first.Parents, Memberships: first.Memberships,
		ParentLinks: first.ParentLinks, NotSelected: first.Skipped["parent_role_not_selected"],
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("the first run differs from the records (-want +got):\n%s", diff)
	}

	api := newClient(
		d.stderr.await(t, regexp.MustCompile(`(?m)API docs +(http\S+)/docs`)),
		d.stderr.await(t, regexp.MustCompile(`(?m)token +(cs_\S+)`)),
	)
	again := &demo{api: api, tenant: first.Tenant, programs: &programs{}}
	for _, types := range choicesOf(all) {
		last := again.syncWith(t, types)
		if diff := cmp.Diff(expect(t, users, sections, types), got(last)); diff != "" {
			t.Errorf("with the role types %q the outcome differs from the records (-want +got):\n%s", types, diff)
		}
		// Users and classrooms are as before: nothing of them may have been written.
		unchanged := map[string]counts{"user": {Unchanged: want.Users}, "classroom": {Unchanged: want.Classrooms}, "membership": {Unchanged: want.Memberships}}
		if diff := cmp.Diff(unchanged, last.Counts, cmpopts.IgnoreMapEntries(func(kind string, _ counts) bool {
			_, compared := unchanged[kind]
			return !compared
		})); diff != "" {
			t.Errorf("with the role types %q people or classes were touched (-want +got):\n%s", types, diff)
		}
	}

	if err := d.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if code := d.wait(t); code != 0 {
		t.Errorf("exit code after Ctrl-C: want 0, got %d", code)
	}
}

// syncWith changes the role types and syncs.
func (d *demo) syncWith(t *testing.T, types []string) apiRun {
	t.Helper()
	options := map[string]any{"sync_parent_data": len(types) > 0, "parent_role_types": append([]string{}, types...)}
	path := fmt.Sprintf("/v1/tenants/%s/connection", d.tenant)
	if err := d.api.do(t.Context(), http.MethodPatch, path, map[string]any{"options": options}, nil); err != nil {
		t.Fatal(err)
	}
	var started apiRun
	if err := d.api.do(t.Context(), http.MethodPost, d.runsPath(), nil, &started); err != nil {
		t.Fatal(err)
	}
	ended, err := d.follow(t.Context(), started.ID, func(apiRun) {})
	if err != nil {
		t.Fatal(err)
	}
	if ended.State != syncrun.Completed {
		t.Fatalf("the run with the role types %q: %s %s", types, ended.Status, ended.Message)
	}
	return ended
}

// choicesOf lists every subset, the empty one and the whole included.
func choicesOf(all []string) [][]string {
	choices := [][]string{nil}
	for _, one := range all {
		for _, without := range choices {
			choices = append(choices, append(slices.Clone(without), one))
		}
	}
	return choices
}
