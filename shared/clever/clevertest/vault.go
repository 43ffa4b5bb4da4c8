package clevertest

import (
	"crypto/rand"
	"sync"
	"time"
)

// maxKept bounds each vault: beyond it the oldest entry is forgotten, before
// its time.
const maxKept = 10_000

// vault keeps, each for the same time and under a key that nobody guesses,
// what clever.com remembers of log-ins: sessions, codes and SSO tokens.
type vault[T any] struct {
	prefix string // of its keys
	life   time.Duration

	mu    sync.Mutex
	kept  map[string]entrusted[T]
	order []string // keys by age, the oldest first, those taken among them
}

type entrusted[T any] struct {
	value T
	until time.Time
}

func newVault[T any](prefix string, life time.Duration) *vault[T] {
	return &vault[T]{prefix: prefix, life: life, kept: map[string]entrusted[T]{}}
}

// keep stores a value and returns its key.
func (v *vault[T]) keep(now time.Time, value T) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	for len(v.order) > 0 {
		e, ok := v.kept[v.order[0]]
		if ok && now.Before(e.until) && len(v.order) < maxKept {
			break
		}
		delete(v.kept, v.order[0])
		v.order = v.order[1:]
	}
	key := v.prefix + rand.Text()
	v.kept[key] = entrusted[T]{value, now.Add(v.life)}
	v.order = append(v.order, key)
	return key
}

// find returns what the key stands for.
func (v *vault[T]) find(now time.Time, key string) (value T, ok bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	e, ok := v.kept[key]
	if !ok || !now.Before(e.until) {
		return value, false
	}
	return e.value, true
}

// take returns what the key stands for and forgets it: of two that take the
// same, one gets it.
func (v *vault[T]) take(now time.Time, key string) (value T, ok bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	e, ok := v.kept[key]
	delete(v.kept, key)
	if !ok || !now.Before(e.until) {
		return value, false
	}
	return e.value, true
}
