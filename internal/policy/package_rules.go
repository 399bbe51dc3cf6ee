package policy

import (
	"slices"

	"modelgate/internal/model"
)

// packageMetadataRules judge what is known of a release besides its bytes.
func packageMetadataRules(index []model.Source) []Rule {
	ignored := Field{
		Key: keyIgnoredAdvisories, Name: "Ignored Advisories", Display: List, Default: []string{},
		Description: "Identifiers of advisories that do not count, such as MAL-2026-1",
	}
	return append([]Rule{
		{
			UUID: ruleUUID(0x30), Name: knownMalicious, Type: Metadata, Sources: index, Default: model.Blocking,
			Description: "Releases that an advisory calls malicious must not be used",
			Remediation: "Use another release, or another package",
			Steps:       []string{"Do not install this release", "If it was installed, treat the machine as compromised", "Read the advisory"},
			Fields:      []Field{ignored},
		},
		{
			UUID: ruleUUID(0x31), Name: packageDenied, Type: Metadata, Sources: index, Default: model.Blocking,
			Description: "Packages on the deny list must not be used, whatever other rules say",
			Remediation: "Use another package",
			Steps:       []string{"Choose another package", "Ask the security team if the entry is outdated"},
			Fields: []Field{{
				Key: keyDeniedPackages, Name: "Denied Packages", Display: List, Default: []string{},
				Description: "Names, names with a version (name==1.0), or beginnings of names (name*)",
			}},
		},
		{
			UUID: ruleUUID(0x32), Name: digestDenied, Type: Metadata, Sources: index, Default: model.Blocking,
			Description: "Distribution files whose digest is on the deny list must not be used",
			Remediation: "Use another release",
			Steps:       []string{"Choose another release", "Ask the security team if the entry is outdated"},
			Fields: []Field{{
				Key: keyDeniedDigests, Name: "Denied Digests", Display: List, Default: []string{},
				Description: "SHA-256 of distribution files, in hexadecimal",
			}},
		},
		{
			UUID: ruleUUID(0x33), Name: knownVulnerable, Type: Metadata, Sources: index, Default: model.Disabled,
			Description: "Releases with a known vulnerability should not be used",
			Remediation: "Use a release in which the flaw is fixed",
			Steps:       []string{"Take a release that the advisory calls fixed", "Read the advisory"},
			Fields: []Field{ignored, {
				Key: keyLeastSeverity, Name: "Least Severity", Display: Select, Choices: severities, Default: []string{"low"},
				Description: "Advisories of a lower severity do not count. Those that do not tell theirs always do",
			}},
		},
		{
			UUID: ruleUUID(0x34), Name: releaseYanked, Type: Metadata, Sources: index, Default: model.Blocking,
			Description: "Releases that their authors have yanked should not be used",
			Remediation: "Use a release that is not yanked",
			Steps:       []string{"Take the next release", "Read why its author yanked it"},
			Fields: []Field{{
				Key: keyIgnoredReasons, Name: "Ignored Reasons", Display: List, Default: []string{},
				Description: "Texts: a release is not judged whose author gave a reason with one of them, whatever the case",
			}},
		},
		{
			UUID: ruleUUID(0x35), Name: projectStatus, Type: Metadata, Sources: index, Default: model.Blocking,
			Description: "Projects should not be in a state that their index warns of",
			Remediation: "Use another project",
			Steps:       []string{"Look up why the index has put the project into this state", "Choose another project"},
			Fields: []Field{{
				Key: keyBadStatus, Name: "States", Display: List, Default: []string{"quarantined"},
				Description: "States of projects that fail, such as quarantined, archived, deprecated",
			}},
		},
	}, packageFactRules(index)...)
}

// severities are what an advisory may say of a flaw, from the least.
var severities = []Choice{{"low", "Low"}, {"medium", "Medium"}, {"high", "High"}, {"critical", "Critical"}}

// severe tells whether a severity is at least another one. One that nobody tells is.
func severe(s, least string) bool {
	rank := func(v string) int { return slices.IndexFunc(severities, func(c Choice) bool { return c.Value == v }) }
	return rank(s) < 0 || rank(s) >= rank(least)
}

// letters are by how many letters look-alike names may differ.
var letters = []Choice{{"0", "None: only digits for letters, parts in another order and the like"}, {"1", "One"}, {"2", "Two"}}

