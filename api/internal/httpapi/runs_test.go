package httpapi

import (
	"encoding/csv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"cleversync/shared/fault"
	"cleversync/shared/postgres"
	"cleversync/shared/roster"
)

func TestStartRun_OneAtATime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.connected()
	got := w.call("POST", runsPath(id), "")
	var run, joined, read Run
	got.into(t, 202, &run)
	if location := got.header.Get("Location"); location != runsPath(id)+"/"+run.ID.String() {
		t.Errorf("location %q does not name run %s", location, run.ID)
	}
	want := Run{
		ID: run.ID, Tenant: id, Trigger: "manual", StartedBy: "Operator", State: "queued", Status: "Queued",
		Generation: 1, DistrictID: "d1", CreatedAt: run.CreatedAt, Issues: []Issue{}, Steps: []Step{{Name: "prepare", State: "ready"}},
	}
	if diff := cmp.Diff(want, run); diff != "" {
		t.Errorf("started (-want +got):\n%s", diff)
	}
	w.call("GET", got.header.Get("Location"), "").into(t, 200, &read)
	if diff := cmp.Diff(run, read); diff != "" {
		t.Errorf("read (-started +read):\n%s", diff)
	}
	if p := w.call("POST", runsPath(id), "").problem(t, 409, "run_unfinished"); p.Run == nil || *p.Run != run.ID {
		t.Errorf("the problem names run %v, want %s", p.Run, run.ID)
	}
	w.call("POST", runsPath(id)+"?coalesce=true", "").into(t, 200, &joined)
	if joined.ID != run.ID {
		t.Errorf("joined run %s, want %s", joined.ID, run.ID)
	}
	if pages := w.pages(runsPath(id) + "?limit=10"); len(pages[0]) != 1 {
		t.Errorf("%d runs, want 1", len(pages[0]))
	}
}

func TestStartRun_ByATenantsToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.connected()
	token := w.storeToken(postgres.Token{Name: "IT of the school", Scope: postgres.ScopeTenant, Tenant: id})
	var run Run
	w.do(request{method: "POST", path: runsPath(id), token: token}).into(t, 202, &run)
	if run.StartedBy != "IT of the school" {
		t.Errorf("started by %q", run.StartedBy)
	}
	w.do(request{method: "POST", path: runsPath(id) + "/" + run.ID.String() + "/cancel", token: token}).into(t, 202, &run)
	if run.Status != "Cancelled" {
		t.Errorf("status %q, want Cancelled", run.Status)
	}
}

func TestStartRun_NotStartable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cases := map[string]struct {
		entitled, link string
		code           fault.Code
	}{
		"not entitled":  {"false", `{"district_id":"d1","grant":{"whole":true},"enabled":true,"whole_district":true}`, fault.NotEnabled},
		"not connected": {"true", ``, fault.NotConnected},
		"not enabled":   {"true", `{"district_id":"d1","grant":{"whole":true},"whole_district":true}`, fault.NotEnabled},
		"no school":     {"true", `{"district_id":"d1","grant":{"whole":true},"enabled":true}`, fault.NoSchoolSelected},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var created Tenant
			w.call("POST", "/v1/tenants", `{"name":"School","region":"uk","entitled":`+c.entitled+`}`).into(t, 201, &created)
			if c.link != "" {
				w.link(created.ID, c.link)
			}
			for _, query := range []string{"", "?coalesce=true"} {
				if p := w.call("POST", runsPath(created.ID)+query, "").problem(t, 422, string(c.code)); p.Action == "" {
					t.Errorf("the problem does not say what to do: %+v", p)
				}
			}
			if pages := w.pages(runsPath(created.ID) + "?limit=10"); len(pages[0]) != 0 {
				t.Errorf("%d runs, want none", len(pages[0]))
			}
		})
	}
}

func TestCancelRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.connected()
	run := w.start(id)
	path := runsPath(id) + "/" + run.ID.String() + "/cancel"
	w.call("POST", path, "").into(t, 202, &run)
	if run.State != "cancelled" || run.FinishedAt == nil || run.Duration == nil || run.Steps[0].State != "cancelled" {
		t.Errorf("cancelled: %+v", run)
	}
	w.call("POST", path, "").problem(t, 409, "run_ended")
	w.call("POST", runsPath(id)+"/"+uuid.NewString()+"/cancel", "").problem(t, 404, "unknown_run")
	w.start(id)
}

