package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"cleversync/api/internal/auth"
	"cleversync/shared/daemon"
	"cleversync/shared/postgres"
)

// tokenConfig is what create-token needs of the environment.
type tokenConfig struct {
	// DatabaseURL is the same as the api's.
	DatabaseURL daemon.Secret `env:"DATABASE_URL,required"`
}

// Validate checks the address.
func (c *tokenConfig) Validate() error { return checkDatabaseURL(c.DatabaseURL) }

// createToken makes a token and prints it, alone, on stdout.
func createToken(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
	token, err := parseTokenFlags(args)
	if err != nil {
		return err
	}
	config, err := daemon.Parse[tokenConfig](getenv)
	if err != nil {
		return err
	}
	pool, err := postgres.Open(ctx, postgres.Options{URL: config.DatabaseURL.Reveal(), MaxConns: 2, Name: "cleversync create-token"})
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := check(ctx, pool); err != nil {
		return err
	}
	secret := auth.NewToken()
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, err := postgres.CreateToken(ctx, tx, token, auth.Hash(secret)); err != nil {
			return err
		}
		return postgres.Audit(ctx, tx, postgres.Act{
			Actor: "api create-token", Kind: postgres.TokenCreated, Tenant: token.Tenant,
			Details: map[string]any{"created": token.ID, "scope": token.Scope, "name": token.Name},
		})
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(stdout, secret)
	return err
}

const tokenUsage = "usage: api create-token -name NAME [-scope operator|tenant] [-tenant ID]"

func parseTokenFlags(args []string) (postgres.Token, error) {
	flags := flag.NewFlagSet("create-token", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	name := flags.String("name", "", "who the token is for")
	scope := flags.String("scope", string(postgres.ScopeOperator), "operator or tenant")
	tenant := flags.String("tenant", "", "the tenant of a token of scope tenant")
	if err := flags.Parse(args); err != nil {
		return postgres.Token{}, misuse(err)
	}
	var faults []error
	if flags.NArg() > 0 {
		faults = append(faults, fmt.Errorf("unexpected argument %q", flags.Arg(0)))
	}
	if strings.TrimSpace(*name) == "" || len(*name) > 200 {
		faults = append(faults, errors.New("-name: is required, of at most 200 characters"))
	}
	token := postgres.Token{Name: strings.TrimSpace(*name), Scope: postgres.Scope(*scope)}
	var err error
	switch token.Scope {
	case postgres.ScopeTenant:
		if token.Tenant, err = uuid.Parse(*tenant); err != nil {
			faults = append(faults, errors.New("-tenant: must be the id of a tenant"))
		}
	case postgres.ScopeOperator:
		if *tenant != "" {
			faults = append(faults, errors.New("-tenant: is for -scope tenant only"))
		}
	default:
		faults = append(faults, errors.New("-scope: must be operator or tenant"))
	}
	if len(faults) > 0 {
		return postgres.Token{}, misuse(faults...)
	}
	if token.ID, err = uuid.NewV7(); err != nil {
		return postgres.Token{}, fmt.Errorf("make token id: %w", err)
	}
	return token, nil
}

func misuse(faults ...error) error {
	return &daemon.Misuse{Faults: append(faults, errors.New(tokenUsage))}
}
