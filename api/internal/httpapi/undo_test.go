package httpapi

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"cleversync/shared/postgres"
)

func TestUndo_TheNewestRunOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.connected()
	run := w.start(id).ID
	path := runPath(id, run) + "/undo"
	w.call("POST", runPath(id, uuid.New())+"/undo", "").problem(t, 404, "unknown_run")
	w.call("POST", path, "").problem(t, 409, "not_undoable") // it is under way
	w.exec(`UPDATE sync.run_steps SET state = 'cancelled' WHERE run_id = $1`, run)
	w.exec(`UPDATE sync.tenants SET change_seq = 7 WHERE id = $1`, id)
	w.exec(`UPDATE sync.runs SET state = 'completed', finished_at = now(), change_seq = 6 WHERE id = $1`, run)
	w.call("POST", path, "").problem(t, 409, "not_undoable") // another wrote since
	w.exec(`UPDATE sync.runs SET change_seq = 7 WHERE id = $1`, run)

	mine := w.storeToken(postgres.Token{Name: "Mine", Scope: postgres.ScopeTenant, Tenant: id})
	var undo Run
	w.do(request{method: "POST", path: path + "?removals_only=true", token: mine}).into(t, 202, &undo)
	w.call("POST", path, "").problem(t, 409, "run_unfinished")
	var tenant Tenant
	if w.call("GET", "/v1/tenants/"+id.String(), "").into(t, 200, &tenant); !tenant.PreviewsOnly {
		t.Error("nightly syncs still apply after an undo")
	}
	for range 2 {
		w.do(request{method: "POST", path: "/v1/tenants/" + id.String() + "/schedule/resume", token: mine}).into(t, 200, &tenant)
		if tenant.PreviewsOnly {
			t.Error("nightly syncs were not resumed")
		}
	}
	if acts := w.acts(id); !strings.Contains(acts, "run_undone by Mine") || !strings.Contains(acts, "schedule_resumed by Mine") {
		t.Errorf("acts %s", acts)
	}
}
