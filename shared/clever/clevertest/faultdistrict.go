package clevertest

import (
	"cmp"
	"net/http"
	"time"
)

// sharing is what the fault changes: the rule's district, else the one that
// the request's token opens, else the first.
func (k *strike) sharing() *Sharing { return k.server.sharingFor(k.rule.Meets.District, k.r) }

func (s *Server) sharingFor(id string, r *http.Request) *Sharing {
	return cmp.Or(s.sharingByID(id), s.sharingBy(bearer(r)), s.Sharing)
}

func (k *strike) lastSync() bool {
	k.sharing().SetDistrict(func(d *DistrictState) {
		at, err := time.Parse(time.RFC3339, d.LastSync)
		if err != nil {
			at = time.Now() // Clever said nothing so far
		}
		d.LastSync = at.Add(cmp.Or(k.fault.Delay, time.Hour)).UTC().Format("2006-01-02T15:04:05.000Z")
	})
	return true
}

func (k *strike) state() bool {
	k.sharing().SetDistrict(func(d *DistrictState) { d.State = k.fault.Text })
	return true
}

func (k *strike) rotateToken() bool {
	k.sharing().RotateToken()
	return true
}

func (k *strike) disconnect() bool {
	k.sharing().Disconnect()
	return true
}

func (k *strike) hideSchool() bool {
	k.sharing().HideSchool(k.fault.Text)
	return true
}

func (k *strike) showSchool() bool {
	k.sharing().ShowSchool(k.fault.Text)
	return true
}

// listChange changes the list that the request reads, before the answer.
func (k *strike) listChange() bool {
	switch k.fault.Variant {
	case "appear_ahead", "appear_behind":
		k.rule.mu.Lock()
		ids := k.rule.withdrawn
		k.rule.withdrawn = nil
		k.rule.mu.Unlock()
		return moved(k.sharing(), ids, (*Edits).Restore)
	}
	cursor := k.r.URL.Query().Get("starting_after")
	n := cmp.Or(k.fault.Records, 1)
	page := aside(k.server, k.r, n, "starting_after", cursor)
	if k.fault.Variant == "vanish_behind" {
		if cursor == "" {
			return false
		}
		page = aside(k.server, k.r, n, "ending_before", cursor+"!")
	}
	if page == nil || page.single {
		return false
	}
	return moved(k.sharing(), page.ids(), (*Edits).Remove)
}

// withdraw takes away, at the first request of a rule, the records that are to
// appear: for behind the first of its page, which by then has been read, for
// ahead the last of the list.
func withdraw(s *Server, r *http.Request, f *Fault) []string {
	var page *document
	switch n := cmp.Or(f.Records, 1); f.Variant {
	case "appear_ahead":
		page = aside(s, r, n, "ending_before", "~") // behind all that ids consist of
	case "appear_behind":
		page = aside(s, r, n, "starting_after", r.URL.Query().Get("starting_after"))
	}
	if page == nil || page.single || !moved(s.sharingFor("", r), page.ids(), (*Edits).Remove) {
		return nil
	}
	return page.ids()
}

// moved removes or restores records, and tells whether it did so.
func moved(d *Sharing, ids []string, how func(*Edits, ...string)) bool {
	return len(ids) > 0 && d.Edit(func(e *Edits) { how(e, ids...) }) == nil
}
