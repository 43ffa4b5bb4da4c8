package main

import (
	"errors"
	"flag"
	"net"
	"net/netip"

	"cleversync/shared/clever/clevertest"
)

// tokenVariable holds the control endpoint's token for who would not have it in
// the list of processes.
const tokenVariable = "CLEVER_SIM_CONTROL_TOKEN"

// control is the part of the command line that is about the control endpoint.
type control struct {
	on    bool
	token string
}

func (c *control) register(flags *flag.FlagSet) {
	flags.BoolVar(&c.on, "control", true, "serve /_control/: faults on request and changes of the district, for instance\n"+
		"curl -X PUT -H 'Content-Type: application/json' URL/_control/faults -d '[{\"when\":{\"nth\":2},\"fault\":{\"kind\":\"cut\"}}]'\n"+
		"(GET /_control/faults/kinds names all; go doc ./shared/clever/clevertest has more). On an address\n"+
		"that is no loopback one it needs a token")
	flags.StringVar(&c.token, "control-token", "", "bearer token that /_control/ asks for (default: $"+tokenVariable+", else none)")
}

// apply decides whether the control endpoint is served. It gives whoever
// reaches it every token, so beyond the machine itself it is off by default,
// and on only with a token.
func (c control) apply(flags *flag.FlagSet, addr string, getenv func(string) string, cfg *clevertest.Config) error {
	if c.token == "" {
		c.token = getenv(tokenVariable)
	}
	if c.on && c.token == "" && !isLoopback(addr) {
		asked := false
		flags.Visit(func(f *flag.Flag) { asked = asked || f.Name == "control" })
		if asked {
			return errors.New("--control on an address that is no loopback one needs --control-token or $" + tokenVariable)
		}
		c.on = false
	}
	cfg.Control, cfg.ControlToken = c.on, c.token
	return nil
}

// isLoopback tells whether an address to listen on can be reached from this
// machine only.
func isLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
