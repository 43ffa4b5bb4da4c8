package deploy

import (
	"encoding/json"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// image is one target of the Dockerfile, with what it inherits.
type image struct {
	from       string
	env        map[string]string
	entrypoint []string
	health     []string // the check's command
	copies     []string // out of the build, by their names there
	user       string
}

// readDockerfile understands as much as ours uses.
func readDockerfile(t *testing.T) (images map[string]image, built []string) {
	t.Helper()
	text, err := os.ReadFile("Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	images = map[string]image{}
	var now string
	for line := range strings.Lines(strings.ReplaceAll(string(text), "\\\n", " ")) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		current := images[now]
		switch word {
		case "FROM":
			from, name, ok := strings.Cut(rest, " AS ")
			if !ok {
				t.Fatalf("a stage without a name: %s", line)
			}
			now, current = name, inherit(images[from], from)
		case "ENV":
			name, value, _ := strings.Cut(rest, "=")
			current.env[name] = value
		case "ENTRYPOINT":
			current.entrypoint = words(t, rest)
		case "HEALTHCHECK":
			_, command, _ := strings.Cut(rest, "CMD ")
			current.health = words(t, command)
		case "USER":
			current.user = rest
		case "COPY":
			if name, ok := strings.CutPrefix(rest, "--from=build /out/"); ok {
				name, to, _ := strings.Cut(name, " ")
				if to != "/"+name {
					t.Errorf("%s is copied to %s", name, to)
				}
				current.copies = append(current.copies, name)
			}
		case "RUN":
			if strings.Contains(rest, "go build") {
				built = regexp.MustCompile(`\./\S+`).FindAllString(rest, -1)
				if !strings.HasPrefix(rest, "CGO_ENABLED=0 ") {
					t.Error("the programs are not built static")
				}
			}
		}
		images[now] = current
	}
	return images, built
}

func inherit(parent image, name string) image {
	env := map[string]string{}
	for key, value := range parent.env {
		env[key] = value
	}
	parent.env, parent.from, parent.copies = env, name, slices.Clone(parent.copies)
	return parent
}

func words(t *testing.T, list string) []string {
	t.Helper()
	var parsed []string
	if err := json.Unmarshal([]byte(list), &parsed); err != nil {
		t.Fatalf("a command must be a list of words, since there is no shell: %s", list)
	}
	return parsed
}

// targets are the images of programs.
func targets(images map[string]image) map[string]image {
	found := map[string]image{}
	for name, i := range images {
		if len(i.entrypoint) > 0 {
			found[name] = i
		}
	}
	return found
}

func TestDockerfile(t *testing.T) {
	t.Parallel()
	images, built := readDockerfile(t)
	for _, want := range []string{"api", "worker", "scheduler", "migrate", "clever-sim"} {
		if len(images[want].entrypoint) == 0 {
			t.Errorf("there is no target %s", want)
		}
	}
	for name, i := range targets(images) {
		if i.user == "" || strings.HasPrefix(i.user, "0") || strings.HasPrefix(i.user, "root") {
			t.Errorf("%s runs as %q", name, i.user)
		}
		if i.entrypoint[0] != "/"+name || !slices.Contains(i.copies, name) {
			t.Errorf("%s starts %s, which is not copied there", name, i.entrypoint[0])
		}
		if len(i.health) > 0 && (i.health[0] != "/healthcheck" || !slices.Contains(i.copies, "healthcheck")) {
			t.Errorf("%s is checked by %s, which is not copied there", name, i.health[0])
		}
		if len(i.health) == 0 && name != "migrate" {
			t.Errorf("%s has no check of its health", name)
		}
	}
	for _, dir := range built {
		files := parseDir(t, filepath.Join(top, dir))
		if len(files) == 0 || files[0].Name.Name != "main" {
			t.Errorf("%s is no program", dir)
		}
	}
	for name, i := range targets(images) {
		for _, copied := range i.copies {
			if !slices.ContainsFunc(built, func(dir string) bool { return path.Base(dir) == copied }) {
				t.Errorf("%s needs %s, which is not built", name, copied)
			}
		}
	}
}

// TestDockerfile_GoVersion: an older Go than go.mod asks for would have to fetch another one.
func TestDockerfile_GoVersion(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(top, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	wanted := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindSubmatch(text)
	if wanted == nil {
		t.Fatal("go.mod names no version")
	}
	images, _ := readDockerfile(t)
	if got := images["build"].from; got != "golang:"+string(wanted[1]) {
		t.Errorf("want the image golang:%s, got %s", wanted[1], got)
	}
}
