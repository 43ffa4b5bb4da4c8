package region_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cleversync/shared/region"
)

func TestParse(t *testing.T) {
	t.Parallel()
	got, err := region.Parse([]string{"uk", "test", "au"}, " uk = 1h, 17h, 2m ; test=-3h30m,0s,90s;")
	if err != nil {
		t.Fatal(err)
	}
	want := []region.Region{
		{Name: "uk", Title: "United Kingdom", Offset: time.Hour, Start: 17 * time.Hour, Length: 2 * time.Minute},
		{Name: "test", Title: "test", Offset: -3*time.Hour - 30*time.Minute, Length: 90 * time.Second},
		{Name: "au", Title: "Australia", Offset: 8 * time.Hour, Start: 18 * time.Hour, Length: 24 * time.Hour},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestParse_refuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ names, windows, says string }{
		{"mars", "", `unknown region "mars"`},
		{"uk,uk", "", `region "uk" is named twice`},
		{"uk", "au=8h,18h,24h", `region "au", which is not served`},
		{"uk", "uk=0h,18h", "does not look like"},
		{"uk", "uk", "does not look like"},
		{"uk", "=0h,18h,24h", "does not look like"},
		{"uk", "uk=0h,18h,tomorrow", "is no duration"},
		{"uk", "uk=0h,18h,1500ms", "no whole number of seconds"},
		{"uk", "uk=0h,18h,0s", "at least a second"},
		{"uk", "uk=0h,18h,-24h", "at least a second"},
		{"uk", "uk=0h,24h,24h", "not within a day"},
		{"uk", "uk=15h,18h,24h", "no place on earth"},
	} {
		_, err := region.Parse(strings.Split(c.names, ","), c.windows)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s with %q: got %v, want an error that says %q", c.names, c.windows, err, c.says)
		}
	}
	if _, err := region.Parse(nil, ""); err == nil {
		t.Error("no region at all was accepted")
	}
}

func TestParse_reportsAllFaults(t *testing.T) {
	t.Parallel()
	_, err := region.Parse([]string{"mars", "venus"}, "uk=x,y,z")
	for _, want := range []string{"mars", "venus", "uk"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not name %s", err, want)
		}
	}
}
