package clevertest_test

import (
	"slices"
	"testing"

	"cleversync/shared/clever/clevertest"

	"github.com/google/go-cmp/cmp"
)

// TestFaults_Match meets some of a fixed number of requests.
func TestFaults_Match(t *testing.T) {
	t.Parallel()
	s := serve(t, clevertest.Config{Students: 20})
	requests := []string{
		"/v3.1/users?role=student", "/v3.1/users?role=teacher", "/v3.1/users?role=student&starting_after=5", "/v3.0/users", "/v3.1/schools",
		"/v3.1/schools/x/users", "/v3.1/nothing", "/oauth/tokens?district=" + s.District().ID(),
	}
	for _, c := range []struct {
		meets clevertest.FaultMatch
		want  []int
	}{
		{clevertest.FaultMatch{}, []int{0, 1, 2, 3, 4, 5, 6, 7}},
		{clevertest.FaultMatch{Route: "/users"}, []int{0, 1, 2, 3}},
		{clevertest.FaultMatch{Route: "/schools/{id}/users"}, []int{5}},
		{clevertest.FaultMatch{Route: "other"}, []int{6}},
		{clevertest.FaultMatch{Path: "/v3.1/*"}, []int{0, 1, 2, 4, 6}},
		{clevertest.FaultMatch{Method: "POST"}, nil},
		{clevertest.FaultMatch{Method: "GET", Route: "/oauth/tokens"}, []int{7}},
		{clevertest.FaultMatch{Query: map[string]string{"role": "student"}}, []int{0, 2}},
		{clevertest.FaultMatch{Query: map[string]string{"role": "student", "starting_after": ""}}, []int{0}},
		{clevertest.FaultMatch{Query: map[string]string{"starting_after": "*"}}, []int{2}},
		{clevertest.FaultMatch{District: s.District().ID()}, []int{0, 1, 2, 3, 4, 5, 6, 7}},
		{clevertest.FaultMatch{Token: "another"}, nil},
	} {
		s.order(clevertest.FaultRule{Meets: c.meets, Fault: clevertest.Fault{Kind: "status", Status: 599}})
		var got []int
		for i, path := range requests {
			if s.ask(path).status == 599 {
				got = append(got, i)
			}
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", c.meets, diff)
		}
	}
}

// TestFaults_When acts on some of twelve requests.
func TestFaults_When(t *testing.T) {
	t.Parallel()
	s := serve(t, clevertest.Config{Students: 20})
	acts := func(when clevertest.FaultWhen) (at []int) {
		s.order(clevertest.FaultRule{When: when, Fault: clevertest.Fault{Kind: "status", Status: 599}})
		for n := 1; n <= 12; n++ {
			if s.ask("/v3.1/terms").status == 599 {
				at = append(at, n)
			}
		}
		if c := s.Faults()[0].Counts; c.Met != 12 || c.Acted != len(at) {
			t.Errorf("%+v: counts %+v", when, c)
		}
		return at
	}
	for _, c := range []struct {
		when clevertest.FaultWhen
		want []int
	}{
		{clevertest.FaultWhen{Nth: 3}, []int{3}},
		{clevertest.FaultWhen{From: 10}, []int{10, 11, 12}},
		{clevertest.FaultWhen{Every: 5}, []int{1, 6, 11}},
		{clevertest.FaultWhen{From: 2, Every: 4}, []int{2, 6, 10}},
		{clevertest.FaultWhen{Times: 2}, []int{1, 2}},
		{clevertest.FaultWhen{From: 2, Every: 2, Times: 2}, []int{2, 4}},
		{clevertest.FaultWhen{Probability: 1}, []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}},
	} {
		if diff := cmp.Diff(c.want, acts(c.when)); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", c.when, diff)
		}
	}
	first := acts(clevertest.FaultWhen{Probability: 0.5, Seed: 1})
	if diff := cmp.Diff(first, acts(clevertest.FaultWhen{Probability: 0.5, Seed: 1})); diff != "" || len(first) < 2 || len(first) > 10 {
		t.Errorf("a seed is not repeatable, or acts %d times of 12 (-first +second):\n%s", len(first), diff)
	}
	if slices.Equal(first, acts(clevertest.FaultWhen{Probability: 0.5, Seed: 2})) {
		t.Error("two seeds act alike")
	}
}

// TestFaults_FirstActs: each rule counts every request, one acts.
func TestFaults_FirstActs(t *testing.T) {
	t.Parallel()
	s := serve(t, clevertest.Config{Students: 20})
	s.order(
		clevertest.FaultRule{When: clevertest.FaultWhen{Every: 2}, Fault: clevertest.Fault{Kind: "status", Status: 501}},
		clevertest.FaultRule{When: clevertest.FaultWhen{From: 3}, Fault: clevertest.Fault{Kind: "status", Status: 502}},
	)
	var got []int
	for range 5 {
		got = append(got, s.ask("/v3.1/terms").status)
	}
	if diff := cmp.Diff([]int{501, 200, 501, 502, 501}, got); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
	counts := []clevertest.FaultCounts{s.Faults()[0].Counts, s.Faults()[1].Counts}
	if diff := cmp.Diff([]clevertest.FaultCounts{{Met: 5, Acted: 3}, {Met: 5, Acted: 1}}, counts); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
}
