package auth

import (
	"maps"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// An address may fail failureBurst times at once and then once per
// failureEvery. Both memories below are bounded, so that nobody can fill the
// process with addresses or tokens.
const (
	failureBurst  = 10
	failureEvery  = 6 * time.Second
	mostAddresses = 10_000
	mostGood      = 10_000
	goodFor       = 10 * time.Minute
)

// Attempts counts per address how often a secret was shown that is none of
// ours, and for how long no other from there is looked up. A secret that was
// good a moment ago is not held up by somebody else's guessing.
type Attempts struct {
	failing *failures
	good    *recent
}

// NewAttempts makes an Attempts that has seen nothing.
func NewAttempts() *Attempts { return &Attempts{failing: newFailures(), good: newRecent()} }

// Wait is how long the remote address must wait before this secret, known by
// its hash, is looked up.
func (a *Attempts) Wait(remote string, hash [32]byte) time.Duration {
	wait := a.failing.wait(addressOf(remote))
	if wait > 0 && a.good.has(hash) {
		return 0
	}
	return wait
}

// Failed counts a secret that is none of ours.
func (a *Attempts) Failed(remote string, hash [32]byte) {
	a.good.remove(hash)
	a.failing.add(addressOf(remote))
}

// Good remembers a secret that is ours.
func (a *Attempts) Good(hash [32]byte) { a.good.add(hash) }

// Limit allows each address so many acts.
type Limit struct{ acts *failures }

// NewLimit allows burst acts at once, and then one each time that every has
// passed.
func NewLimit(every time.Duration, burst int) *Limit {
	acts := newFailures()
	acts.every, acts.burst = every, burst
	return &Limit{acts}
}

// Take allows an act, or tells how long to wait for the next.
func (l *Limit) Take(remote string) time.Duration {
	address := addressOf(remote)
	wait := l.acts.wait(address)
	if wait == 0 {
		l.acts.add(address)
	}
	return wait
}

// failures counts failed attempts per address.
type failures struct {
	mu    sync.Mutex
	by    map[netip.Prefix]*rate.Limiter
	swept time.Time

	every time.Duration
	burst int
}

func newFailures() *failures {
	return &failures{by: map[netip.Prefix]*rate.Limiter{}, every: failureEvery, burst: failureBurst}
}

// wait is how long the address must wait before it may try again.
func (f *failures) wait(address netip.Prefix) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	limiter, ok := f.by[address]
	if !ok {
		return 0
	}
	missing := 1 - limiter.Tokens()
	if missing <= 0 {
		return 0
	}
	return max(time.Duration(missing*float64(f.every)).Round(time.Second), time.Second)
}

func (f *failures) add(address netip.Prefix) {
	f.mu.Lock()
	defer f.mu.Unlock()
	limiter, ok := f.by[address]
	if !ok {
		f.makeRoom()
		limiter = rate.NewLimiter(rate.Every(f.every), f.burst)
		f.by[address] = limiter
	}
	limiter.Allow()
}

// makeRoom forgets the addresses that have recovered, which it looks for now
// and then only, and one at random where that was not enough.
func (f *failures) makeRoom() {
	if len(f.by) < mostAddresses {
		return
	}
	if time.Since(f.swept) >= f.every {
		f.swept = time.Now()
		maps.DeleteFunc(f.by, func(_ netip.Prefix, limiter *rate.Limiter) bool { return limiter.Tokens() >= float64(f.burst) })
	}
	for address := range f.by {
		if len(f.by) < mostAddresses {
			return
		}
		delete(f.by, address)
	}
}

// addressOf is whom attempts are counted for: one address of IPv4, and of IPv6
// the network that one customer gets.
func addressOf(remote string) netip.Prefix {
	parsed, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Prefix{}
	}
	address := parsed.Addr().Unmap().WithZone("")
	bits := 32
	if address.Is6() {
		bits = 64
	}
	prefix, err := address.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return prefix
}

// recent remembers tokens, by their hash, that were good a moment ago. It
// never stands in for asking the database.
type recent struct {
	mu   sync.Mutex
	seen map[[32]byte]time.Time
}

func newRecent() *recent { return &recent{seen: map[[32]byte]time.Time{}} }

func (r *recent) has(hash [32]byte) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	at, ok := r.seen[hash]
	return ok && time.Since(at) < goodFor
}

func (r *recent) add(hash [32]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.seen[hash]; !ok && len(r.seen) >= mostGood {
		for other := range r.seen {
			delete(r.seen, other)
			break
		}
	}
	r.seen[hash] = time.Now()
}

func (r *recent) remove(hash [32]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.seen, hash)
}
