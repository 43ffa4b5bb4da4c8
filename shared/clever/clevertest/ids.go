package clevertest

import (
	"encoding/hex"
)

// ids turns indices into ids and keeps their order.
type ids struct {
	prefix [18]byte
	base   int
}

func newIDs(seed uint64, seconds uint32) ids {
	d := newDice(seed, forIDs, int(seconds))
	raw := []byte{byte(seconds >> 24), byte(seconds >> 16), byte(seconds >> 8), byte(seconds)}
	for range 5 {
		raw = append(raw, byte(d.roll(256)))
	}
	space := ids{base: d.roll(1 << 20)}
	hex.Encode(space.prefix[:], raw)
	return space
}

// append writes the id at an index. The counter has 24 bits, which maxStudents
// and the base leave room in.
func (s *ids) append(dst []byte, index int) []byte {
	const digits = "0123456789abcdef"
	dst = append(dst, s.prefix[:]...)
	n := s.base + index
	return append(dst, digits[n>>20&15], digits[n>>16&15], digits[n>>12&15], digits[n>>8&15], digits[n>>4&15], digits[n&15])
}

func (s *ids) at(text *arena, index int) string {
	var buf [24]byte
	return text.begin().bytes(s.append(buf[:0], index)).end()
}

// appendAll appends the ids at many indices; one piece of text holds them all.
func (s *ids) appendAll(list []string, text *arena, indices []int) []string {
	var buf [24]byte
	text.begin()
	for _, i := range indices {
		text.bytes(s.append(buf[:0], i))
	}
	for all := text.end(); all != ""; all = all[len(buf):] {
		list = append(list, all[:len(buf)])
	}
	return list
}

func (s *ids) first(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = string(s.append(nil, i))
	}
	return list
}
