package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestRun_NightsPass: each night is said, and its events are there to be read.
// With so short a night every one of them comes after the one before.
func TestRun_NightsPass(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	said, say := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := run(ctx, strings.Fields("--students 2000 --token secret --every 1ms --nights 2 --addr 127.0.0.1:0"), none, say)
		say.Close()
		done <- err
	}()
	var line struct {
		URL      string
		Msg      string
		Number   int
		LastSync string `json:"last_sync"`
		Changes  map[string]int
	}
	decoder, last := json.NewDecoder(said), ""
	for night := -1; night < 3; night++ {
		line.Changes = nil
		if err := decoder.Decode(&line); err != nil {
			t.Fatal(err)
		}
		if night < 1 {
			continue // where it listens, how to log in
		}
		if line.Msg != "night" || line.Number != night || line.LastSync <= last || line.Changes["districts.updated"] != 1 {
			t.Errorf("line %d: %+v", night, line)
		}
		last = line.LastSync
	}
	status, text := request(t, line.URL+"/v3.1/events?record_type=districts", "secret")
	if status != http.StatusOK || bytes.Count(text, []byte(`"type":"districts.updated"`)) != 2 {
		t.Errorf("events: %d %s", status, text)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
