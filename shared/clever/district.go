package clever

import (
	"context"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"cleversync/shared/fault"
	"cleversync/shared/roster"
)

// District is a district as Clever describes it.
type District struct {
	ID, Name string
	// State is running, pending, error, paused, success or empty.
	State string
	// Error is Clever's text for people; nothing may be decided by it.
	Error string
	// LastSync is when the district's data last got into Clever, zero where
	// Clever does not say. PauseStart and PauseEnd are dates, or empty.
	LastSync             time.Time
	PauseStart, PauseEnd string
}

// District describes the caller's district. A token that opens another
// district is as good as a refused one: the caller should read the token list
// again.
func (c *Client) District(ctx context.Context, caller Caller) (District, error) {
	var found []District
	var next string
	err := c.get(ctx, c.data(caller, version+"/districts"), func(b *body) error {
		e, err := readList(b, func(element jsontext.Value) error {
			d, err := decodeDistrict(element)
			found = append(found, d)
			return err
		})
		next = e.next
		return err
	})
	switch {
	case err != nil:
		return District{}, err
	case len(found) == 0 && next != "":
		// A token opens one district. To take an empty page for nothing at all
		// would tell the school that its district shares no more.
		return District{}, fault.New(fault.CleverBadResponse, "the list of districts is empty and yet goes on")
	case len(found) == 0:
		return District{}, fault.New(fault.CleverNotShared, "Clever shares no district with this token")
	}
	for _, d := range found {
		if d.ID == caller.District {
			return d, nil
		}
	}
	return District{}, fault.New(fault.CleverTokenRevoked, "the token opens another district than its own")
}

// decodeDistrict decodes an element of the list of districts. Nothing here is
// forgiven but an unreadable time: a run is decided by the state, and a district
// without an id would look like another one than the token's own.
func decodeDistrict(element jsontext.Value) (District, error) {
	var wrapped struct {
		Data struct {
			ID         string `json:"id"`
			Name       string `json:"name"`
			State      string `json:"state"`
			Error      string `json:"error"`
			LastSync   string `json:"last_sync"`
			PauseStart string `json:"pause_start"`
			PauseEnd   string `json:"pause_end"`
		} `json:"data"`
	}
	if err := json.Unmarshal(element, &wrapped, tolerant); err != nil {
		return District{}, errMalformed
	}
	d := wrapped.Data
	if !roster.ValidID(d.ID) {
		return District{}, errMalformed
	}
	return District{
		ID: d.ID, Name: roster.Clean(d.Name), State: roster.Clean(d.State), Error: roster.Clean(d.Error),
		LastSync: parseTime(d.LastSync), PauseStart: roster.Clean(d.PauseStart), PauseEnd: roster.Clean(d.PauseEnd),
	}, nil
}

// parseTime reads one of Clever's times, which come as timestamps and as dates;
// what is neither is zero, and so is a year that JSON cannot write again.
func parseTime(s string) time.Time {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil && t.UTC().Year() >= 1 && t.UTC().Year() <= 9999 {
			return t.UTC()
		}
	}
	return time.Time{}
}
