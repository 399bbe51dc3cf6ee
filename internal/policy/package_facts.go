package policy

import (
	"fmt"
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

// ignored tells whether the reason for which a release was yanked does not count.
func (v *verdict) ignored(reason string) bool {
	reason = strings.ToLower(reason)
	for _, text := range v.values(keyIgnoredReasons) {
		if text = strings.ToLower(strings.TrimSpace(text)); text != "" && strings.Contains(reason, text) {
			return true
		}
	}
	return false
}

// lineAllowed tells whether a project may ship an executable line, which is known by its digest.
func (v *verdict) lineAllowed(project, digest string) bool {
	for _, entry := range v.values(keyAllowedLines) {
		name, line, _ := strings.Cut(strings.TrimSpace(entry), "=")
		if normal, ok := dist.Normalize(name); ok && normal == project && strings.EqualFold(line, digest) {
			return true
		}
	}
	return false
}

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

// chosen is the choice of a field, its default if the group says nothing, as groups from before the field was there.
func (v *verdict) chosen(key string) string {
	if values := v.values(key); len(values) > 0 {
		return values[0]
	}
	for _, f := range v.rule.Fields {
		if f.Key == key {
			return f.Default[0]
		}
	}
	return ""
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
	var own []string
	for _, entry := range v.values(keyPopularNames) {
		if name, ok := dist.Normalize(strings.TrimSpace(entry)); ok {
			own = append(own, name)
		}
	}
	if like, how := resembles(p.Project, own, v.letters()); like != "" {
		v.fail("The name %s resembles that of the popular package %s: %s", p.Project, like, how)
	}
}

// letters is by how many letters names may differ that resemble each other.
func (v *verdict) letters() int {
	most, err := strconv.Atoi(v.chosen(keyLetters))
	if err != nil {
		return 2
	}
	return most
}

// judgeProvenance fails for attestations that do not verify, and where attestations are expected and there are none, or none of the expected
// publisher. When it passes, it says what the attestations prove.
func (v *verdict) judgeProvenance(p *model.Package) {
	var expected []string
	for _, entry := range v.values(keyPublishers) {
		if name, publisher, _ := strings.Cut(entry, "="); packageFits(name, p) {
			expected = append(expected, strings.TrimSpace(publisher))
		}
	}
	needed := len(expected) > 0 || v.fits(keyNeedProvenance, p)
	good := 0
	for _, a := range p.Origin.Attestations {
		if a.Fault == "" {
			good++
			continue
		}
		v.fail("An attestation of %s proves nothing: %s", p.Filename, a.Fault)
	}
	switch {
	case p.Origin.Unknown && needed:
		v.reason = "the attestations could not be read"
	case len(v.violations) > 0 || p.Origin.Unknown:
	case !p.Origin.Served && needed:
		v.fail("The index serves no attestations of %s", p.Filename)
	case p.Origin.Lost && !v.passes(keyLostProvenance):
		v.fail("The index serves no attestations of %s, though it has some of the release before", p.Filename)
	case good > 0:
		v.judgePublisher(p, expected)
	}
}

// judgePublisher fails if nobody who is expected has signed.
func (v *verdict) judgePublisher(p *model.Package, expected []string) {
	var proven []string
	ok := len(expected) == 0
	for _, a := range p.Origin.Attestations {
		proven = append(proven, proves(a))
		for _, want := range expected {
			ok = ok || publisherFits(want, a.Identity)
		}
	}
	if !ok {
		v.fail("%s was not signed by the expected publisher, %s, but by %s", p.Filename, strings.Join(expected, " or "), p.Origin.Attestations[0].Identity)
		return
	}
	v.note = strings.Join(proven, " ") + " This tells where the file comes from, not that it is harmless."
}

// proves says what an attestation without a fault proves.
func proves(a model.Attestation) string {
	did := "published"
	if a.Kind == "build" {
		did = "built"
	}
	who := a.Identity
	if a.Workflow != "" {
		who += ", workflow " + a.Workflow
	}
	if a.Commit != "" {
		who += ", commit " + a.Commit
	}
	return fmt.Sprintf("Verified: %s has signed on %s that it has %s exactly these bytes.", who, a.Logged.UTC().Format(time.DateOnly), did)
}

// publisherFits tells whether an entry names an identity: itself, or the beginning of it and a star. Without a host it is of GitHub; an
// address of mail stands for itself. Letter case does not tell them apart.
func publisherFits(entry, identity string) bool {
	entry, identity = asciiLower(strings.TrimPrefix(entry, "https://")), asciiLower(identity)
	if first, _, path := strings.Cut(entry, "/"); path && !strings.Contains(first, ".") {
		entry = "github.com/" + entry
	}
	if stem, open := strings.CutSuffix(entry, "*"); open {
		return strings.HasPrefix(identity, stem)
	}
	return identity == entry
}
