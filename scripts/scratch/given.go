package scratch

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
)

const (
	databaseVar = "SCRATCH_DATABASE_URL"
	redisVar    = "SCRATCH_REDIS_URL"
)

// TestPrefix begins the name of every database that a test makes, and of the template. Tidy finds them by it.
const TestPrefix = "cleversync_test_"

// Given returns the services that the environment names, once it has made sure that we may use them, or nil where it
// names none. Test helpers call it, which never start services themselves.
func Given(ctx context.Context) (*Services, error) {
	s, err := fromEnv(os.Getenv)
	if err != nil || s == nil {
		return nil, err
	}
	if _, done := claimed.Load(s.addresses()); done {
		return s, nil
	}
	if err := s.claim(ctx); err != nil {
		return nil, err
	}
	claimed.Store(s.addresses(), true)
	return s, nil
}

// claimed remembers what this program has claimed: each test asks, and asking takes longer than making a database.
var claimed sync.Map

func (s *Services) addresses() [2]string { return [2]string{s.DatabaseURL, s.RedisURL} }

func fromEnv(getenv func(string) string) (*Services, error) {
	database, redisURL := strings.TrimSpace(getenv(databaseVar)), strings.TrimSpace(getenv(redisVar))
	if database == "" && redisURL == "" {
		return nil, nil
	}
	if database == "" || redisURL == "" {
		return nil, fmt.Errorf("only one of %s and %s is set: set both, or neither to have private services started", databaseVar, redisVar)
	}
	// What a faulty address holds is not repeated: it may be a password.
	config, err := pgx.ParseConfig(database)
	if err != nil || config.Database == "" || !strings.Contains(database, "://") {
		return nil, fmt.Errorf("%s is not an address such as postgres://user:password@host:5432/database", databaseVar)
	}
	if _, err := redis.ParseURL(redisURL); err != nil {
		return nil, fmt.Errorf("%s is not an address such as redis://:password@host:6379/0", redisVar)
	}
	return &Services{DatabaseURL: database, RedisURL: redisURL, stop: func() error { return nil }}, nil
}

// claim refuses services that hold somebody's data and marks empty ones as ours.
func (s *Services) claim(ctx context.Context) error {
	if err := s.claimDatabase(ctx); err != nil {
		return fmt.Errorf("%s: %w", databaseVar, err)
	}
	if err := s.claimRedis(ctx); err != nil {
		return fmt.Errorf("%s: %w", redisVar, err)
	}
	return nil
}
