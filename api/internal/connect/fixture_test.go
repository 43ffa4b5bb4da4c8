package connect_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"cleversync/api/internal/auth"
	"cleversync/api/internal/connect"
	"cleversync/api/internal/httpapi"
	"cleversync/shared/clever"
	"cleversync/shared/clever/clevertest"
	"cleversync/shared/credential"
	"cleversync/shared/daemon"
	"cleversync/shared/dispatch"
	"cleversync/shared/postgres"
	"cleversync/shared/postgres/postgrestest"
	"cleversync/shared/queue"
	"cleversync/shared/queue/queuetest"
	"cleversync/shared/region"
	"cleversync/shared/seal"
	"cleversync/shared/tenant"
)

// world is the API with its pages and a simulated Clever, both listening, as
// browsers and School Manager see them.
type world struct {
	t *testing.T
	postgrestest.Database
	clever *clevertest.Server
	site   string // of Clever
	api    *httptest.Server
	keys   *seal.Keys
	logs   *journal
	tenant uuid.UUID
	// token is the tenant's, operator an operator's.
	token, operator string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, Database: postgrestest.New(t), logs: &journal{}}
	var err error
	w.clever, err = clevertest.New(clevertest.Config{Students: 60, Districts: 2, Unshared: 1, RateLimit: -1})
	w.must(err)
	site := httptest.NewServer(w.clever)
	t.Cleanup(site.Close)
	w.site = site.URL
	client, err := clever.New(clever.Config{
		APIURL: site.URL, URL: site.URL, ClientID: w.clever.ClientID(), ClientSecret: clever.Secret(w.clever.ClientSecret()),
	})
	w.must(err)
	t.Cleanup(client.Close)
	tasks, err := queue.Open(queuetest.New(t))
	w.must(err)
	t.Cleanup(func() { w.must(tasks.Close()) })
	w.keys, err = seal.ParseKeys("k:" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{3}, 32)))
	w.must(err)
	log := daemon.Logger(w.logs, slog.LevelDebug, "api")
	logins, err := connect.New(connect.Config{
		Pool: w.Pool, Clever: client, Log: log,
		Tokens: credential.New(credential.Config{Pool: w.Pool, Clever: client, Keys: w.keys}),
	})
	w.must(err)
	api, err := httpapi.New(httpapi.Config{
		Pool: w.Pool, Log: log, Metrics: prometheus.NewRegistry(), Regions: region.Builtin(), Connect: logins,
		Dispatch: dispatch.New(dispatch.Config{Pool: w.Pool, Queue: tasks, Log: log}),
		Health:   http.NotFoundHandler(), Queues: http.NotFoundHandler(),
	})
	w.must(err)
	w.api = httptest.NewServer(api)
	t.Cleanup(w.api.Close)
	w.must(w.clever.SetRedirectURIs(w.api.URL + "/clever/callback"))
	w.operator = w.newToken(postgres.Token{Name: "Success team", Scope: postgres.ScopeOperator})
	w.tenant, w.token = w.newTenant("Riverside <School>")
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) newTenant(name string) (uuid.UUID, string) {
	w.t.Helper()
	id := uuid.Must(uuid.NewV7())
	_, err := postgres.CreateTenant(w.t.Context(), w.Pool, tenant.Tenant{ID: id, Name: name, Region: "uk", Entitled: true})
	w.must(err)
	return id, w.newToken(postgres.Token{Name: "Its IT", Scope: postgres.ScopeTenant, Tenant: id})
}

func (w *world) newToken(t postgres.Token) string {
	w.t.Helper()
	t.ID = uuid.New()
	secret := auth.NewToken()
	_, err := postgres.CreateToken(w.t.Context(), w.Pool, t, auth.Hash(secret))
	w.must(err)
	return secret
}

func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	_, err := w.Pool.Exec(w.t.Context(), sql, args...)
	w.must(err)
}

// call asks the API and reads its answer.
func (w *world) call(method, path, token, body string, into any) int {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.api.URL+path, strings.NewReader(body))
	w.must(err)
	r.Header.Set("Authorization", "Bearer "+token)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := http.DefaultClient.Do(r)
	w.must(err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	w.must(err)
	if into != nil {
		w.must(json.Unmarshal(text, into))
	}
	return answer.StatusCode
}

// login is a log-in as the API shows it, with the address to open.
type login struct {
	ID       uuid.UUID `json:"id"`
	StartURL string    `json:"start_url"`
	State    string    `json:"state"`
	Code     string    `json:"code"`
	District string    `json:"district_id"`
	Name     string    `json:"district_name"`
	Person   string    `json:"person_type"`
	Schools  []string  `json:"schools"`
}

