package deploy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// top is the repository's.
const top = ".."

// variables are those that a program reads from its environment, and whether it needs them.
type variables map[string]bool

// variablesOf finds them in the program's source: fields of a struct named Config with an env tag, and calls of getenv.
func variablesOf(t *testing.T, dir string) variables {
	t.Helper()
	found := variables{}
	for _, file := range parseDir(t, dir) {
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.TypeSpec:
				if fields, ok := n.Type.(*ast.StructType); ok && n.Name.Name == "Config" {
					found.addTags(fields)
				}
			case *ast.CallExpr:
				if called, ok := n.Fun.(*ast.Ident); ok && called.Name == "getenv" && len(n.Args) == 1 {
					if name, ok := literal(n.Args[0]); ok {
						found[name] = false
					}
				}
			}
			return true
		})
	}
	if len(found) == 0 {
		t.Fatalf("%s reads no variable that this test can find", dir)
	}
	return found
}

func (v variables) addTags(fields *ast.StructType) {
	for _, field := range fields.Fields.List {
		if field.Tag == nil {
			continue
		}
		text, err := strconv.Unquote(field.Tag.Value)
		if err != nil {
			panic(err) // the parser has accepted it
		}
		if tag, ok := reflect.StructTag(text).Lookup("env"); ok {
			name, options, _ := strings.Cut(tag, ",")
			v[name] = strings.Contains(options, "required")
		}
	}
}

// parseDir parses the files of a package, its tests excepted.
func parseDir(t *testing.T, dir string) []*ast.File {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

func literal(e ast.Expr) (string, bool) {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(lit.Value)
	return text, err == nil
}

var metricName = regexp.MustCompile(`^cleversync_[a-z0-9_]+$`)

// metricsInCode lists the metrics that the programs make: every text in their code that is a metric's name. The logins
// of Postgres look alike and are taken out.
func metricsInCode(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for _, root := range []string{"api", "worker", "scheduler", "shared"} {
		err := filepath.WalkDir(filepath.Join(top, root), func(path string, entry os.DirEntry, err error) error {
			if err != nil || !entry.IsDir() {
				return err
			}
			for _, file := range parseDir(t, path) {
				ast.Inspect(file, func(n ast.Node) bool {
					if e, ok := n.(ast.Expr); ok {
						if name, ok := literal(e); ok && metricName.MatchString(name) {
							found[name] = true
						}
					}
					return true
				})
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, login := range []string{"cleversync_app", "cleversync_sync", "cleversync_tenant"} {
		delete(found, login)
	}
	if len(found) < 10 {
		t.Fatalf("only %d metrics are found in the code", len(found))
	}
	return found
}
