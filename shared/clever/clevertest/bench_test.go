package clevertest_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"cleversync/shared/clever/clevertest"
)

// BenchmarkPage measures what a page of 2,000 records costs the simulator,
// which shares its processors with the system under test.
func BenchmarkPage(b *testing.B) {
	s, err := clevertest.New(clevertest.Config{Students: 200_000, RateLimit: -1})
	if err != nil {
		b.Fatal(err)
	}
	for name, path := range map[string]string{
		"students": "/v3.1/users?role=student&limit=2000",
		"contacts": "/v3.1/users?role=contact&limit=2000",
		"sections": "/v3.1/sections?limit=2000",
	} {
		b.Run(name, func(b *testing.B) {
			r := httptest.NewRequest("GET", path, nil)
			r.Header.Set("Authorization", "Bearer "+s.Token())
			w := &discard{header: http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				s.ServeHTTP(w, r)
			}
			b.ReportMetric(2000*float64(b.N)/b.Elapsed().Seconds(), "records/s")
			b.ReportMetric(float64(w.bytes)/float64(b.N)/2000, "B/record")
		})
	}
}

// BenchmarkNight measures a night of a district of 20,000 pupils, with the
// comparison that makes its events.
func BenchmarkNight(b *testing.B) {
	for name, night := range map[string]clevertest.Night{"school": clevertest.SchoolNight(), "quiet": {}, "rollover": clevertest.YearEnd()} {
		b.Run(name, func(b *testing.B) {
			s, err := clevertest.New(clevertest.Config{Students: 20_000})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Evolve(night); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

type discard struct {
	header http.Header
	bytes  int
}

func (d *discard) Header() http.Header { return d.header }
func (d *discard) WriteHeader(int)     {}
func (d *discard) Write(p []byte) (int, error) {
	d.bytes += len(p)
	return len(p), nil
}
