package queue

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// tell passes on what headers said, and checks that it was well received.
func (w *timeless) tell(limit, remaining int, reset time.Duration) (stopped bool) {
	w.t.Helper()
	stopped, err := w.shared.obey(w.t.Context(), "d1", limit, remaining, reset)
	if err != nil {
		w.t.Fatal(err)
	}
	return stopped
}

// first is how long a process that has nothing to do with it has to wait.
func (w *timeless) first(manual bool) time.Duration {
	w.t.Helper()
	return w.reserve(w.process(), manual)
}

func TestObey_nothingLeft(t *testing.T) {
	t.Parallel()
	w := newTimeless(t)
	w.Observe(t.Context(), "d1", 1200, 0, 37*time.Second)
	for _, manual := range []bool{true, false} {
		if wait := w.first(manual); wait < 37*time.Second || wait > 38*time.Second {
			t.Errorf("manual %v: another process waits %v, want until the reset", manual, wait)
		}
	}
	// What was sent before, and comes after it, opens nothing.
	w.Observe(t.Context(), "d1", 1200, 600, 37*time.Second)
	w.Observe(t.Context(), "d1", 1200, 0, time.Second)
	w.tell(1200, 300, 50*time.Second)
	if wait := w.first(true); wait < 37*time.Second {
		t.Errorf("after an older answer another process waits %v", wait)
	}
	w.pass(37 * time.Second)
	if first, second := w.first(true), w.first(true); first != 0 || second == 0 {
		t.Errorf("after the reset: waits of %v and %v, want none and then no burst", first, second)
	}
}

// Whatever stands in a header, a district goes on within 90 seconds.
func TestObserve_garbage(t *testing.T) {
	t.Parallel()
	w := newTimeless(t)
	for _, remaining := range []int{-1 << 62, -1, 0, 1, 3, 1 << 62} {
		for _, reset := range []time.Duration{-time.Hour, 0, 1, time.Hour, 1 << 62} {
			for _, limit := range []int{-1 << 62, -1, 0, 1, 1 << 62} {
				w.Observe(t.Context(), "d1", limit, remaining, reset)
			}
		}
	}
	if wait := w.first(true); wait <= time.Minute || wait > longestObeyed+time.Second {
		t.Errorf("wait of %v, want at most 90 s", wait)
	}
	if wait := w.alone.stopped("d1"); wait <= 0 || wait > longestObeyed {
		t.Errorf("this process waits %v, want at most 90 s", wait)
	}
	w.pass(longestObeyed)
	if wait := w.first(true); wait != 0 {
		t.Errorf("90 seconds later: a wait of %v", wait)
	}
}

// The answers that our own full use gets slow nobody down.
func TestObserve_ownUse(t *testing.T) {
	t.Parallel()
	w := newTimeless(t)
	for second := range 60 {
		for late := range 12 {
			remaining := 1200 - budgetBurst - second*budgetRate - late
			w.Observe(t.Context(), "d1", 1200, remaining, time.Duration(61-second)*time.Second) // rounded up
		}
	}
	for n := range budgetBurst {
		if wait := w.first(true); wait != 0 {
			t.Fatalf("place %d of the burst waits %v", n, wait)
		}
	}
}

// busy is Clever with another program that uses the token, too.
type busy struct {
	rate    int // the other's requests a second
	last    time.Duration
	reset   time.Duration
	count   int
	windows []int
	refused int // of ours
}

// serve counts what came until now, and our request; it says what the answer's
// headers say.
func (c *busy) serve(now time.Duration) (remaining int, reset time.Duration) {
	for ; c.last <= now; c.last += time.Second / time.Duration(c.rate) {
		c.add(c.last)
	}
	c.add(now)
	if c.count > 1200 {
		c.refused++
	}
	return max(0, 1200-c.count), (c.reset - now).Truncate(time.Second) + time.Second
}

func (c *busy) add(now time.Duration) {
	if now >= c.reset {
		c.windows = append(c.windows, c.count)
		c.reset, c.count = now+minute, 0
	}
	c.count++
}

// Another program takes a part of the token's requests: what it leaves is used,
// and none of ours is refused. Where it takes so many that it meets the limit
// itself, those of ours that have their place already may be, not more.
func TestObserve_anotherProgram(t *testing.T) {
	t.Parallel()
	for rate, refused := range map[int]int{3: 0, 9: 0, 15: 12, 30: 12} {
		w, clever := newTimeless(t), &busy{rate: rate}
		askers := w.saturate()
		served := 0
		w.run(4*minute, askers, func() {
			all := granted(askers)
			for ; served < len(all) && all[served] <= w.now; served++ {
				remaining, reset := clever.serve(all[served])
				w.Observe(t.Context(), "d1", 1200, remaining, reset)
			}
		})
		windows := clever.windows[1:]
		if clever.refused > refused || slices.Min(windows) < 1080 || len(windows) < 3 {
			t.Errorf("another program takes %d a second: %d of ours refused, windows of %d", rate, clever.refused, windows)
		}
	}
}

// Answers come in any order; the slowest pace of one window is the last one
// told, whatever comes after.
func TestObey_anyOrder(t *testing.T) {
	t.Parallel()
	var want time.Duration
	for seed := range uint64(5) {
		w, dice := newTimeless(t), rand.New(rand.NewPCG(seed, 2))
		lefts := []int{700, 500, 300, 200, 120}
		dice.Shuffle(len(lefts), func(i, j int) { lefts[i], lefts[j] = lefts[j], lefts[i] })
		for _, left := range lefts {
			w.tell(1200, left, 50*time.Second)
		}
		for w.first(true) == 0 { // the burst
		}
		before := w.first(true)
		space := w.first(true) - before
		if want == 0 {
			want = space
		}
		if space != want || space < 500*time.Millisecond {
			t.Errorf("seed %d: a place every %v, want every %v, the pace of the last answer", seed, space, want)
		}
	}
}

// A small limit is spread, too, and not all kept for what is on its way.
func TestObey_smallLimit(t *testing.T) {
	t.Parallel()
	w := newTimeless(t)
	if w.tell(20, 19, minute) {
		t.Error("19 of 20 requests left, and all are stopped")
	}
}
