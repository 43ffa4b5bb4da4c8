package connect

import (
	"context"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/runes"
	"golang.org/x/text/transform"
	"golang.org/x/text/unicode/norm"

	"cleversync/shared/clever"
	"cleversync/shared/roster"
	"cleversync/shared/tenant"
)

// Schools reads from Clever which schools of its district a tenant may select,
// in the order of their names. A person waits for it.
func (c *Connector) Schools(ctx context.Context, connection tenant.Connection) ([]roster.SourceSchool, error) {
	var all []roster.SourceSchool
	err := c.Tokens.Ask(ctx, connection.District, true, func(caller clever.Caller) (err error) {
		all, err = c.Clever.Schools(ctx, caller)
		return err
	})
	if err != nil {
		return nil, err
	}
	if !connection.Grant.Whole {
		all = slices.DeleteFunc(all, func(s roster.SourceSchool) bool { return !slices.Contains(connection.Grant.Schools, s.ID) })
	}
	slices.SortStableFunc(all, func(a, b roster.SourceSchool) int { return strings.Compare(folded(a.Name), folded(b.Name)) })
	return all, nil
}

// Search gives the schools whose name has all words of the text somewhere,
// whatever their case and accents. An empty text finds all.
func Search(schools []roster.SourceSchool, text string) []roster.SourceSchool {
	words := strings.Fields(folded(text))
	var found []roster.SourceSchool
	for _, school := range schools {
		name := folded(school.Name)
		if !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(name, word) }) {
			found = append(found, school)
		}
	}
	return found
}

// folded is a text without case and accents, for comparing.
func folded(text string) string {
	if !strings.ContainsFunc(text, func(r rune) bool { return r > unicode.MaxASCII }) {
		return strings.ToLower(text)
	}
	// Made anew each time: a chain of transformers remembers.
	plain, _, err := transform.String(transform.Chain(norm.NFKD, runes.Remove(runes.In(unicode.Mn)), norm.NFC), text)
	if err != nil {
		plain = text
	}
	return cases.Fold().String(plain)
}
