package clevertest

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"path"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Bounds of what rules may order, far above what a test needs: the simulator
// serves several programs at once, and no order may take it from the others.
const (
	maxFaultRules   = 100
	maxFaultText    = 256 << 10
	maxFaultHeaders = 50
	maxFaultDelay   = 10 * time.Minute
	maxFaultShift   = 366 * 24 * time.Hour
	maxFaultBytes   = 1 << 30
	maxFaultRecords = maxLimit
	maxFaultDepth   = 1 << 20
)

// checkRule tells what is wrong with a rule, by the field's path, and finds the
// spec of its fault. The order is that of the fields.
func (s *Server) checkRule(rule FaultRule) (faultSpec, error) {
	spec, known := faultSpecs()[rule.Fault.Kind]
	switch {
	case len(rule.Name) > 100:
		return spec, errors.New("name: longer than 100 bytes")
	case !known:
		return spec, fmt.Errorf("fault.kind: %q is none of %s", rule.Fault.Kind, strings.Join(kindNames(), ", "))
	}
	if err := s.checkMatch(rule.Meets); err != nil {
		return spec, fmt.Errorf("meets.%w", err)
	}
	if err := checkWhen(rule.When); err != nil {
		return spec, fmt.Errorf("when.%w", err)
	}
	if err := s.checkFault(rule.Fault, spec); err != nil {
		return spec, fmt.Errorf("fault.%w", err)
	}
	if strings.HasPrefix(rule.Fault.Variant, "appear_") && max(rule.When.Nth, rule.When.From) < 2 {
		return spec, errors.New("when.from: must be 2 or more (or nth), since the first request withdraws what appears")
	}
	return spec, nil
}

func kindNames() []string {
	var names []string
	for kind := range maps.Keys(faultSpecs()) {
		names = append(names, string(kind))
	}
	slices.Sort(names)
	return names
}

func (s *Server) checkMatch(m FaultMatch) error {
	if m.Route != "" && !s.hasRoute(m.Route) {
		return fmt.Errorf("route: Clever has no %q", m.Route)
	}
	if _, err := path.Match(m.Path, ""); err != nil {
		return errors.New("path: not a pattern, such as /v3.1/schools/*/users")
	}
	if m.District != "" && s.sharingByID(m.District) == nil {
		return errors.New("district: no district has this id")
	}
	if len(m.Query) > 20 {
		return errors.New("query: more than 20 parameters")
	}
	return nil
}

// hasRoute tells whether requests can have this route.
func (s *Server) hasRoute(route string) bool {
	if route == "other" {
		return true
	}
	if !strings.HasPrefix(route, "/") || strings.ContainsAny(route, "?#% ") {
		return false
	}
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		for _, prefix := range []string{"/" + versions[0], ""} {
			r, err := http.NewRequest(method, prefix+strings.ReplaceAll(route, "{id}", "id"), nil)
			if err == nil && s.route(r) == route {
				return true
			}
		}
	}
	return false
}

func checkWhen(w FaultWhen) error {
	for name, n := range map[string]int{"nth": w.Nth, "from": w.From, "every": w.Every, "times": w.Times} {
		if n < 0 {
			return fmt.Errorf("%s: negative", name)
		}
	}
	switch {
	case w.Nth > 0 && (w.From > 0 || w.Every > 0):
		return errors.New("nth: excludes from and every")
	case !(w.Probability >= 0 && w.Probability <= 1): // so that NaN is refused too
		return errors.New("probability: must be between 0 and 1")
	case w.Seed != 0 && w.Probability == 0:
		return errors.New("seed: needs a probability")
	}
	return nil
}

func (s *Server) checkFault(f Fault, spec faultSpec) error {
	switch {
	case f.Variant != "" && len(spec.variants) == 0:
		return fmt.Errorf("variant: the kind %s has none", f.Kind)
	case f.Variant != "" && !slices.Contains(spec.variants, f.Variant):
		return fmt.Errorf("variant: %q is none of %s", f.Variant, strings.Join(spec.variants, ", "))
	}
	given := fieldsOf(f)
	for _, name := range given {
		if !slices.Contains(spec.takes, name) && !slices.Contains(spec.requires, name) {
			return fmt.Errorf("%s: the kind %s takes none", name, f.Kind)
		}
	}
	for _, name := range spec.requires {
		if !slices.Contains(given, name) {
			return fmt.Errorf("%s: the kind %s needs one", name, f.Kind)
		}
	}
	if err := checkValues(f); err != nil {
		return err
	}
	return s.checkMeaning(f)
}

