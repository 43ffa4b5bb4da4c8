package clevertest

// quote appends a JSON string as JavaScript writes it: all but quotes,
// backslashes and control characters stands for itself.
func quote(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for {
		n := plain(s)
		dst = append(dst, s[:n]...)
		if n == len(s) {
			return append(dst, '"')
		}
		switch c := s[n]; c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, `\n`...)
		case '\t':
			dst = append(dst, `\t`...)
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		s = s[n+1:]
	}
}

// plain returns how many bytes at the front of s need no escape. Eight are
// tested at once, since most of a page is ids: half the time of a page of
// sections went into looking at them one by one.
func plain(s string) int {
	n := 0
	for ; len(s)-n >= 8; n += 8 {
		p := s[n : n+8]
		eight := uint64(p[0]) | uint64(p[1])<<8 | uint64(p[2])<<16 | uint64(p[3])<<24 |
			uint64(p[4])<<32 | uint64(p[5])<<40 | uint64(p[6])<<48 | uint64(p[7])<<56
		if special(eight) {
			break
		}
	}
	for n < len(s) && s[n] >= ' ' && s[n] != '"' && s[n] != '\\' {
		n++
	}
	return n
}

// special reports whether one of eight bytes is a control character, a quote
// or a backslash: each of the three terms sets the highest bit of such a byte,
// and of no other unless one below it is such a byte.
func special(eight uint64) bool {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	quoted, slashed := eight^(ones*'"'), eight^(ones*'\\')
	return ((eight-ones*' ')&^eight|(quoted-ones)&^quoted|(slashed-ones)&^slashed)&high != 0
}
