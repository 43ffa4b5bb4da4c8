package clever

import (
	"errors"
	"io"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// envelope is what stands around the data of an answer.
type envelope struct {
	next string
	// canonical is the address of what was asked for, where that was an alias.
	canonical string
	total     int
	hasTotal  bool
}

// errMalformed is JSON that is no envelope of Clever's.
var errMalformed = errors.New("not an envelope")

// tolerant takes what Clever's data may contain: a name given twice (the last
// counts) and broken UTF-8 (U+FFFD stands in for it).
var tolerant = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// readList reads the envelope of a list, calling element for each element of
// its data in order. The value is valid until element returns. Keys come in
// any order, and links may stand before the data.
func readList(b *body, element func(jsontext.Value) error) (envelope, error) {
	return readEnvelope(b, func(d *jsontext.Decoder) error {
		if err := open(d, '['); err != nil {
			return err
		}
		for peek(b, d) != ']' {
			v, err := readValue(b, d)
			if err != nil {
				return err
			}
			if err := element(v); err != nil {
				return err
			}
		}
		_, err := d.ReadToken()
		return err
	})
}

// readEnvelope reads an envelope, and its data with the given function. It
// reads to the end of the body, so that a cut one is found out and the
// connection can be used again.
func readEnvelope(b *body, data func(*jsontext.Decoder) error) (envelope, error) {
	var e envelope
	d := jsontext.NewDecoder(b, tolerant)
	if err := open(d, '{'); err != nil {
		return e, err
	}
	found := false
	for peek(b, d) != '}' {
		name, err := readName(d)
		switch {
		case err != nil:
		case name == "data" && found:
			err = errMalformed
		case name == "data":
			found, err = true, data(d)
		default:
			err = e.read(name, b, d)
		}
		if err != nil {
			return e, err
		}
	}
	if !found {
		return e, errMalformed
	}
	return e, closeEnvelope(d)
}

// read reads a member of the envelope other than its data.
func (e *envelope) read(name string, b *body, d *jsontext.Decoder) error {
	v, err := readValue(b, d)
	if err != nil {
		return err
	}
	switch name {
	case "links":
		if e.next, err = nextOf(v); err == nil {
			e.canonical = canonicalOf(v)
		}
	case "count":
		// Clever documents no form of it: what is no number is no total.
		if n := 0; json.Unmarshal(v, &n) == nil && n >= 0 && v.Kind() == '0' {
			e.total, e.hasTotal = n, true
		}
	}
	return err
}

// nextOf finds the next link. Links that cannot be read are an error: to take
// them for none would end the list early.
func nextOf(v jsontext.Value) (string, error) {
	var links []struct {
		Rel string `json:"rel"`
		URI string `json:"uri"`
	}
	if err := json.Unmarshal(v, &links, tolerant); err != nil {
		return "", errMalformed
	}
	for _, l := range links {
		if l.Rel != "next" {
			continue
		}
		if l.URI == "" {
			return "", errMalformed
		}
		return l.URI, nil
	}
	return "", nil
}

// canonicalOf finds the canonical link, empty where there is none.
func canonicalOf(v jsontext.Value) string {
	var links []struct {
		Rel string `json:"rel"`
		URI string `json:"uri"`
	}
	if json.Unmarshal(v, &links, tolerant) != nil {
		return ""
	}
	for _, l := range links {
		if l.Rel == "canonical" {
			return l.URI
		}
	}
	return ""
}

// open reads the token that begins an object or an array.
func open(d *jsontext.Decoder, kind jsontext.Kind) error {
	t, err := d.ReadToken()
	if err != nil {
		return err
	}
	if t.Kind() != kind {
		return errMalformed
	}
	return nil
}

// peek tells what comes next. The bound on a value counts from here.
func peek(b *body, d *jsontext.Decoder) jsontext.Kind {
	b.began = d.InputOffset()
	return d.PeekKind()
}

func readName(d *jsontext.Decoder) (string, error) {
	t, err := d.ReadToken()
	if err != nil {
		return "", err
	}
	return t.String(), nil
}

// readValue reads one whole value, which the body's bound keeps small.
func readValue(b *body, d *jsontext.Decoder) (jsontext.Value, error) {
	b.began = d.InputOffset()
	return d.ReadValue()
}

// closeEnvelope reads the envelope's end and makes sure that nothing follows.
func closeEnvelope(d *jsontext.Decoder) error {
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	switch _, err := d.ReadToken(); {
	case err == io.EOF:
		return nil
	case err != nil:
		return err
	}
	return errMalformed
}
