package report

import (
	"fmt"
	"net/url"
	"strings"
	"unicode"

	"modelgate/internal/model"
	"modelgate/internal/policy"
	"modelgate/internal/threat"
)

// The parts of SARIF 2.1.0 (OASIS, sections 3.13 to 3.50) that a scan fills.
type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool              sarifTool             `json:"tool"`
	AutomationDetails sarifAutomation       `json:"automationDetails"`
	Invocations       []sarifInvocation     `json:"invocations"`
	BaseIDs           map[string]sarifPlace `json:"originalUriBaseIds,omitempty"`
	Results           []sarifResult         `json:"results"`
	Properties        map[string]any        `json:"properties"`
}

type sarifTool struct {
	Driver sarifDriver `json:"driver"`
}

type sarifDriver struct {
	Name    string      `json:"name"`
	Version string      `json:"version,omitempty"`
	Rules   []sarifRule `json:"rules"`
}

type sarifRule struct {
	ID               string         `json:"id"`
	Name             string         `json:"name"`
	ShortDescription sarifText      `json:"shortDescription"`
	FullDescription  sarifText      `json:"fullDescription"`
	Help             *sarifText     `json:"help,omitempty"`
	HelpURI          *string        `json:"helpUri,omitempty"`
	Configuration    sarifLevel     `json:"defaultConfiguration"`
	Properties       map[string]any `json:"properties,omitempty"`
}

type sarifText struct {
	Text string `json:"text"`
}

type sarifLevel struct {
	Level string `json:"level"`
}

type sarifAutomation struct {
	ID   string `json:"id"`
	GUID string `json:"guid"`
}

type sarifInvocation struct {
	ExecutionSuccessful bool        `json:"executionSuccessful"`
	Start               string      `json:"startTimeUtc,omitempty"`
	End                 string      `json:"endTimeUtc,omitempty"`
	Notifications       []sarifNote `json:"toolExecutionNotifications,omitempty"`
}

type sarifNote struct {
	Level   string    `json:"level"`
	Message sarifText `json:"message"`
}

type sarifResult struct {
	RuleID       string            `json:"ruleId"`
	RuleIndex    int               `json:"ruleIndex"`
	Level        string            `json:"level"`
	Message      sarifText         `json:"message"`
	Locations    []sarifLocation   `json:"locations,omitempty"`
	GUID         string            `json:"guid"`
	Fingerprints map[string]string `json:"partialFingerprints,omitempty"`
	Properties   map[string]any    `json:"properties"`
}

type sarifLocation struct {
	Physical *sarifPhysical `json:"physicalLocation,omitempty"`
	Logical  []sarifLogical `json:"logicalLocations,omitempty"`
}

type sarifPhysical struct {
	Artifact sarifPlace   `json:"artifactLocation"`
	Region   *sarifRegion `json:"region,omitempty"`
}

type sarifPlace struct {
	URI       string `json:"uri"`
	URIBaseID string `json:"uriBaseId,omitempty"`
}

type sarifRegion struct {
	ByteOffset int64 `json:"byteOffset"`
}

type sarifLogical struct {
	FullyQualifiedName string `json:"fullyQualifiedName"`
	Kind               string `json:"kind"`
}

// modelRoot names the folder of the model, to which the addresses of files are relative.
const modelRoot = "MODEL"

// newSARIF makes one run of a scan: a result is a violation, a rule is a threat, or a rule of ours where there is no threat.
func newSARIF(s model.Scan, o Options) sarifLog {
	run := sarifRun{
		Tool:              sarifTool{sarifDriver{Name: "modelgate", Version: s.ScannerVersion, Rules: []sarifRule{}}},
		AutomationDetails: sarifAutomation{ID: "modelgate/" + s.GroupName + "/", GUID: s.UUID.String()},
		Invocations:       []sarifInvocation{{ExecutionSuccessful: s.Outcome != model.Errored && s.Outcome != model.Pending}},
		Results:           []sarifResult{},
		Properties: map[string]any{
			"outcome": s.Outcome, "scan": s.UUID, "modelUri": s.ModelURI, "modelVersion": versionOf(s), "securityGroup": s.GroupName,
		},
	}
	invocation := &run.Invocations[0]
	if !s.TimeStarted.IsZero() {
		invocation.Start = s.TimeStarted.UTC().Format("2006-01-02T15:04:05.000Z")
	}
	if !s.TimeFinished.IsZero() {
		invocation.End = s.TimeFinished.UTC().Format("2006-01-02T15:04:05.000Z")
	}
	if s.ErrorMessage != "" {
		invocation.Notifications = append(invocation.Notifications, sarifNote{Level: "error", Message: sarifText{s.ErrorMessage}})
	}
	if root := rootOf(s); root != "" {
		run.BaseIDs = map[string]sarifPlace{modelRoot: {URI: root}}
	}
	index := map[string]int{}
	for _, e := range s.Evaluations {
		if e.Result == model.RuleError {
			invocation.Notifications = append(invocation.Notifications, sarifNote{Level: "warning", Message: sarifText{e.RuleName + " could not be evaluated: " + e.Reason}})
		}
		for _, v := range e.Violations {
			rule := sarifRuleOf(e, v, o)
			i, ok := index[rule.ID]
			if !ok {
				i = len(run.Tool.Driver.Rules)
				index[rule.ID] = i
				run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, rule)
			}
			run.Results = append(run.Results, newSARIFResult(s, e, v, rule.ID, i))
		}
	}
	return sarifLog{Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{run}}
}

