package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"cleversync/shared/syncrun"
)

// lineEvery is how often a line tells of a step that is under way.
const lineEvery = 5 * time.Second

// lines show how a run gets on as plain text: a line for each change of a step's state, and one now and then meanwhile.
type lines struct {
	to     io.Writer
	states map[syncrun.Step]syncrun.StepState
	told   map[syncrun.Step]time.Time
	now    func() time.Time
}

func newLines(to io.Writer) *lines {
	return &lines{to: to, states: map[syncrun.Step]syncrun.StepState{}, told: map[syncrun.Step]time.Time{}, now: time.Now}
}

func (l *lines) show(r apiRun) {
	for _, s := range r.Steps {
		changed := l.states[s.Name] != s.State
		due := s.State == syncrun.StepRunning && l.now().Sub(l.told[s.Name]) >= lineEvery
		if s.State == syncrun.StepReady || !changed && !due {
			continue
		}
		l.states[s.Name], l.told[s.Name] = s.State, l.now()
		fmt.Fprintf(l.to, "demo: %-9s %s\n", title(s.Name), describe(s, l.now()))
	}
}

func (l *lines) end() {}

// describe tells how far a step is.
func describe(s step, now time.Time) string {
	parts := []string{fmt.Sprintf("%-7s", s.State)}
	if s.State == syncrun.StepWaiting {
		parts[0] = "waiting: " + cmp.Or(s.LastError, s.Reason)
	}
	end := s.Finished
	if end.IsZero() {
		end = now
	}
	took := time.Duration(0)
	if !s.Started.IsZero() {
		took = max(0, end.Sub(s.Started))
	}
	if s.Name.IsFetch() {
		parts = append(parts, fmt.Sprintf("%9s records %5s %-5s", grouped(s.Records), grouped(s.Pages), plural(s.Pages, "page")))
		if s.Records > 0 && took > 0 {
			parts = append(parts, fmt.Sprintf("%9s/s", grouped(int64(float64(s.Records)/took.Seconds()))))
		}
	}
	if took > 0 {
		parts = append(parts, fmt.Sprintf("%6.1f s", took.Seconds()))
	}
	return strings.Join(parts, " ")
}

func plural(n int64, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

// grouped writes a number with commas between thousands.
func grouped(n int64) string {
	digits := fmt.Sprint(n)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}
