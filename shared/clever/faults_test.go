package clever_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"cleversync/shared/clever"
	"cleversync/shared/clever/clevertest"
	"cleversync/shared/fault"
	"cleversync/shared/roster"
)

// want is what a request must come to. Its zero value is success.
type want struct {
	code  fault.Code
	final bool
	// atLeast and atMost bound RetryAfter.
	atLeast, atMost time.Duration
}

// Outcomes, by their codes.
var (
	fine        = want{}
	unavailable = want{code: fault.CleverUnavailable}
	bad         = want{code: fault.CleverBadResponse}
	badForGood  = want{code: fault.CleverBadResponse, final: true}
	incomplete  = want{code: fault.SnapshotIncomplete}
	revoked     = want{code: fault.CleverTokenRevoked}
	notShared   = want{code: fault.CleverNotShared}
)

// unsaid is how long a refusal is waited out that does not say how long.
const unsaid = 30 * time.Second

func limited(atLeast, atMost time.Duration) want {
	return want{code: fault.CleverRateLimited, atLeast: atLeast, atMost: atMost}
}

func (w want) check(err error) string {
	switch {
	case err == nil && w.code == "":
		return ""
	case err == nil || w.code == "":
		return fmt.Sprintf("%v; want %q", err, w.code)
	}
	f := fault.Of(err)
	if f.Code != w.code || f.Final != w.final || f.RetryAfter < w.atLeast || f.RetryAfter > w.atMost {
		return fmt.Sprintf("%v, final %v, retry after %v; want %+v", err, f.Final, f.RetryAfter, w)
	}
	return ""
}

// trial is a fault and what each call of the client makes of it.
type trial struct {
	fault clevertest.Fault
	// page is the outcome of ReadPage on a page of five in the middle of a list,
	// and that of all calls for which others has none.
	page   want
	others map[string]want
	// handed records were handed over, undecodable ones included.
	handed, undecodable int
	change              func(*clever.Config)
}

// impatient is for answers that do not begin, restless for those that do not go
// on; what comes before must have time to arrive on a busy machine.
func impatient(c *clever.Config) { c.HeaderTimeout = 50 * time.Millisecond }

func restless(c *clever.Config) { c.IdleTimeout = 300 * time.Millisecond }

// planted is in whatever a fault can say.
const planted = "planted-secret-9d1c"

// bench is a simulator with a client for one trial.
type bench struct {
	sim    *clevertest.Server
	client *clever.Client
	who    clever.Caller
	after  string
	school string
}

func newBench(t *testing.T, tr trial) *bench {
	t.Helper()
	b := &bench{}
	config := clevertest.Config{Students: 20, Seed: 3, Gzip: tr.fault.Kind == clevertest.FaultGzip}
	var err error
	if b.sim, err = clevertest.New(config); err != nil {
		t.Fatal(err)
	}
	b.client = b.connect(t, serveSim(t, b.sim), func(c *clever.Config) {
		c.MaxBody, c.MaxRecord = 1<<20, 64<<10
		if tr.change != nil {
			tr.change(c)
		}
	})
	b.after = slices.Collect(b.sim.District().Students())[4].ID
	b.school = slices.Collect(b.sim.District().Schools())[1].ID
	return b
}

func (b *bench) connect(t *testing.T, url string, change func(*clever.Config)) *clever.Client {
	t.Helper()
	b.who = clever.Caller{District: b.sim.District().ID(), Token: clever.Secret(b.sim.Token())}
	return connect(t, url, func(c *clever.Config) {
		c.ClientID, c.ClientSecret = b.sim.ClientID(), clever.Secret(b.sim.ClientSecret())
		change(c)
	})
}

// readPage reads the second page and tells how many records came, and how many
// of them could not be decoded.
func (b *bench) readPage(ctx context.Context) (handed, undecodable int, page clever.Page, err error) {
	path := clever.StudentsOf("", 5).Path + "&starting_after=" + b.after
	page, err = clever.ReadPage(ctx, b.client, b.who, path, b.after, func(r roster.Received[roster.SourceUser]) error {
		handed++
		if r.Undecodable {
			undecodable++
		}
		return nil
	})
	return handed, undecodable, page, err
}

// calls are those of the client besides ReadPage.
func (b *bench) calls() map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"district": func(ctx context.Context) error { _, err := b.client.District(ctx, b.who); return err },
		"school":   func(ctx context.Context) error { _, err := b.client.School(ctx, b.who, b.school); return err },
		"schools":  func(ctx context.Context) error { _, err := b.client.Schools(ctx, b.who); return err },
		"tokens":   func(ctx context.Context) error { _, err := b.client.Tokens(ctx, b.who.District); return err },
	}
}

