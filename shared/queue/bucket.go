package queue

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

//go:embed reserve.lua
var reserveScript string

//go:embed obey.lua
var obeyScript string

// Keys in Redis. A district's id never looks like the ends of the others.
const (
	bucketPrefix = "cleversync:budget:"      // + district
	paceSuffix   = ":pace"                   // after a bucket's key
	memoryKey    = "cleversync:budget-state" // what Redis remembers of itself
	callersKey   = "cleversync:budget-callers"
)

const (
	// sign is how often a process that asks says that it is there.
	sign = 10 * time.Second
	// pause is how long nobody asks a Redis that did not answer.
	pause = time.Second
	// unknownCallers stands for the number of processes that share the budget
	// where Redis has not told it yet.
	unknownCallers = 8
)

var errAway = errors.New("redis did not answer a moment ago")

// bucket is the part of the budget that stands in Redis, and what this process
// knows about reaching it.
type bucket struct {
	redis         *redis.Client
	reserveScript *redis.Script
	obeyScript    *redis.Script
	process       string

	mu      sync.Mutex
	memory  string    // of Redis, as last seen
	signed  time.Time // last sign of life
	callers int       // processes in the last minute, as last told
	lost    time.Time // since when Redis does not answer; zero where it does
	ask     time.Time // not before, while it does not answer
}

func newBucket(client *redis.Client) *bucket {
	return &bucket{
		redis:         client,
		reserveScript: redis.NewScript(reserveScript), obeyScript: redis.NewScript(obeyScript),
		process: rand.Text(), callers: unknownCallers,
	}
}

// reserve gives the wait after which a place is the caller's; a longer one than
// longestTake has taken nothing. An error means that Redis cannot tell.
func (b *bucket) reserve(ctx context.Context, district string, manual bool) (time.Duration, error) {
	memory, process, err := b.begin()
	if err != nil {
		return 0, err
	}
	burst := budgetBurst
	if !manual {
		burst -= manualReserve
	}
	keys := []string{bucketPrefix + district, bucketPrefix + district + paceSuffix, memoryKey, callersKey}
	args := []any{1_000_000 / budgetRate, burst, budgetBurst, longestTake.Microseconds(), memory, "0", process}
	answer, err := b.reserveScript.EvalSha(ctx, b.redis, keys, args...).Slice()
	if redis.HasErrorPrefix(err, "NOSCRIPT") {
		args[5] = "1"
		answer, err = b.reserveScript.Eval(ctx, b.redis, keys, args...).Slice()
	}
	var r reservation
	if err == nil {
		r, err = readReservation(answer)
	}
	if ctx.Err() == nil { // else the end is the caller's, and says nothing of Redis
		b.end(err)
	}
	if err != nil {
		return 0, fmt.Errorf("reserve in redis: %w", err)
	}
	b.learn(r, process != "")
	return r.wait, nil
}

// obey holds all callers to what Clever's headers said.
func (b *bucket) obey(ctx context.Context, district string, limit, remaining int, reset time.Duration) (stopped bool, err error) {
	if _, _, err := b.begin(); err != nil {
		return false, err
	}
	spare := onTheirWay
	if limit > 0 {
		spare = min(spare, limit/10) // a small limit would be all spare
	}
	keys := []string{bucketPrefix + district, bucketPrefix + district + paceSuffix}
	stopped, err = b.obeyScript.Run(ctx, b.redis, keys,
		1_000_000/budgetRate, budgetBurst, spare, remaining, reset.Microseconds()).Bool()
	b.end(err)
	if err != nil {
		return false, fmt.Errorf("obey in redis: %w", err)
	}
	return stopped, nil
}

// begin is asked before each call: of a Redis that does not answer one caller
// finds out now and then whether it does again, and the others lose no time.
func (b *bucket) begin() (memory, process string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	if !b.lost.IsZero() {
		if now.Before(b.ask) {
			return "", "", errAway
		}
		b.ask = now.Add(pause)
	}
	if now.Sub(b.signed) >= sign {
		process = b.process
	}
	return b.memory, process, nil
}

func (b *bucket) end(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	switch {
	case err == nil:
		b.lost = time.Time{}
	case b.lost.IsZero():
		b.lost, b.ask = now, now.Add(pause)
	default:
		b.ask = now.Add(pause)
	}
}

// learn remembers what Redis told, and that it was given a sign of life. A new
// memory knows none: the next call gives one again.
func (b *bucket) learn(r reservation, gaveSign bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.memory != r.memory:
		b.memory, b.signed = r.memory, time.Time{}
	case gaveSign:
		b.signed = time.Now()
	}
	b.callers = r.callers
}

func (b *bucket) away() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.lost.IsZero()
}

// outage tells since when Redis does not answer, and how many processes shared
// the budget before.
func (b *bucket) outage() outage {
	b.mu.Lock()
	defer b.mu.Unlock()
	return outage{since: b.lost, callers: b.callers}
}

// reservation is what the script answers.
type reservation struct {
	wait    time.Duration
	memory  string
	callers int
}

func readReservation(answer []any) (reservation, error) {
	if len(answer) != 3 {
		return reservation{}, fmt.Errorf("%d values in the script's answer, want 3", len(answer))
	}
	wait, isText := answer[0].(string)
	memory, isMemory := answer[1].(string)
	callers, isNumber := answer[2].(int64)
	micros, err := strconv.ParseInt(wait, 10, 64)
	if !isText || !isMemory || !isNumber || err != nil {
		return reservation{}, errors.New("the script's answer has other types than agreed")
	}
	return reservation{time.Duration(micros) * time.Microsecond, memory, int(callers)}, nil
}
