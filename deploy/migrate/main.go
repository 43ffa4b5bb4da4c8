// Command migrate brings the schema of the database to what this build needs
// and lets the role of the programs log in.
//
// It reads DATABASE_URL (the owner's: the one program that has it) and
// APP_PASSWORD, the password that role cleversync_app gets; where APP_PASSWORD
// is empty the role is left as it is.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"cleversync/shared/postgres"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Getenv); err != nil {
		fmt.Fprintln(os.Stderr, "migrate:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, getenv func(string) string) error {
	url := getenv("DATABASE_URL")
	if url == "" {
		return errors.New("DATABASE_URL is not set: it names the database and its owner")
	}
	if err := postgres.Migrate(ctx, url); err != nil {
		return err
	}
	if password := getenv("APP_PASSWORD"); password != "" {
		return postgres.AllowLogin(ctx, url, password)
	}
	return nil
}
