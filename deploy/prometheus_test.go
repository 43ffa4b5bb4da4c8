package deploy

import (
	"maps"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"cleversync/shared/fault"
)

type scraping struct {
	RuleFiles []string `yaml:"rule_files"`
	Jobs      []struct {
		Name string `yaml:"job_name"`
		DNS  []struct {
			Names []string
			Port  string
		} `yaml:"dns_sd_configs"`
	} `yaml:"scrape_configs"`
}

// TestPrometheus_Targets: each program of docker-compose.yml is scraped where it listens.
func TestPrometheus_Targets(t *testing.T) {
	t.Parallel()
	var s scraping
	readYAML(t, "prometheus.yml", &s)
	images, _ := readDockerfile(t)
	services := readCompose(t).Services
	scraped := map[string]bool{}
	for _, job := range s.Jobs {
		for _, dns := range job.DNS {
			for _, name := range dns.Names {
				scraped[name] = true
				_, port, err := net.SplitHostPort(images[services[name].Build.Target].env["ADDR"])
				if err != nil || port != dns.Port {
					t.Errorf("job %s scrapes %s at port %s, it listens at %q", job.Name, name, dns.Port, port)
				}
			}
		}
	}
	want := []string{"api", "scheduler", "worker"}
	if got := slices.Sorted(maps.Keys(scraped)); !slices.Equal(got, want) {
		t.Errorf("scraped are %q, want %q", got, want)
	}
	mounted := strings.Join(services["prometheus"].Volumes, " ")
	for _, file := range append(s.RuleFiles, "prometheus.yml") {
		if !strings.Contains(mounted, "./deploy/"+file+":/etc/prometheus/"+file) {
			t.Errorf("%s is not mounted where Prometheus looks: %s", file, mounted)
		}
	}
}

type alert struct {
	Alert       string
	Expr        string
	Labels      map[string]string
	Annotations map[string]string
}

func readAlerts(t *testing.T) []alert {
	t.Helper()
	var rules struct{ Groups []struct{ Rules []alert } }
	readYAML(t, "alerts.yml", &rules)
	var all []alert
	for _, group := range rules.Groups {
		all = append(all, group.Rules...)
	}
	if len(all) == 0 {
		t.Fatal("there are no alerts")
	}
	return all
}

// TestAlerts_Metrics: an alert on a metric that nobody makes would never fire.
func TestAlerts_Metrics(t *testing.T) {
	t.Parallel()
	known := metricsInCode(t)
	names := regexp.MustCompile(`\bcleversync_[a-z0-9_]+`)
	part := regexp.MustCompile(`_(bucket|sum|count)$`) // of a histogram
	for _, a := range readAlerts(t) {
		found := names.FindAllString(a.Expr, -1)
		if len(found) == 0 && !strings.HasPrefix(a.Expr, "up{") {
			t.Errorf("%s looks at no metric of ours: %s", a.Alert, a.Expr)
		}
		for _, name := range found {
			if !known[name] && !known[part.ReplaceAllString(name, "")] {
				t.Errorf("%s looks at %s, which no program makes", a.Alert, name)
			}
		}
	}
}

// TestRunbook: it has a heading for every alert, and an entry for every code that a run can fail with.
func TestRunbook(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("RUNBOOK.md")
	if err != nil {
		t.Fatal(err)
	}
	headings := map[string]bool{}
	for _, found := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(string(text), -1) {
		headings[strings.ToLower(found[1])] = true
	}
	for _, a := range readAlerts(t) {
		if a.Annotations["summary"] == "" || !slices.Contains([]string{"page", "ticket"}, a.Labels["severity"]) {
			t.Errorf("%s lacks a summary or a severity", a.Alert)
		}
		file, heading, _ := strings.Cut(a.Annotations["runbook"], "#")
		if file != "deploy/RUNBOOK.md" || !headings[heading] || heading != strings.ToLower(a.Alert) {
			t.Errorf("%s points to %q, where the runbook has no heading", a.Alert, a.Annotations["runbook"])
		}
	}
	for _, e := range fault.Explanations() {
		if !regexp.MustCompile(`(?m)^\| .*` + "`" + string(e.Code) + "`").Match(text) {
			t.Errorf("the runbook has no entry for %s", e.Code)
		}
	}
}
