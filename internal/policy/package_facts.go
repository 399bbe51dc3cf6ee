package policy

import (
	"strconv"
	"strings"
	"time"

	"modelgate/internal/model"
	"modelgate/internal/model/dist"
)

// CoolDown is the age from which a group takes packages for old enough, 0 if it does not ask: until then a verdict on a package ends with
// its youth.
func CoolDown(g model.Group) time.Duration {
	for _, r := range table {
		if instance, ok := enabled(g, r); ok && r.Name == coolDown {
			return minimumAge(instance)
		}
	}
	return 0
}

// minimumAge reads the field of the rule. What is no number was refused when the group was written.
func minimumAge(instance model.RuleInstance) time.Duration {
	for _, text := range instance.Values[keyMinimumAge] {
		if hours, err := strconv.Atoi(text); err == nil && hours > 0 {
			return time.Duration(hours) * time.Hour
		}
	}
	return 0
}

// excepted tells whether the rule does not judge a package.
func (v *verdict) excepted(p *model.Package) bool { return v.fits(keyExcepted, p) }

// fits tells whether an entry of a field is about a package.
func (v *verdict) fits(key string, p *model.Package) bool {
	for _, entry := range v.values(key) {
		if packageFits(entry, p) {
			return true
		}
	}
	return false
}

// passes tells whether a field says that what is missing passes.
func (v *verdict) passes(key string) bool {
	values := v.values(key)
	return len(values) > 0 && values[0] == "pass"
}

// judgeAge fails for a file that was uploaded too short a time before its metadata were learned.
func (v *verdict) judgeAge(p *model.Package) {
	least := minimumAge(v.instance)
	switch {
	case least == 0 || v.excepted(p):
	case p.Uploaded.IsZero() && p.Upstream == "":
		v.reason = "the package does not come from an index, so when it was uploaded is not known"
	case p.Uploaded.IsZero():
		if !v.passes(keyMissingTime) {
			v.fail("When %s was uploaded is not told by its index", p.Filename)
		}
	case p.AsOf.Sub(p.Uploaded) < least:
		v.fail("%s was uploaded at %s, less than %d hours ago", p.Filename, p.Uploaded.UTC().Format(time.RFC3339), int(least.Hours()))
	}
}

// judgePackageLicense fails for a licence that is denied, or not among the allowed ones, and if there is none.
func (v *verdict) judgePackageLicense(p *model.Package) {
	if v.excepted(p) {
		return
	}
	if p.LicenseUnknown {
		v.reason = "the metadata of the package could not be read"
		return
	}
	if len(p.Licenses) == 0 && !v.passes(keyMissingLicense) {
		v.fail("%s %s declares no licence", p.Project, p.Version)
	}
	for _, l := range p.Licenses {
		if !v.licensed(l) {
			v.fail("%s %s is under a licence that is not approved: %s", p.Project, p.Version, l)
		}
	}
}

// licensed tells whether an expression leaves a choice that is approved: one alternative all of whose licences are. Parentheses are
// taken apart from the outside, so that "A AND (B OR C)" needs A and one of the others.
func (v *verdict) licensed(expression string) bool {
	for _, alternative := range splitExpression(expression, " OR ") {
		ok := true
		for _, part := range splitExpression(alternative, " AND ") {
			if inner, nested := unwrapped(part); nested {
				ok = ok && v.licensed(inner)
				continue
			}
			id, _, _ := strings.Cut(part, " WITH ")
			ok = ok && !containsFold(v.values(keyDeniedLicenses), id) && (len(v.values(keyAllowedLicenses)) == 0 || containsFold(v.values(keyAllowedLicenses), id))
		}
		if ok {
			return true
		}
	}
	return false
}

// splitExpression splits at an operator outside of parentheses.
func splitExpression(s, operator string) []string {
	var parts []string
	depth, begin := 0, 0
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '(':
			depth++
		case s[i] == ')':
			depth--
		case depth == 0 && len(s)-i >= len(operator) && strings.EqualFold(s[i:i+len(operator)], operator):
			parts = append(parts, strings.TrimSpace(s[begin:i]))
			begin = i + len(operator)
			i = begin - 1
		}
	}
	return append(parts, strings.TrimSpace(s[min(begin, len(s)):]))
}

// unwrapped is what stands in parentheses, if a part is nothing else.
func unwrapped(s string) (string, bool) {
	if len(s) < 2 || s[0] != '(' || s[len(s)-1] != ')' {
		return "", false
	}
	depth := 0
	for i := range len(s) - 1 {
		switch s[i] {
		case '(':
			depth++
		case ')':
			depth--
		}
		if depth == 0 {
			return "", false
		}
	}
	return s[1 : len(s)-1], true
}

func containsFold(list []string, s string) bool {
	for _, entry := range list {
		if strings.EqualFold(strings.TrimSpace(entry), strings.TrimSpace(s)) {
			return true
		}
	}
	return false
}

// oldName is the age from which the name of a project is taken for its own.
const oldName = 2 * 365 * 24 * time.Hour

// judgeName fails for a name that could be read as that of a popular package. Names of private indexes are nobody else's, and those of
// projects that have been there for two years are known by themselves.
func (v *verdict) judgeName(p *model.Package, private bool) {
	if private || v.excepted(p) || !p.Since.IsZero() && p.AsOf.Sub(p.Since) > oldName {
		return
	}
	if like, how := resembles(p.Project); like != "" {
		v.fail("The name %s resembles that of the popular package %s: %s", p.Project, like, how)
	}
}

// judgeProvenance fails where attestations are expected and there are none, or none of the expected publisher.
func (v *verdict) judgeProvenance(p *model.Package) {
	needed := v.fits(keyNeedProvenance, p)
	var expected []string
	for _, entry := range v.values(keyPublishers) {
		name, publisher, _ := strings.Cut(entry, "=")
		if normal, ok := dist.Normalize(strings.TrimSpace(name)); ok && normal == p.Project {
			expected = append(expected, strings.TrimSpace(publisher))
		}
	}
	switch {
	case !needed && len(expected) == 0:
		return
	case p.Origin.Unknown:
		v.reason = "the attestations could not be read"
		return
	case !p.Origin.Served:
		v.fail("The index serves no attestations of %s", p.Filename)
		return
	}
	for _, want := range expected {
		for _, is := range p.Origin.Publishers {
			if strings.Contains(strings.ToLower(is), strings.ToLower(want)) {
				return
			}
		}
	}
	if len(expected) > 0 {
		v.fail("%s was published by %s, which is not the expected publisher", p.Filename, strings.Join(p.Origin.Publishers, ", "))
	}
}
