package clever_test

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"cleversync/shared/clever"
	"cleversync/shared/roster"
)

// TestReadPage_Memory reads a page of 10,000 users of 1 KB and looks, while it
// is being read, how much of it is held. It runs alone, since the heap is
// everybody's; and while it looks the server waits, since what is allocated
// during a collection counts as held.
func TestReadPage_Memory(t *testing.T) {
	const records, part, bound = 10000, 2500, 2 << 20
	measured := make(chan struct{})
	ballast := strings.Repeat("x", 900)
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, `{"data":[`)
		for i := range records {
			_, _ = fmt.Fprintf(w, `{"data":{"id":"%05d","ext":%q,"name":{"last":"L"},"roles":{"student":{"school":"s1"}}}},`, i, ballast)
			if i%part == part-1 {
				_ = http.NewResponseController(w).Flush()
				select {
				case <-measured:
				case <-r.Context().Done():
				}
			}
		}
		_, _ = fmt.Fprint(w, user("z")+`]}`)
	})
	before, most := heap(), int64(0)
	n := 0
	page, err := clever.ReadPage(t.Context(), client, caller, users, "", func(roster.Received[roster.SourceUser]) error {
		n++
		if n%part == 0 {
			most = max(most, heap()-before)
			measured <- struct{}{}
		}
		return nil
	})
	if err != nil || page.Records != records+1 || page.Bytes < 9<<20 {
		t.Fatalf("page %+v, %v", page, err)
	}
	if most > bound {
		t.Errorf("%d bytes of a body of %d are held; want at most %d", most, page.Bytes, bound)
	}
	t.Logf("a body of %d bytes needed %d", page.Bytes, most)
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestReadPage_Streams has a Clever that sends the second half of a page only
// once the first record has been handed over.
func TestReadPage_Streams(t *testing.T) {
	t.Parallel()
	handedOver := make(chan struct{})
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, `{"data":[`+user("a")+`,`)
		_ = http.NewResponseController(w).Flush()
		select {
		case <-handedOver:
			_, _ = fmt.Fprint(w, user("b")+`]}`)
		case <-r.Context().Done():
		}
	}, func(c *clever.Config) { c.RequestTimeout = 10 * time.Second })
	page, err := clever.ReadPage(t.Context(), client, caller, users, "", func(r roster.Received[roster.SourceUser]) error {
		if r.ID == "a" {
			close(handedOver)
		}
		return nil
	})
	if err != nil || page.Records != 2 {
		t.Errorf("page %+v, %v", page, err)
	}
}
