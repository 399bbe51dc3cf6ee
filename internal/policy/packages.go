package policy

import (
	"slices"
	"strings"

	"modelgate/internal/model"
	"modelgate/internal/model/dist"
	"modelgate/internal/threat"
)

// packageRules are the rules of Python packages, with the states of the preset Strict.
func packageRules() []Rule {
	index := []model.Source{model.PyPI}
	excepted := []Field{exceptedPackages()}
	return append(packageMetadataRules(index), []Rule{
		{
			UUID: ruleUUID(0x20), Name: string(threat.ReadableArchive), Type: Artifact, Sources: index, Default: model.Blocking,
			Description: "Distribution files should be read to their end",
			Remediation: "Use a release whose files can be read",
			Steps:       threat.Get(threat.MGPKG400).Steps(),
		},
		{
			UUID: ruleUUID(0x21), Name: string(threat.PathConfig), Type: Artifact, Sources: index, Default: model.Blocking,
			Description: "Packages should not run code at every start of the interpreter",
			Remediation: "Use a release without executable lines in .pth files",
			Steps:       threat.Get(threat.MGPKG100).Steps(),
			Fields: []Field{{
				Key: keyAllowedLines, Name: "Allowed Lines", Display: List, Default: []string{},
				Description: "name=sha256:digest: a line that a project may ship, by the SHA-256 that its violation shows",
			}},
		},
		{
			UUID: ruleUUID(0x22), Name: string(threat.DecodeAndExecute), Type: Artifact, Sources: index, Default: model.Blocking,
			Description: "Packages should not execute what they decode or download when they are installed or imported",
			Remediation: "Use a release without such a chain",
			Steps:       threat.Get(threat.MGPKG101).Steps(),
		},
		{
			UUID: ruleUUID(0x23), Name: string(threat.InstallCode), Type: Artifact, Sources: index, Default: model.Blocking,
			Description: "Packages should not run code when they are installed",
			Remediation: "Install a wheel instead of the source distribution",
			Steps:       threat.Get(threat.MGPKG103).Steps(),
			Fields:      excepted,
		},
		{
			UUID: ruleUUID(0x24), Name: string(threat.SuspiciousCode), Type: Artifact, Sources: index, Default: model.Blocking,
			Description: "The code of packages should not show the signs of malicious ones",
			Remediation: "Read the named lines before the package is used",
			Steps:       threat.Get(threat.MGPKG104).Steps(),
			Fields:      excepted,
		},
		{
			UUID: ruleUUID(0x25), Name: string(threat.NativeInPure), Type: Artifact, Sources: index, Default: model.Blocking,
			Description: "Wheels that say that they are pure should not carry programs or libraries",
			Remediation: "Ask why a pure wheel carries a program",
			Steps:       threat.Get(threat.MGPKG105).Steps(),
			Fields:      excepted,
		},
		{
			UUID: ruleUUID(0x26), Name: string(threat.RecordMatches), Type: Artifact, Sources: index, Default: model.Blocking,
			Description: "Wheels should hold what their RECORD lists",
			Remediation: "Use a release whose wheel was not changed after it was built",
			Steps:       threat.Get(threat.MGPKG106).Steps(),
			Fields:      excepted,
		},
		{
			UUID: ruleUUID(0x27), Name: string(threat.NamesMatch), Type: Artifact, Sources: index, Default: model.Blocking,
			Description: "File name, metadata and folders should tell of one project and version",
			Remediation: "Use a release whose names agree",
			Steps:       threat.Get(threat.MGPKG107).Steps(),
			Fields:      excepted,
		},
		{
			UUID: ruleUUID(0x28), Name: string(threat.ArchiveHygiene), Type: Artifact, Sources: index, Default: model.Blocking,
			Description: "Archives of packages should be such as build tools write",
			Remediation: "Use a release that was built by a known tool",
			Steps:       threat.Get(threat.MGPKG108).Steps(),
			Fields:      excepted,
		},
	}...)
}

// The names of the rules of packages that need no bytes, and the keys of their fields.
const (
	knownMalicious  = "Known Malicious Package"
	knownVulnerable = "Known Vulnerable Package"
	packageDenied   = "Package Is Denied"
	digestDenied    = "Digest Is Denied"
	releaseYanked   = "Release Is Yanked"
	projectStatus   = "Project Status"
	coolDown        = "Release Is Old Enough"
	packageLicense  = "Package License Is Approved"
	lookAlike       = "Name Is No Look-Alike"
	provenance      = "Provenance Is As Expected"
	contentChanged  = "Content Is Unchanged"

	keyIgnoredAdvisories = "ignored_advisories"
	keyDeniedPackages    = "denied_packages"
	keyDeniedDigests     = "denied_digests"
	keyBadStatus         = "statuses"
	keyMinimumAge        = "minimum_age_hours"
	keyMissingTime       = "missing_upload_time"
	keyExcepted          = "excepted_packages"
	keyAllowedLicenses   = "allowed_licenses"
	keyDeniedLicenses    = "denied_licenses"
	keyMissingLicense    = "missing_license"
	keyNeedProvenance    = "provenance_required"
	keyPublishers        = "expected_publishers"
	keyAllowedLines      = "allowed_lines"
	keyIgnoredReasons    = "ignored_reasons"
	keyLostProvenance    = "lost_provenance"
	keyLeastSeverity     = "least_severity"
	keyPopularNames      = "popular_names"
	keyLetters           = "different_letters"
)

