package clevertest

import (
	"cmp"
	"math/bits"
	"strconv"
	"strings"
)

// mix scatters a number over 64 bits (the finalizer of splitmix64).
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// dice are the random choices of one record: always the same for the same
// seed, purpose and index.
type dice uint64

func newDice(seed uint64, purpose, index int) dice {
	return dice(mix(seed) ^ mix(uint64(purpose)<<40^uint64(index)))
}

// roll returns a number from 0 to n-1.
func (d *dice) roll(n int) int {
	*d += 0x9e3779b97f4a7c15
	hi, _ := bits.Mul64(mix(uint64(*d)), uint64(n))
	return int(hi)
}

// oneOf returns one of the choices. Repeat a choice to make it likelier.
func (d *dice) oneOf(choices ...string) string { return choices[d.roll(len(choices))] }

// arenaSize is how much text is allocated at a time.
const arenaSize = 32 << 10

// arena builds many short strings with one allocation per arenaSize. A
// strings.Builder never changes what it has handed out, so the strings stay
// valid however long they are kept.
type arena struct {
	text strings.Builder
	from int
	grow int // if set, how much to allocate instead
}

// begin starts a string; what is written until end belongs to it.
func (a *arena) begin() *arena {
	if a.text.Cap()-a.text.Len() < 1<<10 {
		a.text.Reset()
		a.text.Grow(cmp.Or(a.grow, arenaSize))
	}
	a.from = a.text.Len()
	return a
}

func (a *arena) end() string { return a.text.String()[a.from:] }

func (a *arena) add(s string) *arena {
	a.text.WriteString(s)
	return a
}

// number writes n with at least the given number of digits.
func (a *arena) number(n, digits int) *arena {
	var buf [20]byte
	text := strconv.AppendInt(buf[:0], int64(n), 10)
	for range digits - len(text) {
		a.text.WriteByte('0')
	}
	a.text.Write(text)
	return a
}

// base36 writes n in letters and digits.
func (a *arena) base36(n int) *arena {
	var buf [20]byte
	a.text.Write(strconv.AppendInt(buf[:0], int64(n), 36))
	return a
}

func (a *arena) bytes(text []byte) *arena {
	a.text.Write(text)
	return a
}
