package clevertest

import (
	"maps"
	"net/http"
	"slices"
)

// controlledDistrict is a district as the control endpoint tells of it.
type controlledDistrict struct {
	ID string `json:"id"`
	DistrictState
	// Shared tells whether the district shares with the app at all.
	Shared bool   `json:"shared"`
	Token  string `json:"token"`
	// HiddenSchools are not shared.
	HiddenSchools []string `json:"hidden_schools"`
}

// describe tells of the district as it is now.
func (d *Sharing) describe() controlledDistrict {
	st := d.state.Load()
	return controlledDistrict{
		ID: d.source.districtID(), DistrictState: st.info, Shared: st.shared, Token: st.token,
		HiddenSchools: slices.Sorted(maps.Keys(st.hidden)),
	}
}

func (s *Server) listDistricts(*http.Request) (any, error) {
	all := []controlledDistrict{}
	for _, d := range s.sharings {
		all = append(all, d.describe())
	}
	return all, nil
}

// onDistrict makes an order of a change of the district that the path names. It
// answers with the district as it is afterwards.
func (s *Server) onDistrict(change func(*Sharing, *http.Request) error) func(*http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		d := s.sharingByID(r.PathValue("id"))
		if d == nil {
			return nil, refuse(http.StatusNotFound, "no district has this id")
		}
		if err := change(d, r); err != nil {
			return nil, err
		}
		return d.describe(), nil
	}
}

func nothing(*Sharing, *http.Request) error { return nil }

func rotateToken(d *Sharing, _ *http.Request) error {
	d.RotateToken()
	return nil
}

func disconnect(d *Sharing, _ *http.Request) error {
	d.Disconnect()
	return nil
}

func hideSchool(d *Sharing, r *http.Request) error { return onSchool(d, r, d.HideSchool) }

func showSchool(d *Sharing, r *http.Request) error { return onSchool(d, r, d.ShowSchool) }

func onSchool(d *Sharing, r *http.Request, change func(string)) error {
	var order struct {
		School string `json:"school"`
	}
	if err := readControl(r, &order); err != nil {
		return err
	}
	if _, ok := find(d.source, schools, order.School); !ok {
		return refuse(http.StatusBadRequest, "/school: the district has no school with this id")
	}
	change(order.School)
	return nil
}

// setState changes the fields of the district's record that are given.
func setState(d *Sharing, r *http.Request) error {
	var order struct {
		Name       *string `json:"name"`
		State      *string `json:"state"`
		Error      *string `json:"error"`
		LastSync   *string `json:"last_sync"`
		PauseStart *string `json:"pause_start"`
		PauseEnd   *string `json:"pause_end"`
	}
	if err := readControl(r, &order); err != nil {
		return err
	}
	d.SetDistrict(func(st *DistrictState) {
		for _, f := range []struct{ to, from *string }{
			{&st.Name, order.Name}, {&st.State, order.State}, {&st.Error, order.Error},
			{&st.LastSync, order.LastSync}, {&st.PauseStart, order.PauseStart}, {&st.PauseEnd, order.PauseEnd},
		} {
			if f.from != nil {
				*f.to = *f.from
			}
		}
	})
	return nil
}

// night lets a night pass at the district that the path names, a school's usual
// one where the body is {"usual": true}, and answers with what changed.
func (s *Server) night(r *http.Request) (any, error) {
	d := s.sharingByID(r.PathValue("id"))
	if d == nil {
		return nil, refuse(http.StatusNotFound, "no district has this id")
	}
	var order struct {
		Usual bool   `json:"usual"`
		Night *Night `json:"night"`
	}
	if err := readControl(r, &order); err != nil {
		return nil, err
	}
	night := Night{}
	switch {
	case order.Usual == (order.Night != nil):
		return nil, refuse(http.StatusBadRequest, "give either usual or night")
	case order.Usual:
		night = SchoolNight()
	default:
		night = *order.Night
	}
	changes, err := d.Evolve(night)
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "/night: %s", err)
	}
	return changes, nil
}
