package policy

import (
	"github.com/google/uuid"

	"modelgate/internal/model"
)

// Preset names the states with which the rules of a new group start.
type Preset string

// The presets: Balanced blocks threats and only informs on licences, organization and format; Strict blocks on everything.
const (
	Balanced Preset = "balanced"
	Strict   Preset = "strict"
)

// Type says what a rule judges.
type Type string

// The types of rules.
const (
	Metadata Type = "METADATA" // the version as a whole
	Artifact Type = "ARTIFACT" // file by file
)

// Display says how a field is edited.
type Display string

// The displays: a choice among given values, or free entries one a line.
const (
	Select Display = "SELECT"
	List   Display = "LIST"
)

// Choice is a value that a SELECT field offers.
type Choice struct {
	Value string
	Label string
}

// Field is a list of strings by which a group adjusts a rule.
type Field struct {
	Key         string // "approved_formats"
	Name        string // "Approved Formats"
	Description string
	Display     Display
	Choices     []Choice // SELECT only
	Default     []string
}

// Rule is one row of the catalogue.
type Rule struct {
	UUID        uuid.UUID
	Slug        string // "license-exists"
	Name        string
	Description string
	Type        Type
	Sources     []model.Source // [ALL], or those whose groups can have the rule
	Default     model.RuleState
	// Remediation is one sentence, Steps what to do, most useful first.
	Remediation string
	Steps       []string
	Fields      []Field
}

// AppliesTo says whether groups of a source can have the rule.
func (r Rule) AppliesTo(s model.Source) bool { return false }

// Rules is the catalogue in the order in which people read it, with the default states of the preset.
func Rules(p Preset) []Rule { return nil }

// FindRule finds a rule by UUID, name or slug. The error suggests the nearest name.
func FindRule(name string) (Rule, error) { return Rule{}, nil }