// fieldsOf names the fields that are set beside kind and variant.
func fieldsOf(f Fault) []string {
	var given []string
	v := reflect.ValueOf(f)
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		if !v.Field(i).IsZero() && name != "kind" && name != "variant" {
			given = append(given, name)
		}
	}
	return given
}

func checkValues(f Fault) error {
	switch {
	case f.Status != 0 && (f.Status < 200 || f.Status > 999):
		return errors.New("status: must be 200 to 999")
	case len(f.Text) > maxFaultText:
		return fmt.Errorf("text: longer than %d bytes", maxFaultText)
	case !slices.Contains([]string{"", "length", "chunked", "close"}, f.Framing):
		return errors.New("framing: must be length, chunked or close")
	case !slices.Contains([]string{"", "one", "repeated", "list"}, f.Buckets):
		return errors.New("buckets: must be one, repeated or list")
	case f.Delay < 0 || f.Delay > longestDelay(f.Kind):
		return fmt.Errorf("delay: must be 0 to %s", longestDelay(f.Kind))
	case f.Pause < 0 || f.Pause > maxFaultDelay:
		return fmt.Errorf("pause: must be 0 to %s", maxFaultDelay)
	case f.Bytes < 0 || f.Bytes > maxFaultBytes:
		return fmt.Errorf("bytes: must be 0 to %d", maxFaultBytes)
	case f.Records < 0 || f.Records > maxFaultRecords:
		return fmt.Errorf("records: must be 0 to %d", maxFaultRecords)
	case f.Skip < 0:
		return errors.New("skip: negative")
	case f.Depth < 0 || f.Depth > maxFaultDepth:
		return fmt.Errorf("depth: must be 0 to %d", maxFaultDepth)
	}
	return checkHeaders(f.Headers)
}

// longestDelay bounds a delay: more narrowly where a request waits for it than
// where it is added to a time that the answer says.
func longestDelay(kind FaultKind) time.Duration {
	if kind == FaultLastSync || kind == FaultRateLimit {
		return maxFaultShift
	}
	return maxFaultDelay
}

func checkHeaders(headers map[string][]string) error {
	if len(headers) > maxFaultHeaders {
		return fmt.Errorf("headers: more than %d", maxFaultHeaders)
	}
	size := 0
	for name, values := range headers {
		switch http.CanonicalHeaderKey(name) {
		case "":
			return errors.New("headers: one has no name")
		case "Content-Length", "Transfer-Encoding", "Connection":
			return fmt.Errorf("headers: %s is what framing is for", name)
		}
		for _, value := range values {
			size += len(value)
		}
	}
	if size > maxFaultText {
		return fmt.Errorf("headers: more than %d bytes", maxFaultText)
	}
	return nil
}

// checkMeaning checks what depends on the kind and on the simulator.
func (s *Server) checkMeaning(f Fault) error {
	switch {
	case f.Kind == FaultGzip && !s.cfg.Gzip:
		return errors.New("kind: gzip needs a simulator that compresses")
	case f.Kind == FaultNext && (f.Variant == "custom") != (f.Text != ""):
		return errors.New("text: the uri of the variant custom, and of no other")
	case f.Field != "" && f.Variant != "" && f.Variant != "wrong_type":
		return errors.New("field: only the variant wrong_type has one")
	case f.Depth != 0 && f.Variant != "deep":
		return errors.New("depth: only the variant deep has one")
	case f.Kind == FaultHideSchool || f.Kind == FaultShowSchool:
		for _, d := range s.sharings {
			if _, ok := find(d.source, schools, f.Text); ok {
				return nil
			}
		}
		return errors.New("text: no district has a school with this id")
	}
	return nil
}
