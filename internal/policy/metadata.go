package policy

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"modelgate/internal/model"
	"modelgate/internal/threat"
)

// subject is what metadata rules judge.
type subject struct {
	version model.Version
	meta    model.Metadata
}

// judgeMetadata evaluates a rule that needs no bytes.
func (v *verdict) judgeMetadata(s subject) {
	switch v.rule.Name {
	case orgVerified:
		v.judgeVerified(s)
	case orgBlocked:
		v.judgeOrgBlocked(s)
	case modelBlocked:
		v.judgeModelBlocked(s)
	case approvedLocation:
		v.judgeLocation(s)
	case licenseExists:
		v.judgeLicenseExists(s.meta)
	case licenseValid:
		v.judgeLicenseValid(s.meta)
	default:
		v.judgePackage(s)
	}
}

// fail adds a violation without a file.
func (v *verdict) fail(format string, args ...any) {
	v.violations = append(v.violations, model.Violation{
		Description: fmt.Sprintf(format, args...), Severity: string(threat.Medium), Offset: -1, Steps: slices.Clone(v.rule.Steps),
	})
}

// judgeVerified passes if the Hub has verified the organization, or if the model is on the list. Users, and repositories without
// an organization, are never verified.
func (v *verdict) judgeVerified(s subject) {
	for _, entry := range v.values(keyApprovedModels) {
		if names, kind := entryOf(entry); asciiLower(names) == asciiLower(s.version.Name) && kindFits(kind, s.version.Kind) {
			return
		}
	}
	verified := s.meta.Verified
	org := s.version.Organization()
	switch {
	case org == "":
		v.fail("The org/model pair (%s/%s) is denied since it has not been explicitly approved", "", s.version.Name)
	case verified == nil:
		v.reason = "whether the organization is verified could not be learned"
	case !*verified:
		v.fail("The org/model pair (%s) is denied since it has not been explicitly approved", s.version.Name)
	}
}

// judgeOrgBlocked fails if the organization is on the list, under its name or one that the model had before.
func (v *verdict) judgeOrgBlocked(s subject) {
	for _, name := range namesOf(s) {
		org := model.Version{Name: name}.Organization()
		for _, entry := range v.values(keyDeniedOrgs) {
			if org != "" && strings.EqualFold(org, strings.TrimSpace(entry)) {
				v.fail("The organization %s is blocked", org)
				return
			}
		}
	}
}

// judgeModelBlocked fails if the model is on the list, under its name or one that it had before.
func (v *verdict) judgeModelBlocked(s subject) {
	for _, name := range namesOf(s) {
		for _, entry := range v.values(keyDeniedModels) {
			if denied, kind := entryOf(entry); strings.EqualFold(denied, name) && kindFits(kind, s.version.Kind) {
				v.fail("The model %s is blocked", name)
				return
			}
		}
	}
}

// namesOf are the names under which a model is or was known.
func namesOf(s subject) []string { return append([]string{s.version.Name}, s.meta.Aliases...) }

// entryOf splits an entry of a list of models: "datasets/org/name" is about a dataset, "org/name" about repositories of any kind.
func entryOf(entry string) (name string, kind model.Kind) {
	entry = strings.TrimSpace(entry)
	first, rest, ok := strings.Cut(entry, "/")
	switch k := model.Kind(first); k {
	case model.Models, model.Datasets, model.Spaces, model.Kernels:
		if ok && strings.Contains(rest, "/") {
			return rest, k
		}
	}
	return entry, ""
}

// kindFits says whether an entry about one kind of repository, or about any, is about this one.
func kindFits(entry, kind model.Kind) bool {
	if kind == "" {
		kind = model.Models
	}
	return entry == "" || entry == kind
}