// rootOf is the address below which the files of a scan lie, ending in a slash; "" if they have none.
func rootOf(s model.Scan) string {
	if s.Version.Source != model.HuggingFace {
		return ""
	}
	return s.Version.URI() + "/resolve/" + url.PathEscape(s.Version.Revision) + "/"
}

// sarifRuleOf describes a threat, or the rule itself where a violation has none.
func sarifRuleOf(e model.Evaluation, v model.Violation, o Options) sarifRule {
	r := sarifRule{
		ID: policy.Slug(e.RuleName), Name: e.RuleName, ShortDescription: sarifText{e.RuleName}, FullDescription: sarifText{e.Description},
		HelpURI: o.link("/ui/rules/" + policy.Slug(e.RuleName)), Configuration: sarifLevel{levelOf(v.Severity)},
	}
	if v.Threat != "" {
		t := threat.Get(threat.ID(v.Threat))
		r.ID, r.Name, r.ShortDescription, r.HelpURI = v.Threat, pascal(t.Title), sarifText{t.Title}, o.link(threatPath(v.Threat))
		if t.Summary != "" {
			r.FullDescription = sarifText{t.Summary}
		}
		r.Properties = map[string]any{"security-severity": scoreOf(string(t.Severity)), "tags": []string{"security", string(t.Class)}}
	}
	if len(v.Steps) > 0 {
		r.Help = &sarifText{strings.Join(v.Steps, ". ") + "."}
	}
	return r
}

// pascal is a title as an identifier for people: "File is malformed" is "FileIsMalformed".
func pascal(title string) string {
	var b strings.Builder
	for _, word := range strings.FieldsFunc(title, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}

func newSARIFResult(s model.Scan, e model.Evaluation, v model.Violation, id string, index int) sarifResult {
	r := sarifResult{
		RuleID: id, RuleIndex: index, Level: levelOf(v.Severity), Message: sarifText{v.Description}, GUID: v.UUID.String(),
		Properties: map[string]any{"rule": e.RuleName, "state": e.State, "severity": v.Severity},
	}
	for key, value := range map[string]string{"module": v.Module, "operator": v.Operator, "evidence": v.Evidence, "hash": v.BlobID} {
		if value != "" {
			r.Properties[key] = value
		}
	}
	if v.File == "" {
		r.Locations = []sarifLocation{{Logical: []sarifLogical{{FullyQualifiedName: s.ModelURI, Kind: "module"}}}}
		return r
	}
	place := sarifPlace{URI: (&url.URL{Path: v.Path()}).String()}
	if rootOf(s) != "" {
		place.URIBaseID = modelRoot
	}
	location := sarifLocation{Physical: &sarifPhysical{Artifact: place}}
	switch {
	case v.Member != "":
		location.Logical = []sarifLogical{{FullyQualifiedName: v.File, Kind: "member"}}
	case v.Offset >= 0:
		location.Physical.Region = &sarifRegion{ByteOffset: v.Offset}
	}
	r.Locations = []sarifLocation{location}
	r.Fingerprints = map[string]string{"modelgate/v1": fmt.Sprintf("%s|%s|%s|%s", id, v.BlobID, v.Module, v.Operator)}
	return r
}

// levelOf is the level of SARIF for a severity.
func levelOf(severity string) string {
	switch threat.Severity(severity) {
	case threat.Critical, threat.High:
		return "error"
	case threat.Medium:
		return "warning"
	case threat.Low, threat.Info:
	}
	return "note"
}

// scoreOf is a number that readers of SARIF group severities by: above 9 is critical, above 7 high, above 4 medium.
func scoreOf(severity string) string {
	switch threat.Severity(severity) {
	case threat.Critical:
		return "9.8"
	case threat.High:
		return "8.0"
	case threat.Medium:
		return "5.5"
	case threat.Low:
		return "3.0"
	case threat.Info:
	}
	return "0.0"
}
