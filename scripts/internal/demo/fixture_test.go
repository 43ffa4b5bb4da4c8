package main

import (
	"os"
	"path/filepath"
	"testing"
)

// writeRecorded makes a directory look like one of recorded bodies.
func writeRecorded(t *testing.T, dir string) {
	t.Helper()
	for _, name := range []string{"users.json", "sections.json", "districts.json"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(`{"data":[]}`), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
