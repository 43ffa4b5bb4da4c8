package main

import (
	"path"
	"slices"
	"strings"
)

// layer is a group of packages that the same rule holds for.
type layer int

const (
	unknown    layer = iota
	faults           // kinds of errors: import nothing of ours
	domain           // what the words mean: no infrastructure
	adapter          // one outside system each
	daemon           // what every program needs to run
	dispatch         // adapters put together: the one way a run begins, the one way to a district's token
	simulator        // Clever as it answers, for tests and the demo
	testHelper       // for tests only
	starter          // scripts/scratch, which tests and scripts start services with
	program          // api, worker, scheduler and their internal packages
	deploy           // programs that a deployment runs once
	script           // programs for developers
)

// shared assigns each package of shared/ its layer; one that is not named here is an error, so that nobody adds a
// package without deciding where it belongs.
var shared = map[string]layer{
	"shared/fault":                 faults,
	"shared/tenant":                domain,
	"shared/region":                domain,
	"shared/syncrun":               domain,
	"shared/roster":                domain,
	"shared/postgres":              adapter,
	"shared/clever":                adapter,
	"shared/queue":                 adapter,
	"shared/schoolmanager":         adapter,
	"shared/seal":                  adapter,
	"shared/dispatch":              dispatch,
	"shared/credential":            dispatch,
	"shared/daemon":                daemon,
	"shared/clever/clevertest":     simulator,
	"shared/postgres/postgrestest": testHelper,
	"shared/queue/queuetest":       testHelper,
}

// rule says what a layer may import of ours, beside packages of its own program.
type rule struct {
	name string // as a violation calls it
	may  []layer
	// says is the rule in words, for whoever breaks it.
	says string
}

var rules = map[layer]rule{
	faults:     {"fault", nil, "fault imports nothing of ours"},
	domain:     {"domain", []layer{faults, domain}, "the domain imports fault and itself only"},
	adapter:    {"adapter", []layer{faults, domain}, "adapters import domain and fault, never one another"},
	daemon:     {"daemon", []layer{faults, domain}, "daemon imports domain and fault only, so that every program can start with it"},
	dispatch:   {"dispatch", []layer{faults, domain, adapter}, "dispatch imports adapters, domain and fault only"},
	simulator:  {"simulator", []layer{faults, domain}, "the simulator knows Clever, nothing of ours but domain and fault"},
	testHelper: {"test helper", []layer{faults, domain, adapter, starter}, "test helpers import adapters, domain, fault and scripts/scratch only"},
	starter:    {"scripts/scratch", nil, "scripts/scratch imports nothing of ours"},
	program:    {"program", []layer{faults, domain, adapter, daemon, dispatch}, "programs import their own packages, dispatch, daemon, adapters, domain and fault only"},
	deploy:     {"deploy", []layer{faults, domain, adapter, daemon, dispatch}, "deploy imports what programs import"},
	script:     {"script", []layer{faults, domain, adapter, daemon, dispatch, simulator, starter}, "scripts import shared/ (not its test helpers) and scripts/scratch, never a program"},
	unknown:    {"unassigned", nil, "assign the package a layer in scripts/layers/rules.go"},
}

// inTests are what a test may import beside what its package may: real services, the simulator, any adapter.
var inTests = []layer{faults, domain, adapter, daemon, dispatch, simulator, testHelper, starter}

// infrastructure is what neither fault nor the domain may import, by the beginning of the path.
var infrastructure = []string{
	"database/sql", "net/http", "os/exec",
	"github.com/jackc/pgx", "github.com/redis/go-redis", "github.com/hibiken", "github.com/pressly/goose",
	"github.com/danielgtaylor/huma", "github.com/prometheus/client_golang", "golang.org/x/oauth2",
}

// forbiddenNames say nothing about what a package is for.
var forbiddenNames = []string{
	"util", "utils", "common", "helper", "helpers", "type", "types", "model", "models", "base", "manager", "service", "services", "misc",
}

// programs are the programs of which two must reach a package of shared/, or one and the simulator. Each folder of
// deploy/ is one more.
var programs = []string{"api", "worker", "scheduler"}

// alone are packages that one program reaches so far, and why they stand in shared/ all the same. An entry that is no
// longer true is an error too.
var alone = map[string]string{
	"shared/schoolmanager": "the only package that knows the store: another target would be another package beside it",
}

// topLevel is all that the top level may hold beside files that begin with a dot.
var topLevel = []string{
	"api", "worker", "scheduler", "shared", "deploy", "scripts", "go.mod", "go.sum", "docker-compose.yml", "README.md",
}

// layerOf places a package, named by its path below the module's root.
func layerOf(name string) layer {
	if assigned, ok := shared[name]; ok {
		return assigned
	}
	top, _, _ := strings.Cut(name, "/")
	switch {
	case name == "scripts/scratch":
		return starter
	case slices.Contains(programs, top):
		return program
	case top == "deploy":
		return deploy
	case top == "scripts":
		return script
	}
	return unknown
}

// programOf names the program that a package belongs to: its own packages may import one another.
func programOf(name string) string {
	parts := strings.Split(name, "/")
	switch layerOf(name) {
	case program:
		return parts[0]
	case deploy, script:
		return path.Join(parts[:min(2, len(parts))]...)
	}
	return ""
}
