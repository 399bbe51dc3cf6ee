package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"modelgate/internal/model"
	"modelgate/internal/threat"
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
func (r Rule) AppliesTo(s model.Source) bool {
	return slices.Contains(r.Sources, model.All) || slices.Contains(r.Sources, s)
}

// The names of the rules that judge metadata; those that judge files are named in package threat.
const (
	orgVerified      = "Organization Verified By Hugging Face"
	orgBlocked       = "Organization Is Blocked"
	modelBlocked     = "Model Is Blocked"
	approvedLocation = "Stored In Approved Location"
	licenseExists    = "License Exists"
	licenseValid     = "License Is Valid For Use"
)

// The keys of the rules' fields.
const (
	keyApprovedModels    = "approved_org_models"
	keyDeniedOrgs        = "deny_orgs"
	keyDeniedModels      = "denied_org_models"
	keyApprovedLocations = "approved_locations"
	keyApprovedFormats   = "approved_formats"
	keyApprovedLicenses  = "approved_licenses"
)

// Rules is the catalogue in the order in which people read it, with the default states of the preset. The caller may change what it
// gets.
func Rules(p Preset) []Rule {
	rules := catalogue()
	if p == Strict {
		return rules
	}
	for i := range rules {
		switch rules[i].Name {
		case string(threat.ApprovedFormat), licenseExists, licenseValid, orgVerified:
			rules[i].Default = model.Allowing
		}
		if warning[rules[i].Name] {
			rules[i].Default = model.Allowing
		}
	}
	return rules
}

// FindRule finds a rule by UUID, name or slug, whatever the case. Its Default is that of the balanced preset. The error
// suggests the name that is nearest.
func FindRule(name string) (Rule, error) {
	wanted := strings.ToLower(strings.TrimSpace(name))
	var slugs []string
	for _, r := range Rules(Balanced) {
		if wanted == r.Slug || wanted == strings.ToLower(r.Name) || wanted == r.UUID.String() {
			return r, nil
		}
		slugs = append(slugs, r.Slug)
	}
	return Rule{}, fmt.Errorf("there is no rule %q%s", name, suggestion(wanted, slugs))
}

// ruleUUID numbers the rules in one series: the twelve of models, and from 0x20 on those of packages.
func ruleUUID(n byte) uuid.UUID {
	id := uuid.MustParse("550e8400-e29b-41d4-a716-446655440000")
	id[15] = n
	return id
}

// Slug is the name of a rule as it stands in addresses: "License Exists" is "license-exists".
func Slug(name string) string { return strings.ReplaceAll(strings.ToLower(name), " ", "-") }

// catalogue is the table of rules with the states of the preset Strict.
func catalogue() []Rule {
	rules := append(append(metadataRules(), artifactRules()...), packageRules()...)
	slices.SortFunc(rules, func(a, b Rule) int { return int(a.UUID[15]) - int(b.UUID[15]) })
	for i := range rules {
		rules[i].Slug = Slug(rules[i].Name)
	}
	return rules
}

