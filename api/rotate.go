package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"cleversync/shared/credential"
	"cleversync/shared/daemon"
	"cleversync/shared/postgres"
	"cleversync/shared/seal"
)

// rotateConfig is what rotate-keys needs of the environment.
type rotateConfig struct {
	// DatabaseURL and EncryptionKeys are the same as the api's.
	DatabaseURL    daemon.Secret `env:"DATABASE_URL,required"`
	EncryptionKeys daemon.Secret `env:"ENCRYPTION_KEYS,required"`

	keys *seal.Keys
}

// Validate checks the address and the keys.
func (c *rotateConfig) Validate() error {
	err := checkDatabaseURL(c.DatabaseURL)
	if c.EncryptionKeys.Reveal() == "" {
		return err
	}
	keys, bad := seal.ParseKeys(c.EncryptionKeys.Reveal())
	if bad != nil {
		err = errors.Join(err, fmt.Errorf("ENCRYPTION_KEYS: %w", bad))
	}
	c.keys = keys
	return err
}

// rotateKeys puts every stored token of a district under the first key and says
// on stdout what came of it. A token that no key opens makes it fail, after all
// others are done: only when it succeeds may an old key be taken away.
func rotateKeys(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
	if len(args) > 0 {
		return &daemon.Misuse{Faults: []error{fmt.Errorf("unexpected argument %q", args[0]), errors.New("usage: api rotate-keys")}}
	}
	config, err := daemon.Parse[rotateConfig](getenv)
	if err != nil {
		return err
	}
	pool, err := postgres.Open(ctx, postgres.Options{URL: config.DatabaseURL.Reveal(), MaxConns: 2, Name: "cleversync rotate-keys"})
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := check(ctx, pool); err != nil {
		return err
	}
	done, err := credential.Rotate(ctx, pool, config.keys)
	_, printErr := fmt.Fprintf(stdout, "sealed anew: %d\ncurrent before: %d\ncannot be opened: %d\n", done.Sealed, done.Current, len(done.Unopened))
	if len(done.Unopened) > 0 {
		_, named := fmt.Fprintf(stdout, "  district %s\n", strings.Join(done.Unopened, "\n  district "))
		err = errors.Join(err, named, fmt.Errorf("%d tokens cannot be opened with any of the keys", len(done.Unopened)))
	}
	return errors.Join(err, printErr)
}
