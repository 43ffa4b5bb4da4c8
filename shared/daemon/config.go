package daemon

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/caarlos0/env/v11"
)

// Parse reads a program's configuration, a struct with env tags, from the
// environment. All faults are reported together, as one *Misuse: values that
// cannot be read, missing ones, and what the struct's Validate method finds,
// where it has one. Validate joins its faults with errors.Join, and each
// begins with the variable it concerns; a fault of a variable that could not
// even be read is left out, since Validate saw its zero value. An empty
// variable counts as not set.
func Parse[T any](getenv func(string) string) (T, error) {
	var config T
	params, err := env.GetFieldParams(&config)
	if err != nil {
		return config, fmt.Errorf("describe configuration: %w", err)
	}
	values := map[string]string{}
	for _, p := range params {
		if value := getenv(p.Key); value != "" {
			values[p.Key] = value
		}
	}
	unreadable := readable(env.ParseWithOptions(&config, env.Options{Environment: values}), keys(reflect.TypeFor[T]()))
	faults := slices.Clone(unreadable)
	if v, ok := any(&config).(interface{ Validate() error }); ok {
		for _, fault := range flatten(v.Validate()) {
			if !slices.ContainsFunc(unreadable, func(known error) bool { return subject(known) == subject(fault) }) {
				faults = append(faults, fault)
			}
		}
	}
	if len(faults) > 0 {
		return config, &Misuse{Faults: faults}
	}
	return config, nil
}

// subject is the variable that a fault begins with.
func subject(fault error) string {
	name, _, _ := strings.Cut(fault.Error(), " ")
	return strings.TrimRight(name, ":")
}

// readable turns the library's errors, which name fields, into faults that
// name variables.
func readable(err error, keys map[string]string) []error {
	var faults []error
	for _, err := range flatten(err) {
		if e, ok := errors.AsType[env.ParseError](err); ok {
			faults = append(faults, fmt.Errorf("%s: cannot be read as %v: %w", keys[e.Name], e.Type, e.Err))
			continue
		}
		if e, ok := errors.AsType[env.VarIsNotSetError](err); ok {
			faults = append(faults, fmt.Errorf("%s: is required", e.Key))
			continue
		}
		faults = append(faults, err)
	}
	return faults
}

func flatten(err error) []error {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	for _, err := range joined.Unwrap() {
		all = append(all, flatten(err)...)
	}
	return all
}

// keys maps the names of fields, those of structs within included, to variables.
func keys(t reflect.Type) map[string]string {
	found := map[string]string{}
	for i := range t.NumField() {
		field := t.Field(i)
		if tag, ok := field.Tag.Lookup("env"); ok {
			name, _, _ := strings.Cut(tag, ",")
			found[field.Name] = name
			continue
		}
		if field.Type.Kind() == reflect.Struct && field.IsExported() {
			for name, key := range keys(field.Type) {
				found[name] = field.Tag.Get("envPrefix") + key
			}
		}
	}
	return found
}
