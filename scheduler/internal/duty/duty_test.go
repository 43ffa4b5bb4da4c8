package duty_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"cleversync/scheduler/internal/duty"
)

// runFor runs duties in a bubble of virtual time.
func runFor(t *testing.T, d time.Duration, log *slog.Logger, reg *prometheus.Registry, duties ...duty.Duty) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	duty.New(log, reg, time.Second, duties...).Run(ctx)
}

var quiet = slog.New(slog.DiscardHandler)

func TestRun_eachAtItsInterval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var often, seldom int
		runFor(t, 10*time.Second+time.Millisecond, quiet, prometheus.NewRegistry(),
			duty.Duty{Name: "often", Interval: time.Second, Tick: func(context.Context) error { often++; return nil }},
			duty.Duty{Name: "seldom", Interval: 5 * time.Second, Tick: func(context.Context) error { seldom++; return nil }},
		)
		if often != 11 || seldom != 3 {
			t.Errorf("ticked %d and %d times, want 11 and 3", often, seldom)
		}
	})
}

// A tick that takes longer than its interval is neither doubled nor caught up.
func TestRun_ticksNeverOverlap(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ticks, inside := 0, false
		runFor(t, 10*time.Second, quiet, prometheus.NewRegistry(), duty.Duty{Name: "slow", Interval: 100 * time.Millisecond, Tick: func(ctx context.Context) error {
			if inside {
				t.Error("two ticks at once")
			}
			inside = true
			<-ctx.Done() // for the whole timeout of a second
			inside = false
			ticks++
			return nil
		}})
		if ticks < 9 || ticks > 11 {
			t.Errorf("ticked %d times, want about once a second", ticks)
		}
	})
}

// A failing duty goes on, and does not fill the log.
func TestRun_failureIsLoggedOnceAndCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		reg := prometheus.NewRegistry()
		ticks := 0
		runFor(t, 9*time.Second+time.Millisecond, slog.New(slog.NewJSONHandler(&log, nil)), reg, duty.Duty{Name: "x", Interval: time.Second, Tick: func(context.Context) error {
			if ticks++; ticks <= 5 {
				return errors.New("broken")
			}
			return nil
		}})
		if fails, well := strings.Count(log.String(), "duty fails"), strings.Count(log.String(), "well again"); fails != 1 || well != 1 {
			t.Errorf("logged %d failures and %d recoveries:\n%s", fails, well, log.String())
		}
		if diff := cmp.Diff(map[string]float64{"failures": 5, "ticks": 10}, counted(t, reg)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func counted(t *testing.T, reg *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if h := m.GetHistogram(); h != nil {
				got["ticks"] += float64(h.GetSampleCount())
				continue
			}
			got["failures"] += m.GetCounter().GetValue()
		}
	}
	return got
}

// What a tick says while the program stops is no failure.
func TestRun_stopIsNoFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		reg := prometheus.NewRegistry()
		runFor(t, 500*time.Millisecond, slog.New(slog.NewJSONHandler(&log, nil)), reg, duty.Duty{Name: "x", Interval: time.Second, Tick: func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}})
		if log.Len() > 0 || counted(t, reg)["failures"] != 0 {
			t.Errorf("counted %v, logged: %s", counted(t, reg), log.String())
		}
	})
}

func TestHanging(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		release := make(chan struct{})
		failing := duty.Duty{Name: "failing", Interval: time.Second, Tick: func(context.Context) error { return errors.New("away") }}
		stuck := duty.Duty{Name: "stuck", Interval: 10 * time.Second, Tick: func(context.Context) error { <-release; return nil }}
		runner := duty.New(quiet, prometheus.NewRegistry(), time.Second, failing, stuck)
		if names := runner.Hanging(); len(names) != 0 {
			t.Errorf("%v hang before they run", names)
		}
		done := make(chan struct{})
		go func() { defer close(done); runner.Run(ctx) }()

		time.Sleep(32 * time.Second) // virtual: three intervals and two timeouts
		synctest.Wait()
		if names := runner.Hanging(); len(names) != 0 {
			t.Errorf("%v hang too early", names)
		}
		time.Sleep(time.Millisecond)
		if diff := cmp.Diff([]string{"stuck"}, runner.Hanging()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		close(release)
		synctest.Wait()
		if names := runner.Hanging(); len(names) != 0 {
			t.Errorf("%v hang though they move", names)
		}
		cancel()
		<-done
	})
}
