package main

import (
	"context"
	"crypto/rand"
	"strconv"
	"strings"

	"cleversync/shared/syncrun"
)

// cleverApp is the Clever that the programs talk to, and as which application.
type cleverApp struct {
	apiURL, url string // Clever's two hosts; the same one where a single address stands for both
	id, secret  string
	district    string
	// totals is how many records each stream of the whole district has, where that is known beforehand.
	totals map[syncrun.Step]int64
}

// environment is what a worker and the api need to know of it.
func (a cleverApp) environment() []string {
	return []string{
		"CLEVER_API_URL=" + a.apiURL, "CLEVER_URL=" + a.url,
		"CLEVER_CLIENT_ID=" + a.id, "CLEVER_CLIENT_SECRET=" + a.secret,
	}
}

// findClever takes the Clever that the command line names, or starts the simulator.
func (d *demo) findClever(ctx context.Context) (cleverApp, error) {
	c := d.choices
	if c.clever != "" {
		api, site := hosts(c.clever)
		return cleverApp{apiURL: api, url: site, id: c.clientID, secret: c.secret, district: c.district}, nil
	}
	app := cleverApp{id: rand.Text(), secret: rand.Text()}
	args := []string{"--addr", anyPort, "--client-id", app.id, "--client-secret", app.secret}
	if c.recorded != "" {
		args = append(args, "--district", c.recorded)
	} else {
		args = append(args, "--students", strconv.Itoa(c.students), "--seed", strconv.FormatUint(c.seed, 10))
	}
	if err := d.programs.start(ctx, program{name: "clever-sim", args: args, ready: "/healthz"}); err != nil {
		return cleverApp{}, err
	}
	said := d.programs.said("clever-sim")
	app.apiURL, app.url, app.district = said.url(), said.url(), said.District
	if len(c.schools) == 0 {
		app.totals = map[syncrun.Step]int64{
			syncrun.FetchSchools: said.Schools, syncrun.FetchStudents: said.Students, syncrun.FetchTeachers: said.Teachers,
			syncrun.FetchSections: said.Sections, syncrun.FetchCourses: said.Courses, syncrun.FetchTerms: said.Terms,
			syncrun.FetchContacts: said.Contacts,
		}
	}
	return app, nil
}

// hosts tells Clever's own two hosts where the address is one of them; any other address stands for both.
func hosts(address string) (api, site string) {
	switch strings.TrimSuffix(address, "/") {
	case "https://clever.com", "https://api.clever.com":
		return "https://api.clever.com", "https://clever.com"
	}
	return address, address
}
