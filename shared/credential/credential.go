// Package credential holds the keys to the districts: it finds, opens, seals,
// renews and forgets the token with which a district lets us read its data.
// Workers read whole rosters with it, the api a list of schools.
//
// A token is known by its version, which rises with every new token and never
// with a new seal around the same one: whoever was refused with version n asks
// for a newer one, and of many who do so at once one asks Clever, writes
// "where the version is still n", and the others find what it wrote.
//
// No token gets into an error, a log line or a row that is not sealed.
package credential

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"

	"cleversync/shared/clever"
	"cleversync/shared/fault"
	"cleversync/shared/postgres"
	"cleversync/shared/seal"
)

// Config is what a Store works with.
type Config struct {
	Pool   *pgxpool.Pool
	Clever *clever.Client
	Keys   *seal.Keys
}

// Store gives out tokens. It remembers nothing itself and is safe for
// concurrent use.
type Store struct {
	Config
}

// New makes a Store.
func New(c Config) *Store { return &Store{c} }

// Ask lets ask talk to Clever with the district's token. A refused token is
// read again once: somebody else may have renewed it, or the district rotated
// it. A second refusal stands. Where nobody was ever connected to the district
// the error is postgres.ErrNoDistrict.
func (s *Store) Ask(ctx context.Context, district string, manual bool, ask func(clever.Caller) error) error {
	token, version, err := s.stored(ctx, district)
	if err != nil {
		return err
	}
	if token == "" {
		if token, version, err = s.renew(ctx, district, version); err != nil {
			return err
		}
	}
	caller := clever.Caller{District: district, Token: token, Manual: manual}
	err = ask(caller)
	if err == nil || fault.Of(err).Code != fault.CleverTokenRevoked {
		return err
	}
	caller.Token, _, err = s.renew(ctx, district, version)
	if err != nil {
		return err
	}
	return ask(caller)
}

// stored reads and opens the district's token; empty where none is stored.
func (s *Store) stored(ctx context.Context, district string) (clever.Secret, int64, error) {
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

// renew gives a token that is newer than the version seen: the stored one if
// somebody was faster, else the one that Clever lists.
func (s *Store) renew(ctx context.Context, district string, seen int64) (clever.Secret, int64, error) {
	token, version, err := s.stored(ctx, district)
	if err != nil || (token != "" && version != seen) {
		return token, version, err
	}
	token, err = s.listed(ctx, district)
	if err != nil {
		return "", version, err
	}
	stored, err := postgres.StoreDistrictToken(ctx, s.Pool, district, s.Keys.Seal([]byte(token), []byte(district)), version)
	if err != nil || stored {
		return token, version + 1, err
	}
	return s.stored(ctx, district)
}

// listed asks Clever for the token of a district.
func (s *Store) listed(ctx context.Context, district string) (clever.Secret, error) {
	tokens, err := s.Clever.Tokens(ctx, district)
	if err != nil {
		return "", err
	}
	for _, t := range tokens {
		if t.District == district {
			return t.Token, nil
		}
	}
	return "", fault.New(fault.CleverTokenRevoked, "Clever lists no token for district %s: it does not share with this application", district)
}

// Learn fetches the token of a district from Clever, whatever is stored, and
// stores it. It is for a district that has just shown by its administrator that
// it wants to be connected: one that we do not know becomes known by it, and a
// stored token that no key opens any more is replaced. A district that does not
// share with us is clever_token_revoked, and nothing is stored.
func (s *Store) Learn(ctx context.Context, district string) error {
	token, err := s.listed(ctx, district)
	if err != nil {
		return err
	}
	if err := postgres.KnowDistrict(ctx, s.Pool, district); err != nil {
		return err
	}
	for range learnTries {
		known, version, err := s.stored(ctx, district)
		if err != nil && !errors.Is(err, seal.ErrSealed) {
			return err
		}
		if known == token {
			return nil
		}
		done, err := postgres.StoreDistrictToken(ctx, s.Pool, district, s.Keys.Seal([]byte(token), []byte(district)), version)
		if err != nil || done {
			return err
		}
	}
	return fmt.Errorf("store token of district %s: others store theirs all the time", district)
}

// learnTries bounds how often Learn meets somebody who was faster.
const learnTries = 5
