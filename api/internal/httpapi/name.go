package httpapi

import (
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// Name is a name that a person gives to something.
type Name string

// What a name must not have, and must not have alone, as parts of a character
// class that every dialect of regular expressions reads the same way.
const (
	controls = `\x00-\x1f\x7f-\x9f`
	spaces   = " \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
)

// Schema is what a name may be.
func (Name) Schema(huma.Registry) *huma.Schema {
	shortest, longest := 1, 200
	return &huma.Schema{
		Type:               huma.TypeString,
		MinLength:          &shortest,
		MaxLength:          &longest,
		Pattern:            "^[^" + controls + "]*[^" + controls + spaces + "][^" + controls + "]*$",
		PatternDescription: "a text that is not blank and has no control characters",
	}
}

func (n Name) trimmed() string { return strings.TrimSpace(string(n)) }
