package connect

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/google/uuid"

	"cleversync/shared/postgres"
	"cleversync/shared/roster"
	"cleversync/shared/tenant"
)

// login finds the log-in that a page is about, for the browser that it is bound
// to. All others are told the same: that there is none.
func (c *Connector) login(r *http.Request) (postgres.Login, [32]byte, error) {
	base, err := c.baseOf(r)
	if err != nil {
		return postgres.Login{}, [32]byte{}, err
	}
	browser, ok := browserOf(r, base)
	if err := c.slow(r, browser); err != nil {
		return postgres.Login{}, browser, err
	}
	id, err := uuid.Parse(r.PathValue("id"))
	if !ok || err != nil {
		c.attempts.Failed(r.RemoteAddr, browser)
		return postgres.Login{}, browser, errOtherBrowser
	}
	login, err := postgres.LoginOfBrowser(r.Context(), c.Pool, id, browser[:])
	if errors.Is(err, postgres.ErrNoLogin) {
		c.attempts.Failed(r.RemoteAddr, browser)
		return postgres.Login{}, browser, errOtherBrowser
	}
	if err != nil {
		return postgres.Login{}, browser, err
	}
	c.attempts.Good(browser)
	return login, browser, nil
}

// showLogin shows what came of a log-in, or what it waits for.
func (c *Connector) showLogin(w http.ResponseWriter, r *http.Request) error {
	login, _, err := c.login(r)
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, login, choice{whole: r.URL.Query().Get("choice") == "whole", schools: r.URL.Query()["school"]}, "")
}

// choice is what a person has chosen on the page so far.
type choice struct {
	whole   bool
	schools []string
}

// show renders a log-in as it stands. problem is what was wrong with the last
// form.
func (c *Connector) show(w http.ResponseWriter, r *http.Request, status int, login postgres.Login, chosen choice, problem string) error {
	name := ""
	if login.Tenant != uuid.Nil {
		t, err := postgres.ReadTenant(r.Context(), c.Pool, login.Tenant)
		if err != nil {
			return err
		}
		name = t.Name
	}
	if code := CodeOf(login); code != "" {
		return c.render(w, status, c.refusalView(login, name, code))
	}
	switch login.State {
	case postgres.LoginAsking:
		return c.render(w, status, view{Template: "wait", Title: "One moment", Refresh: 2,
			Data: messageView{Text: "Clever is being asked who logged in."}})
	case postgres.LoginConfirming:
		if login.Purpose == postgres.LoginSchool {
			return c.showFound(w, r, status, login, name, problem)
		}
		return c.showDistrict(w, r, status, login, name, chosen, problem)
	case postgres.LoginConnected, postgres.LoginSelected:
		return c.render(w, status, c.doneView(login, name))
	case postgres.LoginIdentified:
		return c.showStranger(w, r, status, login)
	}
	return c.render(w, status, view{Template: "message", Title: "Log in with Clever", LeadsToClever: true, Data: messageView{
		Text: "Clever's log-in page is waiting for you.", RetryAt: loginsPath + login.ID.String() + "/restart", RetryLabel: "Go on at Clever",
	}})
}

func (c *Connector) refusalView(login postgres.Login, name, code string) view {
	reason := Explain(code)
	m := messageView{Text: reason.Meaning, Action: reason.Action, Code: code, Facts: facts(login, name)}
	if code != CodeExpired {
		m.RetryAt, m.RetryLabel = loginsPath+login.ID.String()+"/restart", "Try again"
		if reason.another {
			m.RetryLabel = "Log in as somebody else"
		}
	}
	return view{Template: "message", Title: "The log-in did not lead on", LeadsToClever: true, Data: m}
}

func (c *Connector) doneView(login postgres.Login, name string) view {
	m := messageView{Facts: facts(login, name), Text: "The district is connected.",
		Action: "Close this page. In School Manager, choose the options and select Run Sync."}
	title := "Connected"
	if login.State == postgres.LoginSelected {
		title, m.Text = "Selected", "The school is selected."
	}
	return view{Template: "message", Title: title, Data: m}
}

// facts are what a person can verify.
func facts(login postgres.Login, name string) []fact {
	all := []fact{
		{"School Manager", name}, {"District", login.DistrictName}, {"District ID", login.District},
		{"Logged in as", types[login.PersonType]},
	}
	return slices.DeleteFunc(all, func(f fact) bool { return f.Value == "" })
}

