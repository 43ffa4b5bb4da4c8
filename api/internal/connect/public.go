package connect

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// ErrNoAddress says that this deployment does not know where browsers reach it.
var ErrNoAddress = errors.New("the public address is not known")

// CheckPublicURL tells what is wrong with a public address, or nil. The empty
// one is good.
func CheckPublicURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case text == "":
		return nil
	case err != nil || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return errors.New("must be scheme and host, such as https://sync.example.org")
	case u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())):
		return errors.New("must be https, or http on a loopback address")
	}
	return nil
}

// StartURL is the address of the start page that a ticket opens. ctx and host
// are those of the request that asks.
func (c *Connector) StartURL(ctx context.Context, host, ticket string) (string, error) {
	base, err := c.base(ctx, host)
	if err != nil {
		return "", err
	}
	return base + startPath + "?ticket=" + url.QueryEscape(ticket), nil
}

// base is where browsers reach us. Without a configured address only a request
// that arrived on a loopback address, for a loopback host, tells it: the Host
// of any other is the caller's to invent.
func (c *Connector) base(ctx context.Context, host string) (string, error) {
	if c.PublicURL != "" {
		return strings.TrimRight(c.PublicURL, "/"), nil
	}
	local, _ := ctx.Value(http.LocalAddrContextKey).(net.Addr)
	if local == nil {
		return "", ErrNoAddress
	}
	at, err := netip.ParseAddrPort(local.String())
	named := (&url.URL{Host: host}).Hostname()
	if err != nil || !at.Addr().Unmap().IsLoopback() || !isLoopback(named) {
		return "", ErrNoAddress
	}
	return "http://" + host, nil
}

func (c *Connector) baseOf(r *http.Request) (string, error) { return c.base(r.Context(), r.Host) }

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}
