package httpapi

import (
	"cmp"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"cleversync/api/internal/auth"
	"cleversync/shared/roster"
	"cleversync/shared/tenant"
)

// Connection is a tenant's link to a district as the API shows it.
type Connection struct {
	DistrictID     string     `json:"district_id" example:"4fd43cc56d11340000000005" doc:"The id of the Clever district."`
	DistrictName   string     `json:"district_name" example:"Riverside Unified" doc:"The district's name as Clever last gave it; empty before anybody has asked."`
	Grant          Grant      `json:"grant"`
	Enabled        bool       `json:"enabled" doc:"Whether the tenant's own people have turned the sync on."`
	WholeDistrict  bool       `json:"whole_district" example:"false" doc:"Whether every school of the district is synced."`
	Schools        []string   `json:"schools" nullable:"false" example:"[\"58da8a43cc70ab00017a1a87\"]" doc:"The Clever ids of the schools that are synced; empty with the whole district."`
	Options        Options    `json:"options"`
	Version        int64      `json:"version" example:"1" doc:"Raised by every change."`
	LinkedBy       string     `json:"linked_by" example:"Success team" doc:"Who linked the district."`
	Confirmed      bool       `json:"confirmed" doc:"Whether somebody has confirmed what the last change of schools or options removes; otherwise that is held for review."`
	UpdatedAt      time.Time  `json:"updated_at"`
	DisconnectedAt *time.Time `json:"disconnected_at,omitempty" doc:"When the tenant was disconnected; absent while it is connected. What was chosen is kept, to be connected again."`
}

// Grant is what of the district a tenant may choose at all.
type Grant struct {
	Whole   bool     `json:"whole" required:"false" example:"false" doc:"Every school of the district, those to come included."`
	Schools []string `json:"schools" required:"false" maxItems:"2000" nullable:"false" minLength:"1" maxLength:"100" pattern:"^[A-Za-z0-9_-]+$" example:"[\"58da8a43cc70ab00017a1a87\"]" doc:"The Clever ids of the granted schools."`
}

// Options are how the roster is shaped.
type Options struct {
	Classrooms       bool     `json:"sync_classroom_data" doc:"Sync classrooms and who is in them."`
	UniqueClassNames bool     `json:"force_unique_class_names" example:"false" doc:"Add the section's id to each classroom's name."`
	Parents          bool     `json:"sync_parent_data" doc:"Sync the parents of the students; needs at least one role type."`
	ParentTypes      []string `json:"parent_role_types" nullable:"false" example:"[\"Parent/Guardian\",\"Family\"]" doc:"The role types whose holders are synced as parents."`
	MatchByName      bool     `json:"match_users_by_name" example:"false" doc:"Let a new user of Clever become the account that School Manager already has under the same first and last name, where neither e-mail address nor username finds one."`
}

func viewConnection(c tenant.Connection) Connection {
	return Connection{
		DistrictID: c.District, DistrictName: c.DistrictName, Enabled: c.Enabled,
		Grant:         Grant{Whole: c.Grant.Whole, Schools: c.Grant.Schools},
		WholeDistrict: c.Options.Whole, Schools: c.Options.Schools,
		Options: Options{
			Classrooms: c.Options.Classrooms, UniqueClassNames: c.Options.UniqueClassNames,
			Parents: c.Options.Parents, ParentTypes: c.Options.ParentTypes,
			MatchByName: c.Options.MatchByName,
		},
		Version: c.Version, Confirmed: c.Confirmed, LinkedBy: c.LinkedBy, UpdatedAt: c.UpdatedAt, DisconnectedAt: optional(c.DisconnectedAt),
	}
}

// ConnectionLink is what an operator sends to link a tenant.
type ConnectionLink struct {
	DistrictID    string        `json:"district_id" minLength:"1" maxLength:"100" pattern:"^[A-Za-z0-9_-]+$" example:"4fd43cc56d11340000000005" doc:"The id of the Clever district."`
	Grant         Grant         `json:"grant" doc:"What of the district the tenant may choose at all."`
	Enabled       bool          `json:"enabled,omitempty" doc:"Turn the sync on."`
	WholeDistrict bool          `json:"whole_district,omitempty" example:"false" doc:"Sync every school of the district; schools must be empty then."`
	Schools       []string      `json:"schools,omitempty" maxItems:"2000" nullable:"false" minLength:"1" maxLength:"100" pattern:"^[A-Za-z0-9_-]+$" example:"[\"58da8a43cc70ab00017a1a87\"]" doc:"The Clever ids of the schools to sync."`
	Options       OptionsChange `json:"options,omitempty"`
	Confirm       bool          `json:"confirm,omitempty" doc:"The next run may remove what these schools and options no longer ask for; otherwise that is held for review."`
}

// OptionsChange are the options that are to change.
type OptionsChange struct {
	Classrooms       *bool     `json:"sync_classroom_data,omitempty" doc:"Sync classrooms and who is in them. On by default."`
	UniqueClassNames *bool     `json:"force_unique_class_names,omitempty" example:"false" doc:"Add the section's id to each classroom's name. Off by default."`
	Parents          *bool     `json:"sync_parent_data,omitempty" doc:"Sync the parents of the students. Off by default; needs at least one role type."`
	ParentTypes      *[]string `json:"parent_role_types,omitempty" maxItems:"20" maxLength:"100" nullable:"false" example:"[\"Parent/Guardian\",\"Family\"]" doc:"Of Parent/Guardian, Family, Emergency, Other, Primary and Secondary."`
	MatchByName      *bool     `json:"match_users_by_name,omitempty" example:"false" doc:"Match new users with existing accounts also by first and last name, of the same role, and only where exactly one fits. Off by default."`
}

