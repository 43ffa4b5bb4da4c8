package clevertest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// The forms by which somebody logs in.
const (
	MethodPassword = "password" // Clever Passwords: user name and password
	MethodBadge    = "badge"    // Clever Badge: the code on it
	MethodAdmin    = "admin"    // District admin: e-mail and password
)

// Login is what somebody does and types on the log-in pages.
type Login struct {
	// Method is one of MethodPassword, MethodBadge and MethodAdmin.
	Method string
	// Search is typed where Clever asks for the school or district, and
	// District is the id of the district that is picked of what was found.
	// Badges and administrators are admitted without.
	Search, District string
	// Username is a user name, an e-mail address or a Clever id.
	Username, Password string
	Badge              string
}

// Login returns how a user of the district logs in: an administrator as such,
// everybody else with user name and password.
func (d *Sharing) Login(userID string) Login {
	all := d.everyone()
	method := MethodPassword
	if rank, ok := all.find(users, userID); ok {
		if role, _ := all.user(rank, new(scratch)).loginRole(); role == admin {
			method = MethodAdmin
		}
	}
	return Login{Method: method, Search: all.info.Name, District: all.ID(), Username: userID, Password: Password}
}

// BadgeLogin returns how a user of the district logs in with the Clever Badge.
func (d *Sharing) BadgeLogin(userID string) Login {
	return Login{Method: MethodBadge, Badge: Badge(userID)}
}

// LogIn goes to an address of the simulated Clever, mostly the one to which an
// app has sent the browser, logs in there through the pages, and returns where
// Clever sends the browser in the end: an address of the app's, which is not
// asked for. What a page complains of is an error.
//
// It is for tests of apps, which so need not know the pages. With a cookie jar
// the browser keeps its session at Clever, and needs to log in but once.
func LogIn(ctx context.Context, browser *http.Client, address string, as Login) (*url.URL, error) {
	clever, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("log in at Clever: %w", err)
	}
	tab := *browser
	tab.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	next := step{http.MethodGet, clever, nil}
	for range 10 {
		seen, location, err := next.take(ctx, &tab)
		switch {
		case err != nil:
			return nil, fmt.Errorf("log in at Clever: %w", err)
		case location != nil && location.Host != clever.Host:
			return location, nil
		case location != nil:
			next = step{http.MethodGet, location, nil}
		default:
			if next, err = seen.answer(next.to, as); err != nil {
				return nil, fmt.Errorf("log in at Clever: %w", err)
			}
		}
	}
	return nil, errors.New("log in at Clever: no end of pages")
}

// step is what the browser does next.
type step struct {
	method string
	to     *url.URL
	form   url.Values
}

// take returns the page that comes of a step, or where it redirects to.
func (s step) take(ctx context.Context, tab *http.Client) (*webPage, *url.URL, error) {
	r, err := http.NewRequestWithContext(ctx, s.method, s.to.String(), strings.NewReader(s.form.Encode()))
	if err != nil {
		return nil, nil, err
	}
	if s.method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	answer, err := tab.Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode >= 300 && answer.StatusCode < 400 {
		location, err := answer.Location()
		return nil, location, err
	}
	seen, err := readPage(io.LimitReader(answer.Body, 1<<20))
	return seen, nil, err
}

// answer decides what to do on a page: say yes to the question who it is, log
// in, follow the district that was found, search for it.
func (p *webPage) answer(at *url.URL, as Login) (step, error) {
	if p.problem != "" {
		return step{}, errors.New(p.problem)
	}
	for _, f := range p.forms {
		switch {
		case f.fields.Get(fieldConfirm) == "yes":
			return step{f.method, at, f.fields}, nil
		case f.fields.Get(fieldMethod) == as.Method:
			for field, typed := range map[string]string{fieldUsername: as.Username, fieldPassword: as.Password, fieldBadge: as.Badge} {
				if f.fields.Has(field) {
					f.fields.Set(field, typed)
				}
			}
			return step{f.method, at, f.fields}, nil
		}
	}
	for _, link := range p.links {
		if to, err := at.Parse(link); err == nil && as.District != "" && to.Query().Get("district_id") == as.District {
			return step{http.MethodGet, to, nil}, nil
		}
	}
	i := slices.IndexFunc(p.forms, func(f webForm) bool { return f.fields.Has(fieldSearch) && f.fields.Get(fieldSearch) != as.Search })
	if i < 0 {
		return step{}, errors.New("the page has no form for the method " + as.Method + " and no district " + as.District)
	}
	p.forms[i].fields.Set(fieldSearch, as.Search)
	to := *at
	to.RawQuery = p.forms[i].fields.Encode()
	return step{http.MethodGet, &to, nil}, nil
}
