package clevertest

import (
	"encoding/json"
	"math/rand/v2"
	"testing"
)

func TestQuote_DecodesToItself(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(5, 6))
	alphabet := []rune("abcdefgh \"\\\n\t\x00\x1f\x7féz王𠮷/<>&\u2028\u0301")
	for range 20_000 {
		text := make([]rune, rng.IntN(40))
		for i := range text {
			text[i] = alphabet[rng.IntN(8)]
			if rng.IntN(12) == 0 {
				text[i] = alphabet[rng.IntN(len(alphabet))]
			}
		}
		var got string
		if err := json.Unmarshal(quote(nil, string(text)), &got); err != nil || got != string(text) {
			t.Fatalf("quote %q: decoded %q, %v", string(text), got, err)
		}
	}
}
