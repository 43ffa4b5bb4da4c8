package clever_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	jsonv2 "github.com/go-json-experiment/json"

	"cleversync/shared/clever"
)

// TestSecret_IsNeverPrinted prints everything that holds one in every way.
func TestSecret_IsNeverPrinted(t *testing.T) {
	t.Parallel()
	const plain = "hunter2"
	token := clever.DistrictToken{District: district, Token: plain}
	config := clever.Config{ClientSecret: plain}
	client, err := clever.New(config)
	if err != nil {
		t.Fatal(err)
	}
	holders := []any{clever.Secret(plain), token, &token, config, &config, clever.Caller{Token: plain}, client, []clever.Secret{plain}, map[string]clever.Secret{"k": plain}}
	for _, holder := range holders {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%10s"} {
			hides(t, plain, verb, fmt.Sprintf(verb, holder))
		}
		var log bytes.Buffer
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "holder", holder)
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "holder", holder)
		hides(t, plain, "slog", log.String())
	}
	old, err1 := json.Marshal(token)
	young, err2 := jsonv2.Marshal(token)
	if err1 != nil || err2 != nil || !strings.Contains(string(old), `"Token":"[redacted]"`) || !strings.Contains(string(young), `"Token":"[redacted]"`) {
		t.Errorf("JSON: %s %s %v %v", old, young, err1, err2)
	}
	if string(token.Token) != plain {
		t.Error("the value itself is lost")
	}
}

func hides(t *testing.T, plain, how, printed string) {
	t.Helper()
	for _, form := range []string{plain, fmt.Sprintf("%x", plain), fmt.Sprintf("%X", plain)} {
		if strings.Contains(printed, form) {
			t.Errorf("%s prints %s", how, printed)
		}
	}
}
