package httpapi

import (
	"fmt"

	"github.com/danielgtaylor/huma/v2"
)

// description is what the API says of itself before any operation is added.
func (a *API) description() huma.Config {
	registry := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title:   "Clever sync",
				Version: "1",
				Description: "Keeps School Manager's people, classrooms and parents equal to what a school district shares in Clever. " +
					"Every error is an application/problem+json with a code that is never renamed.",
			},
			Tags: []*huma.Tag{
				{Name: "Tenants", Description: "School Manager customer installations."},
				{Name: "Connection", Description: "A tenant's link to a Clever district: schools and options."},
				{Name: "Runs", Description: "Syncs: start, watch, cancel, read what came of them."},
				{Name: "Review", Description: "What runs have withheld because it is too much to be true, previews, and the limits."},
				{Name: "Tokens", Description: "Who may use this API."},
			},
			Components: &huma.Components{
				Schemas: registry,
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"bearer": {Type: "http", Scheme: "bearer", Description: "A token, as Authorization: Bearer cs_…"},
					"basic":  {Type: "http", Scheme: "basic", Description: "The same token as the password; the user's name may be anything."},
				},
			},
		},
		Formats:                      map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
		Transformers:                 []huma.Transformer{a.fromHuma},
	}
}

// offerRegions lets a schema's region be one of the deployment's, which are
// known only now.
func (a *API) offerRegions(schema string) {
	described := a.huma.OpenAPI().Components.Schemas.Map()[schema]
	if described == nil || described.Properties["region"] == nil {
		panic(fmt.Sprintf("schema %s has no region", schema)) // the operation was renamed
	}
	region := described.Properties["region"]
	for _, r := range a.regions {
		region.Enum = append(region.Enum, r.Name)
	}
	region.PrecomputeMessages()
}