// asciiLower lowers A to Z alone: on an allow list no other letter may pass for one of them.
func asciiLower(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// judgeLocation passes if an entry is a prefix of the model's address that ends where a part of it ends.
func (v *verdict) judgeLocation(s subject) {
	uri := s.meta.URI
	if uri == "" {
		uri = s.version.URI()
	}
	if uri == "" {
		v.reason = "the location of the model is not known"
		return
	}
	for _, entry := range v.values(keyApprovedLocations) {
		if locationFits(strings.TrimSpace(entry), uri) {
			return
		}
	}
	v.fail("The model location %s is not approved", uri)
}

// azureBlobs is what the hosts of Azure's blobs end in; models there are addressed by URL.
const azureBlobs = ".blob.core.windows.net"

// locationFits compares an address with a scheme ("s3", and "az" for Azure's URLs), a scheme with a path ("s3://bucket/dir"), which may have
// a pattern for its host ("https://*.example.com/dir"), or an absolute path. An address that climbs (`..`) fits nothing but its bare scheme.
func locationFits(entry, uri string) bool {
	uri = strings.TrimPrefix(uri, "file://")
	scheme, rest, isURI := strings.Cut(uri, "://")
	if !isURI {
		if !strings.HasPrefix(entry, "/") || !path.IsAbs(uri) {
			return false
		}
		return isWithin(path.Clean(uri), path.Clean(entry))
	}
	host, rest, _ := strings.Cut(rest, "/")
	wantScheme, wantRest, hasRest := strings.Cut(entry, "://")
	if !hasRest {
		return strings.EqualFold(scheme, entry) ||
			strings.EqualFold(entry, "az") && strings.EqualFold(scheme, "https") && hostFits("*"+azureBlobs, host)
	}
	wantHost, wantRest, _ := strings.Cut(wantRest, "/")
	return strings.EqualFold(scheme, wantScheme) && hostFits(wantHost, host) &&
		!slices.Contains(strings.Split(rest, "/"), "..") &&
		(strings.Trim(wantRest, "/") == "" || isWithin(rest, strings.TrimRight(wantRest, "/")))
}

// hostFits compares the name of a host or bucket with one that is approved: the same, or a pattern "*.name" that stands for all below it.
// Buckets are told apart by capitals, which S3 once had.
func hostFits(want, host string) bool {
	suffix, pattern := strings.CutPrefix(want, "*.")
	if !pattern {
		return want == host
	}
	host = asciiLower(host)
	return strings.HasSuffix(host, "."+asciiLower(suffix)) && strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789.-:") == ""
}

// isWithin says whether p is dir or lies below it.
func isWithin(p, dir string) bool {
	return p == dir || strings.HasPrefix(p, strings.TrimSuffix(dir, "/")+"/")
}

// judgeLicenseExists fails if the card declares no licence, or only "other" without saying which.
func (v *verdict) judgeLicenseExists(m model.Metadata) {
	if m.LicenseUnknown {
		v.reason = "the model's card could not be read"
		return
	}
	for _, l := range m.Licenses {
		l = strings.ToLower(strings.TrimSpace(l))
		if l != "" && (l != "other" || strings.TrimSpace(m.LicenseName) != "") {
			return
		}
	}
	v.fail("input data has a null license")
}

// judgeLicenseValid fails for each licence of the card that is not on the list, and if there is none. The name that goes with "other"
// is free text of the author and approves nothing.
func (v *verdict) judgeLicenseValid(m model.Metadata) {
	if m.LicenseUnknown {
		v.reason = "the model's card could not be read"
		return
	}
	approved := map[string]bool{}
	for _, l := range v.values(keyApprovedLicenses) {
		approved[canonicalLicense(l)] = true
	}
	if len(m.Licenses) == 0 {
		v.fail("Invalid license: null")
	}
	for _, l := range m.Licenses {
		if !approved[canonicalLicense(l)] {
			v.fail("Invalid license: %s", l)
		}
	}
}

// canonicalLicense is one spelling for the identifiers of one licence: the Hub says bsd-3-clause where lists say bsd-3.0.
func canonicalLicense(id string) string {
	id = asciiLower(strings.TrimSpace(id))
	if id == "bsd-3.0" {
		return "bsd-3-clause"
	}
	return id
}
