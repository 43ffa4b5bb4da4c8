package clevertest_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"cleversync/shared/clever/clevertest"

	"github.com/google/go-cmp/cmp"
)

func isPage(w *httptest.ResponseRecorder) bool {
	return w.Code == http.StatusNotFound && w.Header().Get("Content-Type") == "text/html; charset=utf-8"
}

func isGone(w *httptest.ResponseRecorder) bool {
	return w.Code == http.StatusNotFound && w.Header().Get("Content-Type") == "application/json; charset=utf-8"
}

// TestSSO_SeesItsOwnAndNothingElse asks for everything with a token of each
// sort of person.
func TestSSO_SeesItsOwnAndNothingElse(t *testing.T) {
	t.Parallel()
	s := newSite(t, clevertest.Config{})
	d := s.District()
	for sort, u := range people(d) {
		token := s.ssoToken(s.Login(u.ID))
		asks := func(path string) *httptest.ResponseRecorder { return ask(s.Server, "GET", path, "Bearer "+token) }
		own := asks("/v3.1/users/" + u.ID)
		full := fetch(t, s.Server, "/v3.1/users/"+u.ID)
		if diff := cmp.Diff(`{"data":`+string(full.Data)+`}`, own.Body.String()); own.Code != http.StatusOK || diff != "" {
			t.Errorf("%s: own record: status %d (-want +got):\n%s", sort, own.Code, diff)
		}
		if w := asks("/v3.0/districts/" + d.ID()); w.Code != http.StatusOK {
			t.Errorf("%s: district: status %d", sort, w.Code)
		}
		info := decode[struct{ Schools []string }](t, asks("/userinfo").Body.Bytes())
		for school := range d.Schools() {
			if w := asks("/v3.1/schools/" + school.ID); (w.Code == http.StatusOK) != slices.Contains(info.Schools, school.ID) {
				t.Errorf("%s of %v: school %s: status %d", sort, info.Schools, school.ID, w.Code)
			}
		}
		for other := range d.Users() {
			if w := asks("/v3.1/users/" + other.ID); other.ID != u.ID && !isGone(w) {
				t.Errorf("%s: another user: status %d", sort, w.Code)
			}
		}
		for _, path := range []string{
			"/users", "/users?limit=1", "/schools", "/sections", "/courses", "/terms", "/districts", "/events", "/resources", "/nothing",
			"/users/" + u.ID + "/schools", "/users/" + u.ID + "/district", "/users/" + u.ID + "/sections",
		} {
			if w := asks("/v3.1" + path); !isPage(w) {
				t.Errorf("%s: %s: status %d, %s", sort, path, w.Code, w.Body)
			}
		}
	}
	for _, path := range []string{"/v3.1/me", "/v3.0/me", "/userinfo"} {
		if w := get(s.Server, path); !isPage(w) {
			t.Errorf("%s with the district's token: status %d, %s", path, w.Code, w.Body)
		}
	}
}

func TestSSO_UserInfo(t *testing.T) {
	t.Parallel()
	s := newSite(t, clevertest.Config{Seed: 2})
	var u clevertest.User
	for u = range s.District().Staff() {
		if u.Teacher != nil { // of two roles, the log-in is in the first, and tells of its schools alone
			break
		}
	}
	if err := s.Edit(func(e *clevertest.Edits) { e.User(u.ID, func(u *clevertest.User) { u.Staff.Schools = nil }) }); err != nil {
		t.Fatal(err)
	}
	w := ask(s.Server, "GET", "/userinfo", "Bearer "+s.ssoToken(s.Login(u.ID)))
	want := map[string]any{
		"sub": u.ID, "user_id": u.Teacher.LegacyID, "multi_role_user_id": u.ID, "user_type": "teacher",
		"district_id": u.District, "district": u.District, "email": u.Email, "email_verified": false, "authorized_by": "district",
		"name":       map[string]any{"first": u.Name.First, "middle": u.Name.Middle, "last": u.Name.Last},
		"given_name": u.Name.First, "family_name": u.Name.Last, "schools": []any{u.Teacher.School},
	}
	if diff := cmp.Diff(want, decode[map[string]any](t, w.Body.Bytes())); diff != "" {
		t.Errorf("/userinfo (-want +got):\n%s", diff)
	}
	if w.Header().Get("X-Powered-By") != "Express" {
		t.Errorf("not on the host of the data: %v", w.Header())
	}
}