func (w *world) begin(token, purpose string) login {
	w.t.Helper()
	var l login
	if status := w.call("POST", "/v1/tenants/"+w.tenant.String()+"/clever-logins", token, `{"purpose":"`+purpose+`"}`, &l); status != 201 {
		w.t.Fatalf("begin a log-in: %d", status)
	}
	return l
}

// read is how a log-in stands.
func (w *world) read(l login) login {
	w.t.Helper()
	var now login
	if status := w.call("GET", fmt.Sprintf("/v1/tenants/%s/clever-logins/%s", w.tenant, l.ID), w.token, "", &now); status != 200 {
		w.t.Fatalf("read a log-in: %d", status)
	}
	return now
}

// connection is the tenant's, nil where it has none.
func (w *world) connection() *tenant.Connection {
	w.t.Helper()
	c, err := postgres.ReadConnection(w.t.Context(), w.Pool, w.tenant)
	w.must(err)
	return c
}

// storedToken is the district's token opened, empty where none is stored.
func (w *world) storedToken(district string) string {
	w.t.Helper()
	sealed, _, err := postgres.ReadDistrictToken(w.t.Context(), w.Pool, district)
	if err == postgres.ErrNoDistrict || (err == nil && sealed == nil) {
		return ""
	}
	w.must(err)
	plain, err := w.keys.Open(sealed, []byte(district))
	w.must(err)
	return string(plain)
}

// browser is somebody's, with their cookies. It follows no redirect by itself.
type browser struct {
	*world
	client *http.Client
}

func (w *world) browser() *browser {
	jar, err := cookiejar.New(nil)
	w.must(err)
	return &browser{w, &http.Client{
		Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// page is what a browser gets.
type page struct {
	status   int
	text     string
	location string
	header   http.Header
}

func (b *browser) open(address string) page {
	b.t.Helper()
	return b.send("GET", address, nil)
}

// post submits a form as a browser does from a page of the same site.
func (b *browser) post(address string, form url.Values) page {
	b.t.Helper()
	return b.send("POST", address, form)
}

func (b *browser) send(method, address string, form url.Values) page {
	b.t.Helper()
	if strings.HasPrefix(address, "/") {
		address = b.api.URL + address
	}
	r, err := http.NewRequestWithContext(b.t.Context(), method, address, strings.NewReader(form.Encode()))
	b.must(err)
	if method == "POST" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	answer, err := b.client.Do(r)
	b.must(err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	b.must(err)
	p := page{status: answer.StatusCode, text: html.UnescapeString(string(text)), header: answer.Header}
	if to, err := answer.Location(); err == nil {
		p.location = to.String()
	}
	return p
}

// start opens the start page, presses its button, and gives the address at
// Clever.
func (b *browser) start(l login) string {
	b.t.Helper()
	if p := b.open(l.StartURL); p.status != 200 || !strings.Contains(p.text, "Riverside <School>") {
		b.t.Fatalf("start page: %d %s", p.status, p.text)
	}
	p := b.post("/clever/start", url.Values{"ticket": {ticketOf(l)}})
	if p.status != 303 || !strings.HasPrefix(p.location, b.site+"/oauth/authorize?") {
		b.t.Fatalf("started: %d to %q\n%s", p.status, p.location, p.text)
	}
	return p.location
}

func ticketOf(l login) string {
	_, ticket, _ := strings.Cut(l.StartURL, "ticket=")
	return ticket
}

// logInAt logs in at Clever and gives the callback's address.
func (b *browser) logInAt(address string, as clevertest.Login) string {
	b.t.Helper()
	back, err := clevertest.LogIn(b.t.Context(), b.client, address, as)
	b.must(err)
	return back.String()
}

// through goes the whole way and gives the page that shows what came of it.
func (b *browser) through(l login, as clevertest.Login) page {
	b.t.Helper()
	return b.land(b.logInAt(b.start(l), as))
}

// land follows the callback to the result.
func (b *browser) land(callback string) page {
	b.t.Helper()
	p := b.open(callback)
	if p.status != 303 || !strings.HasPrefix(p.location, b.api.URL+"/clever/logins/") || strings.Contains(p.location, "?") {
		b.t.Fatalf("callback: %d to %q\n%s", p.status, p.location, p.text)
	}
	return b.open(p.location)
}

func (b *browser) confirm(l login, form url.Values) page {
	b.t.Helper()
	return b.post("/clever/logins/"+l.ID.String()+"/confirm", form)
}

func first(users iter.Seq[clevertest.User]) string {
	for u := range users {
		return u.ID
	}
	return ""
}

func adminOf(d *clevertest.Sharing) clevertest.Login {
	return d.Login(first(d.District().Admins()))
}

func schoolsOf(d *clevertest.Sharing) (ids, names []string) {
	for s := range d.District().Schools() {
		ids, names = append(ids, s.ID), append(names, s.Name)
	}
	return ids, names
}

// journal is a log that can be read while it is written.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.String()
}
