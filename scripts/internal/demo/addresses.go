package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// printAddresses says where to look while everything runs. With --json it goes to where messages go, since the outcome
// is the last line of stdout.
func (d *demo) printAddresses() {
	var w io.Writer = d.out
	if d.choices.json {
		w = d.notes
	}
	api := d.programs.said("api").url()
	rows := [][]string{
		{"API docs", api + "/docs"},
		{"queues", api + "/queues", "user: demo, password: the token"},
		{"token", d.api.token, "an operator's"},
		{"tenant", d.tenant},
	}
	for _, p := range d.programs.all() {
		if p.binary() == "clever-sim" {
			rows = append(rows, []string{p.name, p.said.url(), "Clever, simulated"})
			continue
		}
		rows = append(rows, []string{p.name, p.said.url() + "/metrics", fmt.Sprintf("process %d", p.cmd.Process.Pid)})
	}
	rows = append(rows, []string{"logs", d.services.logs})

	fmt.Fprintln(w, "Everything runs until Ctrl-C:")
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(table, "  "+strings.Join(row, "\t"))
	}
	table.Flush() // an error would be that nobody reads
	fmt.Fprintf(w, "\nSync once more:\n  curl -X POST -H 'Authorization: Bearer %s' %s%s\n", d.api.token, api, d.runsPath())
}
