package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Server is what Serve listens and answers with.
type Server struct {
	// Addr is host:port; port 0 takes a free one.
	Addr    string
	Handler http.Handler
	// Drain is how long requests under way may take to end once the program is
	// told to stop.
	Drain time.Duration
}

// Serve answers requests until ctx ends, then takes no more, lets those under
// way end within the bound, and returns. ready, where it is not nil, is called
// once with the address that it listens on. An error says that the server
// could not listen, broke, or had to cut requests off.
func Serve(ctx context.Context, log *slog.Logger, s Server, ready func(addr string)) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", s.Addr)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", s.Addr, err)
	}
	server := &http.Server{
		Handler:           s.Handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	broken := make(chan error, 1)
	go func() { broken <- server.Serve(listener) }()
	log.InfoContext(ctx, "listening", "addr", listener.Addr().String())
	if ready != nil {
		ready(listener.Addr().String())
	}

	select {
	case err := <-broken:
		return fmt.Errorf("serve on %s: %w", s.Addr, err)
	case <-ctx.Done():
	}
	err = drain(ctx, server, s.Drain)
	<-broken // Serve has returned by now: the listener is closed
	log.InfoContext(ctx, "stopped listening")
	return err
}

// drain lets requests end within the bound. Their own contexts stay alive
// meanwhile; only afterwards are their connections cut.
func drain(ctx context.Context, server *http.Server, bound time.Duration) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), bound)
	defer cancel()
	err := server.Shutdown(ctx)
	if err == nil {
		return nil
	}
	return fmt.Errorf("requests did not end within %s and were cut: %w", bound, errors.Join(err, server.Close()))
}
