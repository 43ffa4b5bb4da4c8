package scratch

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// errGiven refuses to meddle with services that somebody else runs.
var errGiven = errors.New("the services were given by " + databaseVar + " and " + redisVar + ": start private ones to stop them")

// Stop stops both services, those given by the environment excepted, and removes the data unless it is kept. All
// programs that use them should have ended. A second call does nothing.
func (s *Services) Stop() error { return s.stop() }

func (s *Services) end() error {
	err := errors.Join(s.postgres.stop(Fast), s.redis.stop(), s.group.Close())
	if !s.keep {
		if remove := os.RemoveAll(s.Dir); remove != nil {
			err = errors.Join(err, fmt.Errorf("remove data: %w", remove))
		}
	}
	return err
}

// StopPostgres stops Postgres in the way that mode says. Stopping it twice is no error.
func (s *Services) StopPostgres(mode StopMode) error {
	if s.group == nil {
		return errGiven
	}
	return s.postgres.stop(mode)
}

// StartPostgres starts a stopped Postgres again, on the same port and data, and waits until it answers.
func (s *Services) StartPostgres(ctx context.Context) error {
	if s.group == nil {
		return errGiven
	}
	return s.postgres.start(ctx)
}

// KillRedis ends Redis with SIGKILL: the writes of up to the last two seconds are lost.
func (s *Services) KillRedis() error {
	if s.group == nil {
		return errGiven
	}
	return s.redis.kill()
}

// StartRedis starts a killed Redis again, on the same port and data, and waits until it answers.
func (s *Services) StartRedis(ctx context.Context) error {
	if s.group == nil {
		return errGiven
	}
	return s.redis.start(ctx)
}
