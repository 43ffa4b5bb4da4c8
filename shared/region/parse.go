package region

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Parse gives the regions that a deployment serves, by their names. Windows may
// change the window of a region, or add a region that the product does not
// have, so that a test can run a night of two minutes:
// "name=offset,start,length" with durations such as -5h or 2m, several
// separated by semicolons. All faults are reported together.
func Parse(names []string, windows string) ([]Region, error) {
	known := Builtin()
	var faults []error
	for text := range strings.SplitSeq(windows, ";") {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		r, err := parseWindow(text)
		if err == nil && !slices.Contains(names, r.Name) {
			err = fmt.Errorf("window of region %q, which is not served", r.Name)
		}
		if err != nil {
			faults = append(faults, err)
			continue
		}
		known = replace(known, r)
	}
	var served []Region
	for _, name := range names {
		r, err := Find(known, name)
		if err == nil && slices.ContainsFunc(served, func(s Region) bool { return s.Name == name }) {
			err = fmt.Errorf("region %q is named twice", name)
		}
		if err != nil {
			faults = append(faults, err)
			continue
		}
		served = append(served, r)
	}
	if len(names) == 0 {
		faults = append(faults, errors.New("no region is named"))
	}
	return served, errors.Join(faults...)
}

// replace puts r in the place of the region of its name, whose title it keeps.
func replace(known []Region, r Region) []Region {
	known = slices.DeleteFunc(known, func(k Region) bool {
		if k.Name == r.Name {
			r.Title = k.Title
		}
		return k.Name == r.Name
	})
	return append(known, r)
}

func parseWindow(text string) (Region, error) {
	name, times, _ := strings.Cut(text, "=")
	r := Region{Name: strings.TrimSpace(name)}
	r.Title = r.Name
	parts := strings.Split(times, ",")
	if r.Name == "" || len(parts) != 3 {
		return r, fmt.Errorf("window %q does not look like name=offset,start,length", text)
	}
	for i, target := range []*time.Duration{&r.Offset, &r.Start, &r.Length} {
		d, err := time.ParseDuration(strings.TrimSpace(parts[i]))
		if err != nil {
			return r, fmt.Errorf("window %q: %q is no duration such as -5h or 2m", text, strings.TrimSpace(parts[i]))
		}
		if d%time.Second != 0 {
			return r, fmt.Errorf("window %q: %s is no whole number of seconds", text, d)
		}
		*target = d
	}
	switch {
	case r.Offset.Abs() > 14*time.Hour:
		return r, fmt.Errorf("window %q: no place on earth is %s from UTC", text, r.Offset)
	case r.Start < 0 || r.Start >= day:
		return r, fmt.Errorf("window %q: start %s is not within a day", text, r.Start)
	case r.Length <= 0:
		return r, fmt.Errorf("window %q: length must be at least a second", text)
	}
	return r, nil
}
