package main

import (
	"io"
	"sync"

	"github.com/vbauerster/cupwriter"

	"cleversync/shared/syncrun"
)

// view shows how a run gets on.
type view interface {
	show(apiRun)
	end()
}

// newView takes bars where a person watches, lines where the text goes to a file or the outcome to a program.
func (d *demo) newView() view {
	if !d.choices.json && d.notes.terminal() {
		return newBars(d.notes, d.clever.totals)
	}
	return newLines(d.notes)
}

// notes is where messages go: to stderr, or above the bars while there are some. Any goroutine may write.
type notes struct {
	mu sync.Mutex
	to io.Writer
}

func (n *notes) Write(text []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.to.Write(text)
}

// divert sends what follows to another writer, and returns the one before.
func (n *notes) divert(to io.Writer) io.Writer {
	n.mu.Lock()
	defer n.mu.Unlock()
	before := n.to
	n.to = to
	return before
}

// terminal asks the library of the bars, which knows each system's way.
func (n *notes) terminal() bool { return cupwriter.New(n.to, false).IsTerminal() }

// title is what a step is called in front of people.
func title(s syncrun.Step) string {
	if stream := s.Stream(); stream != "" {
		return stream
	}
	return string(s)
}
