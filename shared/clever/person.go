package clever

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"cleversync/shared/fault"
	"cleversync/shared/roster"
)

// Person is who logged in, as far as we want to know: no name, no address.
type Person struct {
	ID, District string
	// Type is the role with which the person logged in: student, teacher, staff
	// or district_admin.
	Type string
}

// DistrictAdmin tells whether the person may speak for the whole district.
func (p Person) DistrictAdmin() bool { return p.Type == "district_admin" }

// personal is a request with the token of a person who logged in. Clever counts
// such requests by themselves, so they are outside their district's budget.
func (c *Client) personal(token Secret, path string) request {
	return request{base: c.api, path: path, personal: true, authorize: func(r *http.Request) {
		r.Header.Set("Authorization", "Bearer "+string(token))
	}}
}

// Me tells whose token this is.
func (c *Client) Me(ctx context.Context, token Secret) (Person, error) {
	var p Person
	err := c.get(ctx, c.personal(token, version+"/me"), func(b *body) error {
		e, err := readEnvelope(b, func(d *jsontext.Decoder) error {
			v, err := readValue(b, d)
			if err != nil {
				return err
			}
			p, err = decodePerson(v)
			return err
		})
		// An older id stood in the data of some recorded answers; the link to
		// the person's own record has the one that the record is found by.
		if id, ok := userOf(e.canonical); ok {
			p.ID = id
		}
		return err
	})
	if err != nil {
		return Person{}, err
	}
	if !roster.ValidID(p.ID) || !roster.ValidID(p.District) {
		return Person{}, fault.New(fault.CleverBadResponse, "Clever does not say who logged in, or of which district")
	}
	return p, nil
}

func decodePerson(v jsontext.Value) (Person, error) {
	var data struct {
		ID       string `json:"id"`
		District string `json:"district"`
		Type     string `json:"type"`
	}
	if err := json.Unmarshal(v, &data, tolerant); err != nil {
		return Person{}, errMalformed
	}
	return Person{ID: data.ID, District: data.District, Type: roster.Clean(data.Type)}, nil
}

// userOf takes the id out of a link such as /v3.0/users/58da8a43cc70ab00017a1a87.
func userOf(link string) (string, bool) {
	parts := strings.Split(link, "/")
	if len(parts) != 4 || parts[0] != "" || !strings.HasPrefix(parts[1], "v3.") || parts[2] != "users" || !roster.ValidID(parts[3]) {
		return "", false
	}
	return parts[3], true
}

// PersonSchools gives the ids of the schools where a person is, in any role,
// each once and in order. A district administrator is at none. It takes the
// person's own token.
func (c *Client) PersonSchools(ctx context.Context, token Secret, id string) ([]string, error) {
	schools := map[string]bool{}
	err := c.get(ctx, c.personal(token, version+"/users/"+url.PathEscape(id)), func(b *body) error {
		_, err := readEnvelope(b, func(d *jsontext.Decoder) error {
			v, err := readValue(b, d)
			if err != nil {
				return err
			}
			return addSchools(schools, v, id)
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(schools)), nil
}

// addSchools reads the schools of every role that a person has, by whatever
// name: which roles there are is Clever's to say.
func addSchools(schools map[string]bool, v jsontext.Value, id string) error {
	var data struct {
		ID    string `json:"id"`
		Roles map[string]struct {
			School  string   `json:"school"`
			Schools []string `json:"schools"`
		} `json:"roles"`
	}
	if err := json.Unmarshal(v, &data, tolerant); err != nil {
		return errMalformed
	}
	if data.ID != id {
		return fault.New(fault.CleverBadResponse, "Clever answered with another person than was asked for")
	}
	for _, role := range data.Roles {
		for _, school := range append(role.Schools, role.School) {
			if roster.ValidID(school) {
				schools[school] = true
			}
		}
	}
	return nil
}

// PersonDistrict describes the district of a person by the person's own token,
// which works whether or not the district shares its data with us.
func (c *Client) PersonDistrict(ctx context.Context, token Secret, id string) (District, error) {
	var d District
	err := c.get(ctx, c.personal(token, version+"/districts/"+url.PathEscape(id)), func(b *body) error {
		_, err := readEnvelope(b, func(decoder *jsontext.Decoder) error {
			v, err := readValue(b, decoder)
			if err != nil {
				return err
			}
			d, err = decodeDistrict(wrap(v))
			return err
		})
		return err
	})
	if err != nil {
		return District{}, err
	}
	if d.ID != id {
		return District{}, fault.New(fault.CleverBadResponse, "Clever answered with another district than was asked for")
	}
	return d, nil
}
