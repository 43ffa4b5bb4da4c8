package clevertest

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestVault_IsBounded(t *testing.T) {
	t.Parallel()
	v, now := newVault[int]("il", time.Minute), time.Unix(1e9, 0)
	first := v.keep(now, 1)
	for range 3 * maxKept {
		v.take(now, v.keep(now, 2)) // taken ones must not keep the order long
	}
	for range maxKept {
		v.keep(now, 3)
	}
	if len(v.kept) > maxKept || len(v.order) > maxKept {
		t.Errorf("%d kept, %d in order", len(v.kept), len(v.order))
	}
	if _, ok := v.find(now, first); ok {
		t.Error("the oldest was not forgotten")
	}
	v.keep(now.Add(time.Minute), 4)
	if len(v.kept) != 1 || len(v.order) != 1 {
		t.Errorf("a minute later: %d kept, %d in order", len(v.kept), len(v.order))
	}
}

func TestVault_OneTakes(t *testing.T) {
	t.Parallel()
	v, now := newVault[int]("", time.Minute), time.Unix(1e9, 0)
	key := v.keep(now, 1)
	var took atomic.Int64
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, ok := v.take(now, key); ok {
				took.Add(1)
			}
		})
	}
	wg.Wait()
	if took.Load() != 1 {
		t.Errorf("%d took the same code", took.Load())
	}
}
