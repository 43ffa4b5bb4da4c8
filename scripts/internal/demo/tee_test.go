package main

import (
	"bytes"
	"regexp"
	"sync"
	"testing"
)

// tee keeps what a program writes while it runs.
type tee struct {
	mu    sync.Mutex
	text  bytes.Buffer
	wrote *sync.Cond
}

func newTee() *tee {
	t := &tee{}
	t.wrote = sync.NewCond(&t.mu)
	return t
}

func (t *tee) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.wrote.Broadcast()
	return t.text.Write(p)
}

func (t *tee) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

// await waits for a text and returns what the pattern's group matched. The test's own timeout bounds it.
func (t *tee) await(tb testing.TB, pattern *regexp.Regexp) string {
	tb.Helper()
	t.mu.Lock()
	defer t.mu.Unlock()
	for {
		if found := pattern.FindStringSubmatch(t.text.String()); found != nil {
			return found[len(found)-1]
		}
		t.wrote.Wait()
	}
}
