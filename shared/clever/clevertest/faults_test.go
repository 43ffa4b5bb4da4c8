package clevertest_test

import (
	"bytes"
	stdcmp "cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"

	"cleversync/shared/clever/clevertest"

	"github.com/google/go-cmp/cmp"
)

// outpost is a simulator behind a real connection.
type outpost struct {
	*clevertest.Server
	t      *testing.T
	url    string
	client *http.Client
}

func serve(t *testing.T, cfg clevertest.Config) *outpost {
	t.Helper()
	cfg.RateLimit = stdcmp.Or(cfg.RateLimit, -1)
	s, err := clevertest.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	// A connection of its own for each request, because Go's transport asks
	// again where an old one ends before the answer.
	transport := &http.Transport{DisableKeepAlives: true}
	return &outpost{s, t, server.URL, &http.Client{Transport: transport}}
}

// seen is what a client sees of an answer. An error is that of the request or
// that of the reading of its body, which then is what came before.
type seen struct {
	status  int
	header  http.Header
	length  int64
	framing []string
	body    []byte
	err     error
}

func (s *outpost) ask(path string) seen {
	s.t.Helper()
	return s.askWith(s.t.Context(), path, s.Token())
}

func (s *outpost) askWith(ctx context.Context, path, token string) seen {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path, nil)
	if err != nil {
		return seen{err: err}
	}
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := s.client.Do(r)
	if err != nil {
		return seen{err: err}
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return seen{answer.StatusCode, answer.Header, answer.ContentLength, answer.TransferEncoding, body, err}
}

// order installs rules that must be accepted.
func (s *outpost) order(rules ...clevertest.FaultRule) {
	s.t.Helper()
	if err := s.SetFaults(rules...); err != nil {
		s.t.Fatal(err)
	}
}

// second is the path of the second page of students, of four.
func (s *outpost) second() string {
	ids := ids(s.t, s.Server, "/v3.1/users?role=student&limit=5")
	return "/v3.1/users?limit=5&role=student&starting_after=" + ids[4]
}

// doc is a body of any shape, nil where it is no JSON object.
func (a seen) doc() map[string]any {
	var m map[string]any
	_ = json.Unmarshal(a.body, &m) // what is no object is none
	return m
}

func (a seen) items() []any {
	all, _ := a.doc()["data"].([]any)
	return all
}

// record is the ith one; nil where it is no object.
func (a seen) record(i int) map[string]any {
	item, _ := a.items()[i].(map[string]any)
	record, _ := item["data"].(map[string]any)
	return record
}

func (a seen) ids() []string {
	var all []string
	for i := range a.items() {
		id, _ := a.record(i)["id"].(string)
		all = append(all, id)
	}
	return all
}

// next is the uri of the next link, nil where there is none.
func (a seen) next() any {
	links, _ := a.doc()["links"].([]any)
	for _, l := range links {
		if l, ok := l.(map[string]any); ok && l["rel"] == "next" {
			return l["uri"]
		}
	}
	return nil
}

// whole tells that an answer came to its end as JSON of 200.
func (a seen) whole() bool { return a.status == http.StatusOK && a.err == nil && a.doc() != nil }

func (a seen) isCut() bool {
	return errors.Is(a.err, io.ErrUnexpectedEOF) || errors.Is(a.err, io.EOF)
}

func (a seen) isReset() bool { return errors.Is(a.err, syscall.ECONNRESET) }

// TestFaults_Damage sees each fault through a real connection, and the genuine
// answer after it.
func TestFaults_Damage(t *testing.T) {
	t.Parallel()
	s := serve(t, clevertest.Config{Students: 20, Seed: 3})
	path := s.second()
	genuine := s.ask(path)
	if !genuine.whole() || len(genuine.items()) != 5 || genuine.next() == nil {
		t.Fatalf("the genuine answer is no page in the middle: %.200s", genuine.body)
	}
	for _, d := range damages() {
		s.order(clevertest.FaultRule{Meets: clevertest.FaultMatch{Route: "/users"}, When: clevertest.FaultWhen{Nth: 1}, Fault: d.fault})
		name := fmt.Sprintf("%s/%s %+v", d.fault.Kind, d.fault.Variant, d.fault)
		if got := s.ask(path); !d.want(got, genuine) {
			t.Errorf("%.200s: status %d, error %v, length %d, framing %v, headers %v, body %.300s", name, got.status, got.err, got.length, got.framing, got.header, got.body)
		}
		if diff := cmp.Diff(clevertest.FaultCounts{Met: 1, Acted: 1}, s.Faults()[0].Counts); diff != "" {
			t.Errorf("%s: counts (-want +got):\n%s", name, diff)
		}
		if got := s.ask(path); !bytes.Equal(got.body, genuine.body) || got.err != nil {
			t.Errorf("%s: the next answer is %d %.100s, %v", name, got.status, got.body, got.err)
		}
	}
}

// TestFaults_NoneIsForgotten ranges over all kinds and variants.
func TestFaults_NoneIsForgotten(t *testing.T) {
	t.Parallel()
	tested := map[string]bool{}
	for _, d := range damages() {
		tested[string(d.fault.Kind)+"/"+d.fault.Variant] = true
	}
	for kind := range coveredElsewhere {
		tested[kind] = true
	}
	for kind, variants := range clevertest.FaultKinds() {
		if len(variants) == 0 && !tested[string(kind)+"/"] {
			t.Errorf("no test of %s", kind)
		}
		for i, variant := range variants {
			if !tested[string(kind)+"/"+variant] && (i > 0 || !tested[string(kind)+"/"]) {
				t.Errorf("no test of %s, %s", kind, variant)
			}
		}
	}
}

// coveredElsewhere are the faults that one answer does not show, with their tests.
var coveredElsewhere = map[string]func(*testing.T){
	"hold/": TestFaults_Hold, "gzip/corrupt": TestFaults_Gzip, "gzip/checksum": TestFaults_Gzip, "gzip/plain": TestFaults_Gzip, "gzip/truncated": TestFaults_Gzip,
	"list_change/vanish_ahead": TestFaults_ListChange, "list_change/vanish_behind": TestFaults_ListChange,
	"list_change/appear_ahead": TestFaults_ListChange, "list_change/appear_behind": TestFaults_ListChange,
	"last_sync/": TestFaults_District, "state/": TestFaults_District, "rotate_token/": TestFaults_District,
	"disconnect/": TestFaults_District, "hide_school/": TestFaults_District, "show_school/": TestFaults_District,
}
