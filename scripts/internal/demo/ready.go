package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// listening is the line that every program logs once it listens; the simulator's tells what it serves, too.
type listening struct {
	Msg  string `json:"msg"`
	Addr string `json:"addr"`
	URL  string `json:"url"`

	District string `json:"district"`
	Students int64  `json:"students"`
	Teachers int64  `json:"teachers"`
	Contacts int64  `json:"contacts"`
	Sections int64  `json:"sections"`
	Schools  int64  `json:"schools"`
	Courses  int64  `json:"courses"`
	Terms    int64  `json:"terms"`
}

func (l listening) url() string { return cmp.Or(l.URL, "http://"+l.Addr) }

func (l listening) host() string { return strings.TrimPrefix(l.url(), "http://") }

// awaitReady waits until the program has said where it listens, and answers at its path.
func (ps *programs) awaitReady(ctx context.Context, p *process) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		ready, done, err := ps.look(ctx, p)
		if err != nil || ready {
			return err
		}
		select {
		case <-done:
			return fmt.Errorf("%s ended before it was ready", p.name)
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

func (ps *programs) look(ctx context.Context, p *process) (ready bool, done <-chan struct{}, err error) {
	ps.mu.Lock()
	file, from, said, done := p.log, p.from, p.said, p.done
	ps.mu.Unlock()
	if said.Msg == "" {
		if said, err = findListening(file, from); err != nil || said.Msg == "" {
			return false, done, err
		}
		ps.mu.Lock()
		p.said = said
		ps.mu.Unlock()
	}
	return answers(ctx, said.url()+p.ready), done, nil
}

// findListening looks for the line in a log, from an offset on.
func findListening(file string, from int64) (listening, error) {
	log, err := os.Open(file)
	if err != nil {
		return listening{}, err
	}
	defer log.Close()
	if _, err := log.Seek(from, io.SeekStart); err != nil {
		return listening{}, err
	}
	lines := bufio.NewReader(log)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return listening{}, nil // a line without end is still being written
		}
		if err != nil {
			return listening{}, err
		}
		var said listening
		if bytes.HasPrefix(line, []byte("{")) && json.Unmarshal(line, &said) == nil && said.Msg == "listening" {
			return said, nil
		}
	}
}

func answers(ctx context.Context, url string) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	return response.StatusCode == http.StatusOK
}
