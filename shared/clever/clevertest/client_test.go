package clevertest_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"cleversync/shared/clever/clevertest"
)

// simulator starts nothing: the server is an http.Handler.
func simulator(t *testing.T, cfg clevertest.Config) *clevertest.Server {
	t.Helper()
	cfg.RateLimit = -1
	s, err := clevertest.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// get asks with the valid token.
func get(s *clevertest.Server, path string) *httptest.ResponseRecorder {
	return ask(s, http.MethodGet, path, "Bearer "+s.Token())
}

func ask(s http.Handler, method, path, authorization string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// answer is any answer of the data API, records undecoded.
type answer struct {
	Data  json.RawMessage
	Links []link
	Count *int
}

type link struct{ Rel, URI string }

type item struct {
	Data json.RawMessage
	URI  string
}

func (a *answer) link(rel string) string {
	for _, l := range a.Links {
		if l.Rel == rel {
			return l.URI
		}
	}
	return ""
}

func fetch(t *testing.T, s *clevertest.Server, path string) answer {
	t.Helper()
	w := get(s, path)
	if w.Code != http.StatusOK {
		t.Fatalf("GET %s: status %d: %s", path, w.Code, w.Body)
	}
	return decode[answer](t, w.Body.Bytes())
}

// list fetches one page and returns its items.
func list(t *testing.T, s *clevertest.Server, path string) ([]item, answer) {
	t.Helper()
	a := fetch(t, s, path)
	return decode[[]item](t, a.Data), a
}

// ids fetches one page and returns the ids on it.
func ids(t *testing.T, s *clevertest.Server, path string) []string {
	t.Helper()
	all, _ := page(t, s, path)
	return all
}

// page fetches one page and returns its ids and links, decoding nothing else.
func page(t *testing.T, s *clevertest.Server, path string) ([]string, answer) {
	t.Helper()
	w := get(s, path)
	if w.Code != http.StatusOK {
		t.Fatalf("GET %s: status %d: %s", path, w.Code, w.Body)
	}
	body := decode[struct {
		Data  []struct{ Data struct{ ID string } }
		Links []link
	}](t, w.Body.Bytes())
	var all []string
	for _, it := range body.Data {
		all = append(all, it.Data.ID)
	}
	return all, answer{Links: body.Links}
}

func idsOf(t *testing.T, items []item) []string {
	t.Helper()
	var list []string
	for _, it := range items {
		list = append(list, decode[struct{ ID string }](t, it.Data).ID)
	}
	return list
}

func decode[T any](t *testing.T, text []byte) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("decode %T: %v\n%.300s", v, err, text)
	}
	return v
}

// recordings returns the directory of recorded bodies beside the module, or
// skips the test.
func recordings(t *testing.T) string {
	t.Helper()
	return beside(t, "data", "clever-demo-district")
}

// beside returns the path of something in the folder shared that lies beside
// the module, or skips the test.
func beside(t *testing.T, name ...string) string {
	t.Helper()
	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
			break
		}
		if root == filepath.Dir(root) {
			t.Fatal("no go.mod above the test")
		}
		root = filepath.Dir(root)
	}
	path := filepath.Join(append([]string{filepath.Dir(root), "shared"}, name...)...)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("%s is not here: %v", name[len(name)-1], err)
	}
	return path
}