func TestSSO_EndsAfterADay(t *testing.T) {
	t.Parallel()
	s := newSite(t, clevertest.Config{})
	token := s.ssoToken(s.Login(people(s.District())["student"].ID))
	status := func() int { return ask(s.Server, "GET", "/v3.1/me", "Bearer "+token).Code }
	s.now = s.now.Add(24*time.Hour - time.Second)
	if got := status(); got != http.StatusOK {
		t.Errorf("before: status %d", got)
	}
	s.now = s.now.Add(time.Second)
	if got := status(); got != http.StatusUnauthorized {
		t.Errorf("after: status %d", got)
	}
}

func TestSSO_SeesWhatIsNoLongerShared(t *testing.T) {
	t.Parallel()
	s := newSite(t, clevertest.Config{})
	u := people(s.District())["student"]
	token := s.ssoToken(s.Login(u.ID))
	asks := func(path string) *httptest.ResponseRecorder { return ask(s.Server, "GET", path, "Bearer "+token) }
	for _, school := range u.Student.Schools {
		s.HideSchool(school)
	}
	for _, path := range []string{"/v3.1/me", "/userinfo", "/v3.1/users/" + u.ID, "/v3.1/schools/" + u.Student.School} {
		if w := asks(path); !isGone(w) {
			t.Errorf("%s of a hidden school: status %d", path, w.Code)
		}
	}
	for _, school := range u.Student.Schools {
		s.ShowSchool(school)
	}
	if err := s.Edit(func(e *clevertest.Edits) { e.Remove(u.ID) }); err != nil {
		t.Fatal(err)
	}
	if w := asks("/v3.1/me"); !isGone(w) {
		t.Errorf("/me of somebody removed: status %d", w.Code)
	}
	if to, err := clevertest.LogIn(t.Context(), s.browser(), s.authorize(), s.Login(u.ID)); err == nil {
		t.Errorf("somebody removed logs in: %s", to)
	}
	if err := s.Edit(func(e *clevertest.Edits) { e.Restore(u.ID) }); err != nil {
		t.Fatal(err)
	}
	code := s.logIn(s.browser(), s.authorize(), s.Login(u.ID)).Get("code")
	s.Disconnect()
	s.RotateToken()
	if w := asks("/v3.1/me"); w.Code != http.StatusUnauthorized {
		t.Errorf("/me once the district has left and returned: status %d", w.Code)
	}
	if status, got := s.redeem(code); status != http.StatusBadRequest {
		t.Errorf("a code from before the district left: status %d, %+v", status, got)
	}
}

func TestSSO_RateWindowOfItsOwn(t *testing.T) {
	t.Parallel()
	s := newSite(t, clevertest.Config{RateLimit: 2})
	token := s.ssoToken(s.Login(people(s.District())["student"].ID))
	for _, want := range []int{200, 404, 429} {
		path := map[int]string{200: "/v3.1/me", 404: "/v3.1/users", 429: "/userinfo"}[want]
		if w := ask(s.Server, "GET", path, "Bearer "+token); w.Code != want {
			t.Errorf("%s: status %d, want %d", path, w.Code, want)
		}
	}
	if w := get(s.Server, "/v3.1/users"); w.Code != http.StatusOK || w.Header().Get("X-Ratelimit-Remaining") != "1" {
		t.Errorf("the district's token shares the window: %d %v", w.Code, w.Header())
	}
}

func TestWithoutSecureSync(t *testing.T) {
	t.Parallel()
	s := newSite(t, clevertest.Config{WithoutSecureSync: true})
	u := people(s.District())["teacher"]
	for path, want := range map[string]int{
		"/districts": 200, "/districts/" + s.District().ID(): 200, "/users": 404, "/users/" + u.ID + "/district": 404, "/schools": 404,
	} {
		w := get(s.Server, "/v3.1"+path)
		if w.Code != want || want == 404 && !strings.Contains(w.Body.String(), `"Resource not in token's scopes"`) {
			t.Errorf("%s: status %d, %s", path, w.Code, w.Body)
		}
	}
	_, listed := tokens(t, s.Server, "owner_type=district", "app", "secret")
	if slices.Contains(listed.Data[0].Scopes, "read:students") {
		t.Errorf("scopes %v", listed.Data[0].Scopes)
	}
	if w := ask(s.Server, "GET", "/v3.1/users/"+u.ID, "Bearer "+s.ssoToken(s.Login(u.ID))); w.Code != http.StatusOK {
		t.Errorf("own record by SSO: status %d", w.Code)
	}
}
