package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// ErrNoDistrict says that no tenant was ever connected to this district.
var ErrNoDistrict = errors.New("no such district")

// ReadDistrictToken gives the district's token, sealed, and its version. A
// district whose token was never listed has none: nil and version zero.
func ReadDistrictToken(ctx context.Context, q Querier, district string) (sealed []byte, version int64, err error) {
	err = q.QueryRow(ctx, `
		SELECT token, token_version
		FROM sync.districts
		WHERE id = $1`, district).Scan(&sealed, &version)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, 0, ErrNoDistrict
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read token of district %s: %w", district, err)
	}
	return sealed, version, nil
}

// StoreDistrictToken stores a token, sealed, if the row still has the version
// that the caller saw. False means that somebody else was faster: read again.
func StoreDistrictToken(ctx context.Context, q Querier, district string, sealed []byte, seenVersion int64) (bool, error) {
	tag, err := q.Exec(ctx, `
		UPDATE sync.districts
		SET token = $2,
		    token_version = token_version + 1,
		    updated_at = now()
		WHERE id = $1
		  AND token_version = $3`, district, sealed, seenVersion)
	if err != nil {
		return false, fmt.Errorf("store token of district %s: %w", district, err)
	}
	return tag.RowsAffected() == 1, nil
}

// NameDistrict keeps the district's name as Clever gives it, for people to
// read. An unchanged name writes nothing.
func NameDistrict(ctx context.Context, q Querier, district, name string) error {
	_, err := q.Exec(ctx, `
		UPDATE sync.districts
		SET name = $2,
		    updated_at = now()
		WHERE id = $1
		  AND name <> $2`, district, name)
	if err != nil {
		return fmt.Errorf("name district %s: %w", district, err)
	}
	return nil
}

// KnowDistrict makes the district's row where there is none.
func KnowDistrict(ctx context.Context, q Querier, district string) error {
	if _, err := q.Exec(ctx, `
		INSERT INTO sync.districts (id)
		VALUES ($1)
		ON CONFLICT (id) DO NOTHING`, district); err != nil {
		return fmt.Errorf("know district %s: %w", district, err)
	}
	return nil
}

// DistrictToken is a district's token as it is stored.
type DistrictToken struct {
	District string
	Sealed   []byte
}

// ListDistrictTokens gives up to limit stored tokens in the order of their
// districts' ids, beginning after the one named.
func ListDistrictTokens(ctx context.Context, q Querier, after string, limit int) ([]DistrictToken, error) {
	rows, err := q.Query(ctx, `
		SELECT id, token
		FROM sync.districts
		WHERE id > $1
		  AND token IS NOT NULL
		ORDER BY id
		LIMIT $2`, after, limit)
	if err != nil {
		return nil, fmt.Errorf("list tokens of districts: %w", err)
	}
	tokens, err := pgx.CollectRows(rows, pgx.RowToStructByPos[DistrictToken])
	if err != nil {
		return nil, fmt.Errorf("list tokens of districts: %w", err)
	}
	return tokens, nil
}

// ResealDistrictToken puts another seal around the same token if the row still
// holds these very bytes. The version stays: it tells tokens apart, and who is
// refused with this one must not take it for a newer.
func ResealDistrictToken(ctx context.Context, q Querier, seen DistrictToken, sealed []byte) (bool, error) {
	tag, err := q.Exec(ctx, `
		UPDATE sync.districts
		SET token = $3,
		    updated_at = now()
		WHERE id = $1
		  AND token = $2`, seen.District, seen.Sealed, sealed)
	if err != nil {
		return false, fmt.Errorf("seal token of district %s anew: %w", seen.District, err)
	}
	return tag.RowsAffected() == 1, nil
}

// ForgetDistrictTokens drops up to limit stored tokens of districts that nobody
// is connected to, nor being connected to just now, and tells how many went.
// With a district named it looks at that one alone. A token that turns out to
// be wanted after all is listed by Clever again.
func ForgetDistrictTokens(ctx context.Context, q Querier, district string, limit int) (int, error) {
	tag, err := q.Exec(ctx, `
		UPDATE sync.districts d
		SET token = NULL,
		    token_version = token_version + 1,
		    updated_at = now()
		WHERE d.id = ANY (ARRAY(
		  SELECT u.id
		  FROM sync.districts u
		  WHERE u.token IS NOT NULL
		    AND ($1 = '' OR u.id = $1)
		    AND NOT EXISTS (SELECT 1 FROM sync.connections c WHERE c.district_id = u.id AND c.disconnected_at IS NULL)
		    AND NOT EXISTS (SELECT 1 FROM sync.clever_logins l WHERE l.district_id = u.id AND l.ended_at IS NULL AND l.expires_at > now())
		  LIMIT $2
		  FOR NO KEY UPDATE SKIP LOCKED))`, district, limit)
	if err != nil {
		return 0, fmt.Errorf("forget tokens of districts: %w", err)
	}
	return int(tag.RowsAffected()), nil
}