func TestListRuns_NewestFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.connected()
	var all []uuid.UUID
	for range 5 {
		run := w.start(id)
		all = append([]uuid.UUID{run.ID}, all...)
		w.call("POST", runsPath(id)+"/"+run.ID.String()+"/cancel", "").into(t, 202, &run)
	}
	if diff := cmp.Diff([][]uuid.UUID{all[0:2], all[2:4], all[4:5]}, w.pages(runsPath(id)+"?limit=2")); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
}

func TestReadRun_UnderWay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.connected()
	run := w.start(id)
	w.exec(`UPDATE sync.run_steps SET state = 'done', pages = 1, records = 1 WHERE run_id = $1`, run.ID)
	w.exec(`
		INSERT INTO sync.run_steps (run_id, name, tenant_id, district_id, lane, state, pages, records, bytes, attempt, reason, not_before, last_error)
		VALUES ($1, 'fetch-teachers', $2, 'd1', 'manual', 'waiting', 2, 300, 4000, 1, 'clever_rate_limited', '2026-11-24T18:00:00Z', 'too many requests'),
		       ($1, 'fetch-students', $2, 'd1', 'manual', 'ready', 5, 7000, 90000, 0, NULL, NULL, NULL)`, run.ID, id)
	w.exec(`UPDATE sync.runs SET state = 'running', started_at = clock_timestamp() WHERE id = $1`, run.ID)
	w.call("GET", runsPath(id)+"/"+run.ID.String(), "").into(t, 200, &run)
	if run.Records != 7300 || run.Pages != 7 || run.Status != "Running" || run.StartedAt == nil || run.Duration != nil {
		t.Errorf("run %+v, want 7300 records and 7 pages of its fetch steps, and no duration", run)
	}
	until := time.Date(2026, 11, 24, 18, 0, 0, 0, time.UTC)
	run.Steps[2].NotBefore = asUTC(run.Steps[2].NotBefore)
	want := []Step{
		{Name: "prepare", State: "done", Pages: 1, Records: 1},
		{Name: "fetch-students", State: "ready", Pages: 5, Records: 7000, Bytes: 90000},
		{Name: "fetch-teachers", State: "waiting", Pages: 2, Records: 300, Bytes: 4000, Attempt: 1,
			Reason: "clever_rate_limited", NotBefore: &until, LastError: "too many requests"},
	}
	if diff := cmp.Diff(want, run.Steps); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
}

func asUTC(at *time.Time) *time.Time {
	if at == nil {
		return nil
	}
	utc := at.UTC()
	return &utc
}

func TestReadRun_Completed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.connected()
	run := w.start(id)
	w.exec(`
		UPDATE sync.runs
		SET state = 'completed', records = 12, pages = 3, finished_at = created_at + interval '90 seconds', last_sync = '2026-11-23T00:00:00Z'
		WHERE id = $1`, run.ID)
	w.exec(`
		INSERT INTO sync.run_counts (run_id, tenant_id, kind, unchanged, added, updated, archived, restored, held, held_updates, skipped, written)
		VALUES ($1, $2, 'user', 100, 20, 3, 40, 5, 60, 7, 8, 9),
		       ($1, $2, 'parent_link', 1, 0, 0, 0, 0, 0, 0, 0, 2)`, run.ID, id)
	w.exec(`
		INSERT INTO sync.run_issue_counts (run_id, tenant_id, code, severity, count)
		VALUES ($1, $2, 'parent_role_not_selected', 'info', 900), ($1, $2, 'email_invalid', 'warning', 5),
		       ($1, $2, 'user_without_name', 'warning', 7), ($1, $2, 'parent_without_email', 'error', 1)`, run.ID, id)
	w.call("GET", runsPath(id)+"/"+run.ID.String(), "").into(t, 200, &run)

	if diff := cmp.Diff(Synced{Users: 135, ParentLinks: 1}, run.Synced); diff != "" {
		t.Errorf("synced (-want +got):\n%s", diff)
	}
	want := AllCounts{
		User:       Counts{Unchanged: 100, Added: 20, Updated: 3, Archived: 40, Restored: 5, Held: 60, Skipped: 8},
		ParentLink: Counts{Unchanged: 1},
	}
	if diff := cmp.Diff(want, run.Counts); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	if run.Written != 11 || run.Records != 12 || run.Pages != 3 || run.Status != "Completed" || run.LastSync == nil {
		t.Errorf("run %+v", run)
	}
	if run.Duration == nil || *run.Duration != 90 {
		t.Errorf("duration %v, want 90", run.Duration)
	}
	var codes []string
	for _, issue := range run.Issues {
		codes = append(codes, issue.Code)
		if text := roster.TextOf(roster.IssueCode(issue.Code)); issue.Message != text.Message || issue.Action != text.Action {
			t.Errorf("issue %+v, want the texts %+v", issue, text)
		}
	}
	if diff := cmp.Diff([]string{"parent_without_email", "user_without_name", "email_invalid", "parent_role_not_selected"}, codes); diff != "" {
		t.Errorf("issues, the worst first (-want +got):\n%s", diff)
	}
}

