package credential

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"

	"cleversync/shared/postgres"
	"cleversync/shared/seal"
)

// Rotation is what came of sealing tokens anew.
type Rotation struct {
	// Sealed tokens have a new seal, Current ones had the newest already.
	Sealed, Current int
	// Unopened are the districts whose token no key opens.
	Unopened []string
}

// Rotate puts every stored token under the first of the keys. It works
// beside running programs, in steps of a few rows without a lock between them,
// and may be stopped and begun again: what is done stays done. A token that
// somebody replaces meanwhile is looked at again.
func Rotate(ctx context.Context, pool *pgxpool.Pool, keys *seal.Keys) (Rotation, error) {
	var r Rotation
	after := ""
	for {
		page, err := postgres.ListDistrictTokens(ctx, pool, after, rotateBatch)
		if err != nil {
			return r, err
		}
		for _, t := range page {
			if err := r.rotate(ctx, pool, keys, t); err != nil {
				return r, err
			}
			after = t.District
		}
		if len(page) < rotateBatch {
			return r, nil
		}
	}
}

const (
	rotateBatch = 100
	rotateTries = 10
)

func (r *Rotation) rotate(ctx context.Context, pool *pgxpool.Pool, keys *seal.Keys, t postgres.DistrictToken) error {
	for range rotateTries {
		if keys.Current(t.Sealed) {
			r.Current++
			return nil
		}
		aad := []byte(t.District)
		plain, err := keys.Open(t.Sealed, aad)
		if err != nil {
			r.Unopened = append(r.Unopened, t.District)
			return nil
		}
		done, err := postgres.ResealDistrictToken(ctx, pool, t, keys.Seal(plain, aad))
		if err != nil {
			return err
		}
		if done {
			r.Sealed++
			return nil
		}
		if t.Sealed, _, err = postgres.ReadDistrictToken(ctx, pool, t.District); err != nil {
			return err
		}
		if t.Sealed == nil {
			return nil // forgotten meanwhile
		}
	}
	return fmt.Errorf("seal token of district %s: others replace it all the time", t.District)
}
