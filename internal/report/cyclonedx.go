package report

import (
	"io"
	"net/url"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"modelgate/internal/model"
	"modelgate/internal/policy"
	"modelgate/internal/threat"
)

// writeCycloneDX writes a bill of materials: the model with its files as components, violations as vulnerabilities. The same
// scan always gives the same bytes.
func writeCycloneDX(w io.Writer, s model.Scan, o Options) error {
	bom := cdx.NewBOM()
	bom.SerialNumber = "urn:uuid:" + s.UUID.String()
	root := modelComponent(s)
	bom.Metadata = &cdx.Metadata{
		Timestamp: s.CreatedAt.UTC().Format("2006-01-02T15:04:05Z"),
		Tools:     &cdx.ToolsChoice{Components: &[]cdx.Component{{Type: cdx.ComponentTypeApplication, Name: "modelgate", Version: s.ScannerVersion}}},
		Component: &root,
		Properties: &[]cdx.Property{
			{Name: "modelgate:outcome", Value: string(s.Outcome)},
			{Name: "modelgate:scan", Value: s.UUID.String()},
			{Name: "modelgate:security-group", Value: s.GroupName},
		},
	}
	files := []cdx.Component{}
	known := map[string]bool{}
	for _, f := range s.Files {
		known[f.Path] = true
		files = append(files, fileComponent(f))
	}
	bom.Components = &files
	vulnerabilities := []cdx.Vulnerability{}
	for _, e := range s.Evaluations {
		for _, v := range e.Violations {
			ref := root.BOMRef
			if known[v.Path()] {
				ref = fileRef(v.Path())
			}
			vulnerabilities = append(vulnerabilities, vulnerabilityOf(e, v, ref, o))
		}
	}
	bom.Vulnerabilities = &vulnerabilities
	encoder := cdx.NewBOMEncoder(w, cdx.BOMFileFormatJSON)
	encoder.SetPretty(true)
	return encoder.EncodeVersion(bom, cdx.SpecVersion1_6)
}

func modelComponent(s model.Scan) cdx.Component {
	name := s.ModelName
	if name == "" {
		name = s.Version.Name
	}
	c := cdx.Component{BOMRef: "model", Type: cdx.ComponentTypeMachineLearningModel, Name: name, Version: versionOf(s), Publisher: s.ModelAuthor}
	if s.Version.Source == model.HuggingFace && (s.Version.Kind == model.Models || s.Version.Kind == "") {
		// The type of package URL for the Hub: the name as it is, the commit in lower case.
		var parts []string
		for _, part := range strings.Split(s.Version.Name, "/") {
			parts = append(parts, url.PathEscape(part))
		}
		c.PackageURL = "pkg:huggingface/" + strings.Join(parts, "/") + "@" + strings.ToLower(url.PathEscape(s.Version.Revision))
	}
	if strings.Contains(s.ModelURI, "://") {
		c.ExternalReferences = &[]cdx.ExternalReference{{Type: cdx.ERTypeDistribution, URL: s.ModelURI}}
	}
	return c
}

// fileRef names a file within the bill.
func fileRef(path string) string { return "file:" + path }

func fileComponent(f model.ScanFile) cdx.Component {
	c := cdx.Component{BOMRef: fileRef(f.Path), Type: cdx.ComponentTypeFile, Name: f.Path}
	if f.Digest.Algorithm() == model.SHA256 {
		c.Hashes = &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: f.Digest.Hex()}}
	}
	properties := []cdx.Property{{Name: "modelgate:result", Value: string(f.Result)}}
	for _, format := range f.Formats {
		properties = append(properties, cdx.Property{Name: "modelgate:format", Value: format})
	}
	if f.BlobID != "" {
		properties = append(properties, cdx.Property{Name: "modelgate:git-blob", Value: f.BlobID})
	}
	c.Properties = &properties
	return c
}

func vulnerabilityOf(e model.Evaluation, v model.Violation, ref string, o Options) cdx.Vulnerability {
	out := cdx.Vulnerability{
		BOMRef: "violation:" + v.UUID.String(), ID: v.Threat, Source: &cdx.Source{Name: "modelgate"},
		Ratings:        &[]cdx.VulnerabilityRating{{Severity: severityOf(v.Severity), Method: cdx.ScoringMethodOther}},
		Description:    v.Description,
		Detail:         v.ThreatTitle,
		Recommendation: strings.Join(v.Steps, ". "),
		Affects:        &[]cdx.Affects{{Ref: ref}},
		Properties: &[]cdx.Property{
			{Name: "modelgate:rule", Value: e.RuleName}, {Name: "modelgate:state", Value: string(e.State)},
		},
	}
	link := o.link("/ui/rules/" + policy.Slug(e.RuleName))
	if v.Threat == "" {
		out.ID = policy.Slug(e.RuleName)
	} else {
		link = o.link(threatPath(v.Threat))
	}
	if link != nil {
		out.Source.URL = *link
	}
	if v.File != "" {
		*out.Properties = append(*out.Properties, cdx.Property{Name: "modelgate:file", Value: v.File})
	}
	return out
}

func severityOf(severity string) cdx.Severity {
	switch threat.Severity(severity) {
	case threat.Critical:
		return cdx.SeverityCritical
	case threat.High:
		return cdx.SeverityHigh
	case threat.Medium:
		return cdx.SeverityMedium
	case threat.Low:
		return cdx.SeverityLow
	case threat.Info:
		return cdx.SeverityInfo
	}
	return cdx.SeverityUnknown
}
