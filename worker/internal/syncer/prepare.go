package syncer

import (
	"context"

	"github.com/jackc/pgx/v5"

	"cleversync/shared/clever"
	"cleversync/shared/fault"
	"cleversync/shared/postgres"
	"cleversync/shared/syncrun"
)

// prepare finds out whether the district can be read at all, and stores with
// the run in what state and of what age its data is. Its end begins the fetch
// steps that the options need.
func (s *Syncer) prepare(ctx context.Context, c *postgres.Claim) ([]syncrun.Delivery, error) {
	if c.Config.Offline() {
		return s.prepareOffline(ctx, c)
	}
	district, err := s.district(ctx, c)
	if err != nil {
		return nil, err
	}
	err = s.asCaller(ctx, c, func(caller clever.Caller) error { return s.checkSchools(ctx, c, caller) })
	if err != nil {
		return nil, err
	}
	var next []syncrun.Delivery
	err = c.FencedRun(ctx, s.Pool, func(tx pgx.Tx) (err error) {
		if err := postgres.DescribeRun(ctx, tx, c, district.State, district.LastSync); err != nil {
			return err
		}
		if err := postgres.NameDistrict(ctx, tx, c.Config.District, district.Name); err != nil {
			return err
		}
		next, err = postgres.EndStep(ctx, tx, c, s.Bound)
		return err
	})
	return next, err
}

// prepareOffline begins a run that applies kept changes or undoes another: it
// asks Clever nothing, and kept changes are as old as the run that kept them.
func (s *Syncer) prepareOffline(ctx context.Context, c *postgres.Claim) (next []syncrun.Delivery, err error) {
	err = c.FencedRun(ctx, s.Pool, func(tx pgx.Tx) (err error) {
		if c.Config.Hold != nil {
			if err := postgres.DescribeLike(ctx, tx, c, *c.Config.Hold); err != nil {
				return err
			}
		}
		next, err = postgres.EndStep(ctx, tx, c, s.Bound)
		return err
	})
	return next, err
}

// district reads how the district stands. One that Clever itself holds back is
// a fault: its data is not to be trusted, and nothing is touched.
func (s *Syncer) district(ctx context.Context, c *postgres.Claim) (district clever.District, err error) {
	err = s.asCaller(ctx, c, func(caller clever.Caller) (err error) {
		district, err = s.Clever.District(ctx, caller)
		return err
	})
	if err == nil && (district.State == "pending" || district.State == "error") {
		err = fault.New(fault.CleverDistrictHeld, "Clever reports the district as %q", district.State)
	}
	return district, err
}

// checkSchools fails early where a selected school is not shared: its people
// would look as if they had left. Few schools are asked for one by one; many
// are looked for in the list.
func (s *Syncer) checkSchools(ctx context.Context, c *postgres.Claim, caller clever.Caller) error {
	schools := c.Config.Options.Schools
	if len(schools) < manySchools {
		for _, id := range schools {
			_, err := s.Clever.School(ctx, caller, id)
			if err != nil && fault.Of(err).Code == fault.CleverNotShared {
				return notShared(id)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	shared, err := s.Clever.Schools(ctx, caller)
	if err != nil {
		return err
	}
	there := make(map[string]bool, len(shared))
	for _, school := range shared {
		there[school.ID] = true
	}
	for _, id := range schools {
		if !there[id] {
			return notShared(id)
		}
	}
	return nil
}

func notShared(school string) error {
	return fault.New(fault.CleverNotShared, "school %s is selected but not shared", school)
}

// manySchools is the number of selected schools from which the district's lists
// are read and filtered instead of each school's own.
const manySchools = 20

// lists are a stream's lists in a fixed order, so that a cursor can name one.
func lists(c *postgres.Claim, of func(school string, limit int) clever.List) []list {
	options, size := c.Config.Options, c.Config.PageSize
	if options.Whole || len(options.Schools) >= manySchools {
		return []list{{name: "district", path: of("", size).Path}}
	}
	all := make([]list, len(options.Schools))
	for i, school := range options.Schools {
		all[i] = list{name: school, path: of(school, size).Path}
	}
	return all
}

// list is one list of a stream.
type list struct{ name, path string }
