package consumer

import (
	"errors"
	"testing"
	"time"

	"cleversync/shared/fault"
	"cleversync/shared/postgres"
	"cleversync/shared/queue"
)

// Every code has its verdict on a first failure: none is forgotten, and nothing
// is tried for ever.
func TestPatience_judge_everyCode(t *testing.T) {
	t.Parallel()
	want := map[fault.Code]bool{
		fault.NotConnected: false, fault.NoSchoolSelected: false, fault.NotEnabled: false,
		fault.CleverTokenRevoked: false, fault.CleverNotShared: false, fault.CleverDistrictHeld: false,
		fault.CleverRateLimited: true, fault.CleverUnavailable: true, fault.CleverBadResponse: true,
		fault.SnapshotIncomplete: false, fault.AppliesStopped: false, fault.RosterStoreUnavailable: true,
		fault.LostWorker: false, fault.Cancelled: false, fault.Internal: true,
	}
	patience := DefaultPatience()
	for _, e := range fault.Explanations() {
		again, known := want[e.Code]
		if !known {
			t.Errorf("%s is not in this test", e.Code)
		}
		f := fault.New(e.Code, "for the test")
		if got := patience.judge(f, &postgres.Claim{}).again; got != again {
			t.Errorf("%s: tried again = %v, want %v", e.Code, got, again)
		}
		tired := &postgres.Claim{Attempt: 1000, Resets: 1000, Failing: time.Hour}
		if patience.judge(f, tired).again {
			t.Errorf("%s is tried for ever", e.Code)
		}
		f.Final = true
		if patience.judge(f, &postgres.Claim{}).again {
			t.Errorf("%s is tried again although final", e.Code)
		}
	}
}

func TestPatience_judge_bounds(t *testing.T) {
	t.Parallel()
	p := DefaultPatience()
	tests := []struct {
		name  string
		code  fault.Code
		claim postgres.Claim
		want  bool
	}{
		{"the fourth of few", fault.CleverBadResponse, postgres.Claim{Attempt: 3}, true},
		{"the fifth of few", fault.CleverBadResponse, postgres.Claim{Attempt: 4}, false},
		{"many tries within the outage", fault.CleverUnavailable, postgres.Claim{Attempt: 60, Failing: 29 * time.Minute}, true},
		{"few tries after it", fault.CleverUnavailable, postgres.Claim{Attempt: 2, Failing: 31 * time.Minute}, false},
		{"the ninth reset", fault.CleverRateLimited, postgres.Claim{Resets: 8}, true},
		{"the tenth", fault.CleverRateLimited, postgres.Claim{Resets: 9}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := p.judge(fault.New(test.code, "for the test"), &test.claim).again; got != test.want {
				t.Errorf("tried again = %v, want %v", got, test.want)
			}
		})
	}
}

func TestPatience_judge_whatIsCounted(t *testing.T) {
	t.Parallel()
	p := DefaultPatience()
	limited := fault.New(fault.CleverRateLimited, "for the test")
	limited.RetryAfter = 40 * time.Second
	v := p.judge(limited, &postgres.Claim{})
	if v.wait.Failed || !v.wait.Reset || v.wait.Delay < 40*time.Second {
		t.Errorf("Clever's limit: %+v, want a reset, no failure, after the reset", v.wait)
	}
	ours := fault.Wrap(queue.ErrBudget, fault.CleverRateLimited, "for the test")
	v = p.judge(ours, &postgres.Claim{Resets: 1000})
	if !v.again || v.wait.Failed || v.wait.Reset {
		t.Errorf("our own limit: %+v, want a wait that burns nothing", v)
	}
	v = p.judge(fault.New(fault.CleverUnavailable, "for the test"), &postgres.Claim{})
	if !v.wait.Failed || v.wait.Reset {
		t.Errorf("an outage: %+v, want a failure", v.wait)
	}
}

func TestPatience_pause_growsToItsBound(t *testing.T) {
	t.Parallel()
	p := DefaultPatience()
	for attempt := range 100 {
		full := min(p.First<<min(attempt, 20), p.Longest)
		if got := p.pause(attempt); got < full/2 || got > full {
			t.Errorf("pause %d = %v, want between %v and %v", attempt, got, full/2, full)
		}
	}
}

func TestAsFault(t *testing.T) {
	t.Parallel()
	if got := asFault(errors.New("surprise")).Code; got != fault.Internal {
		t.Errorf("an unknown error is %s, want internal", got)
	}
}
