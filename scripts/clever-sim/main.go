// Command clever-sim serves a simulated Clever, both its hosts under one
// address: generated districts of any size, or recorded bodies, the data API
// (/v3.0, /v3.1, /userinfo) and the log-in (/oauth, /in). It needs nothing but
// itself: start it, and point any client of Clever at the address that it says.
// The help text (help.txt) tells the credentials and how people log in. The
// demonstration starts it, too.
package main

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"cleversync/shared/clever/clevertest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Getenv, os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "clever-sim:", err)
		os.Exit(1)
	}
}

// drain is how long requests under way may take once the program is asked to
// stop.
const drain = 5 * time.Second

// run serves until ctx ends. It says on stderr, as one line of JSON with the
// message "listening", where it listens and which district it serves.
func run(ctx context.Context, args []string, getenv func(string) string, stderr io.Writer) error {
	cfg, addr, nights, err := parse(args, getenv, stderr)
	if err != nil {
		return err
	}
	logger := slog.New(slog.NewJSONHandler(stderr, nil))
	sim, err := clevertest.New(cfg)
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return err // it names the address
	}
	server := &http.Server{
		Handler:           routes(sim),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      5*time.Minute + cfg.Latency,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
	// What faults hold back would otherwise take all the time that there is.
	server.RegisterOnShutdown(func() { _ = sim.SetFaults() })
	announce(ctx, logger, "http://"+listener.Addr().String(), sim, cfg.Control)
	// Nights end with the program, however that ends.
	ctx, stop := context.WithCancel(ctx)
	var passing sync.WaitGroup
	passing.Go(func() { nights.pass(ctx, logger, sim) })
	defer passing.Wait()
	defer stop()
	return serve(ctx, server, listener)
}

// serve serves until ctx ends, then lets requests under way finish.
func serve(ctx context.Context, server *http.Server, listener net.Listener) error {
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	err := server.Shutdown(bounded)
	if err != nil {
		err = errors.Join(fmt.Errorf("stop within %s: %w", drain, err), server.Close())
	}
	<-failed // Serve has returned: the goroutine is over
	return err
}

// routes adds the health check, which Clever does not have.
func routes(sim http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", sim)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "ok")
	})
	return mux
}

// announce says what is served, and in a line of its own how to log in. The
// credentials are not in it: who starts the program gives them, or reads in the
// help text how they are derived.
func announce(ctx context.Context, logger *slog.Logger, url string, sim *clevertest.Server, control bool) {
	district := sim.District()
	n := district.Counts()
	logger.InfoContext(ctx, "listening", "url", url, "district", district.ID(),
		"students", n.Students, "teachers", n.Teachers, "contacts", n.Contacts,
		"sections", n.Sections, "schools", n.Schools, "courses", n.Courses, "terms", n.Terms, "control", control)
	logger.InfoContext(ctx, "log in", "authorize", url+"/oauth/authorize", "portal", url+sim.Portal(), "see", "clever-sim --help")
}

//go:embed help.txt
var help string

// parse reads the command line. Credentials given as "" are derived from the
// seed, as clevertest does.
func parse(args []string, getenv func(string) string, stderr io.Writer) (cfg clevertest.Config, addr string, n nights, err error) {
	flags := flag.NewFlagSet("clever-sim", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprint(stderr, help)
		flags.PrintDefaults()
	}
	flags.StringVar(&addr, "addr", "127.0.0.1:0", "`host:port` to listen on; port 0 takes a free one")
	flags.IntVar(&cfg.Students, "students", 1000, "size of the generated district")
	flags.Uint64Var(&cfg.Seed, "seed", 0, "which district of that size")
	flags.IntVar(&cfg.Districts, "districts", 1, "how many districts of that size share with the app")
	flags.IntVar(&cfg.Unshared, "unshared", 0, "how many further districts are at Clever and do not share with the app")
	flags.StringVar(&cfg.Dir, "district", "", "serve the recorded bodies of this `directory` instead")
	flags.BoolVar(&cfg.Broken, "broken", false, "add records with values of the wrong type")
	flags.StringVar(&cfg.Token, "token", "", "district token (default: derived from the seed, see above)")
	flags.StringVar(&cfg.ClientID, "client-id", "", "the app's client id (default: derived from the seed, see above)")
	flags.StringVar(&cfg.ClientSecret, "client-secret", "", "the app's client secret (default: derived from the seed, see above)")
	flags.Func("redirect-uri", "a redirect `URI` that the app has registered; may be given several times, and log-ins that\n"+
		"start at Clever arrive at the first (default: any http address of the loopback interface)", func(uri string) error {
		cfg.RedirectURIs = append(cfg.RedirectURIs, uri)
		return nil
	})
	flags.BoolVar(&cfg.WithoutSecureSync, "without-secure-sync", false, "the app may only log people in: district tokens open /districts alone")
	flags.BoolVar(&cfg.Gzip, "gzip", false, "compress answers where asked to")
	flags.IntVar(&cfg.RateLimit, "rate-limit", 1200, "requests per minute and token; 0 switches the limit off")
	flags.DurationVar(&n.every, "every", 0, "let a night pass so often, in which the districts change and events tell of it; 0: never")
	flags.IntVar(&n.count, "nights", 0, "how many nights pass; 0: no end")
	flags.BoolVar(&cfg.NoEvents, "no-events", false, "leave the app's events switched off, as they are at Clever until enabled")
	flags.DurationVar(&cfg.Latency, "latency", 0, "how long each answer is held back")
	var orders control
	orders.register(flags)
	if err := flags.Parse(args); err != nil {
		return cfg, "", n, err
	}
	switch {
	case flags.NArg() > 0:
		return cfg, "", n, fmt.Errorf("unknown argument %q", flags.Arg(0))
	case cfg.Students < 1:
		return cfg, "", n, fmt.Errorf("--students %d: want 1 or more", cfg.Students)
	case cfg.Districts < 1:
		return cfg, "", n, fmt.Errorf("--districts %d: want 1 or more", cfg.Districts)
	case cfg.Unshared < 0:
		return cfg, "", n, fmt.Errorf("--unshared %d: want 0 or more", cfg.Unshared)
	case cfg.RateLimit < 0:
		return cfg, "", n, fmt.Errorf("--rate-limit %d: want 0 or more", cfg.RateLimit)
	}
	if err := n.check(); err != nil {
		return cfg, "", n, err
	}
	cfg.RateLimit = cmp.Or(cfg.RateLimit, -1)
	if n.every > 0 {
		cfg.Now = time.Now
	}
	return cfg, addr, n, orders.apply(flags, addr, getenv, &cfg)
}
