package deploy

import (
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// composition is what these tests need of docker-compose.yml.
type composition struct {
	Services map[string]service
	Volumes  map[string]any
}

type service struct {
	Image string
	Build struct {
		Context, Dockerfile, Target string
	}
	Command     []string
	Environment map[string]string
	Ports       []string
	Volumes     []string
	Profiles    []string
	DependsOn   map[string]struct{ Condition string } `yaml:"depends_on"`
	Healthcheck struct{ Test []string }
	Grace       string `yaml:"stop_grace_period"`
}

func readCompose(t *testing.T) composition {
	t.Helper()
	var c composition
	readYAML(t, filepath.Join(top, "docker-compose.yml"), &c)
	return c
}

func readYAML(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// ours are the services that we build, by their targets.
func (c composition) ours() map[string]service {
	built := maps.Clone(c.Services)
	maps.DeleteFunc(built, func(_ string, s service) bool { return s.Build.Target == "" })
	return built
}

// dirs are where the programs' code is.
var dirs = map[string]string{
	"api": "api", "worker": "worker", "scheduler": "scheduler", "migrate": "deploy/migrate", "clever-sim": "scripts/clever-sim",
}

func TestCompose_Services(t *testing.T) {
	t.Parallel()
	c := readCompose(t)
	want := []string{"api", "clever-sim", "migrate", "postgres", "prometheus", "redis", "scheduler", "worker"}
	if got := slices.Sorted(maps.Keys(c.Services)); !slices.Equal(got, want) {
		t.Errorf("services: want %q, got %q", want, got)
	}
	images, _ := readDockerfile(t)
	for name, s := range c.ours() {
		if s.Build.Context != "." || s.Build.Dockerfile != "deploy/Dockerfile" || len(images[s.Build.Target].entrypoint) == 0 {
			t.Errorf("%s is built from target %q of %q in %q", name, s.Build.Target, s.Build.Dockerfile, s.Build.Context)
		}
	}
	if got := c.Services["clever-sim"].Profiles; !slices.Equal(got, []string{"simulator"}) {
		t.Errorf("the simulator's profiles: %q", got)
	}
}

// TestCompose_Environment: a program gets what it needs, and no variable that it does not know.
func TestCompose_Environment(t *testing.T) {
	t.Parallel()
	for name, s := range readCompose(t).ours() {
		if name == "clever-sim" {
			if len(s.Environment) > 0 {
				t.Errorf("the simulator takes flags, but gets %v", s.Environment)
			}
			continue
		}
		known := variablesOf(t, filepath.Join(top, dirs[s.Build.Target]))
		if name == "migrate" {
			known["DATABASE_URL"], known["APP_PASSWORD"] = true, true
		}
		for variable := range s.Environment {
			if _, ok := known[variable]; !ok {
				t.Errorf("%s gets %s, which it does not know", name, variable)
			}
		}
		images, _ := readDockerfile(t)
		for variable, required := range known {
			_, set := s.Environment[variable]
			_, inImage := images[s.Build.Target].env[variable]
			if required && !set && !inImage {
				t.Errorf("%s does not get %s, which it needs", name, variable)
			}
		}
	}
}

var substitution = regexp.MustCompile(`\$\{([A-Z_]+)(:[-?][^}]*)?\}`)

// TestCompose_Secrets: a password is never written here, nor has it a default, and all are named in the README.
func TestCompose_Secrets(t *testing.T) {
	t.Parallel()
	secret := regexp.MustCompile(`PASSWORD|SECRET|KEYS|AUTH`)
	required := map[string]bool{}
	for name, s := range readCompose(t).Services {
		for _, value := range slices.Concat(slices.Collect(maps.Values(s.Environment)), s.Command) {
			for _, found := range substitution.FindAllStringSubmatch(value, -1) {
				if strings.HasPrefix(found[2], ":?") {
					required[found[1]] = true
				} else if secret.MatchString(found[1]) {
					t.Errorf("%s: %s may be empty or has a default", name, found[1])
				}
			}
		}
		for variable, value := range s.Environment {
			if secret.MatchString(variable) && !substitution.MatchString(value) {
				t.Errorf("%s: %s is written into the file", name, variable)
			}
			if strings.HasSuffix(variable, "_URL") && strings.Contains(value, "@") && !strings.Contains(value, "PASSWORD:?") {
				t.Errorf("%s: the password in %s is not from the environment", name, variable)
			}
		}
	}
	readme, err := os.ReadFile(filepath.Join(top, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for variable := range required {
		if !regexp.MustCompile(`(?m)^` + variable + `=`).Match(readme) {
			t.Errorf("README.md does not tell how to set %s", variable)
		}
	}
}

func TestCompose_ReachableFromHereOnly(t *testing.T) {
	t.Parallel()
	for name, s := range readCompose(t).Services {
		for _, port := range s.Ports {
			if !strings.HasPrefix(port, "127.0.0.1:") {
				t.Errorf("%s publishes %s", name, port)
			}
		}
		if name == "worker" && len(s.Ports) > 0 {
			t.Error("worker publishes a port, so that it cannot be scaled")
		}
	}
}

// TestCompose_Order: programs begin after migrations and services, and have time to end.
func TestCompose_Order(t *testing.T) {
	t.Parallel()
	c := readCompose(t)
	images, _ := readDockerfile(t)
	for name, s := range c.Services {
		for other, on := range s.DependsOn {
			needed, ok := c.Services[other]
			if !ok {
				t.Errorf("%s waits for %s, which there is not", name, other)
			}
			checked := len(needed.Healthcheck.Test) > 0 || len(images[needed.Build.Target].health) > 0
			if on.Condition == "service_healthy" && !checked {
				t.Errorf("%s waits for the health of %s, which nobody checks", name, other)
			}
		}
		if s.Environment["SHUTDOWN_TIMEOUT"] == "" {
			continue
		}
		grace, graceErr := time.ParseDuration(s.Grace)
		shutdown, err := time.ParseDuration(s.Environment["SHUTDOWN_TIMEOUT"])
		if graceErr != nil || err != nil || grace <= shutdown {
			t.Errorf("%s is killed after %s and asks for %s", name, s.Grace, s.Environment["SHUTDOWN_TIMEOUT"])
		}
		if s.DependsOn["migrate"].Condition != "service_completed_successfully" || s.DependsOn["redis"].Condition != "service_healthy" {
			t.Errorf("%s does not wait for migrate and redis: %v", name, s.DependsOn)
		}
	}
}

// TestCompose_Addresses: what the design asks of Redis, and that the addresses name services that there are.
func TestCompose_Addresses(t *testing.T) {
	t.Parallel()
	c := readCompose(t)
	redis := strings.Join(c.Services["redis"].Command, " ")
	for _, want := range []string{"--appendonly yes", "--appendfsync everysec", "--maxmemory-policy noeviction", "--requirepass ${"} {
		if !strings.Contains(redis, want) {
			t.Errorf("redis lacks %s: %s", want, redis)
		}
	}
	for name, s := range c.ours() {
		for variable, value := range s.Environment {
			u, err := url.Parse(expand(value, func(string) string { return "secret" }))
			if err != nil || !strings.HasSuffix(variable, "_URL") || u.User == nil {
				continue
			}
			if _, ok := c.Services[u.Hostname()]; !ok {
				t.Errorf("%s of %s names %q, which is no service", variable, name, u.Hostname())
			}
		}
	}
	for name, s := range c.Services {
		for _, volume := range s.Volumes {
			from, _, _ := strings.Cut(volume, ":")
			if _, named := c.Volumes[from]; named {
				continue
			}
			if _, err := os.Stat(filepath.Join(top, from)); err != nil {
				t.Errorf("%s mounts %s: %v", name, from, err)
			}
		}
	}
}

// expand puts values into a text of docker-compose.yml as compose does: ${NAME:?why} and ${NAME:-default}.
func expand(text string, getenv func(string) string) string {
	return substitution.ReplaceAllStringFunc(text, func(match string) string {
		parts := substitution.FindStringSubmatch(match)
		if value := getenv(parts[1]); value != "" {
			return value
		}
		return strings.TrimPrefix(parts[2], ":-")
	})
}
