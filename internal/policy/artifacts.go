package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"modelgate/internal/finding"
	"modelgate/internal/model"
	"modelgate/internal/threat"
)

// artifacts judges files under the enabled artifact rules.
type artifacts struct {
	verdicts map[uuid.UUID]*verdict // by rule
	pkg      *model.Package         // of the version, nil if it is none

	approved map[string]bool // formats; nil while the format rule is not enabled
	formats  map[string]bool // seen
	rows     []model.ScanFile
	scanned  int
	skipped  int
}

// judge goes through the files in the order of their paths, so that every rule's violations come out in that order.
func (a *artifacts) judge(files []finding.NamedReport) {
	byPath := func(x, y finding.NamedReport) int { return cmp.Compare(x.Path, y.Path) }
	if !slices.IsSortedFunc(files, byPath) {
		files = slices.Clone(files)
		slices.SortStableFunc(files, byPath)
	}
	if v := a.verdicts[ruleUUID(0x05)]; v != nil {
		a.approved = map[string]bool{}
		for _, f := range v.values(keyApprovedFormats) {
			a.approved[f] = true
		}
	}
	a.rows = make([]model.ScanFile, 0, len(files))
	for i := range files {
		a.rows = append(a.rows, a.file(&files[i]))
	}
}

// file judges one file and returns its row.
func (a *artifacts) file(n *finding.NamedReport) model.ScanFile {
	row := model.ScanFile{
		Path: n.Path, Size: n.Report.Size, Digest: n.Report.Digest, BlobID: n.BlobID, Formats: n.Report.Formats, Result: model.FileSuccess,
	}
	violations := a.judgeFormats(n)
	worst := threat.Clean
	findings := n.Report.Findings
	if len(n.Context) > 0 {
		findings = n.Findings()
	}
	for _, f := range inPlace(findings) {
		worst = max(worst, f.Level)
		violations += a.judgeFinding(n, f)
	}
	if level := n.Level(); level > worst {
		violations += a.judgeUnstated(n, level)
		worst = level
	}
	isModel := false
	for _, f := range n.Report.Formats {
		if f != notModel {
			isModel, a.formats[f] = true, true
		}
	}
	switch {
	case violations > 0:
		row.Result = model.FileFailed
	case worst == threat.Unscannable:
		row.Result, row.Error = model.FileError, unscannedReason(findings)
	case !isModel:
		row.Result = model.FileSkipped
	}
	if isModel {
		a.scanned++
	} else {
		a.skipped++
	}
	return row
}

// inPlace orders the findings of a file by where they are.
func inPlace(findings []finding.Finding) []finding.Finding {
	byPlace := func(x, y finding.Finding) int {
		return cmp.Or(cmp.Compare(x.Member, y.Member), cmp.Compare(x.Offset, y.Offset))
	}
	if slices.IsSortedFunc(findings, byPlace) {
		return findings
	}
	findings = slices.Clone(findings)
	slices.SortStableFunc(findings, byPlace)
	return findings
}

// unscannedReason is the sentence of the finding because of which a file could not be judged.
func unscannedReason(findings []finding.Finding) string {
	for _, f := range findings {
		if f.Level == threat.Unscannable {
			return f.Description
		}
	}
	return "the file could not be judged"
}

// judgeFormats adds one violation for each format of the file that the group does not approve.
func (a *artifacts) judgeFormats(n *finding.NamedReport) int {
	if a.approved == nil {
		return 0
	}
	count := 0
	for i, f := range n.Report.Formats {
		if exemptFormats[f] || a.approved[f] || slices.Contains(n.Report.Formats[:i], f) {
			continue
		}
		t := threat.Get(threat.UnapprovedFormats)
		a.add(ruleUUID(0x05), model.Violation{
			Description: fmt.Sprintf("Model file '%s' is stored in an unapproved format: %s", n.Path, f),
			File:        n.Path, BlobID: blobID(n), Threat: string(t.ID), ThreatTitle: t.Title,
			Severity: string(t.Severity), Offset: -1, Steps: t.Steps(),
		})
		count++
	}
	return count
}

