// Package policy judges: a security group, the report of a version and its metadata become evaluations, violations and an
// outcome. It is pure: no clock, no network, no store, and the same input always gives the same judgement, so that outcomes
// are computed anew whenever a group changes and never need a scan.
//
// The catalogue of rules is a table in catalogue.go; what groups are made of, and what they may hold, is in groups.go and
// validate.go; the rules over metadata are in metadata.go, those over files in artifacts.go.
package policy

import (
	"fmt"
	"slices"

	"github.com/google/uuid"

	"modelgate/internal/finding"
	"modelgate/internal/model"
)

// Judgement is what a group says of a version, or of the part of it that the report covers.
type Judgement struct {
	Outcome model.Outcome
	// Reason says why the outcome is ERROR: which blocking rule could not be evaluated.
	Reason      string
	Evaluations []model.Evaluation // of the enabled rules, in the order of the catalogue
	Files       []model.ScanFile   // of every file of the report, ordered by path
	Formats     []string           // of all files, sorted, without "not_model"
	Scanned     int
	Skipped     int
}

// Evaluate judges a report and metadata under a group. Rules that are DISABLED, or that do not apply to the group's source,
// are neither evaluated nor counted.
//
// The outcome is BLOCKED if a BLOCKING rule failed; ERROR if none failed but one could not be evaluated; else ALLOWED.
// Evaluations, violations and files carry no UUIDs of their own: whoever records them names them.
func Evaluate(g model.Group, rep finding.Report, meta model.Metadata) Judgement {
	var j Judgement
	var rules []verdict
	for _, r := range table {
		if instance, ok := enabled(g, r); ok {
			rules = append(rules, verdict{rule: r, instance: instance})
		}
	}
	files := artifacts{verdicts: map[uuid.UUID]*verdict{}, formats: map[string]bool{}, pkg: meta.Package}
	for i := range rules {
		if rules[i].rule.Type == Metadata {
			rules[i].judgeMetadata(subject{version: rep.Version, meta: meta})
			continue
		}
		files.verdicts[rules[i].rule.UUID] = &rules[i]
	}
	seen := rep.Files
	if rep.Version.Source == model.Web {
		seen = make([]finding.NamedReport, len(rep.Files))
		for i, n := range rep.Files {
			seen[i] = asDownload(n)
		}
	}
	files.judge(seen)
	j.Files, j.Scanned, j.Skipped = files.rows, files.scanned, files.skipped
	j.Formats = make([]string, 0, len(files.formats))
	for f := range files.formats {
		j.Formats = append(j.Formats, f)
	}
	slices.Sort(j.Formats)
	for _, v := range rules {
		j.Evaluations = append(j.Evaluations, v.evaluation())
	}
	j.Outcome, j.Reason = model.Decide(j.Evaluations)
	return j
}

// Listed are the rules of a group by which a package is judged by what its index lists, without its bytes: the BLOCKING ones that need no
// more.
type Listed []verdict

// ListedRules finds them.
func ListedRules(g model.Group) Listed {
	var out Listed
	for _, r := range table {
		if instance, ok := enabled(g, r); ok && listed[r.Name] && instance.State == model.Blocking {
			out = append(out, verdict{rule: r, instance: instance})
		}
	}
	return out
}

// Evaluate judges a package. What is blocked so stays blocked whatever the bytes are; what is not is not judged yet.
func (l Listed) Evaluate(version model.Version, meta model.Metadata) Judgement {
	j := Judgement{Evaluations: make([]model.Evaluation, 0, len(l))}
	for _, v := range l {
		v.judgeMetadata(subject{version: version, meta: meta})
		j.Evaluations = append(j.Evaluations, v.evaluation())
	}
	j.Outcome, j.Reason = model.Decide(j.Evaluations)
	return j
}

// Blocks says whether a judgement refuses one file of a version whose files are refused one by one: a BLOCKING rule found a
// violation in the file, or failed without naming a file, or could not be evaluated.
func (j Judgement) Blocks(path string) bool { return Blocks(j.Evaluations, path) }

// Blocks is [Judgement.Blocks] for evaluations that come from the record.
func Blocks(evaluations []model.Evaluation, path string) bool {
	for _, e := range evaluations {
		if e.State != model.Blocking || e.Result == model.Passed {
			continue
		}
		if e.Result != model.Failed || len(e.Violations) == 0 {
			return true
		}
		for _, v := range e.Violations {
			if v.File == "" || v.Path() == path {
				return true
			}
		}
	}
	return false
}

// memberSeparator stands between a file and a member of it.
const memberSeparator = "!/"

// verdict is one enabled rule while it is evaluated.
type verdict struct {
	rule       Rule
	instance   model.RuleInstance
	violations []model.Violation
	omitted    int    // violations that are not listed
	reason     string // why it could not be evaluated
	note       string // what it means that the rule passed
}

// maxListed is how many violations of one rule are listed whatever file they are in. Beyond, each file has its first one listed, so
// that every file that fails is known to fail.
const maxListed = 10_000

// add lists a violation.
func (v *verdict) add(violation model.Violation) {
	if n := len(v.violations); n >= maxListed && v.violations[n-1].Path() == violation.Path() {
		v.omitted++
		return
	}
	v.violations = append(v.violations, violation)
}

// evaluation is the outcome of the rule. A violation counts more than a doubt.
func (v *verdict) evaluation() model.Evaluation {
	e := model.Evaluation{
		RuleInstance: v.instance.UUID, Rule: v.rule.UUID, RuleName: v.rule.Name, Description: v.rule.Description,
		State: v.instance.State, Result: model.Passed, Violations: v.violations,
	}
	switch {
	case len(v.violations) > 0:
		e.Result = model.Failed
		if v.omitted > 0 {
			e.Reason = fmt.Sprintf("%d further violations are not listed", v.omitted)
		}
	case v.reason != "":
		e.Result, e.Reason = model.RuleError, v.reason
	default:
		e.Reason = v.note
	}
	return e
}

// values are the entries of a field of the rule in the group.
func (v *verdict) values(key string) []string { return v.instance.Values[key] }
