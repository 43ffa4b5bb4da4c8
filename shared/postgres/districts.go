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