// types are Clever's roles in words.
var types = map[string]string{
	"student": "a student", "teacher": "a teacher", "staff": "a member of staff", "contact": "a contact",
	"district_admin": "a district administrator", "other": "somebody with another role",
}

// showStranger tells the person whose log-in began at Clever what to do.
func (c *Connector) showStranger(w http.ResponseWriter, r *http.Request, status int, login postgres.Login) error {
	connected, err := postgres.DistrictConnected(r.Context(), c.Pool, login.District)
	if err != nil {
		return err
	}
	m := messageView{Facts: facts(login, ""), Text: "This district is not connected to School Manager.",
		Action: "A connection is begun in School Manager, under Configuration > Authentication > Clever, and needs a district administrator."}
	if connected {
		m.Text, m.Action = "This district is connected to School Manager, and its people are kept up to date by themselves.",
			"There is nothing to do here. Settings are in School Manager, under Configuration > Authentication > Clever."
	}
	return c.render(w, status, view{Template: "message", Title: "You came from Clever", Data: m})
}

// districtView is the page of consent.
type districtView struct {
	Facts                  []fact
	ID, Tenant, StartedBy  string
	District, DistrictName string
	Search, Problem        string
	// Chosen stay ticked whatever is searched for; Found are the others that
	// the search finds, and More how many of them are not shown.
	Chosen, Found []roster.SourceSchool
	More          int
	Whole         bool
	// Unread says that the schools could not be read just now.
	Unread bool
}

// mostShown keeps the page of a district of a thousand schools readable.
const mostShown = 100

func (c *Connector) showDistrict(w http.ResponseWriter, r *http.Request, status int, login postgres.Login, name string, chosen choice, problem string) error {
	v := districtView{
		Facts: facts(login, name), ID: login.ID.String(), Tenant: name, StartedBy: login.StartedBy, District: login.District, DistrictName: login.DistrictName,
		Search: r.URL.Query().Get("search"), Problem: problem, Whole: chosen.whole,
	}
	ask, cancel := context.WithTimeout(r.Context(), askFor)
	defer cancel()
	all, err := c.Schools(ask, tenant.Connection{District: login.District, Grant: tenant.Grant{Whole: true}})
	if err != nil {
		c.Log.InfoContext(r.Context(), "schools of a district not read", "login", login.ID, "error", err)
		v.Unread = true
	}
	isChosen := func(s roster.SourceSchool) bool { return slices.Contains(chosen.schools, s.ID) }
	for _, s := range all {
		if isChosen(s) {
			v.Chosen = append(v.Chosen, s)
		}
	}
	v.Found = slices.DeleteFunc(Search(all, v.Search), isChosen)
	if len(v.Found) > mostShown {
		v.More, v.Found = len(v.Found)-mostShown, v.Found[:mostShown]
	}
	return c.render(w, status, view{Template: "district", Title: "Is this your district?", LeadsToClever: true, Data: v})
}

// schoolView is the page that shows what a log-in at a school has found.
type schoolView struct {
	Facts       []fact
	ID, Problem string
	Schools     []roster.SourceSchool
}

// showFound shows the schools that a person is at, by name where Clever gives
// their names just now.
func (c *Connector) showFound(w http.ResponseWriter, r *http.Request, status int, login postgres.Login, name, problem string) error {
	v := schoolView{Facts: facts(login, name), ID: login.ID.String(), Problem: problem}
	ask, cancel := context.WithTimeout(r.Context(), askFor)
	defer cancel()
	named, err := c.Schools(ask, tenant.Connection{District: login.District, Grant: tenant.Grant{Schools: login.Schools}})
	if err != nil {
		c.Log.InfoContext(r.Context(), "names of schools not read", "login", login.ID, "error", err)
	}
	for _, id := range login.Schools {
		at := slices.IndexFunc(named, func(s roster.SourceSchool) bool { return s.ID == id })
		if at < 0 {
			v.Schools = append(v.Schools, roster.SourceSchool{ID: id, Name: id})
			continue
		}
		v.Schools = append(v.Schools, named[at])
	}
	return c.render(w, status, view{Template: "school", Title: "Is this your school?", LeadsToClever: true, Data: v})
}
