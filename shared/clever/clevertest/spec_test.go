package clevertest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi2"
	"github.com/getkin/kin-openapi/openapi2conv"
	"github.com/getkin/kin-openapi/openapi3"
	"go.yaml.in/yaml/v3"
)

// newIn31 is what v3.1 added, by schema.
var newIn31 = map[string][]string{
	"District": {"lms_state", "lms_type", "last_attendance_sync"},
	"User":     {"lms_status"},
	"Section":  {"lms_status"},
	"Student": {
		"disability", "gifted_status", "home_language", "home_language_code", "iep_status", "section_504_status", "preferred_name", "frl_status",
	},
}

// specification is Clever's Swagger file as one API version has it, with every
// object closed, so that keys that it does not name are found too.
type specification struct {
	*openapi3.T
}

// specifications reads Clever's file beside the module, once, or skips the
// test. There is none for v3.0: it is v3.1 without what v3.1 added.
func specifications(t *testing.T) map[string]specification {
	t.Helper()
	path := beside(t, "reference", "clever-v3.1.yml")
	specifications, err := readSpecifications(path)
	if err != nil {
		t.Fatal(err)
	}
	return specifications
}

var readSpecifications = func() func(string) (map[string]specification, error) {
	var once sync.Once
	var found map[string]specification
	var err error
	return func(path string) (map[string]specification, error) {
		once.Do(func() {
			found = map[string]specification{}
			for _, version := range []string{"/v3.0", "/v3.1"} {
				if found[version], err = readSpecification(path); err != nil {
					return
				}
				if version == "/v3.0" {
					found[version].forget(newIn31)
				}
				found[version].closeObjects()
			}
		})
		return found, err
	}
}()

func readSpecification(path string) (specification, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return specification{}, err
	}
	var tree any
	if err := yaml.Unmarshal(text, &tree); err != nil {
		return specification{}, fmt.Errorf("read %s: %w", path, err)
	}
	asJSON, err := json.Marshal(tree)
	if err != nil {
		return specification{}, fmt.Errorf("read %s: %w", path, err)
	}
	var doc openapi2.T
	if err := json.Unmarshal(asJSON, &doc); err != nil {
		return specification{}, fmt.Errorf("read %s: %w", path, err)
	}
	converted, err := openapi2conv.ToV3(&doc)
	if err != nil {
		return specification{}, fmt.Errorf("convert %s: %w", path, err)
	}
	return specification{converted}, nil
}

func (s specification) forget(added map[string][]string) {
	for name, keys := range added {
		for _, key := range keys {
			delete(s.Components.Schemas[name].Value.Properties, key)
		}
	}
}

// closeObjects forbids what is not named, but in objects of which nothing is
// named: ext is free. It also says of Roles that it is an object, which the
// file forgets.
func (s specification) closeObjects() {
	for _, schema := range s.Components.Schemas {
		if len(schema.Value.Properties) > 0 {
			schema.Value.Type = &openapi3.Types{openapi3.TypeObject}
			schema.Value.AdditionalProperties = openapi3.AdditionalProperties{Has: new(bool)}
		}
	}
}

// number is a place in a list, in a JSON pointer.
var number = regexp.MustCompile(`/\d+`)

// fault is one thing that a body and the file disagree about.
type fault struct{ at, what string }

// faults compares a body with what the file says of the path's answers with
// this status.
func (s specification) faults(path string, status int, body []byte) ([]fault, error) {
	operation := s.Paths.Value(path)
	if operation == nil || operation.Get == nil {
		return nil, fmt.Errorf("the file has no GET %s", path)
	}
	answer := operation.Get.Responses.Status(status)
	if answer == nil {
		return []fault{{"", fmt.Sprintf("status %d", status)}}, nil
	}
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		return nil, fmt.Errorf("answer of %s: %w", path, err)
	}
	err := answer.Value.Content.Get("application/json").Schema.Value.VisitJSON(value, openapi3.MultiErrors(), openapi3.EnableFormatValidation(),
		openapi3.WithStringFormatValidator("datetime", openapi3.NewCallbackValidator(isTime)),
		openapi3.WithStringFormatValidator("date-time", openapi3.NewCallbackValidator(isTime)),
		openapi3.WithStringFormatValidator("date", openapi3.NewCallbackValidator(isDate)))
	return faultsOf(err), nil
}

func faultsOf(err error) []fault {
	if err == nil {
		return nil
	}
	if many, ok := errors.AsType[openapi3.MultiError](err); ok {
		var all []fault
		for _, one := range many {
			all = append(all, faultsOf(one)...)
		}
		return all
	}
	one, ok := errors.AsType[*openapi3.SchemaError](err)
	if !ok {
		return []fault{{"", err.Error()}}
	}
	at := number.ReplaceAllString("/"+strings.Join(one.JSONPointer(), "/"), "/*")
	return []fault{{at, one.SchemaField + ": " + one.Reason}}
}

func isTime(text string) error {
	_, err := time.Parse(time.RFC3339, text)
	return err
}

func isDate(text string) error {
	_, err := time.Parse(time.DateOnly, text)
	return err
}