func metadataRules() []Rule {
	hub := []model.Source{model.HuggingFace}
	return []Rule{
		{
			UUID: ruleUUID(0x01), Name: orgVerified, Type: Metadata, Sources: hub, Default: model.Blocking,
			Description: "Organization that produced the model should be verified by Hugging Face",
			Remediation: "Use models of organizations that the Hub has verified",
			Steps:       []string{"Use a model of an organization that the Hub has verified", "Have the model added to the approved list"},
			Fields: []Field{{
				Key: keyApprovedModels, Name: "Approved Models", Display: List, Default: []string{},
				Description: "Models, as organization/model, that are accepted although the Hub has not verified their organization",
			}},
		},
		{
			UUID: ruleUUID(0x02), Name: orgBlocked, Type: Metadata, Sources: hub, Default: model.Blocking,
			Description: "Models of blocked organizations must not be used",
			Remediation: "Use a model of another organization",
			Steps:       []string{"Choose a model of another organization", "Ask the security team if the entry is outdated"},
			Fields: []Field{{
				Key: keyDeniedOrgs, Name: "Blocked Organizations", Display: List, Default: []string{},
				Description: "Organizations whose models are refused, whatever the case of their names",
			}},
		},
		{
			UUID: ruleUUID(0x03), Name: modelBlocked, Type: Metadata, Sources: hub, Default: model.Blocking,
			Description: "Models on the deny list must not be used, whatever other rules say",
			Remediation: "Use another model",
			Steps:       []string{"Choose another model"},
			Fields: []Field{{
				Key: keyDeniedModels, Name: "Blocked Models", Display: List, Default: []string{},
				Description: "Models, as organization/model, that are refused, also under their former names",
			}},
		},
		{
			UUID: ruleUUID(0x04), Name: approvedLocation, Type: Metadata, Default: model.Disabled,
			Sources:     []model.Source{model.Local, model.S3, model.GCS, model.Azure, model.Artifactory, model.GitLab, model.PyPI, model.Web},
			Description: "Models should be stored in an approved location",
			Remediation: "Keep models in a location that the organization has approved",
			Steps:       []string{"Move the model to an approved location", "Approve its location"},
			Fields: []Field{{
				Key: keyApprovedLocations, Name: "Approved Locations", Display: List, Default: []string{"s3", "gs", "/"},
				Description: "A scheme (s3, gs, az), an address with all below it (s3://bucket/dir, https://*.example.com/models), or an absolute path",
			}},
		},
		{
			UUID: ruleUUID(0x06), Name: licenseExists, Type: Metadata, Sources: hub, Default: model.Blocking,
			Description: "Models should have a license",
			Remediation: "Use a model that declares a licence",
			Steps:       []string{"Ask the author to declare a licence", "Choose a model that has one"},
		},
		{
			UUID: ruleUUID(0x07), Name: licenseValid, Type: Metadata, Sources: hub, Default: model.Blocking,
			Description: "Models license should be valid for use",
			Remediation: "Use a model under a licence that the organization has approved",
			Steps:       []string{"Choose a model under an approved licence", "Approve the licence"},
			Fields: []Field{{
				Key: keyApprovedLicenses, Name: "Approved Licenses", Display: List, Default: []string{"apache-2.0", "mit", "bsd-3.0"},
				Description: "Licence identifiers as the Hub writes them; bsd-3.0 stands for bsd-3-clause as well",
			}},
		},
	}
}

func artifactRules() []Rule {
	all := []model.Source{model.All}
	return []Rule{
		{
			UUID: ruleUUID(0x05), Name: string(threat.ApprovedFormat), Type: Artifact, Sources: all, Default: model.Blocking,
			Description: "Models should be stored in a format approved by the organization",
			Remediation: "Use formats that the organization has approved",
			Steps:       threat.Get(threat.UnapprovedFormats).Steps(),
			Fields: []Field{{
				Key: keyApprovedFormats, Name: "Approved Formats", Display: Select, Choices: formatChoices(),
				Default:     []string{"safetensors", "safetensors_index", "json", "yaml"},
				Description: "Formats in which models may be stored",
			}},
		},
		{
			UUID: ruleUUID(0x08), Name: string(threat.LoadTime), Type: Artifact, Sources: all, Default: model.Blocking,
			Description: "Model artifacts should not contain unsafe operators that are run upon deserialization",
			Remediation: "Code that runs upon loading cannot reliably be removed: find out how it came into the model",
			Steps: []string{
				"Use model formats that disallow arbitrary code execution",
				"Do not load the file: such a threat cannot be removed reliably",
				"Look into the model's history, or, if it's your own, into its build process",
			},
		},
		{
			UUID: ruleUUID(0x09), Name: string(threat.Runtime), Type: Artifact, Sources: all, Default: model.Blocking,
			Description: "Model artifacts should not contain operators that execute code during inference",
			Remediation: "Use a model without operators that execute code",
			Steps:       []string{"Remove the layer or operator and export again", "Do not run the model before"},
		},
		{
			UUID: ruleUUID(0x0a), Name: string(threat.Backdoor), Type: Artifact, Sources: all, Default: model.Blocking,
			Description: "Model architecture files should not contain backdoor attacks",
			Remediation: "Use a model whose graph has no parallel path",
			Steps:       []string{"Inspect the named path of the graph", "Obtain the model from its original publisher"},
		},
		{
			UUID: ruleUUID(0x0b), Name: string(threat.KnownOperators), Type: Artifact, Sources: all, Default: model.Blocking,
			Description: "Model artifacts should only contain known safe TensorFlow operators",
			Remediation: "Use a model built from the operators of its framework",
			Steps:       []string{"Ensure that the model does not contain any custom TensorFlow operators"},
		},
		{
			UUID: ruleUUID(0x0c), Name: string(threat.SuspiciousComponents), Type: Artifact, Sources: all, Default: model.Blocking,
			Description: "Model artifacts should not contain components that could be used to execute code later",
			Remediation: "Review what was found before the model is used",
			Steps:       []string{"Review the named component and its origin before the model is used"},
		},
	}
}
