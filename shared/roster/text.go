package roster

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// maxText is how many characters of a value are kept.
const maxText = 255

// maxID bounds what is taken for an id. Clever's have 24 hex digits; the bound
// only keeps what can be no id out of keys, paths and logs.
const maxID = 100

// ValidID tells whether s can be a Clever id: printable ASCII without spaces.
func ValidID(s string) bool {
	if s == "" || len(s) > maxID {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// clean gives a text as it is stored: NFC, without control characters, trimmed,
// at most maxText characters long, and tells whether it had to be cut. Plain
// ASCII, which nearly all values are, is returned as it is.
func clean(s string) (text string, cut bool) {
	if isPlain(s) {
		return s, false
	}
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, s)
	// Composing comes after the removal, which can bring a letter and its
	// accent together; trimming after both, since either can bare a space.
	s = strings.TrimSpace(norm.NFC.String(s))
	return shorten(s)
}

// Clean gives a text as it is stored, for what is no record of a roster: NFC,
// without control characters, trimmed, cut to 255 characters.
func Clean(s string) string {
	text, _ := clean(s)
	return text
}

// isPlain tells whether clean would change nothing: short printable ASCII that
// neither starts nor ends with a space.
func isPlain(s string) bool {
	if s == "" {
		return true
	}
	if len(s) > maxText || s[0] == ' ' || s[len(s)-1] == ' ' {
		return false
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// shorten cuts after maxText characters.
func shorten(s string) (string, bool) {
	if len(s) <= maxText {
		return s, false
	}
	n := 0
	for i := range s {
		if n == maxText {
			// A cut may end in a space, which would be trimmed the next time.
			return strings.TrimRightFunc(s[:i], unicode.IsSpace), true
		}
		n++
	}
	return s, false
}

// foldEmail gives the form by which addresses are compared.
func foldEmail(s string) string {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return norm.NFC.String(cases.Fold().String(s))
		}
	}
	return strings.ToLower(s)
}

// plausibleEmail tells whether s could be somebody's address: one @, a local
// part without quotes, spaces and brackets, and a domain of at least two
// labels. It is a check for slips of the pen, not for deliverability.
func plausibleEmail(s string) bool {
	local, domain, found := strings.Cut(s, "@")
	if !found || local == "" || strings.ContainsAny(local, " \"(),:;<>[\\]") || strings.ContainsFunc(local, unicode.IsSpace) {
		return false
	}
	if local[0] == '.' || local[len(local)-1] == '.' {
		return false
	}
	labels := 0
	for label := range strings.SplitSeq(domain, ".") {
		if !plausibleLabel(label) {
			return false
		}
		labels++
	}
	return labels >= 2
}

// plausibleLabel tells whether s could be a part of a domain's name. What is
// not ASCII may be an internationalised one.
func plausibleLabel(s string) bool {
	if s == "" || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for _, r := range s {
		if r != '-' && !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) {
			return false
		}
	}
	return true
}
