package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const module = "cleversync"

// sound is a small tree without a fault; each test adds one.
func sound() tree {
	return tree{
		module: module,
		standard: map[string]bool{
			"net/http": true, "context": true, "internal/runtime/maps": true, "vendor/golang.org/x/text/tenant": true,
		},
		packages: []pkg{
			{ImportPath: "cleversync/api", Name: "main", Imports: []string{"cleversync/api/internal/httpapi", "cleversync/shared/daemon"}},
			{ImportPath: "cleversync/api/internal/httpapi", Name: "httpapi",
				Imports:      []string{"net/http", "cleversync/shared/clever", "cleversync/shared/dispatch", "cleversync/shared/roster"},
				TestImports:  []string{"cleversync/shared/postgres/postgrestest", "cleversync/shared/clever/clevertest"},
				XTestImports: []string{"cleversync/api/internal/httpapi", "cleversync/scripts/scratch", "cleversync/shared/queue/queuetest"}},
			{ImportPath: "cleversync/worker", Name: "main",
				Imports: []string{"cleversync/shared/daemon", "cleversync/shared/dispatch", "cleversync/shared/clever"}},
			{ImportPath: "cleversync/deploy/migrate", Name: "main", Imports: []string{"cleversync/shared/postgres"}},
			{ImportPath: "cleversync/scripts/clever-sim", Name: "main", Imports: []string{"cleversync/shared/clever/clevertest"}},
			{ImportPath: "cleversync/scripts/scratch", Name: "scratch"},
			{ImportPath: "cleversync/scripts/scratch/run", Name: "main", Imports: []string{"cleversync/scripts/scratch"}},
			{ImportPath: "cleversync/shared/clever", Name: "clever", Imports: []string{"cleversync/shared/roster", "net/http"},
				XTestImports: []string{"cleversync/shared/postgres"}},
			{ImportPath: "cleversync/shared/clever/clevertest", Name: "clevertest", Imports: []string{"cleversync/shared/roster"}},
			{ImportPath: "cleversync/shared/daemon", Name: "daemon"},
			{ImportPath: "cleversync/shared/dispatch", Name: "dispatch", Imports: []string{"cleversync/shared/postgres"}},
			{ImportPath: "cleversync/shared/fault", Name: "fault"},
			{ImportPath: "cleversync/shared/postgres", Name: "postgres", Imports: []string{"cleversync/shared/fault", "github.com/jackc/pgx/v5"}},
			{ImportPath: "cleversync/shared/postgres/postgrestest", Name: "postgrestest",
				Imports: []string{"cleversync/shared/postgres", "cleversync/scripts/scratch"}},
			{ImportPath: "cleversync/shared/roster", Name: "roster", Imports: []string{"cleversync/shared/fault", "encoding/json"}},
		},
	}
}

func TestCheck_Sound(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff([]string(nil), sound().check()); diff != "" {
		t.Error(diff)
	}
}

// importing adds one import to a package of the sound tree, which is made if there is none.
func importing(name, imported string) tree { return sound().importing(name, imported) }

func (t tree) importing(name, imported string) tree {
	for i, p := range t.packages {
		if p.ImportPath == module+"/"+name {
			t.packages[i].Imports = append(slices.Clone(p.Imports), imported)
			return t
		}
	}
	t.packages = append(t.packages, pkg{ImportPath: module + "/" + name, Name: filepath.Base(name), Imports: []string{imported}})
	return t
}

func testImporting(name, imported string) tree {
	t := sound()
	for i, p := range t.packages {
		if p.ImportPath == module+"/"+name {
			t.packages[i].TestImports = append(slices.Clone(p.TestImports), imported)
		}
	}
	return t
}

