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

// failures counts failed attempts per address.
type failures struct {
	mu    sync.Mutex
	by    map[netip.Prefix]*rate.Limiter
	swept time.Time
}

func newFailures() *failures { return &failures{by: map[netip.Prefix]*rate.Limiter{}} }

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
	return max(time.Duration(missing*float64(failureEvery)).Round(time.Second), time.Second)
}

func (f *failures) add(address netip.Prefix) {
	f.mu.Lock()
	defer f.mu.Unlock()
	limiter, ok := f.by[address]
	if !ok {
		f.makeRoom()
		limiter = rate.NewLimiter(rate.Every(failureEvery), failureBurst)
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
	if time.Since(f.swept) >= failureEvery {
		f.swept = time.Now()
		maps.DeleteFunc(f.by, func(_ netip.Prefix, limiter *rate.Limiter) bool { return limiter.Tokens() >= failureBurst })
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
