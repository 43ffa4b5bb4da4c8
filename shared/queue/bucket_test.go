package queue

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"cleversync/shared/queue/queuetest"
)

// timeless is a budget on a real Redis whose scripts read the time from a key,
// so that minutes pass at once. Its clock counts from when it was made.
type timeless struct {
	*Budget
	t   *testing.T
	now time.Duration
}

const (
	clockKey = "test:clock"
	minute   = time.Minute
	most     = budgetBurst + 60*budgetRate // in any minute
)

func newTimeless(t *testing.T) *timeless {
	t.Helper()
	url := queuetest.New(t)
	c, err := Open(url)
	if err != nil {
		t.Fatal(err)
	}
	patient, err := open(url, 2, 4) // the machine may be busy
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(c.Close(), patient.Close()); err != nil {
			t.Error(err)
		}
	})
	w := &timeless{Budget: NewBudget(c, prometheus.NewRegistry()), t: t}
	w.shared.redis = patient
	w.shared = w.process()
	w.pass(0)
	return w
}

// process is one more process on the same Redis.
func (w *timeless) process() *bucket {
	b := newBucket(w.shared.redis)
	b.reserveScript, b.obeyScript = w.script(reserveScript), w.script(obeyScript)
	return b
}

// script replaces the clock, and the expiry that goes by the real one.
func (w *timeless) script(text string) *redis.Script {
	clock := fmt.Sprintf("(function() local t = tonumber(redis.call('GET', '%s')); return {math.floor(t / 1000000), t %% 1000000} end)()", clockKey)
	changed := strings.Replace(text, "redis.call('TIME')", clock, 1)
	changed = strings.ReplaceAll(changed, "'PX', math.ceil((tat - now) / 1000) + 1000", "'PX', 3600000")
	changed = strings.ReplaceAll(changed, "redis.call('PEXPIRE', KEYS[2], math.ceil(reset / 1000))", "redis.call('PEXPIRE', KEYS[2], 3600000)")
	if strings.Contains(changed, "'TIME'") || changed == text || strings.Contains(changed, "/ 1000))") {
		w.t.Fatal("the script's clock was not replaced")
	}
	return redis.NewScript(changed)
}

func (w *timeless) pass(d time.Duration) {
	w.t.Helper()
	w.now += d
	began := time.Unix(1_763_989_200, 0)
	if err := w.shared.redis.Set(w.t.Context(), clockKey, began.Add(w.now).UnixMicro(), 0).Err(); err != nil {
		w.t.Fatal(err)
	}
}

func (w *timeless) reserve(p *bucket, manual bool) time.Duration {
	w.t.Helper()
	wait, err := p.reserve(w.t.Context(), "d1", manual)
	if err != nil {
		w.t.Fatal(err)
	}
	return wait
}

// asker is one caller after another: it asks, waits for its place, thinks, and
// asks again.
type asker struct {
	process *bucket
	manual  bool
	think   func() time.Duration
	next    time.Duration
	grants  []time.Duration
}

func at(d time.Duration) func() time.Duration { return func() time.Duration { return d } }

// run lets the askers ask until a time, and calls each after each grant.
func (w *timeless) run(until time.Duration, askers []*asker, each func()) {
	w.t.Helper()
	for {
		a := slices.MinFunc(askers, func(a, b *asker) int { return int(a.next - b.next) })
		if a.next >= until {
			return
		}
		w.pass(max(0, a.next-w.now))
		wait := w.reserve(a.process, a.manual)
		a.next = w.now + wait
		if wait > longestTake {
			continue
		}
		a.grants = append(a.grants, a.next)
		a.next += a.think()
		if each != nil {
			each()
		}
	}
}

// granted are all grants in order.
func granted(askers []*asker) (all []time.Duration) {
	for _, a := range askers {
		all = append(all, a.grants...)
	}
	slices.Sort(all)
	return all
}

// fullest is the number of grants in the fullest minute of all that begin with
// a grant.
func fullest(grants []time.Duration) (n int) {
	end := 0
	for i, begin := range grants {
		for end < len(grants) && grants[end] < begin+minute {
			end++
		}
		n = max(n, end-i)
	}
	return n
}

// No minute that begins with any grant has more than its 1,170, whoever asks
// how often, whatever headers say meanwhile.
func TestBucket_noMinuteAboveItsLimit(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			w, dice := newTimeless(t), rand.New(rand.NewPCG(seed, 1))
			var askers []*asker
			for range 1 + dice.IntN(14) {
				patience := time.Duration(dice.Int64N(int64(3 * time.Second)))
				askers = append(askers, &asker{
					process: w.process(), manual: dice.IntN(2) == 0,
					think: func() time.Duration { // now and then all is quiet
						if dice.IntN(200) == 0 {
							return time.Duration(dice.Int64N(int64(40 * time.Second)))
						}
						return time.Duration(dice.Int64N(int64(patience)/20 + 1))
					},
				})
			}
			w.run(3*minute, askers, func() {
				if seed%2 == 1 && dice.IntN(300) == 0 {
					w.Observe(t.Context(), "d1", 1200, dice.IntN(1200)-5, time.Duration(dice.Int64N(int64(20*time.Second))))
				}
			})
			got := granted(askers)
			if n := fullest(got); n > most || len(got) < 20 {
				t.Errorf("%d grants, %d in the fullest minute: want at most %d", len(got), n, most)
			}
		})
	}
}

