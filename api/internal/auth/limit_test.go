package auth

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

func TestFailures_RecoverWithTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFailures()
		here := addressOf("192.0.2.1:1000")
		for i := range failureBurst {
			if wait := f.wait(here); wait != 0 {
				t.Fatalf("failure %d waits %s", i, wait)
			}
			f.add(here)
		}
		wait := f.wait(here)
		if wait <= 0 || wait > failureEvery {
			t.Fatalf("wait %s, want up to %s", wait, failureEvery)
		}
		if other := f.wait(addressOf("192.0.2.2:1000")); other != 0 {
			t.Errorf("another address waits %s", other)
		}
		time.Sleep(wait)
		if again := f.wait(here); again != 0 {
			t.Errorf("after %s it still waits %s", wait, again)
		}
		f.add(here)
		if again := f.wait(here); again == 0 {
			t.Error("after one failure more it does not wait")
		}
	})
}

func TestFailures_AreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFailures()
		for i := range mostAddresses + 100 {
			f.add(netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 32))
		}
		if len(f.by) != mostAddresses {
			t.Errorf("%d addresses are kept, want %d", len(f.by), mostAddresses)
		}
		time.Sleep(failureBurst * failureEvery)
		f.add(addressOf("192.0.2.1:1000"))
		if len(f.by) != 1 {
			t.Errorf("%d addresses are kept after all have recovered, want the new one", len(f.by))
		}
	})
}

func TestRecent_IsBoundedAndForgets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRecent()
		for i := range mostGood + 10 {
			r.add([32]byte{byte(i >> 16), byte(i >> 8), byte(i)})
		}
		last := [32]byte{0, byte((mostGood + 9) >> 8), byte((mostGood + 9) & 0xff)}
		if len(r.seen) != mostGood || !r.has(last) {
			t.Errorf("%d are kept, the last among them: %t", len(r.seen), r.has(last))
		}
		time.Sleep(goodFor)
		if r.has(last) {
			t.Error("it is still recent")
		}
		r.add(last)
		r.remove(last)
		if r.has(last) {
			t.Error("it is still there after it was removed")
		}
	})
}

func TestAddressOf(t *testing.T) {
	t.Parallel()
	for remote, want := range map[string]string{
		"192.0.2.1:80":           "192.0.2.1/32",
		"[::ffff:192.0.2.1]:80":  "192.0.2.1/32",
		"[2001:db8:1:2:3::4]:80": "2001:db8:1:2::/64",
		"[fe80::1%eth0]:80":      "fe80::/64",
		"nonsense":               "invalid Prefix",
		"":                       "invalid Prefix",
	} {
		if got := addressOf(remote).String(); got != want {
			t.Errorf("%q is counted as %s, want %s", remote, got, want)
		}
	}
}

func TestLimit_PerAddress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := NewLimit(time.Second, 2)
		for i, want := range []time.Duration{0, 0, time.Second} {
			if got := l.Take("192.0.2.1:1"); got != want {
				t.Errorf("act %d waits %v, want %v", i, got, want)
			}
		}
		if got := l.Take("192.0.2.2:1"); got != 0 {
			t.Errorf("another address waits %v", got)
		}
		time.Sleep(time.Second)
		if got := l.Take("192.0.2.1:2"); got != 0 {
			t.Errorf("a second later it waits %v", got)
		}
	})
}
