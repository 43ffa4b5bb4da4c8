package credential_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cleversync/shared/clever"
	"cleversync/shared/clever/clevertest"
	"cleversync/shared/credential"
	"cleversync/shared/fault"
	"cleversync/shared/postgres"
	"cleversync/shared/postgres/postgrestest"
	"cleversync/shared/seal"
)

func key(id string, b byte) string {
	return id + ":" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, 32))
}

func keysOf(t *testing.T, text string) *seal.Keys {
	t.Helper()
	keys, err := seal.ParseKeys(text)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// world is a store on a real database and a simulated Clever.
type world struct {
	t *testing.T
	postgrestest.Database
	clever   *clevertest.Server
	client   *clever.Client
	store    *credential.Store
	district string
	lists    atomic.Int32 // of tokens, asked of Clever
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, Database: postgrestest.New(t)}
	var err error
	w.clever, err = clevertest.New(clevertest.Config{Students: 40, RateLimit: -1})
	w.must(err)
	w.clever.SetOverride(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/oauth/tokens" {
			w.lists.Add(1)
		}
		return false
	})
	server := httptest.NewServer(w.clever)
	t.Cleanup(server.Close)
	w.client, err = clever.New(clever.Config{
		APIURL: server.URL, URL: server.URL, ClientID: w.clever.ClientID(), ClientSecret: clever.Secret(w.clever.ClientSecret()),
	})
	w.must(err)
	t.Cleanup(w.client.Close)
	w.store = w.with(key("a", 1))
	w.district = w.clever.District().ID()
	return w
}

func (w *world) with(keys string) *credential.Store {
	return credential.New(credential.Config{Pool: w.Pool, Clever: w.client, Keys: keysOf(w.t, keys)})
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// ask reads the district, as whoever needs its token.
func (w *world) ask(s *credential.Store) error {
	return s.Ask(w.t.Context(), w.district, true, func(c clever.Caller) error {
		_, err := w.client.District(w.t.Context(), c)
		return err
	})
}

func (w *world) version() (version int64) {
	w.t.Helper()
	_, version, err := postgres.ReadDistrictToken(w.t.Context(), w.Pool, w.district)
	w.must(err)
	return version
}

func TestAsk_FetchesOnceAndRenewsWhatIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if err := w.ask(w.store); !errors.Is(err, postgres.ErrNoDistrict) {
		t.Errorf("an unknown district: %v", err)
	}
	w.must(postgres.KnowDistrict(t.Context(), w.Pool, w.district))
	for range 3 {
		w.must(w.ask(w.store))
	}
	if w.lists.Load() != 1 || w.version() != 1 {
		t.Errorf("listed %d times, version %d", w.lists.Load(), w.version())
	}
	w.clever.RotateToken()
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			if err := w.ask(w.store); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if w.version() != 2 {
		t.Errorf("version %d after a rotation, want 2: one of all writes", w.version())
	}
	w.clever.Disconnect()
	if err := w.ask(w.store); fault.Of(err).Code != fault.CleverTokenRevoked {
		t.Errorf("a district that has left: %v", err)
	}
}

func TestLearn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 2 {
		w.must(w.store.Learn(t.Context(), w.district))
	}
	if w.version() != 1 {
		t.Errorf("version %d, want 1: the same token is stored once", w.version())
	}
	other := w.with(key("b", 2))
	if err := w.ask(other); !errors.Is(err, seal.ErrSealed) {
		t.Errorf("with another key: %v", err)
	}
	w.must(other.Learn(t.Context(), w.district))
	w.must(w.ask(other))
	if w.version() != 2 {
		t.Errorf("version %d, want 2", w.version())
	}
	if err := w.store.Learn(t.Context(), "5f00000000000000000000aa"); fault.Of(err).Code != fault.CleverTokenRevoked {
		t.Errorf("a district that does not share: %v", err)
	}
	var known int
	w.must(w.Pool.QueryRow(t.Context(), `SELECT count(*) FROM sync.districts`).Scan(&known))
	if known != 1 {
		t.Errorf("%d districts are known, want 1", known)
	}
}

func TestRotate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	older, both, foreign := keysOf(t, key("old", 1)), keysOf(t, key("new", 2)+","+key("old", 1)), keysOf(t, key("lost", 3))
	const districts = 250 // more than two of its steps
	for i := range districts {
		id := fmt.Sprintf("d%03d", i)
		with := older
		switch {
		case i%50 == 7:
			with = foreign
		case i%50 == 8:
			with = both
		}
		w.must(postgres.KnowDistrict(t.Context(), w.Pool, id))
		_, err := postgres.StoreDistrictToken(t.Context(), w.Pool, id, with.Seal([]byte("token of "+id), []byte(id)), 0)
		w.must(err)
	}
	w.must(postgres.KnowDistrict(t.Context(), w.Pool, "without"))

	got, err := credential.Rotate(t.Context(), w.Pool, both)
	w.must(err)
	lost := []string{"d007", "d057", "d107", "d157", "d207"}
	if diff := cmp.Diff(credential.Rotation{Sealed: 240, Current: 5, Unopened: lost}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	again, err := credential.Rotate(t.Context(), w.Pool, keysOf(t, key("new", 2)))
	w.must(err)
	if diff := cmp.Diff(credential.Rotation{Current: 245, Unopened: lost}, again); diff != "" {
		t.Errorf("with the old key gone (-want +got):\n%s", diff)
	}
	sealed, version, err := postgres.ReadDistrictToken(t.Context(), w.Pool, "d003")
	w.must(err)
	if plain, err := both.Open(sealed, []byte("d003")); string(plain) != "token of d003" || err != nil || version != 1 {
		t.Errorf("%s, %v, version %d; a new seal is no new token", plain, err, version)
	}
}

// TestRotate_BesideARenewal rotates while others store new tokens under the old
// key: what they stored is never overwritten, and in the end is sealed anew.
func TestRotate_BesideARenewal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	older, both := keysOf(t, key("old", 1)), keysOf(t, key("new", 2)+","+key("old", 1))
	w.must(postgres.KnowDistrict(t.Context(), w.Pool, w.district))
	last := ""
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(done)
		for i := range 200 {
			_, version, err := postgres.ReadDistrictToken(t.Context(), w.Pool, w.district)
			if err != nil {
				t.Error(err)
				return
			}
			last = fmt.Sprintf("token %d", i)
			stored, err := postgres.StoreDistrictToken(t.Context(), w.Pool, w.district, older.Seal([]byte(last), []byte(w.district)), version)
			if err != nil || !stored {
				t.Errorf("a renewal was lost to a new seal: %t, %v", stored, err)
			}
		}
	})
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		if _, err := credential.Rotate(t.Context(), w.Pool, both); err != nil && !strings.Contains(err.Error(), "all the time") {
			t.Error(err)
		}
	}
	wg.Wait()
	_, err := credential.Rotate(t.Context(), w.Pool, both)
	w.must(err)
	sealed, version, err := postgres.ReadDistrictToken(t.Context(), w.Pool, w.district)
	w.must(err)
	plain, err := both.Open(sealed, []byte(w.district))
	if string(plain) != last || err != nil || !both.Current(sealed) || version != 200 {
		t.Errorf("%s, %v, current %t, version %d; want %q under the new key", plain, err, both.Current(sealed), version, last)
	}
}
