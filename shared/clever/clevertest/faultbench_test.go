package clevertest_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"cleversync/shared/clever/clevertest"
)

// BenchmarkFaults measures what the rules cost the smallest of answers: none of
// them, one that meets no request, and a hundred that meet each and never act.
func BenchmarkFaults(b *testing.B) {
	never := clevertest.FaultRule{When: clevertest.FaultWhen{Nth: 1 << 60}, Fault: clevertest.Fault{Kind: "hold"}}
	elsewhere := never
	elsewhere.Meets.Route = "/terms"
	var hundred []clevertest.FaultRule
	for range 100 {
		hundred = append(hundred, never)
	}
	for _, c := range []struct {
		name  string
		rules []clevertest.FaultRule
	}{{"none", nil}, {"one", []clevertest.FaultRule{elsewhere}}, {"hundred", hundred}} {
		b.Run(c.name, func(b *testing.B) {
			s, err := clevertest.New(clevertest.Config{Students: 100, RateLimit: -1})
			if err != nil {
				b.Fatal(err)
			}
			if err := s.SetFaults(c.rules...); err != nil {
				b.Fatal(err)
			}
			r := httptest.NewRequest(http.MethodGet, "/v3.1/districts", nil)
			r.Header.Set("Authorization", "Bearer "+s.Token())
			w := &discard{header: http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				s.ServeHTTP(w, r)
			}
		})
	}
}
