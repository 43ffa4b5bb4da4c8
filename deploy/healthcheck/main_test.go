package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestTarget(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		args []string
		addr string
		want string // empty: an error
	}{
		"every interface": {[]string{"/readyz"}, "0.0.0.0:8080", "http://127.0.0.1:8080/readyz"},
		"no host":         {[]string{"/readyz"}, ":8080", "http://127.0.0.1:8080/readyz"},
		"every IPv6 one":  {[]string{"/readyz"}, "[::]:8080", "http://127.0.0.1:8080/readyz"},
		"one interface":   {[]string{"/healthz"}, "10.0.0.1:81", "http://10.0.0.1:81/healthz"},
		"no path":         {nil, "0.0.0.0:8080", ""},
		"no slash":        {[]string{"readyz"}, "0.0.0.0:8080", ""},
		"no address":      {[]string{"/readyz"}, "", ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := target(c.args, c.addr)
			if got != c.want || (err == nil) != (c.want != "") {
				t.Errorf("want %q, got %q and %v", c.want, got, err)
			}
		})
	}
}

func TestAsk(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/readyz" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	if err := ask(t.Context(), server.URL+"/readyz"); err != nil {
		t.Error(err)
	}
	if err := ask(t.Context(), server.URL+"/other"); err == nil {
		t.Error("503 counts as well")
	}
	server.Close()
	if err := ask(context.Background(), server.URL+"/readyz"); err == nil {
		t.Error("no answer counts as well")
	}
}
