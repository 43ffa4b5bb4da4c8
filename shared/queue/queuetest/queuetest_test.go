package queuetest_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"cleversync/shared/queue/queuetest"
)

func client(t *testing.T, url string) *redis.Client {
	t.Helper()
	options, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(options)
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	return client
}

func TestNew_TestsDoNotSeeEachOthersKeys(t *testing.T) {
	t.Parallel()
	one, two := client(t, queuetest.New(t)), client(t, queuetest.New(t))
	if err := one.Set(t.Context(), "asynq:queues", "one", 0).Err(); err != nil {
		t.Fatal(err)
	}
	switch found, err := two.Exists(t.Context(), "asynq:queues").Result(); {
	case err != nil:
		t.Fatal(err)
	case found > 0:
		t.Error("a key of one test is in the other's database")
	}
}

func TestNew_EmptiesTheDatabaseAtTheEnd(t *testing.T) {
	t.Parallel()
	var url string
	t.Run("inner", func(t *testing.T) {
		url = queuetest.New(t)
		if err := client(t, url).Set(t.Context(), "left", "behind", 0).Err(); err != nil {
			t.Fatal(err)
		}
	})
	if n, err := client(t, url).Exists(t.Context(), "left").Result(); err != nil || n > 0 {
		t.Errorf("%d keys left, error %v", n, err)
	}
}

// TestNew_FailsWithoutRedis runs this program again without services: the test there must fail, not be skipped.
func TestNew_FailsWithoutRedis(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestNew_TestsDoNotSeeEachOthersKeys$", "-test.v")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Error("the test passed")
	}
	if !strings.Contains(string(out), "--- FAIL") || !strings.Contains(string(out), "scripts/test") {
		t.Errorf("the test does not say what to do:\n%s", out)
	}
}