// judgeFinding adds the violation of a finding, if its rule is enabled. Remarks, and findings that were cleared, are none.
func (a *artifacts) judgeFinding(n *finding.NamedReport, f finding.Finding) int {
	r, ok := threatRule(f.Threat)
	if !ok || f.Level == threat.Clean || a.verdicts[r.UUID] == nil {
		return 0
	}
	if v := a.verdicts[r.UUID]; a.pkg != nil && (v.excepted(a.pkg) || f.Threat == threat.MGPKG100 && v.lineAllowed(a.pkg.Project, f.Operator)) {
		return 0
	}
	t := threat.Get(f.Threat)
	file := n.Path
	if f.Member != "" {
		file += memberSeparator + f.Member
	}
	a.add(r.UUID, model.Violation{
		Description: describe(f, t), File: file, Member: f.Member, BlobID: blobID(n), Module: f.Module, Operator: f.Operator,
		Threat: string(f.Threat), ThreatTitle: t.Title, Severity: string(cmp.Or(f.Severity, t.Severity)),
		Evidence: f.Evidence, Excerpt: f.Excerpt, Offset: f.Offset, Steps: steps(t, f.Format),
	})
	return 1
}

// judgeUnstated is for a file that is worse than any finding that was kept of it, since reports keep a limited number: what
// cannot be read fails as what it may be.
func (a *artifacts) judgeUnstated(n *finding.NamedReport, level threat.Level) int {
	rules := []threat.Rule{threat.SuspiciousComponents}
	if level == threat.Malicious {
		rules = append(rules, threat.LoadTime, threat.Runtime)
	}
	t := threat.Get(threat.MGFMT406)
	description := fmt.Sprintf("The file is %s, and no finding says why.", level)
	if n.Report.Dropped > 0 {
		description = fmt.Sprintf("%d findings of this file were not kept; the worst of them is %s.", n.Report.Dropped, level)
	}
	count := 0
	for _, name := range rules {
		r := ruleOf[string(name)]
		if a.verdicts[r.UUID] == nil {
			continue
		}
		a.add(r.UUID, model.Violation{
			Description: description,
			File:        n.Path, BlobID: blobID(n), Threat: string(t.ID), ThreatTitle: t.Title,
			Severity: string(t.Severity), Offset: -1, Steps: t.Steps(),
		})
		count++
	}
	return count
}

func (a *artifacts) add(rule uuid.UUID, v model.Violation) { a.verdicts[rule].add(v) }

// blobID is the git object id of a file of the Hub, else its SHA-256.
func blobID(n *finding.NamedReport) string {
	if n.BlobID != "" {
		return n.BlobID
	}
	return n.Report.Digest.Hex()
}

// describe says what a finding means for whoever wanted to use the model. Operators of templates and of serialized objects have
// known sentences; anything else is described by its scanner.
func describe(f finding.Finding, t threat.Threat) string {
	switch {
	case f.Operator == "":
	case f.Threat == threat.GGUF101 || f.Threat == threat.MGTPL100:
		return fmt.Sprintf("The model will execute remote code since it contains operator `%s` in Jinja template.", f.Operator)
	case f.Module == "":
	case executes(f.Threat):
		return fmt.Sprintf("The model will execute remote code since it contains operator `%s` from module `%s`.", f.Operator, f.Module)
	case isUnknown(f):
		return fmt.Sprintf("The model may execute remote code since it contains unknown operator `%s` from module `%s`.", f.Operator, f.Module)
	}
	return cmp.Or(f.Description, t.Summary)
}

// executes says whether a threat is an operator that runs code when a serialized object is loaded.
func executes(id threat.ID) bool {
	switch id {
	case threat.PKL100, threat.JOBLIB100, threat.PYTCH100, threat.TCHST300, threat.EXDIR100, threat.KERAS101, threat.KERAS300, threat.MGOBJ100:
		return true
	}
	return false
}

// isUnknown says whether a finding is an import that is on no list.
func isUnknown(f finding.Finding) bool {
	switch f.Threat {
	case threat.PKL101, threat.JOBLIB101, threat.PYTCH101, threat.TCHST301, threat.EXDIR101, threat.MGOBJ101:
		return f.Role == finding.RoleImport
	}
	return false
}

// steps are those of the threat. Texts that name TensorFlow, since they are known so, name the framework that the file is of.
func steps(t threat.Threat, format string) []string {
	out := t.Steps()
	if name := framework(format); name != "" {
		for i := range out {
			out[i] = strings.ReplaceAll(out[i], "TensorFlow", name)
		}
	}
	return out
}
