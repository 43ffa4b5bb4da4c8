package daemon

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
)

func TestOutcome(t *testing.T) {
	t.Parallel()
	var stderr bytes.Buffer
	if code := outcome("api", &stderr, nil); code != ExitDone || stderr.Len() > 0 {
		t.Errorf("done: %d %q", code, stderr.String())
	}
	code := outcome("api", &stderr, &Misuse{Faults: []error{errors.New("A: is required"), errors.New("B: is odd")}})
	if want := "api: A: is required\napi: B: is odd\n"; code != ExitMisused || stderr.String() != want {
		t.Errorf("misused: %d %q, want %d %q", code, stderr.String(), ExitMisused, want)
	}
	stderr.Reset()
	code = outcome("api", &stderr, errors.New("broken"))
	var line map[string]any
	if err := json.Unmarshal(stderr.Bytes(), &line); err != nil {
		t.Fatalf("%q: %v", stderr.String(), err)
	}
	if code != ExitFailed || line["error"] != "broken" || line["level"] != "ERROR" || line["program"] != "api" {
		t.Errorf("failed: %d %v", code, line)
	}
}

func TestLogger_Level(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := Logger(&out, slog.LevelWarn, "worker")
	log.Info("quiet")
	log.Warn("loud")
	if strings.Contains(out.String(), "quiet") || !strings.Contains(out.String(), `"program":"worker"`) {
		t.Errorf("logged %s", out.String())
	}
}