func TestReadRun_Failed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.connected()
	run := w.start(id)
	w.exec(`
		UPDATE sync.runs
		SET state = 'failed', code = 'internal', message = 'an unexpected error', reference = 'R-1', finished_at = created_at
		WHERE id = $1`, run.ID)
	w.call("GET", runsPath(id)+"/"+run.ID.String(), "").into(t, 200, &run)
	if run.Status != "Failed" || run.Code != "internal" || run.Message != "an unexpected error" || run.Reference != "R-1" ||
		run.Action != fault.Explain(fault.Internal).Action {
		t.Errorf("failed run: %+v", run)
	}
}

func TestDownloadIssues(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.connected()
	run := w.start(id)
	for _, cell := range []string{"=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\nx", " =1", "＝1", "plain", `a,"b"`} {
		w.exec(`INSERT INTO sync.run_issues (run_id, tenant_id, code, kind, clever_id, field) VALUES ($1, $2, 'email_invalid', 'user', $3, 'email')`,
			run.ID, id, cell)
	}
	got := w.call("GET", runsPath(id)+"/"+run.ID.String()+"/issues.csv", "")
	if got.status != 200 || got.header.Get("Content-Type") != "text/csv; charset=utf-8" ||
		!strings.HasPrefix(got.header.Get("Content-Disposition"), "attachment;") {
		t.Fatalf("%d %v", got.status, got.header)
	}
	table, err := csv.NewReader(strings.NewReader(got.body)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"severity", "code", "kind", "clever_id", "field", "message", "action"}, table[0]); diff != "" {
		t.Errorf("columns (-want +got):\n%s", diff)
	}
	ids := map[string]bool{}
	for _, row := range table[1:] {
		ids[row[3]] = true
	}
	// With lines that end in CRLF, csv.Writer leaves a lone CR within a value out.
	for _, want := range []string{"'=1+1", "'+1", "'-1", "'@SUM(A1)", "'\tx", "'x", "'\nx", "' =1", "'＝1", "plain", `a,"b"`} {
		if !ids[want] {
			t.Errorf("no row has the id %q; there are %v", want, ids)
		}
	}
	text := roster.TextOf(roster.EmailInvalid)
	if table[1][0] != string(text.Severity) || table[1][1] != "email_invalid" || table[1][2] != "user" || table[1][5] != text.Message {
		t.Errorf("row %q", table[1])
	}
}

func TestDownloadIssues_OfTheRunThatStoresThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.connected()
	first := w.start(id)
	w.exec(`INSERT INTO sync.run_issues (run_id, tenant_id, code, kind, clever_id) VALUES ($1, $2, 'user_without_name', 'user', 'u1')`, first.ID, id)
	w.exec(`UPDATE sync.runs SET state = 'completed', finished_at = now() WHERE id = $1`, first.ID)
	second := w.start(id)
	w.exec(`UPDATE sync.runs SET issues_of = $2 WHERE id = $1`, second.ID, first.ID)
	got := w.call("GET", runsPath(id)+"/"+second.ID.String()+"/issues.csv", "")
	if got.status != 200 || !strings.Contains(got.body, ",user_without_name,user,u1,") {
		t.Errorf("%d %q, want the first run's issue", got.status, got.body)
	}
	w.call("GET", runsPath(id)+"/"+uuid.NewString()+"/issues.csv", "").problem(t, 404, "unknown_run")
	w.call("GET", runsPath(id)+"/"+uuid.NewString(), "").problem(t, 404, "unknown_run")
}
