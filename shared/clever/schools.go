package clever

import (
	"context"
	"net/url"

	"github.com/go-json-experiment/json/jsontext"

	"cleversync/shared/fault"
	"cleversync/shared/roster"
)

// School reads one school. One that the district does not share, or no longer,
// is clever_not_shared.
func (c *Client) School(ctx context.Context, caller Caller, id string) (roster.SourceSchool, error) {
	var school roster.SourceSchool
	err := c.get(ctx, c.data(caller, version+"/schools/"+url.PathEscape(id)), func(b *body) error {
		record, err := readOne[roster.SourceSchool](b)
		if err == nil && (record.Undecodable || record.ID != id) {
			return fault.New(fault.CleverBadResponse, "Clever answered with another school than was asked for, or one that cannot be read")
		}
		school = record.Record
		return err
	})
	if err != nil {
		return roster.SourceSchool{}, err
	}
	return school, nil
}

// readOne reads the envelope of a single object. It is what an element of a
// list is, with links beside it.
func readOne[T roster.Source](b *body) (roster.Received[T], error) {
	var record roster.Received[T]
	_, err := readEnvelope(b, func(d *jsontext.Decoder) error {
		v, err := readValue(b, d)
		if err != nil {
			return err
		}
		record = decode[T](wrap(v))
		return nil
	})
	return record, err
}

// wrap makes an element of a list of a record.
func wrap(v jsontext.Value) jsontext.Value {
	return append(append(jsontext.Value(`{"data":`), v...), '}')
}

// schoolsPerPage is far above what a district has, and far below Clever's own
// bound.
const schoolsPerPage = 1000

// Schools reads all schools that the district shares, for people who select
// some of them. Schools that cannot be decoded are left out.
func (c *Client) Schools(ctx context.Context, caller Caller) ([]roster.SourceSchool, error) {
	var all []roster.SourceSchool
	path, last := AllSchools(schoolsPerPage).Path, ""
	// Each page begins after the one before it, so this comes to an end.
	for path != "" {
		page, err := ReadPage(ctx, c, caller, path, last, func(r roster.Received[roster.SourceSchool]) error {
			if !r.Undecodable {
				all = append(all, r.Record)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		path, last = page.Next, page.LastID
	}
	return all, nil
}