// ConnectionChange is what may change without linking anew.
type ConnectionChange struct {
	Enabled       *bool          `json:"enabled,omitempty" doc:"Turn the sync on or off."`
	WholeDistrict *bool          `json:"whole_district,omitempty" example:"false" doc:"Sync every school of the district."`
	Schools       *[]string      `json:"schools,omitempty" maxItems:"2000" nullable:"false" minLength:"1" maxLength:"100" pattern:"^[A-Za-z0-9_-]+$" example:"[\"58da8a43cc70ab00017a1a87\"]" doc:"The Clever ids of the schools to sync."`
	Options       *OptionsChange `json:"options,omitempty"`
	Confirm       bool           `json:"confirm,omitempty" doc:"The next run may remove what these schools and options no longer ask for; otherwise that is held for review."`

	// District and Grant are known here only to be refused by name.
	District any `json:"district_id,omitempty" hidden:"true"`
	Grant    any `json:"grant,omitempty" hidden:"true"`
}

func (l ConnectionLink) connection(linkedBy string) tenant.Connection {
	c := tenant.Connection{
		District:  l.DistrictID,
		Enabled:   l.Enabled,
		Grant:     tenant.Grant{Whole: l.Grant.Whole, Schools: distinct(l.Grant.Schools)},
		Options:   roster.Options{Whole: l.WholeDistrict, Schools: distinct(l.Schools), Classrooms: true},
		LinkedBy:  linkedBy,
		Confirmed: l.Confirm,
	}
	l.Options.applyTo(&c.Options)
	return c
}

func (o OptionsChange) applyTo(options *roster.Options) {
	options.Classrooms = valueOr(o.Classrooms, options.Classrooms)
	options.UniqueClassNames = valueOr(o.UniqueClassNames, options.UniqueClassNames)
	options.Parents = valueOr(o.Parents, options.Parents)
	options.MatchByName = valueOr(o.MatchByName, options.MatchByName)
	if o.ParentTypes != nil {
		options.ParentTypes = inOrder(*o.ParentTypes)
	}
}

func (change ConnectionChange) applyTo(c tenant.Connection) tenant.Connection {
	before := c.Options
	c.Enabled = valueOr(change.Enabled, c.Enabled)
	if change.Schools != nil {
		c.Options.Schools = distinct(*change.Schools)
		if change.WholeDistrict == nil && len(c.Options.Schools) > 0 {
			c.Options.Whole = false
		}
	}
	if change.WholeDistrict != nil {
		c.Options.Whole = *change.WholeDistrict
		if c.Options.Whole && change.Schools == nil {
			c.Options.Schools = nil
		}
	}
	if change.Options != nil {
		change.Options.applyTo(&c.Options)
	}
	c.Confirmed = change.Confirm || c.Confirmed && sameChoice(before, c.Options)
	return c
}

// sameChoice tells whether two choices ask for the same, so that nobody need
// confirm anything.
func sameChoice(a, b roster.Options) bool {
	return a.Whole == b.Whole && slices.Equal(a.Schools, b.Schools) && a.Classrooms == b.Classrooms &&
		a.UniqueClassNames == b.UniqueClassNames && a.Parents == b.Parents && slices.Equal(a.ParentTypes, b.ParentTypes)
}

func valueOr[T any](given *T, current T) T {
	if given == nil {
		return current
	}
	return *given
}

// inOrder takes each role type once, in the order in which Clever's are listed.
func inOrder(types []string) []string {
	kept := distinct(types)
	slices.SortStableFunc(kept, func(a, b string) int {
		return cmp.Compare(slices.Index(roster.ParentTypes, a), slices.Index(roster.ParentTypes, b))
	})
	return kept
}

// mayLink refuses district and grant in a change: to a tenant's token because
// it never may, to an operator's because linking is another operation.
func (change ConnectionChange) mayLink(who auth.Principal) error {
	var problems []*huma.ErrorDetail
	if change.District != nil {
		problems = append(problems, &huma.ErrorDetail{Location: "body.district_id", Message: "is changed by linking anew (PUT)"})
	}
	if change.Grant != nil {
		problems = append(problems, &huma.ErrorDetail{Location: "body.grant", Message: "is changed by linking anew (PUT)"})
	}
	if len(problems) == 0 {
		return nil
	}
	if !who.Operator() {
		p := newProblem(codeForbidden, "District and grant are changed by an operator only.")
		p.Errors = problems
		return p
	}
	return invalid(problems...)
}

// permit tells why a connection may not become this one. A tenant's token that
// reaches for what was not granted is forbidden to, whatever else is wrong.
func permit(who auth.Principal, wanted tenant.Connection) error {
	problems := checkConnection(wanted)
	if len(problems) == 0 {
		return nil
	}
	p := invalid(problems...)
	if !who.Operator() && !granted(wanted) {
		p = newProblem(codeForbidden, "A school that was not granted to the tenant cannot be selected.")
		p.Errors = problems
	}
	return p
}

func granted(c tenant.Connection) bool {
	if c.Grant.Whole {
		return true
	}
	return !c.Options.Whole && !slices.ContainsFunc(c.Options.Schools, func(school string) bool {
		return !slices.Contains(c.Grant.Schools, school)
	})
}

// locations says where in a body the fields stand that tenant.Connection.Check
// names.
var locations = map[string]string{
	"district_id":    "body.district_id",
	"whole_district": "body.whole_district",
	"schools":        "body.schools",
	"parent_types":   "body.options.parent_role_types",
}

func checkConnection(c tenant.Connection) []*huma.ErrorDetail {
	var details []*huma.ErrorDetail
	for _, problem := range c.Check() {
		details = append(details, &huma.ErrorDetail{Location: cmp.Or(locations[problem.Field], "body"), Message: problem.Message})
	}
	return details
}
