package roster

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

func TestClean(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ä", 255)
	for _, c := range []struct {
		name, in, want string
		cut            bool
	}{
		{"empty", "", "", false},
		{"plain", "Ana Ruiz", "Ana Ruiz", false},
		{"trimmed", "\t Ana \u00a0", "Ana", false},
		{"only spaces", " \u2003 ", "", false},
		{"inner spaces kept", "Ana  de la Cruz", "Ana  de la Cruz", false},
		{"composed", "Zoe\u0308", "Zoë", false},
		{"control characters removed", "A\x00n\x1fa\x7f\u0085", "Ana", false},
		{"removal lets an accent join", "e\x00\u0301", "é", false},
		{"removal bares a space", "Ana \x00", "Ana", false},
		{"joiners kept", "می\u200cخواهم", "می\u200cخواهم", false},
		{"broken UTF-8", "An\xffa", "An\ufffda", false},
		{"255 characters of two bytes", long, long, false},
		{"256 characters", long + "b", long, true},
		{"256 ASCII characters", strings.Repeat("x", 256), strings.Repeat("x", 255), true},
		{"cut before a space", strings.Repeat("x", 254) + " yz", strings.Repeat("x", 254), true},
		{"255 after trimming", " " + strings.Repeat("x", 255) + " ", strings.Repeat("x", 255), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, cut := clean(c.in)
			if got != c.want || cut != c.cut {
				t.Errorf("clean(%q) = %q, %v; want %q, %v", c.in, got, cut, c.want, c.cut)
			}
		})
	}
}

// FuzzClean holds cleaning to what it promises of any text.
func FuzzClean(f *testing.F) {
	for _, s := range []string{"", "Ana", " e\x00\u0301 ", "\xff", strings.Repeat("ä ", 200), "\u1100\u1161", "a\u0300\u0316", "\u037e", "\u212a \x01"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, _ := clean(s)
		if again, cut := clean(got); again != got || cut {
			t.Errorf("clean is not idempotent: %q, then %q", got, again)
		}
		if !utf8.ValidString(got) || !norm.NFC.IsNormalString(got) || strings.TrimSpace(got) != got {
			t.Errorf("clean(%q) = %q is not clean", s, got)
		}
		if utf8.RuneCountInString(got) > maxText || strings.ContainsFunc(got, unicode.IsControl) {
			t.Errorf("clean(%q) = %q is too long or has control characters", s, got)
		}
	})
}

func TestFoldEmail(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"": "", "ana@x.org": "ana@x.org", "Ana@X.Org": "ana@x.org",
		"JÖRG@X.DE": "jörg@x.de", "Straße@x.de": "strasse@x.de", "ΣΟΦΟΣ@x.gr": "σοφοσ@x.gr", "σοφος@x.gr": "σοφοσ@x.gr", "\u0390@x.gr": "\u0390@x.gr",
	} {
		if got := foldEmail(in); got != want {
			t.Errorf("foldEmail(%q) = %q; want %q", in, got, want)
		}
	}
}

func TestPlausibleEmail(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"a@b.cd", "ana.ruiz+x@students.example.org", "o'brien@school-1.k12.ny.us", "jörg@münchen.de", "o_o@x.co", "अ@उदाहरण.भारत",
	} {
		if !plausibleEmail(s) {
			t.Errorf("%q should be plausible", s)
		}
	}
	for _, s := range []string{
		"", "@", "ana", "seth_schoen.example.org", `hauc"k.haylie@example.com`, "@x.org", "a@", "a@b", "a@b.", "a@.b", "a@b..c",
		"a b@c.de", "a@b c.de", "a@b@c.de", ".a@b.cd", "a.@b.cd", "a@-b.cd", "a@b_c.de", "a,b@c.de", "<a@b.cd>", "a\u00a0b@c.de",
	} {
		if plausibleEmail(s) {
			t.Errorf("%q should not be plausible", s)
		}
	}
}

func TestValidID(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"5f0000000000000000000a03", "x", "S-1_2.3"} {
		if !ValidID(s) {
			t.Errorf("%q should be an id", s)
		}
	}
	for _, s := range []string{"", " ", "a b", "a\x00", "é", strings.Repeat("a", 101)} {
		if ValidID(s) {
			t.Errorf("%q should be no id", s)
		}
	}
}
