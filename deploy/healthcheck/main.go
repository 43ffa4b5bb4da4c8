// Command healthcheck asks a program in the same container whether it is well: the images have no shell and no curl.
//
//	healthcheck /readyz
//
// It asks at the port of ADDR, the variable that tells every program where to listen, and exits 0 where the answer is 200,
// 1 where it is not, and 2 where it was called wrongly.
package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// patience is below the timeout of the container engine, so that a silence is told as one.
const patience = 3 * time.Second

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	url, err := target(os.Args[1:], os.Getenv("ADDR"))
	if err != nil {
		fmt.Fprintln(os.Stderr, "healthcheck:", err)
		os.Exit(2)
	}
	if err := ask(ctx, url); err != nil {
		fmt.Fprintln(os.Stderr, "healthcheck:", err)
		os.Exit(1)
	}
}

// target makes the address; where the program listens on every interface it is asked on the loopback one.
func target(args []string, addr string) (string, error) {
	if len(args) != 1 || !strings.HasPrefix(args[0], "/") {
		return "", fmt.Errorf("usage: healthcheck /path")
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", fmt.Errorf("ADDR must be host:port")
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port) + args[0], nil
}

func ask(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, response.Status)
	}
	return nil
}
