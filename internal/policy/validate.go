package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"modelgate/internal/model"
	"modelgate/internal/model/dist"
)

// Bounds of what a group holds.
const (
	maxName        = 255 // characters
	maxDescription = 1000
	maxEntries     = 10_000 // of one list
	maxEntry       = 512    // bytes
)

// Validate checks a group: its name, source, and that each rule exists, applies to the source, and has a known state, known fields
// and entries that mean something. Errors name the rule and suggest what was probably meant.
func Validate(g model.Group) error {
	if err := validText("name", g.Name, 1, maxName); err != nil {
		return err
	}
	if err := validText("description", g.Description, 0, maxDescription); err != nil {
		return err
	}
	if !slices.Contains(model.Sources(), g.Source) {
		return fmt.Errorf("%q is no source of models%s", g.Source, suggestion(strings.ToUpper(string(g.Source)), names(model.Sources())))
	}
	seen := map[uuid.UUID]bool{}
	for _, instance := range g.Rules {
		r, err := FindRule(instance.Rule.String())
		if err != nil {
			return err
		}
		if seen[r.UUID] {
			return fmt.Errorf("the rule %s is there twice", r.Name)
		}
		seen[r.UUID] = true
		if !r.AppliesTo(g.Source) {
			return fmt.Errorf("the rule %s does not apply to %s models", r.Name, g.Source)
		}
		if err := validInstance(r, instance); err != nil {
			return fmt.Errorf("rule %s: %w", r.Name, err)
		}
	}
	return nil
}

// validText checks a text that people see.
func validText(what, text string, least, most int) error {
	switch n := utf8.RuneCountInString(text); {
	case !utf8.ValidString(text):
		return fmt.Errorf("the %s is not valid UTF-8", what)
	case n < least:
		return fmt.Errorf("the %s is missing", what)
	case n > most:
		return fmt.Errorf("the %s has %d characters, %d are possible", what, n, most)
	case strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && (least > 0 || !unicode.IsSpace(r)) }):
		return fmt.Errorf("the %s has control characters", what)
	case least > 0 && strings.TrimSpace(text) == "":
		return fmt.Errorf("the %s is blank", what)
	}
	return nil
}

func validInstance(r Rule, instance model.RuleInstance) error {
	states := []model.RuleState{model.Disabled, model.Allowing, model.Blocking}
	if !slices.Contains(states, instance.State) {
		return fmt.Errorf("%q is no state%s", instance.State, suggestion(strings.ToUpper(string(instance.State)), names(states)))
	}
	for key, values := range instance.Values {
		i := slices.IndexFunc(r.Fields, func(f Field) bool { return f.Key == key })
		if i < 0 {
			var keys []string
			for _, f := range r.Fields {
				keys = append(keys, f.Key)
			}
			return fmt.Errorf("there is no field %q%s", key, suggestion(key, keys))
		}
		if len(values) > maxEntries {
			return fmt.Errorf("%s has %d entries, %d are possible", key, len(values), maxEntries)
		}
		for _, v := range values {
			if err := validEntry(r.Fields[i], v); err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
		}
	}
	return nil
}

