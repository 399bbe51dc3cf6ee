// Package policy judges: a security group, the report of a version and its metadata become evaluations, violations and an
// outcome. It is pure: no clock, no network, no store, and the same input always gives the same judgement, so that outcomes
// are computed anew whenever a group changes and never need a scan.
//
// The catalogue of rules is a table in catalogue.go; the rules over metadata are in metadata.go, those over files in
// artifacts.go.
package policy

import (
	"modelgate/internal/finding"
	"modelgate/internal/model"
)

// Judgement is what a group says of a version, or of the part of it that the report covers.
type Judgement struct {
	Outcome model.Outcome
	// Reason says why the outcome is ERROR: which blocking rule could not be evaluated.
	Reason      string
	Evaluations []model.Evaluation // of the enabled rules, in the order of the catalogue
	Files       []model.ScanFile   // of every file of the report, in its order
	Formats     []string           // of all files, sorted, without "not_model"
	Scanned     int
	Skipped     int
}

// Evaluate judges a report and metadata under a group. Rules that are DISABLED, or that do not apply to the group's source,
// are neither evaluated nor counted.
//
// The outcome is BLOCKED if a BLOCKING rule failed; ERROR if none failed but one could not be evaluated; else ALLOWED.
// The evaluations carry no UUIDs of their own: whoever records them names them.
func Evaluate(g model.Group, rep finding.Report, meta model.Metadata) Judgement {
	return Judgement{Outcome: model.Errored, Reason: "not written yet"}
}

// Blocks says whether a judgement refuses one file of a version whose files are refused one by one: a BLOCKING rule found a
// violation in the file, or failed without naming a file, or could not be evaluated.
func (j Judgement) Blocks(path string) bool { return true }