// Under pressure more than nine of ten requests that Clever allows are made,
// and a person's run gets on while scheduled ones want all of it.
func TestBucket_pressure(t *testing.T) {
	t.Parallel()
	w := newTimeless(t)
	var askers []*asker
	for range 11 {
		askers = append(askers, &asker{process: w.process(), think: at(0)})
	}
	person := &asker{process: w.process(), manual: true, think: at(0), next: 30 * time.Second}
	askers = append(askers, person)
	w.run(3*minute, askers, nil)
	all := granted(askers)
	for begin := time.Duration(0); begin <= 2*minute; begin += time.Second {
		n := 0
		for _, g := range all {
			if g >= begin && g < begin+minute {
				n++
			}
		}
		if n <= 1080 || n > most {
			t.Errorf("%d grants in the minute from %v, want more than 1,080 and at most %d", n, begin, most)
		}
	}
	share := float64(len(person.grants)) / float64(len(askers[0].grants)*5/6)
	if share < 1.5 {
		t.Errorf("the person's caller got %d places in 150 s, a scheduled one %d in 180 s: it has no advantage", len(person.grants), len(askers[0].grants))
	}
	// Eleven callers have reserved eleven places ahead; ten are a person's own.
	if wait := person.grants[0] - 30*time.Second; wait > 3*time.Second/budgetRate {
		t.Errorf("a person's first request waits %v while scheduled callers want everything", wait)
	}
}

// saturate gives askers that want everything, each in a process of its own.
func (w *timeless) saturate() (askers []*asker) {
	for range 12 {
		askers = append(askers, &asker{process: w.process(), manual: true, think: at(0)})
	}
	return askers
}

func TestBucket_emptied(t *testing.T) {
	t.Parallel()
	w := newTimeless(t)
	askers := w.saturate()
	for i := range 6 {
		w.run(time.Duration(i+1)*20*time.Second, askers, nil)
		w.forget("DEL", bucketPrefix+"d1", memoryKey, callersKey)
	}
	w.run(3*minute, askers, nil)
	if n := fullest(granted(askers)); n > most {
		t.Errorf("%d grants in a minute in which Redis was emptied, want at most %d", n, most)
	}
}

func (w *timeless) forget(args ...any) {
	w.t.Helper()
	if err := w.shared.redis.Do(w.t.Context(), args...).Err(); err != nil {
		w.t.Fatal(err)
	}
}

// The worst case: whoever asks first after the loss has never heard of Redis
// before, so that it cannot know of one. It costs one burst.
func TestBucket_emptiedAndMetByANewcomer(t *testing.T) {
	t.Parallel()
	w := newTimeless(t)
	askers := w.saturate()
	w.run(20*time.Second, askers, nil)
	w.forget("DEL", bucketPrefix+"d1", memoryKey, callersKey)
	newcomer := &asker{process: w.process(), manual: true, think: at(0), next: w.now}
	for w.reserve(newcomer.process, true) == 0 {
		newcomer.grants = append(newcomer.grants, w.now)
	}
	if len(newcomer.grants) != budgetBurst {
		t.Errorf("the newcomer got %d at once, want a burst", len(newcomer.grants))
	}
	w.run(3*minute, askers, nil)
	if n := fullest(granted(append(askers, newcomer))); n > most+budgetBurst+1 {
		t.Errorf("%d grants in a minute, want at most one burst above %d", n, most)
	}
}

// A Redis that was killed comes back with what it knew two seconds before.
func TestBucket_restarted(t *testing.T) {
	t.Parallel()
	w := newTimeless(t)
	askers := w.saturate()
	w.run(20*time.Second, askers, nil)
	for i := range 3 {
		begin := w.now
		was, err := w.shared.redis.Get(t.Context(), bucketPrefix+"d1").Result()
		if err != nil {
			t.Fatal(err)
		}
		w.run(begin+2*time.Second, askers, nil)
		w.forget("SET", bucketPrefix+"d1", was)
		for _, a := range askers { // a script that this Redis does not know
			a.process.reserveScript = w.script(fmt.Sprintf("%s-- %d %p", reserveScript, i, w))
		}
		w.run(begin+20*time.Second, askers, nil)
	}
	w.run(3*minute, askers, nil)
	got := granted(askers)
	if n := fullest(got); n > most || n < 800 {
		t.Errorf("%d grants in the fullest minute, want at most %d", n, most)
	}
}

func TestBucket_callers(t *testing.T) {
	t.Parallel()
	w := newTimeless(t)
	processes := []*bucket{w.process(), w.process(), w.process()}
	for _, p := range processes {
		w.reserve(p, true)
	}
	w.reserve(processes[0], true)
	if n := processes[0].outage().callers; n != 3 {
		t.Errorf("%d processes seen, want 3", n)
	}
	w.pass(minute + time.Second)
	processes[0].signed = time.Time{} // its own clock has passed, too
	w.reserve(processes[0], true)
	if n := processes[0].outage().callers; n != 1 {
		t.Errorf("%d processes seen after a minute in which one asked, want 1", n)
	}
}

// A sign of life is told once in a while, and again to a Redis that forgot.
func TestBucket_signs(t *testing.T) {
	t.Parallel()
	w := newTimeless(t)
	p := w.process()
	signs := func() bool {
		_, process, err := p.begin()
		if err != nil {
			t.Fatal(err)
		}
		return process != ""
	}
	w.reserve(p, true)
	w.reserve(p, true)
	if signs() {
		t.Error("a sign of life with every call")
	}
	w.forget("DEL", bucketPrefix+"d1", memoryKey, callersKey)
	w.pass(time.Second)
	w.reserve(p, true)
	if !signs() {
		t.Error("no sign of life for a Redis that forgot")
	}
}
