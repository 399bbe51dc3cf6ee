package policy

import (
	"slices"

	"modelgate/internal/finding"
	"modelgate/internal/threat"
)

// noModels are the formats that a download can be of without being a model or a package: programs, and what holds or configures anything.
var noModels = map[string]bool{
	notModel: true, "executable": true, "zip": true, "tar": true, "7_zip": true, "zfile": true, "container": true,
	"json": true, "python": true, "jinja": true, "yaml": true, "recipe": true, "xml": true,
}

// asDownload is a file that came from anywhere, seen without what is a fault of models alone: in a model, bytes of no known format and
// programs have no place; but the web serves installers, libraries and data of every kind, which are not what is judged.
func asDownload(n finding.NamedReport) finding.NamedReport {
	for _, f := range n.Report.Formats {
		if !noModels[f] {
			return n
		}
	}
	before := len(n.Report.Findings)
	n.Report.Findings = slices.DeleteFunc(slices.Clone(n.Report.Findings), func(f finding.Finding) bool {
		switch f.Threat {
		case threat.MGFMT404:
			return f.Role == finding.RoleUnknown
		case threat.MGEXE100, threat.MGEXE101:
			return true
		default:
			return false
		}
	})
	if len(n.Report.Findings) == before || n.Report.Dropped > 0 {
		return n
	}
	n.Report.Level = threat.Clean
	for _, f := range n.Report.Findings {
		n.Report.Level = max(n.Report.Level, f.Level)
	}
	return n
}
