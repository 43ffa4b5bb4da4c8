package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"cleversync/shared/roster"
)

const usage = `scripts/demo starts private services and every program, syncs a district, and stays up until Ctrl-C.

  --once               end after the sync
  --json               print the outcome as one JSON object, the last line of stdout
  --runs 2             sync a second time, unchanged, and say what that wrote
  --workers N          start N workers (default 1)
  --keep DIR           keep the data and the logs in DIR; a later start takes them up

Which district:
  --students N         a generated one of N students (default 1000), from --seed N (default 0)
  --district DIR       recorded bodies of Clever: users.json, sections.json, districts.json
  --clever URL         a Clever that is there already (https://clever.com, or any address for both its hosts), with
  --district-id ID     this district, and CLEVER_CLIENT_ID and CLEVER_CLIENT_SECRET in the environment

What of it:
  --school ID          this school only; may be given several times (default: the whole district)
  --parents TYPES      sync parents of these role types (default "Parent/Guardian,Family,Emergency,Other"; "" for none)
  --no-classrooms      sync no classrooms
  --unique-class-names add each section's id to its classroom's name
`

// choices are what the command line decides.
type choices struct {
	clone      string
	once, json bool
	runs       int
	workers    int
	keep       string

	students int
	seed     uint64
	recorded string // directory
	clever   string // base URL
	district string // its id, with clever
	clientID string
	secret   string
	services bool // are given by the environment (scratch.Given)

	schools          []string
	parents          []string // role types
	noClassrooms     bool
	uniqueClassNames bool
}

const (
	maxStudents = 10_000_000 // what the simulator can do
	maxWorkers  = 16
)

// parse reads the command line. Its error explains every fault, one a line.
func parse(args []string, getenv func(string) string) (choices, error) {
	var c choices
	var parents string
	flags := newFlags(&c, &parents)
	faults, err := parseAll(flags, args)
	if err != nil {
		return c, err
	}
	// Programs have working directories of their own.
	for _, dir := range []*string{&c.recorded, &c.keep} {
		if *dir == "" {
			continue
		}
		if *dir, err = filepath.Abs(*dir); err != nil {
			return c, fmt.Errorf("find out where %s is: %w", *dir, err)
		}
	}
	given := map[string]bool{}
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	c.clientID, c.secret = getenv("CLEVER_CLIENT_ID"), getenv("CLEVER_CLIENT_SECRET")
	c.services = getenv("SCRATCH_DATABASE_URL") != ""
	c.parents = list(parents)
	faults = append(faults, c.check(given)...)
	return c, errors.Join(faults...)
}

// newFlags binds the command line to choices. parents are a list yet to be split. --clone is for scripts/demo, which knows
// where the clone is.
func newFlags(c *choices, parents *string) *flag.FlagSet {
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&c.clone, "clone", ".", "")
	flags.BoolVar(&c.once, "once", false, "")
	flags.BoolVar(&c.json, "json", false, "")
	flags.IntVar(&c.runs, "runs", 1, "")
	flags.IntVar(&c.workers, "workers", 1, "")
	flags.StringVar(&c.keep, "keep", "", "")
	flags.IntVar(&c.students, "students", 1000, "")
	flags.Uint64Var(&c.seed, "seed", 0, "")
	flags.StringVar(&c.recorded, "district", "", "")
	flags.StringVar(&c.clever, "clever", "", "")
	flags.StringVar(&c.district, "district-id", "", "")
	flags.Func("school", "", func(id string) error { c.schools = append(c.schools, strings.TrimSpace(id)); return nil })
	flags.StringVar(parents, "parents", strings.Join(roster.ParentTypes[:4], ","), "")
	flags.BoolVar(&c.noClassrooms, "no-classrooms", false, "")
	flags.BoolVar(&c.uniqueClassNames, "unique-class-names", false, "")
	return flags
}

// parseAll goes on behind a fault, so that all are found.
func parseAll(flags *flag.FlagSet, args []string) ([]error, error) {
	var faults []error
	for {
		err := flags.Parse(args)
		if errors.Is(err, flag.ErrHelp) {
			return nil, err
		}
		args = flags.Args()
		switch {
		case err != nil:
			faults = append(faults, err)
		case len(args) > 0:
			faults = append(faults, fmt.Errorf("unexpected argument %q", args[0]))
			args = args[1:]
		default:
			return faults, nil
		}
	}
}

// check finds what no single value shows.
func (c *choices) check(given map[string]bool) []error {
	var faults []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	// One that could not be read has been told of and does not count as given.
	fault(given["runs"] && c.runs != 1 && c.runs != 2, "--runs %d: want 1 or 2", c.runs)
	fault(given["workers"] && (c.workers < 1 || c.workers > maxWorkers), "--workers %d: want 1 to %d", c.workers, maxWorkers)
	fault(given["students"] && (c.students < 1 || c.students > maxStudents), "--students %d: want 1 to %d", c.students, maxStudents)
	fault(given["keep"] && c.keep == "", "--keep: name a directory")
	fault(given["keep"] && c.services, "--keep: works with services that the demo starts itself, not with those of SCRATCH_DATABASE_URL")
	fault(slices.Contains(c.schools, ""), "--school: name a school's id")
	for _, name := range c.parents {
		fault(!slices.Contains(roster.ParentTypes, name), "--parents: %q is no role type; there are %s", name, strings.Join(roster.ParentTypes, ", "))
	}
	for _, other := range []string{"students", "seed"} {
		fault(given["district"] && given[other], "--%s: does not go with --district, which serves what was recorded", other)
		fault(given["clever"] && given[other], "--%s: does not go with --clever, which is there already", other)
	}
	fault(given["district"] && given["clever"], "--district and --clever: choose one")
	if given["district"] {
		faults = append(faults, checkRecorded(c.recorded)...)
	}
	if !given["clever"] {
		fault(given["district-id"], "--district-id: is for --clever; a simulated district has its own")
		return faults
	}
	return append(faults, c.checkClever()...)
}

// checkRecorded looks whether the directory is one of recorded bodies; the simulator reads them.
func checkRecorded(dir string) []error {
	for _, name := range []string{"users.json", "sections.json", "districts.json"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return []error{fmt.Errorf("--district: %w", err)}
		}
	}
	return nil
}

func (c *choices) checkClever() []error {
	var faults []error
	u, err := url.Parse(c.clever)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" {
		faults = append(faults, errors.New("--clever: must look like https://clever.example.org"))
	}
	if c.district == "" {
		faults = append(faults, errors.New("--district-id: is required with --clever: the id of the district to sync"))
	}
	for name, value := range map[string]string{"CLEVER_CLIENT_ID": c.clientID, "CLEVER_CLIENT_SECRET": c.secret} {
		if value == "" {
			faults = append(faults, fmt.Errorf("%s: is not set in the environment; --clever needs it: Clever shows it on the app's page", name))
		}
	}
	slices.SortFunc(faults, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return faults
}

// list splits at commas; an empty text is an empty list.
func list(text string) []string {
	var parts []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, part)
		}
	}
	return parts
}
