package main

import (
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"cleversync/shared/syncrun"
)

// bars show a run in a terminal: a bar for each step, in the order of steps, with records, pages and rate.
type bars struct {
	notes    *notes
	before   io.Writer // where notes went
	progress *mpb.Progress
	totals   map[syncrun.Step]int64
	byStep   map[syncrun.Step]*bar
}

// bar is a step's. The library draws it from a goroutine of its own.
type bar struct {
	bar *mpb.Bar

	mu     sync.Mutex
	latest step
}

const (
	nameWidth = 9
	barWidth  = 24
	redraw    = 100 * time.Millisecond
)

func newBars(notes *notes, totals map[syncrun.Step]int64) *bars {
	b := &bars{notes: notes, totals: totals, byStep: map[syncrun.Step]*bar{}}
	b.progress = mpb.New(mpb.WithOutput(notes.to), mpb.WithRefreshRate(redraw))
	b.before = notes.divert(b.progress)
	return b
}

func (b *bars) show(r apiRun) {
	for _, s := range r.Steps {
		one, ok := b.byStep[s.Name]
		if !ok {
			one = b.add(s)
			b.byStep[s.Name] = one
		}
		one.update(s)
	}
}

// add makes a bar; it turns like a wheel where nobody knows how much there is.
func (b *bars) add(s step) *bar {
	one := &bar{latest: s}
	known := b.totals[s.Name] > 0
	var style mpb.BarFillerBuilder = mpb.SpinnerStyle().PositionLeft()
	if known {
		style = mpb.BarStyle().Lbound("").Rbound("").Filler("█").Tip("█").Padding("░")
	}
	one.bar = b.progress.New(0, style,
		mpb.BarPriority(slices.Index(syncrun.Steps(), s.Name)),
		mpb.BarWidth(barWidth),
		mpb.BarOptional(mpb.BarFillerOnComplete(fmt.Sprintf(" %-*s ", barWidth, "✓")), !known),
		mpb.PrependDecorators(decor.Name(title(s.Name), decor.WC{W: nameWidth + 1, C: decor.DindentRight})),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return one.text() })),
	)
	if known {
		one.bar.SetTotal(b.totals[s.Name], false)
	}
	return one
}

func (b *bar) text() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return describe(b.latest, time.Now())
}

func (b *bar) update(s step) {
	b.mu.Lock()
	b.latest = s
	b.mu.Unlock()
	b.bar.SetCurrent(s.Records)
	switch s.State {
	case syncrun.StepDone:
		b.bar.SetTotal(-1, true)
	case syncrun.StepFailed, syncrun.StepCancelled:
		b.bar.Abort(false)
	}
}

// end leaves the bars as they are and gives the terminal back.
func (b *bars) end() {
	for _, one := range b.byStep {
		one.bar.Abort(false) // no more than a last look at one that is complete
	}
	b.progress.Wait()
	b.notes.divert(b.before)
}
