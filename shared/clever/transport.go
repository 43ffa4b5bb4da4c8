package clever

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// newHTTP makes the client's own transport. It follows no redirect, so that a
// token goes to no host but the configured one, and it pings idle HTTP/2
// connections, because a dead one would otherwise hold every request on it
// until its timeout.
func newHTTP(header time.Duration) *http.Client {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            dialer.DialContext,
			ForceAttemptHTTP2:      true,
			MaxIdleConns:           128,
			MaxIdleConnsPerHost:    64,
			IdleConnTimeout:        90 * time.Second,
			TLSHandshakeTimeout:    10 * time.Second,
			ResponseHeaderTimeout:  header,
			MaxResponseHeaderBytes: 64 << 10,
			HTTP2:                  &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 15 * time.Second},
		},
	}
}

// isPrivate tells whether a host can only be this machine or one of its own
// network: a token may go there unencrypted. A name without a dot is never a
// public one.
func isPrivate(host string) bool {
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return !strings.Contains(host, ".")
	}
	return addr.IsLoopback()
}
