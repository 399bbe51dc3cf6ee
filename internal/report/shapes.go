package report

import (
	"encoding/json"
	"path"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"modelgate/internal/model"
	"modelgate/internal/policy"
	"modelgate/internal/threat"
)

// Time is a moment as the API writes it: RFC 3339, UTC, with microseconds.
type Time time.Time

// MarshalJSON writes the moment, or null for the zero time.
func (t Time) MarshalJSON() ([]byte, error) {
	at := time.Time(t)
	if at.IsZero() {
		return []byte("null"), nil
	}
	return json.Marshal(at.UTC().Format("2006-01-02T15:04:05.000000Z"))
}

// UnmarshalJSON reads what MarshalJSON wrote, and any other RFC 3339.
func (t *Time) UnmarshalJSON(text []byte) error { return json.Unmarshal(text, (*time.Time)(t)) }

// Scan is a scan in the API. Keys with omitempty may be absent, never null: strict clients demand that. Pointers may be null.
type Scan struct {
	UUID              uuid.UUID     `json:"uuid"`
	Tenant            string        `json:"tsg_id"`
	CreatedAt         Time          `json:"created_at"`
	UpdatedAt         Time          `json:"updated_at"`
	ModelURI          string        `json:"model_uri"`
	Owner             string        `json:"owner"`
	Origin            string        `json:"scan_origin"`
	GroupUUID         uuid.UUID     `json:"security_group_uuid"`
	GroupName         string        `json:"security_group_name"`
	ModelVersionUUID  uuid.UUID     `json:"model_version_uuid"` // all zeros while there is none
	Outcome           string        `json:"eval_outcome"`
	Source            string        `json:"source_type"`
	CreatedBy         *uuid.UUID    `json:"created_by"`
	EnabledRules      *int          `json:"enabled_rule_count_snapshot"`
	ErrorCode         *string       `json:"error_code"`
	ErrorMessage      *string       `json:"error_message"`
	Summary           *Summary      `json:"eval_summary"` // null while pending
	Labels            []model.Label `json:"labels,omitempty"`
	Formats           []string      `json:"model_formats"`
	ScannerVersion    *string       `json:"scanner_version"`
	SDKVersion        *string       `json:"sdk_version"`
	TimeStarted       Time          `json:"time_started"`
	TimeFinished      Time          `json:"time_finished"`
	FilesScanned      *int          `json:"total_files_scanned"`
	FilesSkipped      *int          `json:"total_files_skipped"`
	ModelName         string        `json:"model_name,omitempty"`
	ModelAuthor       string        `json:"model_author,omitempty"`
	ModelVersion      string        `json:"model_version,omitempty"`
	RequestedRevision string        `json:"requested_revision,omitempty"`
	URL               string        `json:"scan_url,omitempty"`
}

// Summary counts rules by result.
type Summary struct {
	Failed int `json:"rules_failed"`
	Passed int `json:"rules_passed"`
	Total  int `json:"total_rules"`
}

// Pagination says how many there are besides the page.
type Pagination struct {
	TotalItems int `json:"total_items"`
}

// List is a page of scans.
type List struct {
	Scans      []Scan     `json:"scans"`
	Pagination Pagination `json:"pagination"`
}

// Evaluation is the result of a rule in the API.
type Evaluation struct {
	UUID         uuid.UUID `json:"uuid"`
	Tenant       string    `json:"tsg_id"`
	CreatedAt    Time      `json:"created_at"`
	UpdatedAt    Time      `json:"updated_at"`
	Result       string    `json:"result"`
	Violations   int       `json:"violation_count"`
	RuleInstance uuid.UUID `json:"rule_instance_uuid"`
	Scan         uuid.UUID `json:"scan_uuid"`
	RuleName     string    `json:"rule_name"`
	Description  string    `json:"rule_description"`
	State        string    `json:"rule_instance_state"`
	Origin       string    `json:"rule_origin"`
	Reason       string    `json:"reason,omitempty"` // why it could not be evaluated, or what it means that it passed
}

