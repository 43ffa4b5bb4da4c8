package syncrun

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"cleversync/shared/roster"
)

func TestConfig_Next(t *testing.T) {
	t.Parallel()
	all := Config{Options: roster.Options{Classrooms: true, Parents: true}}
	people := Config{}
	tests := []struct {
		name   string
		config Config
		ended  Step
		others bool
		want   []Step
	}{
		{"prepare begins every stream but the contacts", all, Prepare, false,
			[]Step{FetchSchools, FetchStudents, FetchTeachers, FetchSections, FetchCourses, FetchTerms}},
		{"without classrooms no stream of theirs", people, Prepare, false, []Step{FetchSchools, FetchStudents, FetchTeachers}},
		{"the contacts follow the students", all, FetchStudents, true, []Step{FetchContacts}},
		{"even when nothing else is left", all, FetchStudents, false, []Step{FetchContacts}},
		{"without parents the last stream brings the plan", people, FetchStudents, false, []Step{Plan}},
		{"a stream that is not the last brings nothing", all, FetchTerms, true, nil},
		{"the last stream brings the plan", all, FetchContacts, false, []Step{Plan}},
		{"the plan brings the apply", all, Plan, false, []Step{Apply}},
		{"the apply brings nothing", all, Apply, false, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, test.config.Next(test.ended, test.others)); diff != "" {
				t.Errorf("next steps (-want +got):\n%s", diff)
			}
		})
	}
}

// Whatever order the streams end in, the plan comes exactly once and last.
func TestConfig_Next_planComesOnce(t *testing.T) {
	t.Parallel()
	for _, config := range []Config{{}, {Options: roster.Options{Parents: true}}, {Options: roster.Options{Classrooms: true, Parents: true}}} {
		open := config.Next(Prepare, false)
		var plans int
		for len(open) > 0 {
			step := open[len(open)-1] // any order will do; the last is the most awkward for the contacts
			open = open[:len(open)-1]
			for _, next := range config.Next(step, len(open) > 0) {
				if next == Plan {
					plans++
					if len(open) > 0 {
						t.Errorf("plan came while %v were unfinished", open)
					}
					continue
				}
				open = append(open, next)
			}
		}
		if plans != 1 {
			t.Errorf("%+v: plan came %d times", config, plans)
		}
	}
}

func TestEarliest(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		missing []Step
		done    []string
		want    []Step
	}{
		{"a missing stream comes before the plan", []Step{FetchContacts, Plan}, []string{"fetch-students"}, []Step{FetchContacts}},
		{"the plan alone", []Step{Plan, Plan}, []string{"fetch-students"}, []Step{Plan}},
		{"the apply after a plan that is done", []Step{Plan, Apply}, []string{"plan"}, []Step{Apply}},
		{"nothing where all is done", []Step{Plan, Apply}, []string{"plan", "apply"}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, Earliest(test.missing, test.done)); diff != "" {
				t.Errorf("earliest (-want +got):\n%s", diff)
			}
		})
	}
}

func TestConfig_Equal(t *testing.T) {
	t.Parallel()
	full := Config{District: "d", PageSize: 1, Mapping: 1, Options: roster.Options{
		Schools: []string{"s"}, Classrooms: true, UniqueClassNames: true, Parents: true, ParentTypes: []string{"Family"}, MatchByName: true,
	}}
	if !full.Equal(full) {
		t.Fatal("a config does not equal itself")
	}
	for name, change := range map[string]func(*Config){
		"district":       func(c *Config) { c.District = "e" },
		"page size":      func(c *Config) { c.PageSize = 2 },
		"mapping":        func(c *Config) { c.Mapping = 2 },
		"whole":          func(c *Config) { c.Options.Whole = true },
		"schools":        func(c *Config) { c.Options.Schools = nil },
		"classrooms":     func(c *Config) { c.Options.Classrooms = false },
		"unique names":   func(c *Config) { c.Options.UniqueClassNames = false },
		"parents":        func(c *Config) { c.Options.Parents = false },
		"match by name":  func(c *Config) { c.Options.MatchByName = false },
		"parents' types": func(c *Config) { c.Options.ParentTypes = []string{"Other"} },
	} {
		changed := full
		change(&changed)
		if full.Equal(changed) {
			t.Errorf("another %s counts as equal", name)
		}
	}
}
