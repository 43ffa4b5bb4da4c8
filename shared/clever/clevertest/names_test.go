package clevertest_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"cleversync/shared/clever/clevertest"
)

func TestGenerator_NamesOfManyScripts(t *testing.T) {
	t.Parallel()
	d := simulator(t, clevertest.Config{Students: 3000}).District()
	scripts := map[string]*unicode.RangeTable{
		"Han": unicode.Han, "Hiragana": unicode.Hiragana, "Hangul": unicode.Hangul, "Arabic": unicode.Arabic, "Hebrew": unicode.Hebrew,
		"Cyrillic": unicode.Cyrillic, "Devanagari": unicode.Devanagari, "Greek": unicode.Greek, "Thai": unicode.Thai, "decomposed": unicode.Mn,
	}
	seen := map[string]int{}
	full := map[string]bool{}
	for u := range d.Students() {
		name := u.Name.First + " " + u.Name.Last
		full[name] = true
		if !utf8.ValidString(name) || strings.ContainsRune(name, unicode.ReplacementChar) {
			t.Errorf("name %q is no UTF-8", name)
		}
		for script, table := range scripts {
			if strings.IndexFunc(name, func(r rune) bool { return unicode.Is(table, r) }) >= 0 {
				seen[script]++
			}
		}
		for what, mark := range map[string]string{"okina": "ʻ", "apostrophe": "'", "curved apostrophe": "’", "hyphen": "-", "é": "é"} {
			if strings.Contains(name, mark) {
				seen[what]++
			}
		}
		if strings.IndexFunc(name, func(r rune) bool { return r > 0xffff }) >= 0 {
			seen["supplementary"]++
		}
		for _, c := range u.Email + u.Student.Username {
			if c > unicode.MaxASCII {
				t.Errorf("email %q, username %q", u.Email, u.Student.Username)
				break
			}
		}
	}
	for _, what := range append(slices.Collect(maps.Keys(scripts)), "okina", "apostrophe", "curved apostrophe", "hyphen", "supplementary") {
		if seen[what] == 0 {
			t.Errorf("no name with %s", what)
		}
	}
	if len(full) < 1500 {
		t.Errorf("only %d different names", len(full))
	}
}