func TestCheck_Violations(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		tree tree
		want []string // what the line must name
	}{
		"fault imports domain":          {importing("shared/fault", module+"/shared/daemon"), []string{"shared/fault", "shared/daemon", "fault imports nothing of ours"}},
		"domain imports adapter":        {importing("shared/roster", module+"/shared/postgres"), []string{"shared/roster", "shared/postgres", "domain imports"}},
		"domain imports infrastructure": {importing("shared/roster", "github.com/jackc/pgx/v5/pgxpool"), []string{"shared/roster", "pgxpool", "free of infrastructure"}},
		"fault imports infrastructure":  {importing("shared/fault", "net/http"), []string{"shared/fault", "net/http", "free of infrastructure"}},
		"adapter imports adapter":       {importing("shared/clever", module+"/shared/postgres"), []string{"shared/clever", "shared/postgres", "never one another"}},
		"adapter imports dispatch":      {importing("shared/postgres", module+"/shared/dispatch"), []string{"shared/postgres", "shared/dispatch", "adapters import"}},
		"daemon imports adapter":        {importing("shared/daemon", module+"/shared/postgres"), []string{"shared/daemon", "shared/postgres", "daemon imports"}},
		"dispatch imports daemon":       {importing("shared/dispatch", module+"/shared/daemon"), []string{"shared/dispatch", "shared/daemon", "dispatch imports"}},
		"dispatch imports a program":    {importing("shared/dispatch", module+"/worker"), []string{"shared/dispatch", "worker", "dispatch imports"}},
		"simulator imports the client":  {importing("shared/clever/clevertest", module+"/shared/clever"), []string{"clevertest", "shared/clever (adapter)", "simulator"}},
		"program imports a program":     {importing("worker", module+"/api/internal/httpapi"), []string{"worker", "api/internal/httpapi", "programs import"}},
		"program imports a test helper": {importing("api", module+"/shared/postgres/postgrestest"), []string{"api", "postgrestest", "programs import"}},
		"program imports the simulator": {importing("api", module+"/shared/clever/clevertest"), []string{"api", "clevertest", "programs import"}},
		"program imports a script":      {importing("api", module+"/scripts/scratch"), []string{"api", "scripts/scratch", "programs import"}},
		"scratch imports ours":          {importing("scripts/scratch", module+"/shared/fault"), []string{"scripts/scratch", "shared/fault", "nothing of ours"}},
		"script imports a test helper":  {importing("scripts/clever-sim", module+"/shared/queue/queuetest"), []string{"scripts/clever-sim", "queuetest", "scripts import"}},
		"script imports a script":       {importing("scripts/clever-sim", module+"/scripts/scratch/run"), []string{"scripts/clever-sim", "scripts/scratch/run", "scripts import"}},
		"test helper imports dispatch":  {importing("shared/postgres/postgrestest", module+"/shared/dispatch"), []string{"postgrestest", "shared/dispatch", "test helpers"}},
		"deploy imports the simulator":  {importing("deploy/migrate", module+"/shared/clever/clevertest"), []string{"deploy/migrate", "clevertest", "deploy imports"}},
		"test imports a program":        {testImporting("shared/clever", module+"/worker"), []string{"shared/clever", "in a test worker", "never a program"}},
		"test imports a script":         {testImporting("worker", module+"/scripts/clever-sim"), []string{"worker", "in a test scripts/clever-sim", "never a program"}},
		"no layer in shared":            {importing("shared/blob", "context"), []string{"shared/blob", "belongs to no layer"}},
		"no layer below an adapter":     {importing("shared/postgres/rows", "context"), []string{"shared/postgres/rows", "belongs to no layer"}},
		"in shared itself":              {importing("shared", "context"), []string{"shared:", "belongs to no layer"}},
		"elsewhere":                     {importing("tools/x", "context"), []string{"tools/x", "belongs to no layer"}},
		"meaningless name":              {importing("api/internal/util", "context"), []string{"api/internal/util", `"util"`}},
		"meaningless name of a program": {importing("scripts/helpers", "context"), []string{"scripts/helpers", `"helpers"`}},
		"standard name":                 {importing("api/internal/http", "context"), []string{"api/internal/http", "net/http"}},
		"reached by nobody":             {importing("shared/region", "context"), []string{"shared/region", "nobody"}},
		"no longer alone":               {importing("api", module+"/shared/schoolmanager").importing("worker", module+"/shared/schoolmanager").with("shared/schoolmanager"), []string{"shared/schoolmanager", "api and worker", "remove it"}},
		"alone but unused":              {importing("worker", "context").with("shared/schoolmanager"), []string{"shared/schoolmanager", "nobody"}},
		"reached by one program":        {importing("worker", module+"/shared/region").with("shared/region"), []string{"shared/region", "worker only"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := c.tree.check()
			if !slices.ContainsFunc(found, func(line string) bool {
				return !slices.ContainsFunc(c.want, func(part string) bool { return !strings.Contains(line, part) })
			}) {
				t.Errorf("no line names all of %q in:\n%s", c.want, strings.Join(found, "\n"))
			}
		})
	}
}

func (t tree) with(name string) tree {
	t.packages = append(t.packages, pkg{ImportPath: module + "/" + name, Name: filepath.Base(name)})
	return t
}

func TestCheck_OneProgramAndTheSimulator(t *testing.T) {
	t.Parallel()
	tree := importing("worker", module+"/shared/syncrun").with("shared/syncrun")
	for i, p := range tree.packages {
		if p.Name == "clevertest" {
			tree.packages[i].Imports = append(p.Imports, module+"/shared/syncrun")
		}
	}
	if diff := cmp.Diff([]string(nil), tree.check()); diff != "" {
		t.Error(diff)
	}
}

// A violation names the line's both ends and the rule, and appears once.
func TestCheck_Line(t *testing.T) {
	t.Parallel()
	want := []string{"shared/clever imports shared/postgres (adapter): adapters import domain and fault, never one another"}
	if diff := cmp.Diff(want, importing("shared/clever", module+"/shared/postgres").check()); diff != "" {
		t.Error(diff)
	}
}

func TestRules_EveryLayerHasOne(t *testing.T) {
	t.Parallel()
	for l := unknown; l <= script; l++ {
		if rules[l].name == "" || rules[l].says == "" {
			t.Errorf("layer %d has no rule", l)
		}
	}
}

func TestUnexpected(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, dir := range []string{"api", "shared", ".git", "bin", "util"} {
		if err := os.Mkdir(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, content := range map[string]string{
		".gitignore": "# Built.\n/bin/\n*.test\n", "go.mod": "", "README.md": "", "Makefile": "", "api.test": "",
	} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	found, err := unexpected(root)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, line := range found {
		name, _, _ := strings.Cut(line, ":")
		names = append(names, name)
	}
	if diff := cmp.Diff([]string{"Makefile", "util"}, names); diff != "" {
		t.Error(diff)
	}
}