// Violation is a violation in the API.
type Violation struct {
	UUID              uuid.UUID    `json:"uuid"`
	Tenant            string       `json:"tsg_id"`
	CreatedAt         Time         `json:"created_at"`
	UpdatedAt         Time         `json:"updated_at"`
	Description       string       `json:"description"`
	RuleInstance      uuid.UUID    `json:"rule_instance_uuid"`
	RuleName          string       `json:"rule_name"`
	RuleDescription   string       `json:"rule_description"`
	State             string       `json:"rule_instance_state"`
	Origin            string       `json:"rule_origin"`
	File              *string      `json:"file"`
	Hash              *string      `json:"hash"`
	Module            *string      `json:"module"`
	Operator          *string      `json:"operator"`
	Threat            *string      `json:"threat"`
	ThreatDescription *string      `json:"threat_description"`
	Remediation       *Remediation `json:"remediation"`
	ThreatURL         *string      `json:"threat_kb_url"`
	InsightsURL       *string      `json:"insights_url"`
	Severity          string       `json:"severity"`
	Evidence          string       `json:"evidence,omitempty"`
	Location          *Location    `json:"location,omitempty"`
}

// Remediation says what can be done.
type Remediation struct {
	Steps []string `json:"steps"`
	URL   *string  `json:"url"`
}

// Location is where in its file the evidence of a violation stands.
type Location struct {
	Member string `json:"member,omitempty"` // path inside the file
	Offset *int64 `json:"offset,omitempty"` // in the innermost stream
}

// File is a file or directory of a scan in the API.
type File struct {
	UUID             uuid.UUID  `json:"uuid"`
	Tenant           string     `json:"tsg_id"`
	CreatedAt        Time       `json:"created_at"`
	UpdatedAt        Time       `json:"updated_at"`
	Path             string     `json:"path"`
	ParentPath       string     `json:"parent_path"` // "/" at the top level
	Type             string     `json:"type"`        // FILE or DIRECTORY
	Result           string     `json:"result"`
	ModelVersionUUID uuid.UUID  `json:"model_version_uuid"`
	BlobID           *string    `json:"blob_id"`
	Formats          []string   `json:"formats"`
	Scan             *uuid.UUID `json:"scan_uuid"`
	Size             int64      `json:"size"`
	SHA256           *string    `json:"sha256"`
	Error            string     `json:"error_message,omitempty"`
}

// Document is a scan with everything that explains it.
type Document struct {
	Scan
	Evaluations []Evaluation `json:"evaluations"`
	Violations  []Violation  `json:"violations"`
}

// defaultTenant is the one tenant that there is.
const defaultTenant = "modelgate"

func (o Options) tenant() string {
	if o.Tenant == "" {
		return defaultTenant
	}
	return o.Tenant
}

// link is an address under the public URL, or nil without one.
func (o Options) link(path string) *string {
	if o.PublicURL == "" {
		return nil
	}
	address := strings.TrimRight(o.PublicURL, "/") + path
	return &address
}

// NewScan is a scan in its shape.
func NewScan(s model.Scan, o Options) Scan {
	out := Scan{
		UUID: s.UUID, Tenant: o.tenant(), CreatedAt: Time(s.CreatedAt), UpdatedAt: Time(s.UpdatedAt), ModelURI: s.ModelURI, Owner: s.Owner,
		Origin: string(s.Origin), GroupUUID: s.GroupUUID, GroupName: s.GroupName, ModelVersionUUID: s.ModelVersionUUID,
		Outcome: string(s.Outcome), Source: string(s.Version.Source), EnabledRules: &s.EnabledRules, Labels: s.Labels, Formats: s.Formats,
		ErrorCode: orNull(s.ErrorCode), ErrorMessage: orNull(s.ErrorMessage), ScannerVersion: orNull(s.ScannerVersion), SDKVersion: orNull(s.SDKVersion),
		TimeStarted: Time(s.TimeStarted), TimeFinished: Time(s.TimeFinished), FilesScanned: &s.FilesScanned, FilesSkipped: &s.FilesSkipped,
		ModelName: s.ModelName, ModelAuthor: s.ModelAuthor, ModelVersion: s.ModelVersion, RequestedRevision: s.RequestedRevision,
	}
	if s.Outcome != model.Pending {
		failed, passed, total := s.Summary()
		out.Summary = &Summary{Failed: failed, Passed: passed, Total: total}
	}
	if address := o.link("/ui/scans/" + s.UUID.String()); address != nil {
		out.URL = *address
	}
	if o.StrictEnums && s.Origin == model.OriginGateway {
		out.Origin = string(model.OriginAPI)
	}
	return out
}

// ruleOrigin is the value that clients know for rules that come with the product.
const ruleOrigin = "PANW_MANAGED"