// judgePackage evaluates one of these rules.
func (v *verdict) judgePackage(s subject) {
	p := s.meta.Package
	if p == nil {
		p = &model.Package{Project: s.version.Name}
	}
	switch v.rule.Name {
	case knownMalicious, knownVulnerable:
		v.judgeAdvisories(p)
	case packageDenied:
		for _, entry := range v.values(keyDeniedPackages) {
			if packageFits(entry, p) {
				v.fail("The package %s %s is denied by %s", p.Project, p.Version, strings.TrimSpace(entry))
				return
			}
		}
	case digestDenied:
		for _, entry := range v.values(keyDeniedDigests) {
			if strings.EqualFold(strings.TrimPrefix(strings.TrimSpace(entry), "sha256:"), s.version.Revision) {
				v.fail("The digest %s is denied", s.version.Revision)
				return
			}
		}
	case releaseYanked:
		if p.Yanked && !v.ignored(p.YankedReason) {
			v.fail("%s %s is yanked: %s", p.Project, p.Version, p.YankedReason)
		}
	case projectStatus:
		for _, status := range v.values(keyBadStatus) {
			if p.Status != "" && strings.EqualFold(strings.TrimSpace(status), p.Status) {
				v.fail("The project %s is %s", p.Project, p.Status)
				return
			}
		}
	case coolDown:
		v.judgeAge(p)
	case packageLicense:
		v.judgePackageLicense(p)
	case lookAlike:
		v.judgeName(p, s.meta.Private)
	case provenance:
		v.judgeProvenance(p)
	case contentChanged:
		if p.FormerDigest != "" {
			v.fail("%s had the digest %s when it was seen first, and has another one now", p.Filename, p.FormerDigest)
		}
	}
}

// judgeAdvisories fails for every advisory of the kind that the rule is about.
func (v *verdict) judgeAdvisories(p *model.Package) {
	malicious := v.rule.Name == knownMalicious
	for _, a := range p.Advisories {
		if a.Malicious != malicious || slices.Contains(v.values(keyIgnoredAdvisories), a.ID) || !malicious && !severe(a.Severity, v.chosen(keyLeastSeverity)) {
			continue
		}
		v.fail("%s %s: %s", p.Project, p.Version, a.ID)
		v.violations[len(v.violations)-1].Evidence = a.ID
	}
}

// packageFits tells whether an entry of a list is about a package: name, name==version, or the beginning of a name and a star.
func packageFits(entry string, p *model.Package) bool {
	name, version, pinned := strings.Cut(strings.TrimSpace(entry), "==")
	if stem, open := strings.CutSuffix(strings.TrimSpace(name), "*"); open && !pinned {
		stem = strings.ToLower(strings.NewReplacer("_", "-", ".", "-").Replace(stem))
		return stem != "" && strings.HasPrefix(p.Project, stem)
	}
	normal, ok := dist.Normalize(strings.TrimSpace(name))
	if !ok || normal != p.Project {
		return false
	}
	if !pinned {
		return true
	}
	want, err := dist.ParseVersion(version)
	is, errIs := dist.ParseVersion(p.Version)
	return err == nil && errIs == nil && want.Equal(is)
}

// listed are the rules of packages that need no more than what an index lists.
var listed = map[string]bool{
	knownMalicious: true, knownVulnerable: true, packageDenied: true, digestDenied: true, releaseYanked: true, projectStatus: true,
	coolDown: true, lookAlike: true,
}

// warning are the rules of packages that only warn when balanced. Those that block are about what was measured to stop no honest
// package, or about what was not scanned: a heuristic that stops honest work is switched off.
var warning = map[string]bool{
	string(threat.InstallCode): true, string(threat.SuspiciousCode): true, string(threat.NativeInPure): true,
	releaseYanked: true, projectStatus: true, coolDown: true, packageLicense: true, lookAlike: true, provenance: true, contentChanged: true,
	string(threat.RecordMatches): true, string(threat.NamesMatch): true, string(threat.ArchiveHygiene): true,
}