// order installs the trial's rule for every request: with one request alone,
// Go's transport would ask again where an old connection ends before the answer.
func (b *bench) order(t *testing.T, f clevertest.Fault) {
	t.Helper()
	if f.Kind == clevertest.FaultHideSchool || f.Kind == clevertest.FaultShowSchool {
		f.Text = b.school
	}
	rule := clevertest.FaultRule{Fault: f}
	if strings.HasPrefix(f.Variant, "appear_") {
		rule.When.From = 2
	}
	if err := b.sim.SetFaults(rule); err != nil {
		t.Fatal(err)
	}
}

// recover ends the fault and connects the district again where it was lost.
func (b *bench) recover(t *testing.T) {
	t.Helper()
	if err := b.sim.SetFaults(); err != nil {
		t.Fatal(err)
	}
	b.who.Token = clever.Secret(b.sim.Token())
	b.sim.ShowSchool(b.school)
}

// secrets are what no error may say: tokens, whoever is on the pages, what the
// fault said, and addresses with ids.
func (b *bench) secrets() []string {
	all := []string{b.sim.Token(), string(b.who.Token), b.sim.ClientSecret(), b.who.District, b.school, planted, "starting_after", "role=", "127.0.0.1:1/"}
	for u := range b.sim.District().Users() {
		all = append(all, u.ID, cmp.Or(u.Email, u.ID), `"`+u.Name.First+`"`, `"`+u.Name.Last+`"`)
	}
	return all
}

func (b *bench) leaks(err error) string {
	if err == nil {
		return ""
	}
	for _, text := range []string{err.Error(), fault.Of(err).Detail, fmt.Sprintf("%+v", err)} {
		for _, secret := range b.secrets() {
			if strings.Contains(text, secret) {
				return fmt.Sprintf("the error says %q: %s", secret, text)
			}
		}
	}
	return ""
}

// TestFaults runs every kind of fault through every call of the client.
func TestFaults(t *testing.T) {
	t.Parallel()
	for _, tr := range trials() {
		t.Run(fmt.Sprintf("%s %s", tr.fault.Kind, tr.fault.Variant), func(t *testing.T) {
			t.Parallel()
			b := newBench(t, tr)
			b.order(t, tr.fault)
			handed, undecodable, _, err := b.readPage(t.Context())
			if wrong := cmp.Or(tr.page.check(err), b.leaks(err)); wrong != "" {
				t.Errorf("page, %.150s: %s", fmt.Sprintf("%+v", tr.fault), wrong)
			}
			if handed != tr.handed || undecodable != tr.undecodable {
				t.Errorf("%.150s: %d records handed over, %d undecodable; want %d and %d", fmt.Sprintf("%+v", tr.fault), handed, undecodable, tr.handed, tr.undecodable)
			}
			b.afterwards(t, tr)
			if handed, undecodable, page, err := b.readPage(t.Context()); err != nil || handed != 5 || undecodable != 0 || page.Next == "" {
				t.Errorf("the next page: %d records, %d undecodable, next %q, %v", handed, undecodable, page.Next, err)
			}
		})
		t.Run(fmt.Sprintf("%s %s elsewhere", tr.fault.Kind, tr.fault.Variant), func(t *testing.T) {
			t.Parallel()
			for name := range (&bench{}).calls() {
				b := newBench(t, tr)
				b.order(t, tr.fault)
				expected, ok := tr.others[name]
				if !ok {
					expected = tr.page
				}
				err := b.calls()[name](t.Context())
				if wrong := cmp.Or(expected.check(err), b.leaks(err)); wrong != "" {
					t.Errorf("%s, %.150s: %s", name, fmt.Sprintf("%+v", tr.fault), wrong)
				}
				b.afterwards(t, tr)
				if err := b.calls()[name](t.Context()); err != nil {
					t.Errorf("%s, %s: the next request: %v", name, tr.fault.Kind, err)
				}
			}
		})
	}
}

// afterwards ends the fault; the next request must work.
func (b *bench) afterwards(t *testing.T, tr trial) {
	t.Helper()
	if tr.fault.Kind == clevertest.FaultDisconnect {
		b.sim.RotateToken() // connects it again
	}
	b.recover(t)
	if tr.change != nil { // bounds that a busy machine could exceed by itself
		b.client = b.connect(t, serveSim(t, b.sim), func(*clever.Config) {})
	}
}

// TestFaults_NoneIsForgotten ranges over all kinds of faults and their variants.
func TestFaults_NoneIsForgotten(t *testing.T) {
	t.Parallel()
	tried := map[string]bool{}
	for _, tr := range trials() {
		tried[string(tr.fault.Kind)+" "+tr.fault.Variant] = true
	}
	for kind, variants := range clevertest.FaultKinds() {
		for i, variant := range append([]string{}, variants...) {
			if !tried[string(kind)+" "+variant] && (i > 0 || !tried[string(kind)+" "]) {
				t.Errorf("no trial of %s, %s", kind, variant)
			}
		}
		if len(variants) == 0 && !tried[string(kind)+" "] {
			t.Errorf("no trial of %s", kind)
		}
	}
}