// NewEvaluation is an evaluation of a scan in its shape, with the number of its violations.
func NewEvaluation(s model.Scan, e model.Evaluation, violations int, o Options) Evaluation {
	return Evaluation{
		UUID: e.UUID, Tenant: o.tenant(), CreatedAt: Time(s.CreatedAt), UpdatedAt: Time(s.UpdatedAt), Result: string(e.Result),
		Violations: violations, RuleInstance: e.RuleInstance, Scan: s.UUID, RuleName: e.RuleName, Description: e.Description,
		State: string(e.State), Origin: ruleOrigin, Reason: e.Reason,
	}
}

// NewViolation is a violation of a rule in its shape.
func NewViolation(s model.Scan, e model.Evaluation, v model.Violation, o Options) Violation {
	out := Violation{
		UUID: v.UUID, Tenant: o.tenant(), CreatedAt: Time(s.CreatedAt), UpdatedAt: Time(s.UpdatedAt), Description: v.Description,
		RuleInstance: e.RuleInstance, RuleName: e.RuleName, RuleDescription: e.Description, State: string(e.State), Origin: ruleOrigin,
		File: orNull(cutLeft(v.File, maxFile)), Hash: orNull(v.BlobID), Module: orNull(v.Module), Operator: orNull(v.Operator),
		Threat: orNull(v.Threat), ThreatDescription: orNull(v.ThreatTitle), Severity: v.Severity, Evidence: v.Evidence,
		Remediation: &Remediation{Steps: v.Steps, URL: o.link("/ui/rules/" + policy.Slug(e.RuleName))},
	}
	if v.Steps == nil {
		out.Remediation.Steps = []string{}
	}
	if v.Threat != "" {
		out.ThreatURL = o.link(threatPath(v.Threat))
	}
	if o.StrictEnums && strings.HasPrefix(v.Threat, "MG-") {
		out.Threat = nil
	}
	if v.Member != "" || v.Offset >= 0 && v.File != "" {
		out.Location = &Location{Member: v.Member}
		if v.Offset >= 0 {
			out.Location.Offset = &v.Offset
		}
	}
	return out
}

// threatPath is the page about a threat.
func threatPath(id string) string {
	class := "other"
	switch threat.Get(threat.ID(id)).Class {
	case threat.Load:
		class = "deserialization"
	case threat.Backdoored:
		class = "backdoor"
	case threat.Inference:
		class = "runtime"
	case threat.Policy, threat.Unjudged, threat.Remark:
	}
	return "/ui/threats/" + class + "/" + id
}

// NewFile is a file or directory of a scan in its shape. Its parent is "" at the top level.
func NewFile(s model.Scan, f model.ScanFile, directory bool, o Options) File {
	out := File{
		UUID: f.UUID, Tenant: o.tenant(), CreatedAt: Time(s.CreatedAt), UpdatedAt: Time(s.UpdatedAt), Path: f.Path, ParentPath: "/", Type: "FILE",
		Result: string(f.Result), ModelVersionUUID: s.ModelVersionUUID, BlobID: orNull(f.BlobID), Formats: f.Formats, Scan: &s.UUID, Size: f.Size, Error: f.Error,
	}
	if directory {
		out.Type = "DIRECTORY"
	}
	if dir := path.Dir(f.Path); dir != "." && dir != "/" {
		out.ParentPath = dir
	}
	if f.Digest.Algorithm() == model.SHA256 {
		out.SHA256 = orNull(f.Digest.Hex())
	}
	return out
}

// NewDocument is a scan with its evaluations and violations.
func NewDocument(s model.Scan, o Options) Document {
	d := Document{Scan: NewScan(s, o), Evaluations: []Evaluation{}, Violations: []Violation{}}
	for _, e := range s.Evaluations {
		d.Evaluations = append(d.Evaluations, NewEvaluation(s, e, len(e.Violations), o))
		for _, v := range e.Violations {
			d.Violations = append(d.Violations, NewViolation(s, e, v, o))
		}
	}
	return d
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// maxFile is the longest path in a violation, in characters; the end of a path says more than its beginning.
const maxFile = 256

func cutLeft(s string, most int) string {
	n := utf8.RuneCountInString(s)
	if n <= most {
		return s
	}
	for i := range s {
		if n < most { // with the dots it is as long as possible
			return "…" + s[i:]
		}
		n--
	}
	return s
}
