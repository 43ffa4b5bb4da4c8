// Package auth says who a request comes from: it finds the token that the
// request carries among those that the database knows.
//
// A token is 256 random bits after the prefix "cs_". The database keeps its
// SHA-256 alone and is asked for every request, so that a revoked token is
// refused at once. Whoever fails too often from one address is not looked up
// any more for a while, unless with a token that was good lately: that way
// nobody behind a shared address is locked out by somebody else's guessing.
package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"cleversync/shared/postgres"
)

const (
	prefix      = "cs_"
	randomBytes = 32
)

// ErrNoCredentials says that a request carries no token at all.
var ErrNoCredentials = errors.New("no credentials")

// ErrRefused says that a token is not one of ours, or not any more.
var ErrRefused = errors.New("credentials refused")

// LimitedError says that an address has failed too often.
type LimitedError struct {
	RetryAfter time.Duration
}

// Error says how long to wait.
func (e *LimitedError) Error() string {
	return fmt.Sprintf("too many failed attempts; try again in %s", e.RetryAfter)
}

// NewToken makes a token. It is shown once, to whoever asked for it; Hash of
// it is what is stored.
func NewToken() string {
	random := make([]byte, randomBytes)
	rand.Read(random) // never fails: it ends the program instead
	return prefix + base64.RawURLEncoding.EncodeToString(random)
}

// Hash is what the database keeps of a token. A slow hash would add nothing:
// there are no weak tokens to guess.
func Hash(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

// Principal is whoever a request comes from.
type Principal struct {
	Token uuid.UUID
	Name  string
	Scope postgres.Scope
	// Tenant is the one that a tenant's token is for, zero for operators.
	Tenant uuid.UUID
}

// Operator tells whether the principal may do everything.
func (p Principal) Operator() bool { return p.Scope == postgres.ScopeOperator }

// May tells whether the principal may act for this tenant at all.
func (p Principal) May(tenant uuid.UUID) bool {
	return p.Operator() || (p.Scope == postgres.ScopeTenant && p.Tenant == tenant && tenant != uuid.Nil)
}

// Authenticator finds principals.
type Authenticator struct {
	pool     *pgxpool.Pool
	attempts *Attempts
}

// New makes an Authenticator that asks this database.
func New(pool *pgxpool.Pool) *Authenticator {
	return &Authenticator{pool: pool, attempts: NewAttempts()}
}

// Authenticate says who sent the request. Beside its own errors
// (ErrNoCredentials, ErrRefused, LimitedError) it gives the database's.
func (a *Authenticator) Authenticate(ctx context.Context, r *http.Request) (Principal, error) {
	token := tokenOf(r)
	if token == "" {
		return Principal{}, ErrNoCredentials
	}
	hash := sha256.Sum256([]byte(token))
	if wait := a.attempts.Wait(r.RemoteAddr, hash); wait > 0 {
		return Principal{}, &LimitedError{RetryAfter: wait}
	}
	if !strings.HasPrefix(token, prefix) {
		a.attempts.Failed(r.RemoteAddr, hash)
		return Principal{}, ErrRefused
	}
	found, err := postgres.FindToken(ctx, a.pool, hash[:])
	if errors.Is(err, postgres.ErrNoToken) {
		a.attempts.Failed(r.RemoteAddr, hash)
		return Principal{}, ErrRefused
	}
	if err != nil {
		return Principal{}, err
	}
	a.attempts.Good(hash)
	return Principal{Token: found.ID, Name: found.Name, Scope: found.Scope, Tenant: found.Tenant}, nil
}

// tokenOf takes the token from "Bearer <token>", or from HTTP Basic, where it
// is the password and the user's name may be anything.
func tokenOf(r *http.Request) string {
	if _, password, ok := r.BasicAuth(); ok {
		return password
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}
