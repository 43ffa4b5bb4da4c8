package httpapi

import (
	"fmt"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// Name is a name that a person gives to something.
type Name string

// Schema is what a name may be.
func (Name) Schema(huma.Registry) *huma.Schema {
	shortest, longest := 1, 200
	return &huma.Schema{
		Type:               huma.TypeString,
		MinLength:          &shortest,
		MaxLength:          &longest,
		Pattern:            `^\P{Cc}*[^\p{Cc}\s]\P{Cc}*$`,
		PatternDescription: "a text that is not blank and has no control characters",
	}
}

func (n Name) trimmed() string { return strings.TrimSpace(string(n)) }

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
