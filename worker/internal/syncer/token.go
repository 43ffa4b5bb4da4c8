package syncer

import (
	"context"
	"fmt"

	"cleversync/shared/clever"
	"cleversync/shared/fault"
	"cleversync/shared/postgres"
	"cleversync/shared/syncrun"
)

// asCaller lets ask talk to Clever with the district's token. A refused token
// is read again once: another worker may have renewed it, or the district
// rotated it. A second refusal stands.
func (s *Syncer) asCaller(ctx context.Context, c *postgres.Claim, ask func(clever.Caller) error) error {
	token, version, err := s.storedToken(ctx, c.Config.District)
	if err != nil {
		return err
	}
	if token == "" {
		if token, version, err = s.renewToken(ctx, c.Config.District, version); err != nil {
			return err
		}
	}
	caller := clever.Caller{District: c.Config.District, Token: token, Manual: c.Lane == syncrun.LaneManual}
	err = ask(caller)
	if err == nil || fault.Of(err).Code != fault.CleverTokenRevoked {
		return err
	}
	caller.Token, _, err = s.renewToken(ctx, c.Config.District, version)
	if err != nil {
		return err
	}
	return ask(caller)
}

// storedToken reads and opens the district's token; empty where none is stored.
func (s *Syncer) storedToken(ctx context.Context, district string) (clever.Secret, int64, error) {
	sealed, version, err := postgres.ReadDistrictToken(ctx, s.Pool, district)
	if err != nil || sealed == nil {
		return "", version, err
	}
	plain, err := s.Keys.Open(sealed, []byte(district))
	if err != nil {
		return "", version, fmt.Errorf("open token of district %s: %w", district, err)
	}
	return clever.Secret(plain), version, nil
}

// renewToken gives a token that is newer than the version seen: the stored one
// if somebody was faster, else the one that Clever lists.
func (s *Syncer) renewToken(ctx context.Context, district string, seen int64) (clever.Secret, int64, error) {
	token, version, err := s.storedToken(ctx, district)
	if err != nil || (token != "" && version != seen) {
		return token, version, err
	}
	tokens, err := s.Clever.Tokens(ctx, district)
	if err != nil {
		return "", version, err
	}
	for _, t := range tokens {
		if t.District != district {
			continue
		}
		sealed := s.Keys.Seal([]byte(t.Token), []byte(district))
		stored, err := postgres.StoreDistrictToken(ctx, s.Pool, district, sealed, version)
		if err != nil || stored {
			return t.Token, version + 1, err
		}
		return s.storedToken(ctx, district)
	}
	return "", version, fault.New(fault.CleverTokenRevoked, "Clever lists no token for district %s: it does not share with this application", district)
}
