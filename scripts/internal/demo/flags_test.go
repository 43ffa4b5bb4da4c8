package main

import (
	"errors"
	"flag"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func env(pairs ...string) func(string) string {
	values := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		values[pairs[i]] = pairs[i+1]
	}
	return func(name string) string { return values[name] }
}

func TestParse(t *testing.T) {
	t.Parallel()
	usual := choices{clone: ".", runs: 1, workers: 1, students: 1000, parents: []string{"Parent/Guardian", "Family", "Emergency", "Other"}}
	with := func(change func(*choices)) choices {
		c := usual
		change(&c)
		return c
	}
	recorded := t.TempDir()
	writeRecorded(t, recorded)
	clever := env("CLEVER_CLIENT_ID", "id", "CLEVER_CLIENT_SECRET", "secret")
	cases := map[string]struct {
		args   []string
		getenv func(string) string
		want   choices
	}{
		"nothing":       {nil, env(), usual},
		"a script's":    {[]string{"--once", "--json", "--students", "20000"}, env(), with(func(c *choices) { c.once, c.json, c.students = true, true, 20000 })},
		"one dash, =":   {[]string{"-seed=7", "-runs=2"}, env(), with(func(c *choices) { c.seed, c.runs = 7, 2 })},
		"some parents":  {[]string{"--parents", " Family, Primary"}, env(), with(func(c *choices) { c.parents = []string{"Family", "Primary"} })},
		"no parents":    {[]string{"--parents", ""}, env(), with(func(c *choices) { c.parents = nil })},
		"class options": {[]string{"--no-classrooms", "--unique-class-names"}, env(), with(func(c *choices) { c.noClassrooms, c.uniqueClassNames = true, true })},
		"two schools":   {[]string{"--school", "a", "--school", "b"}, env(), with(func(c *choices) { c.schools = []string{"a", "b"} })},
		"recorded":      {[]string{"--district", recorded}, env(), with(func(c *choices) { c.recorded = recorded })},
		"a real Clever": {[]string{"--clever", "https://clever.example.org", "--district-id", "d"}, clever, with(func(c *choices) {
			c.clever, c.district, c.clientID, c.secret = "https://clever.example.org", "d", "id", "secret"
		})},
		"given services": {nil, env("SCRATCH_DATABASE_URL", "postgres://x"), with(func(c *choices) { c.services = true })},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := parse(c.args, c.getenv)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(choices{})); diff != "" {
				t.Errorf("choices differ (-want +got):\n%s", diff)
			}
		})
	}
}

// TestParse_AllFaults: who mistypes three things is told of all three.
func TestParse_AllFaults(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		args   []string
		getenv func(string) string
		want   []string
	}{
		"of every sort": {
			[]string{"--students", "many", "--bogus", "stray", "--runs", "3", "--workers=0", "--parents", "Uncle"}, env(),
			[]string{`"many" for flag -students`, "not defined: -bogus", `unexpected argument "stray"`, "--runs 3:", "--workers 0:", `--parents: "Uncle"`},
		},
		"a Clever without credentials": {
			[]string{"--clever", "clever.com"}, env(),
			[]string{"--clever: must look like", "--district-id: is required", "CLEVER_CLIENT_ID: is not set", "CLEVER_CLIENT_SECRET: is not set"},
		},
		"two districts": {
			[]string{"--clever", "https://clever.example.org", "--district-id", "d", "--district", "/nowhere/at/all", "--seed", "1"},
			env("CLEVER_CLIENT_ID", "id", "CLEVER_CLIENT_SECRET", "secret"),
			[]string{"--district and --clever", "--district: stat /nowhere/at/all/users.json", "--seed: does not go with --district", "--seed: does not go with --clever"},
		},
		"too small": {[]string{"--students", "0"}, env(), []string{"--students 0: want 1 to"}},
		"a district id without a Clever": {
			[]string{"--district-id", "d", "--school", " "}, env(), []string{"--district-id: is for --clever", "--school: name"},
		},
		"what cannot be kept": {
			[]string{"--keep", "x"}, env("SCRATCH_DATABASE_URL", "postgres://x"), []string{"--keep: works with services that the demo starts itself"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := parse(c.args, c.getenv)
			if err == nil {
				t.Fatal("no fault is found")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error lacks %q:\n%v", want, err)
				}
			}
			if got := strings.Count(err.Error(), "\n") + 1; got != len(c.want) {
				t.Errorf("want %d faults, got %d:\n%v", len(c.want), got, err)
			}
		})
	}
}

func TestParse_Help(t *testing.T) {
	t.Parallel()
	if _, err := parse([]string{"--once", "--help"}, env()); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("want the help text, got %v", err)
	}
}

// TestUsage: the help text names every flag that there is.
func TestUsage(t *testing.T) {
	t.Parallel()
	newFlags(&choices{}, new(string)).VisitAll(func(f *flag.Flag) {
		if f.Name != "clone" && !strings.Contains(usage, "--"+f.Name+" ") {
			t.Errorf("the help text lacks --%s", f.Name)
		}
	})
}

func TestHosts(t *testing.T) {
	t.Parallel()
	for address, want := range map[string][2]string{
		"https://clever.com/":        {"https://api.clever.com", "https://clever.com"},
		"https://api.clever.com":     {"https://api.clever.com", "https://clever.com"},
		"https://clever.example.org": {"https://clever.example.org", "https://clever.example.org"},
	} {
		if api, site := hosts(address); [2]string{api, site} != want {
			t.Errorf("%s: want %q, got %q and %q", address, want, api, site)
		}
	}
}
