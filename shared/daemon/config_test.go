package daemon_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cleversync/shared/daemon"
)

type config struct {
	Common  embedded
	Level   slog.Level    `env:"LOG_LEVEL" envDefault:"info"`
	URL     daemon.Secret `env:"URL,required"`
	Conns   int32         `env:"CONNS" envDefault:"10"`
	Wait    time.Duration `env:"WAIT" envDefault:"5s"`
	Regions []string      `env:"REGIONS" envDefault:"a,b"`
}

type embedded struct {
	Shared int `env:"SHARED" envDefault:"1"`
}

func (c *config) Validate() error {
	var faults []error
	if c.Conns < 1 {
		faults = append(faults, errors.New("CONNS: must be positive"))
	}
	if c.Wait <= 0 {
		faults = append(faults, errors.New("WAIT must be above zero"))
	}
	if len(c.Regions) > 2 {
		faults = append(faults, errors.New("REGIONS: too many"), errors.New("REGIONS: and odd"))
	}
	return errors.Join(faults...)
}

func environment(values map[string]string) func(string) string {
	return func(name string) string { return values[name] }
}

func TestParse_DefaultsAndValues(t *testing.T) {
	t.Parallel()
	got, err := daemon.Parse[config](environment(map[string]string{"URL": "secret://x", "CONNS": "3", "WAIT": ""}))
	if err != nil {
		t.Fatal(err)
	}
	if got.URL.Reveal() != "secret://x" || got.Conns != 3 || got.Wait != 5*time.Second || got.Common.Shared != 1 {
		t.Errorf("parsed %+v", got)
	}
	if diff := cmp.Diff([]string{"a", "b"}, got.Regions); diff != "" {
		t.Errorf("regions (-want +got):\n%s", diff)
	}
}

func TestParse_AllFaultsAtOnce(t *testing.T) {
	t.Parallel()
	_, err := daemon.Parse[config](environment(map[string]string{"CONNS": "many", "WAIT": "-1s", "REGIONS": "a,b,c", "SHARED": "x"}))
	misuse, ok := errors.AsType[*daemon.Misuse](err)
	if !ok {
		t.Fatalf("got %v, want a *Misuse", err)
	}
	var subjects []string
	for _, fault := range misuse.Faults {
		subject, _, _ := strings.Cut(fault.Error(), " ")
		subjects = append(subjects, strings.TrimSuffix(subject, ":"))
	}
	if diff := cmp.Diff([]string{"SHARED", "URL", "CONNS", "WAIT", "REGIONS", "REGIONS"}, subjects); diff != "" {
		t.Errorf("faults (-want +got):\n%s\n%v", diff, err)
	}
}

func TestSecret_IsNeverPrinted(t *testing.T) {
	t.Parallel()
	c := config{URL: daemon.NewSecret("hunter2")}
	hidden := struct{ url daemon.Secret }{c.URL}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "config", c, "url", c.URL, "hidden", hidden)
	encoded, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		fmt.Sprintf("%v %+v %#v %s %q %x", c, c, c, c.URL, c.URL, c.URL), fmt.Sprint(&c), fmt.Sprintf("%+v %#v", hidden, hidden),
		log.String(), string(encoded),
	} {
		if strings.Contains(text, "hunter2") || strings.Contains(text, fmt.Sprintf("%x", "hunter2")) {
			t.Errorf("printed as %s", text)
		}
	}
	if !strings.Contains(fmt.Sprint(c), "[redacted]") || c.URL.Reveal() != "hunter2" || (daemon.Secret{}).Reveal() != "" {
		t.Error("the secret is not where it belongs")
	}
}
