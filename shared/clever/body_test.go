package clever

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// slowReader needs its time for each read.
type slowReader struct{ each time.Duration }

func (r slowReader) Read(p []byte) (int, error) {
	time.Sleep(r.each)
	return copy(p, "x"), nil
}

func (slowReader) Close() error { return nil }

// TestBody_Idle runs on a clock of its own. What counts is the time within one
// read; what the reader of a page does in between is not Clever's.
func TestBody_Idle(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name         string
		read, pause  time.Duration
		idle, waited time.Duration
		want         error
	}{
		{"slow reader of the page", time.Second, time.Hour, 10 * time.Second, 2 * time.Second, nil},
		{"slow Clever", 9 * time.Second, 0, 10 * time.Second, 18 * time.Second, nil},
		{"silent Clever", 11 * time.Second, 0, 10 * time.Second, 22 * time.Second, errIdle},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			resp := &http.Response{Body: slowReader{c.read}}
			b := newBody(resp, bounds{idle: c.idle, maxBody: 100, maxValue: 100}, cancel)
			for range 2 {
				if _, err := b.Read(make([]byte, bufferSize)); err != nil {
					t.Fatal(err)
				}
				time.Sleep(c.pause)
			}
			if got := context.Cause(ctx); !errors.Is(got, c.want) {
				t.Errorf("%s: cancelled because of %v; want %v", c.name, got, c.want)
			}
			if b.wire.waited != c.waited {
				t.Errorf("%s: waited %v for Clever; want %v", c.name, b.wire.waited, c.waited)
			}
		})
	}
}