// exceptedPackages is the field by which a rule leaves packages alone.
func exceptedPackages() Field {
	return Field{
		Key: keyExcepted, Name: "Excepted Packages", Display: List, Default: []string{},
		Description: "Names, names with a version (name==1.0), or beginnings of names (name*) that are not judged",
	}
}

// packageFactRules are the rules over what is told of a release rather than listed anywhere.
func packageFactRules(index []model.Source) []Rule {
	excepted := exceptedPackages()
	verdicts := []Choice{{"fail", "Fails"}, {"pass", "Passes"}}
	return []Rule{
		{
			UUID: ruleUUID(0x36), Name: coolDown, Type: Metadata, Sources: index, Default: model.Blocking,
			Description: "Releases should have been public for a while before they are used: most malicious ones are found within days",
			Remediation: "Use an older release, or wait",
			Steps:       []string{"Take the release before this one", "Except the project if it is your own"},
			Fields: []Field{
				{Key: keyMinimumAge, Name: "Minimum Age in Hours", Display: List, Default: []string{"48"}, Description: "Hours since the upload of the file; one entry"},
				{Key: keyMissingTime, Name: "Without Upload Time", Display: Select, Choices: verdicts, Default: []string{"fail"}, Description: "What counts when the index tells no upload time"},
				excepted,
			},
		},
		{
			UUID: ruleUUID(0x37), Name: packageLicense, Type: Metadata, Sources: index, Default: model.Blocking,
			Description: "Packages should be under licences that the organization accepts",
			Remediation: "Use a package under an accepted licence",
			Steps:       []string{"Read the licence that the package declares", "Add it to the allowed ones if it is acceptable"},
			Fields: []Field{
				{Key: keyAllowedLicenses, Name: "Allowed Licenses", Display: List, Default: []string{}, Description: "SPDX identifiers or names of classifiers; empty allows all that are not denied"},
				{Key: keyDeniedLicenses, Name: "Denied Licenses", Display: List, Default: []string{}, Description: "SPDX identifiers or names of classifiers"},
				{Key: keyMissingLicense, Name: "Without License", Display: Select, Choices: verdicts, Default: []string{"fail"}, Description: "What counts when the package declares no licence"},
				excepted,
			},
		},
		{
			UUID: ruleUUID(0x38), Name: lookAlike, Type: Metadata, Sources: index, Default: model.Blocking,
			Description: "Names of packages should not pass for those of popular ones",
			Remediation: "Make sure that this is the package that was meant",
			Steps:       []string{"Compare the name with the popular one letter by letter", "Except the package if it is the one that was meant"},
			Fields: []Field{
				{Key: keyPopularNames, Name: "Popular Names", Display: List, Default: []string{}, Description: "Names of your own that others must not pass for, beside those that are known; they are never look-alikes themselves"},
				{Key: keyLetters, Name: "Different Letters", Display: Select, Choices: letters, Default: []string{"2"}, Description: "How many letters two names may differ by and still resemble each other; of names below nine letters never more than one"},
				excepted,
			},
		},
		{
			UUID: ruleUUID(0x39), Name: provenance, Type: Metadata, Sources: index, Default: model.Blocking,
			Description: "Attestations of packages should verify, and be there from whom they are expected. They tell who published a file, not that it is harmless",
			Remediation: "Use a release that was published in the usual way",
			Steps:       []string{"Ask the authors why the release was published in another way than before"},
			Fields: []Field{
				{Key: keyNeedProvenance, Name: "Provenance Required", Display: List, Default: []string{}, Description: "Names, or beginnings of names (name*), of which attestations are required"},
				{Key: keyPublishers, Name: "Expected Publishers", Display: List, Default: []string{}, Description: "name=publisher, where the publisher is owner/repository at GitHub, owner/*, gitlab.com/group/project, circleci.com/project or an address of mail"},
				{Key: keyLostProvenance, Name: "Lost Provenance", Display: Select, Choices: verdicts, Default: []string{"fail"}, Description: "What counts when the release before has attestations and this one has none"},
			},
		},
		{
			UUID: ruleUUID(0x3a), Name: contentChanged, Type: Metadata, Sources: index, Default: model.Blocking,
			Description: "A file of an index should stay what it was: a name with other bytes than before is an event",
			Remediation: "Find out why the file was replaced",
			Steps:       []string{"Compare both files", "Ask the authors and the index why the file has changed"},
		},
	}
}
