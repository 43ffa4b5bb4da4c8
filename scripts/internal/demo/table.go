package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"cleversync/shared/syncrun"
)

// kinds are the rows of the table: what the API calls a kind, and what people call it.
var kinds = []struct{ key, title string }{
	{"user", "users"}, {"classroom", "classrooms"}, {"parent", "parents"},
	{"membership", "memberships"}, {"parent_link", "parent links"}, {"school", "schools"},
}

// printTable shows the outcome to a person.
func printTable(w io.Writer, r *result) error {
	var text strings.Builder
	tabulate(&text, r, "Run "+r.Run)
	printIssues(&text, r.whole.Issues)
	if s := r.Second; s != nil {
		tabulate(&text, &s.result, "Second, unchanged run "+s.Run)
		fmt.Fprintf(&text, "  It wrote %s roster rows and %s of write-ahead log; the first wrote %s of log.\n\n",
			grouped(s.RosterRowsWritten), bytesText(s.WALBytes), bytesText(s.FirstWALBytes))
		if !maps.Equal(s.Skipped, r.Skipped) {
			printIssues(&text, s.whole.Issues)
		}
	}
	_, err := io.WriteString(w, text.String())
	return err
}

func tabulate(w io.Writer, r *result, heading string) {
	fmt.Fprintf(w, "\n%s: %s\n", heading, r.whole.Status)
	if r.Code != "" {
		fmt.Fprintf(w, "  %s: %s\n", r.Code, r.Message)
		if r.whole.Action != "" {
			fmt.Fprintf(w, "  What to do: %s\n", r.whole.Action)
		}
	}
	fmt.Fprintf(w, "  %s records in %s %s, %.1f s, %s records/s; most memory of a worker %s\n\n",
		grouped(r.Records), grouped(r.Pages), plural(r.Pages, "page"), r.Seconds, grouped(int64(r.RecordsPerSecond)), bytesText(r.PeakRSS["worker"]))
	if r.Status == syncrun.Completed {
		printCounts(w, r)
	}
}

func printCounts(w io.Writer, r *result) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "\tsynced\tadded\tupdated\trestored\tunchanged\tarchived\theld\tskipped\t")
	synced := map[string]int64{
		"user": r.Users, "classroom": r.Classrooms, "parent": r.Parents, "membership": r.Memberships, "parent_link": r.ParentLinks,
	}
	for _, kind := range kinds {
		c := r.whole.Counts[kind.key]
		total := ""
		if n, ok := synced[kind.key]; ok {
			total = grouped(n)
		}
		fmt.Fprintf(table, "  %s\t%s\t", kind.title, total)
		for _, n := range []int64{c.Added, c.Updated, c.Restored, c.Unchanged, c.Archived, c.Held, c.Skipped} {
			fmt.Fprintf(table, "%s\t", grouped(n))
		}
		fmt.Fprintln(table)
	}
	table.Flush() // into a string: it cannot fail
	fmt.Fprintln(w)
}

// printIssues lists what was skipped or is worth a look, the gravest first.
func printIssues(w io.Writer, issues []issue) {
	if len(issues) == 0 {
		return
	}
	severities := []string{"error", "warning", "info"}
	issues = slices.SortedFunc(slices.Values(issues), func(a, b issue) int {
		return cmp.Or(
			cmp.Compare(slices.Index(severities, a.Severity), slices.Index(severities, b.Severity)),
			cmp.Compare(b.Count, a.Count), strings.Compare(a.Code, b.Code),
		)
	})
	fmt.Fprintln(w, "  Left out (error), kept but worth a look (warning), only counted (info):")
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, i := range issues {
		fmt.Fprintf(table, "  %s\t%9s\t%s\t%s\n", i.Severity, grouped(i.Count), i.Code, i.Message)
	}
	table.Flush()
	fmt.Fprintln(w)
}

func bytesText(n int64) string {
	switch {
	case n <= 0:
		return "unknown"
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f kB", float64(n)/(1<<10))
}
