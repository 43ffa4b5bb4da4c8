package deploy

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"cleversync/shared/postgres/postgrestest"
	"cleversync/shared/queue/queuetest"
)

// TestRunning starts each program as its container would, with the variables and arguments of docker-compose.yml, and asks
// for its health as its image does. Only the addresses are the test's own.
func TestRunning(t *testing.T) {
	t.Parallel()
	bin := buildAll(t)
	images, _ := readDockerfile(t)
	db, redisURL := postgrestest.New(t), queuetest.New(t)
	settings := map[string]string{
		"CLEVER_CLIENT_ID": "id", "CLEVER_CLIENT_SECRET": "secret", "APP_PASSWORD": "password", "REDIS_PASSWORD": "password",
		"ENCRYPTION_KEYS": "k1:" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32)),
	}
	getenv := func(name string) string { return settings[name] }
	for name, s := range readCompose(t).ours() {
		if name == "migrate" {
			continue // it ends by itself; every test's database comes from it
		}
		image := images[s.Build.Target]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			environ := []string{"ADDR=127.0.0.1:0"}
			for variable, value := range s.Environment {
				environ = append(environ, variable+"="+expand(value, getenv))
			}
			environ = append(environ, "DATABASE_URL="+db.URL, "REDIS_URL="+redisURL)
			args := slices.Clone(image.entrypoint[1:])
			for i := range args {
				if args[i] == image.env["ADDR"] {
					args[i] = "127.0.0.1:0"
				}
			}
			for _, arg := range s.Command {
				args = append(args, expand(arg, getenv))
			}
			addr := start(t, filepath.Join(bin, name), args, environ)
			awaitWell(t, filepath.Join(bin, image.health[0]), image.health[1:], addr)
			if name != "clever-sim" && !strings.Contains(get(t, "http://"+addr+"/metrics"), "cleversync_build_info") {
				t.Error("it gives no metrics where Prometheus scrapes")
			}
		})
	}
}

// buildAll builds what the Dockerfile builds.
func buildAll(t *testing.T) string {
	t.Helper()
	_, built := readDockerfile(t)
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"build", "-C", top, "-buildvcs=false", "-o", dir + "/"}, built...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return dir
}

// start runs a program until the test ends and returns where it listens.
func start(t *testing.T, file string, args, environ []string) string {
	t.Helper()
	cmd := exec.Command(file, args...)
	cmd.Env = environ
	lines, writer := io.Pipe()
	cmd.Stdout, cmd.Stderr = writer, writer
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	addr := make(chan string, 1)
	var log logged
	go log.watch(lines, addr)
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait(); writer.Close() }()
	t.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			return // it has ended; the test has failed by that
		}
		if err := <-ended; err != nil {
			t.Errorf("after SIGTERM it ended with %v:\n%s", err, log.text())
		}
	})
	select {
	case found := <-addr:
		return found
	case err := <-ended:
		t.Fatalf("it ended by itself (%v):\n%s", err, log.text())
	case <-t.Context().Done():
	}
	t.Fatalf("it does not listen:\n%s", log.text())
	return ""
}

// logged keeps what a program logs.
type logged struct {
	mu  sync.Mutex
	all strings.Builder
}

// watch reads the log and tells the address of its line "listening".
func (l *logged) watch(lines io.Reader, addr chan<- string) {
	decoder := json.NewDecoder(io.TeeReader(lines, l))
	for {
		var line struct{ Msg, Addr, URL string }
		if err := decoder.Decode(&line); err != nil {
			_, _ = io.Copy(l, lines) // so that the program can go on writing; the test shows the text where it matters
			return
		}
		if line.Msg == "listening" {
			addr <- strings.TrimPrefix(line.Addr+line.URL, "http://")
		}
	}
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(p)
}

func (l *logged) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.String()
}

// awaitWell asks as the container engine does, again and again.
func awaitWell(t *testing.T, check string, args []string, addr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		cmd := exec.CommandContext(ctx, check, args...)
		cmd.Env = []string{"ADDR=" + addr}
		out, err := cmd.CombinedOutput()
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("%s %q: %v: %s", check, args, err, out)
		}
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
