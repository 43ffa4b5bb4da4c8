package main

import (
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
)

// pkg is what go list says of one package.
type pkg struct {
	ImportPath, Name                   string
	Imports, TestImports, XTestImports []string
}

// tree is a module's packages, and those of the standard library.
type tree struct {
	root, module string
	packages     []pkg
	standard     map[string]bool
}

// check returns a line for each violation, in the order of the packages.
func (t tree) check() []string {
	var found []string
	reach := t.reachedBy()
	for _, p := range t.packages {
		name := t.short(p.ImportPath)
		found = append(found, t.placed(name)...)
		found = append(found, t.named(p)...)
		found = append(found, t.imports(name, p)...)
		found = append(found, usedTwice(name, reach[name])...)
	}
	return found
}

// short is a package's path below the module's root; a foreign one stays as it is.
func (t tree) short(importPath string) string { return strings.TrimPrefix(importPath, t.module+"/") }

func (t tree) ours(importPath string) bool { return strings.HasPrefix(importPath, t.module+"/") }

func (t tree) placed(name string) []string {
	if layerOf(name) != unknown {
		return nil
	}
	return []string{fmt.Sprintf("%s: belongs to no layer (%s)", name, rules[unknown].says)}
}

// named refuses names that tell nothing, and those of the standard library, which would have to be renamed by whoever
// imports both. A program's package is named by its directory.
func (t tree) named(p pkg) []string {
	name := path.Base(p.ImportPath)
	var found []string
	for _, candidate := range slices.Compact([]string{name, p.Name}) {
		if slices.Contains(forbiddenNames, candidate) {
			found = append(found, fmt.Sprintf("%s: the name %q says nothing about what the package is for", t.short(p.ImportPath), candidate))
		}
	}
	if p.Name == "main" {
		return found
	}
	for standard := range t.standard {
		if path.Base(standard) == p.Name && !strings.Contains(standard, "internal") && !strings.HasPrefix(standard, "vendor/") {
			found = append(found, fmt.Sprintf("%s: has the name of the standard package %s", t.short(p.ImportPath), standard))
		}
	}
	return found
}

// imports compares what a package and its tests import with the rule of its layer.
func (t tree) imports(name string, p pkg) []string {
	own := layerOf(name)
	var found []string
	for _, imported := range p.Imports {
		switch {
		case t.ours(imported):
			found = append(found, t.allowed(name, t.short(imported), rules[own].may, "")...)
		case (own == faults || own == domain) && isInfrastructure(imported):
			found = append(found, fmt.Sprintf("%s imports %s: %s is free of infrastructure", name, imported, rules[own].name))
		}
	}
	tests := slices.Concat(p.TestImports, p.XTestImports)
	slices.Sort(tests)
	for _, imported := range slices.Compact(tests) {
		if t.ours(imported) && imported != p.ImportPath {
			found = append(found, t.allowed(name, t.short(imported), slices.Concat(rules[own].may, inTests), "in a test ")...)
		}
	}
	return found
}

func (t tree) allowed(name, imported string, may []layer, where string) []string {
	if mine := programOf(name); mine != "" && mine == programOf(imported) {
		return nil
	}
	if slices.Contains(may, layerOf(imported)) {
		return nil
	}
	says := rules[layerOf(name)].says
	if where != "" {
		says = "tests import shared/, its test helpers and scripts/scratch, never a program or a script"
	}
	return []string{fmt.Sprintf("%s imports %s%s (%s): %s", name, where, imported, rules[layerOf(imported)].name, says)}
}

func isInfrastructure(importPath string) bool {
	return slices.ContainsFunc(infrastructure, func(start string) bool {
		return importPath == start || strings.HasPrefix(importPath, start+"/")
	})
}

// reachedBy tells for each package which programs, the simulator among them, need it to be built.
func (t tree) reachedBy() map[string][]string {
	byName := make(map[string]pkg, len(t.packages))
	for _, p := range t.packages {
		byName[t.short(p.ImportPath)] = p
	}
	reached := map[string][]string{}
	var visit func(name, user string)
	visit = func(name, user string) {
		if slices.Contains(reached[name], user) {
			return
		}
		reached[name] = append(reached[name], user)
		for _, imported := range byName[name].Imports {
			if t.ours(imported) {
				visit(t.short(imported), user)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		switch layerOf(name) {
		case program, deploy:
			visit(name, programOf(name))
		case simulator:
			visit(name, "the simulator")
		}
	}
	return reached
}

// usedTwice looks only at what programs are made of: helpers of tests have no program that reaches them.
func usedTwice(name string, users []string) []string {
	switch layerOf(name) {
	case faults, domain, adapter, dispatch, daemon:
	default:
		return nil
	}
	_, excused := alone[name]
	switch {
	case len(users) >= 2 && excused:
		return []string{fmt.Sprintf("%s is reached by %s: remove it from the packages that stand alone in scripts/layers/rules.go", name, strings.Join(users, " and "))}
	case len(users) >= 2 || len(users) == 1 && excused:
		return nil
	}
	by := "nobody"
	if len(users) == 1 {
		by = users[0] + " only"
	}
	return []string{fmt.Sprintf("%s is reached by %s: a package is in shared/ only if two programs reach it, or one and the simulator", name, by)}
}

// unexpected lists what the top level should not hold. What .gitignore names there is nobody's concern.
func unexpected(root string) ([]string, error) {
	ignore, err := os.ReadFile(path.Join(root, ".gitignore"))
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, entry := range entries {
		name := entry.Name()
		if strings.HasPrefix(name, ".") || slices.Contains(topLevel, name) || ignored(string(ignore), name) {
			continue
		}
		found = append(found, fmt.Sprintf("%s: the top level holds %s and dotfiles only", name, strings.Join(topLevel, " ")))
	}
	return found, nil
}

func ignored(ignore, name string) bool {
	for line := range strings.Lines(ignore) {
		pattern := strings.Trim(strings.TrimSpace(line), "/")
		if match, err := path.Match(pattern, name); err == nil && match {
			return true
		}
	}
	return false
}
