package policy

import (
	"modelgate/internal/model"
	"modelgate/internal/threat"
)

// packageRules are the rules of Python packages, with the states of the preset Strict.
func packageRules() []Rule {
	index := []model.Source{model.PyPI}
	return []Rule{
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
		},
		{
			UUID: ruleUUID(0x24), Name: string(threat.SuspiciousCode), Type: Artifact, Sources: index, Default: model.Blocking,
			Description: "The code of packages should not show the signs of malicious ones",
			Remediation: "Read the named lines before the package is used",
			Steps:       threat.Get(threat.MGPKG104).Steps(),
		},
		{
			UUID: ruleUUID(0x25), Name: string(threat.NativeInPure), Type: Artifact, Sources: index, Default: model.Blocking,
			Description: "Wheels that say that they are pure should not carry programs or libraries",
			Remediation: "Ask why a pure wheel carries a program",
			Steps:       threat.Get(threat.MGPKG105).Steps(),
		},
		{
			UUID: ruleUUID(0x26), Name: string(threat.RecordMatches), Type: Artifact, Sources: index, Default: model.Blocking,
			Description: "Wheels should hold what their RECORD lists",
			Remediation: "Use a release whose wheel was not changed after it was built",
			Steps:       threat.Get(threat.MGPKG106).Steps(),
		},
		{
			UUID: ruleUUID(0x27), Name: string(threat.NamesMatch), Type: Artifact, Sources: index, Default: model.Blocking,
			Description: "File name, metadata and folders should tell of one project and version",
			Remediation: "Use a release whose names agree",
			Steps:       threat.Get(threat.MGPKG107).Steps(),
		},
		{
			UUID: ruleUUID(0x28), Name: string(threat.ArchiveHygiene), Type: Artifact, Sources: index, Default: model.Blocking,
			Description: "Archives of packages should be such as build tools write",
			Remediation: "Use a release that was built by a known tool",
			Steps:       threat.Get(threat.MGPKG108).Steps(),
		},
	}
}

// warning are the rules of packages that only warn when balanced. Those that block are about what was measured to stop no honest
// package, or about what was not scanned: a heuristic that stops honest work is switched off.
var warning = map[string]bool{
	string(threat.InstallCode): true, string(threat.SuspiciousCode): true, string(threat.NativeInPure): true,
	string(threat.RecordMatches): true, string(threat.NamesMatch): true, string(threat.ArchiveHygiene): true,
}