// Shapes of entries. The Hub's names are of letters, digits, ".", "_" and "-".
var (
	licensePattern   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.+_-]*$`)
	orgPattern       = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
	modelPattern     = regexp.MustCompile(`^((models|datasets|spaces|kernels)/)?([A-Za-z0-9][A-Za-z0-9._-]*/)?[A-Za-z0-9._-]+$`)
	schemePattern    = regexp.MustCompile(`^[a-z][a-z0-9+-]*$`)
	packagePattern   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*(\*|==[A-Za-z0-9.!+_-]+)?$`)
	digestPattern    = regexp.MustCompile(`^(sha256:)?[0-9A-Fa-f]{64}$`)
	advisoryPattern  = regexp.MustCompile(`^[A-Z]+-[0-9A-Za-z-]+$`)
	statusPattern    = regexp.MustCompile(`^[a-z][a-z-]*$`)
	publisherPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*\*?=((https://)?[^\s/*]+(/[^\s/*]+)*(/\*)?|[^\s/@]+@[^\s/@]+)$`)
	linePattern      = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*=sha256:[0-9A-Fa-f]{64}$`)
	hoursPattern     = regexp.MustCompile(`^[0-9]{1,5}$`)
	uriPattern       = regexp.MustCompile(`^[a-z][a-z0-9+-]*://[^\s/]+(/\S*)?$`)
)

func validEntry(f Field, v string) error {
	if len(v) > maxEntry || !utf8.ValidString(v) || strings.ContainsFunc(v, unicode.IsControl) {
		return fmt.Errorf("an entry is longer than %d bytes or not plain text", maxEntry)
	}
	fits, expected := true, ""
	switch f.Key {
	case keyApprovedFormats:
		var known []string
		for _, c := range f.Choices {
			known = append(known, c.Value)
		}
		if !slices.Contains(known, v) {
			return fmt.Errorf("there is no format %q%s", v, suggestion(strings.ToLower(v), known))
		}
	case keyApprovedLicenses:
		fits, expected = licensePattern.MatchString(v), "a licence identifier such as apache-2.0"
	case keyDeniedOrgs:
		if org, _, ok := strings.Cut(v, "/"); ok && orgPattern.MatchString(org) {
			return fmt.Errorf("%q is a model: block it with the rule %s, or write %q", v, modelBlocked, org)
		}
		fits, expected = orgPattern.MatchString(v), "the name of an organization"
	case keyApprovedModels, keyDeniedModels:
		if _, rest, ok := strings.Cut(v, "://huggingface.co/"); ok {
			return fmt.Errorf("%q is an address; did you mean %q?", v, rest)
		}
		fits, expected = modelPattern.MatchString(v), "organization/model"
	case keyApprovedLocations:
		if strings.HasPrefix(v, "az://") {
			return fmt.Errorf("%q does not tell the storage account: write https://account.blob.core.windows.net/container, or az for all of Azure", v)
		}
		fits = schemePattern.MatchString(v) || uriPattern.MatchString(v) || strings.HasPrefix(v, "/")
		expected = "a scheme (s3), a URI (s3://bucket/dir) or an absolute path"
	case keyDeniedPackages:
		fits, expected = packagePattern.MatchString(v), "name, name==version or name*"
	case keyDeniedDigests:
		fits, expected = digestPattern.MatchString(v), "a SHA-256 in hexadecimal"
	case keyIgnoredAdvisories:
		fits, expected = advisoryPattern.MatchString(v), "the identifier of an advisory such as MAL-2026-1"
	case keyExcepted, keyNeedProvenance:
		fits, expected = packagePattern.MatchString(v), "name, name==version or name*"
	case keyPublishers:
		fits = publisherPattern.MatchString(v) && strings.ContainsAny(v, "/@")
		expected = "name=publisher with a publisher such as owner/repository, owner/*, gitlab.com/group/project or an address of mail"
	case keyAllowedLines:
		fits, expected = linePattern.MatchString(v), "name=sha256:digest"
	case keyMinimumAge:
		fits, expected = hoursPattern.MatchString(v), "a number of hours"
	case keyMissingTime, keyMissingLicense, keyLostProvenance:
		fits, expected = v == "fail" || v == "pass", "fail or pass"
	case keyLeastSeverity:
		fits, expected = chooses(severities, v), "low, medium, high or critical"
	case keyLetters:
		fits, expected = chooses(letters, v), "0, 1 or 2"
	case keyPopularNames:
		_, fits = dist.Normalize(v)
		expected = "the name of a package"
	case keyBadStatus:
		fits, expected = statusPattern.MatchString(v), "a state such as quarantined"
	}
	if !fits {
		return fmt.Errorf("%q is not %s", v, expected)
	}
	return nil
}

// chooses tells whether a value is among the choices.
func chooses(all []Choice, v string) bool {
	return slices.ContainsFunc(all, func(c Choice) bool { return c.Value == v })
}

// names turns constants of a string type into strings.
func names[T ~string](values []T) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = string(v)
	}
	return out
}
