package queue

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"cleversync/shared/fault"
	"cleversync/shared/queue/queuetest"
)

func newBudget(t *testing.T, url string) *Budget {
	t.Helper()
	c, err := Open(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return NewBudget(c, prometheus.NewRegistry())
}

func (b *Budget) outcomes(outcome string) int {
	return int(testutil.ToFloat64(b.takes.WithLabelValues(outcome)))
}

// nobody is an address at which nothing listens.
const nobody = "redis://127.0.0.1:1/0"

// patient keeps a busy machine from taking Redis for away.
func (b *Budget) patient(t *testing.T, url string) *Budget {
	t.Helper()
	client, err := open(url, 2, 4)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	b.shared.redis = client
	return b
}

func TestTake_throughRedis(t *testing.T) {
	t.Parallel()
	url := queuetest.New(t)
	b := newBudget(t, url).patient(t, url)
	for range 3 {
		if err := b.Take(t.Context(), "d1", false); err != nil {
			t.Fatal(err)
		}
	}
	if b.outcomes("shared") != 3 || b.shared.outage().callers != 1 {
		t.Errorf("%d places through Redis, %d callers", b.outcomes("shared"), b.shared.outage().callers)
	}
}

// What one process is told stops another.
func TestObserve_otherProcesses(t *testing.T) {
	t.Parallel()
	url := queuetest.New(t)
	one, other := newBudget(t, url).patient(t, url), newBudget(t, url).patient(t, url)
	one.Observe(t.Context(), "d1", 1200, 0, 50*time.Second)
	for _, b := range []*Budget{one, other} {
		err := b.Take(t.Context(), "d1", true)
		f := fault.Of(err)
		if !errors.Is(err, ErrBudget) || f.Code != fault.CleverRateLimited || f.RetryAfter < 40*time.Second || f.RetryAfter > 60*time.Second {
			t.Errorf("%v, retry after %v", err, f.RetryAfter)
		}
		if err := b.Take(t.Context(), "d2", true); err != nil {
			t.Errorf("another district: %v", err)
		}
	}
	if n := testutil.ToFloat64(one.obeyed.WithLabelValues("stopped")); n != 1 {
		t.Errorf("%v stops counted, want 1", n)
	}
}

// A caller that ends while it waits leaves at once, and its place with it.
func TestTake_cancelled(t *testing.T) {
	t.Parallel()
	url := queuetest.New(t)
	b := newBudget(t, url).patient(t, url)
	for range budgetBurst + budgetRate*3/2 { // a second and a half ahead
		if _, err := b.shared.reserve(t.Context(), "d1", true); err != nil {
			t.Fatal(err)
		}
	}
	before, err := b.shared.redis.Get(t.Context(), bucketPrefix+"d1").Int64()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.Take(ctx, "d1", true) }()
	for b.shared.redis.Get(t.Context(), bucketPrefix+"d1").Val() == fmt.Sprint(before) { // until it has its place
		if t.Context().Err() != nil {
			t.Fatal("the caller took no place")
		}
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want the context's own error", err)
	}
	if err := b.Take(ctx, "d1", true); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want the context's own error", err)
	}
	after, err := b.shared.redis.Get(t.Context(), bucketPrefix+"d1").Int64()
	if err != nil || after != before+1_000_000/budgetRate {
		t.Errorf("%d after %d, %v: want one place taken, none by the caller that had ended before", after, before, err)
	}
	if b.outcomes("cancelled") != 2 || b.shared.away() {
		t.Errorf("%d cancelled; Redis counts as away: %v", b.outcomes("cancelled"), b.shared.away())
	}
}

func TestTake_withoutRedis(t *testing.T) {
	t.Parallel()
	b := newBudget(t, nobody)
	b.shared.callers = 1
	for range 3 {
		if err := b.Take(t.Context(), "d1", false); err != nil {
			t.Fatal(err)
		}
	}
	if b.outcomes("alone") != 3 {
		t.Errorf("%d places taken alone, want 3", b.outcomes("alone"))
	}
	// It keeps to what it is told by itself, and leaves others something.
	b.Observe(t.Context(), "d1", 1200, 80, 30*time.Second)
	if err := b.Take(t.Context(), "d1", true); !errors.Is(err, ErrBudget) {
		t.Errorf("with 80 left: %v", err)
	}
	b.patient(t, queuetest.New(t)).shared.ask = time.Time{}
	if err := b.Take(t.Context(), "d2", true); err != nil || b.outcomes("shared") != 1 || b.shared.away() {
		t.Errorf("Redis is back: %v, %d places through it", err, b.outcomes("shared"))
	}
}

// A Redis that takes calls and answers none holds up one caller at a time, and
// that only now and then.
func TestTake_silentRedis(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var calls []net.Conn
	wg.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			calls = append(calls, conn)
			mu.Unlock()
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		wg.Wait()
		for _, c := range calls {
			_ = c.Close()
		}
	})
	b := newBudget(t, "redis://"+listener.Addr().String()+"/0")
	b.shared.callers = 1
	if err := b.Take(t.Context(), "d1", true); err != nil {
		t.Fatal(err)
	}
	count := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(calls)
	}
	asked := count()
	b.shared.ask = time.Now().Add(time.Hour)
	for range 5 {
		if err := b.Take(t.Context(), "d1", true); err != nil {
			t.Fatal(err)
		}
	}
	if asked == 0 || count() != asked || b.outcomes("alone") != 6 {
		t.Errorf("%d calls of Redis first, %d in the end, %d places alone", asked, count(), b.outcomes("alone"))
	}
}

// All processes together take half of our rate, from the moment of the loss on.
func TestAlone_halfOfTheRate(t *testing.T) {
	t.Parallel()
	for _, processes := range []int{1, 3, 40} {
		synctest.Test(t, func(t *testing.T) {
			o := outage{since: time.Now(), callers: processes}
			end := time.Now().Add(minute)
			var wg sync.WaitGroup
			grants := make(chan time.Duration, 10000)
			for range processes {
				a := newAlone()
				for range 4 {
					wg.Go(func() {
						for {
							wait := a.reserve("d1", o)
							time.Sleep(wait)
							if time.Now().After(end) {
								return
							}
							if wait <= longestTake {
								grants <- time.Until(end)
							}
						}
					})
				}
			}
			wg.Wait()
			if n := len(grants); n > 60*budgetRate/2 || n < 60*budgetRate*4/10 {
				t.Errorf("%d processes: %d requests in a minute, want at most half of %d", processes, n, 60*budgetRate)
			}
		})
	}
}

// A process that serves very many districts remembers only those that matter.
func TestAlone_forgets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAlone()
		for n := range 100_000 {
			a.stop(fmt.Sprint(n), time.Minute)
			a.reserve(fmt.Sprint(n), outage{since: time.Now(), callers: 2})
			time.Sleep(time.Second)
			if len(a.districts) > 2*few {
				t.Fatalf("%d districts are remembered after %d", len(a.districts), n)
			}
		}
		if a.stopped("99999") <= 0 {
			t.Error("a district is forgotten that must wait")
		}
	})
}
