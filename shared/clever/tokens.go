package clever

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"cleversync/shared/fault"
)

// DistrictToken is the token with which a district lets us read its data. It
// does not expire, but may be replaced, and goes when the district stops
// sharing.
type DistrictToken struct {
	District string
	Token    Secret
	Created  time.Time
}

// Tokens lists the tokens of all districts that share with our application, or
// of one where district is not empty. None is no error: whoever needs one knows
// what its absence means.
func (c *Client) Tokens(ctx context.Context, district string) ([]DistrictToken, error) {
	path := "/oauth/tokens?owner_type=district"
	if district != "" {
		path += "&district=" + url.QueryEscape(district)
	}
	var tokens []DistrictToken
	var next string
	own := request{base: c.oauth, path: path, authorize: func(r *http.Request) { r.SetBasicAuth(c.id, string(c.secret)) }}
	err := c.get(ctx, own, func(b *body) error {
		e, err := readList(b, func(element jsontext.Value) error {
			t, err := decodeToken(element)
			if err == nil && t.District != "" && (district == "" || t.District == district) {
				tokens = append(tokens, t)
			}
			return err
		})
		next = e.next
		return err
	})
	if err != nil {
		return nil, err
	}
	if next != "" && (district == "" || len(tokens) == 0) {
		// Clever was never seen to page this list. To go on without the rest
		// would look as if those districts had stopped sharing.
		return nil, fault.New(fault.CleverBadResponse, "the list of districts' tokens has a second page, and nobody knows how Clever pages it")
	}
	return tokens, nil
}

// decodeToken decodes an element of the token list, which unlike those of all
// other lists is not wrapped. The token of another kind of owner has no
// district. An element without an owner is no token of anybody: to pass over it
// would look as if its district had stopped sharing.
func decodeToken(element jsontext.Value) (DistrictToken, error) {
	var t struct {
		Created string `json:"created"`
		Token   string `json:"access_token"`
		Owner   struct {
			Type string `json:"type"`
			ID   string `json:"id"`
		} `json:"owner"`
	}
	if err := json.Unmarshal(element, &t, tolerant); err != nil {
		return DistrictToken{}, errMalformed
	}
	if t.Owner.Type == "" || t.Owner.ID == "" {
		return DistrictToken{}, errMalformed
	}
	if t.Owner.Type != "district" || t.Token == "" {
		return DistrictToken{}, nil
	}
	return DistrictToken{District: t.Owner.ID, Token: Secret(t.Token), Created: parseTime(t.Created)}, nil
}
