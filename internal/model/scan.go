package model

import (
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Namespace is the UUID under which modelgate derives stable UUIDs (version 5): of default groups, of rule instances, of
// models and their versions.
func Namespace() uuid.UUID { return uuid.MustParse("9939c75d-07da-5307-8ca1-c83160bfd4ca") }

// Outcome is how a scan ended.
type Outcome string

// The outcomes. A scan starts as Pending and ends as one of the others; scans of a growing version may go from
// Allowed to Blocked, never back.
const (
	Pending Outcome = "PENDING"
	Allowed Outcome = "ALLOWED"
	Blocked Outcome = "BLOCKED"
	Errored Outcome = "ERROR"
)

// RuleState is what a group does with a rule.
type RuleState string

// States of a rule in a group.
const (
	Disabled RuleState = "DISABLED"
	Allowing RuleState = "ALLOWING"
	Blocking RuleState = "BLOCKING"
)

// RuleResult is how a rule judged a version. RuleError means that it could not be evaluated.
type RuleResult string

// Results of a rule.
const (
	Passed    RuleResult = "PASSED"
	Failed    RuleResult = "FAILED"
	RuleError RuleResult = "ERROR"
)

// ScanOrigin says who caused a scan.
type ScanOrigin string

// Origins of scans.
const (
	OriginGateway       ScanOrigin = "GATEWAY"
	OriginSDK           ScanOrigin = "MODEL_SECURITY_SDK"
	OriginAPI           ScanOrigin = "MODEL_SECURITY_API"
	OriginFrontend      ScanOrigin = "MODEL_SECURITY_FRONTEND"
	OriginHuggingFace   ScanOrigin = "HUGGING_FACE"
	OriginPrivateWorker ScanOrigin = "PRIVATE_WORKER"
)

// Label is a key and a value that people attach to a scan.
type Label struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Valid tells whether key and value are 1 to 128 and 1 to 256 letters, digits, "_" and "-".
func (l Label) Valid() bool {
	plain := func(s string, most int) bool {
		return s != "" && len(s) <= most && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == ""
	}
	return plain(l.Key, 128) && plain(l.Value, 256)
}

// Metadata is what is known of a version besides its bytes. Licence and organization are facts of the Hub; a nil Verified
// means that they could not be learned, which makes the rules that need them end in RuleError.
type Metadata struct {
	URI string `json:"uri"`
	// Licenses are the licence identifiers of the model's card, in lower case. Empty: it declares none.
	Licenses []string `json:"licenses,omitempty"`
	// LicenseName is the name that goes with the identifier "other".
	LicenseName string `json:"license_name,omitempty"`
	// LicenseUnknown is set when the card could not be read.
	LicenseUnknown bool `json:"license_unknown,omitempty"`
	// Verified says whether the Hub has verified the organization; false for users and repositories without one.
	Verified *bool `json:"verified,omitempty"`
	// Aliases are other names of the same model: those of before it was renamed.
	Aliases []string `json:"aliases,omitempty"`
	// Private is set when not everybody may read the version upstream: it is private or gated.
	Private bool `json:"private,omitempty"`
	// Package is what an index tells of a distribution file; nil for everything else.
	Package *Package `json:"package,omitempty"`
}

// Package is what an index tells of a distribution file of a Python package.
type Package struct {
	Project  string `json:"project"` // normal form of the name
	Version  string `json:"version"` // of the release, in its normal form; "" if the file's name tells none
	Filename string `json:"filename"`
	Upstream string `json:"upstream"` // name of the index
	// Uploaded is zero if the index does not tell. AsOf is when all this was known to be so.
	Uploaded time.Time `json:"uploaded,omitzero"`
	AsOf     time.Time `json:"as_of,omitzero"`
	// Since is when the first file of the project that is still listed was uploaded, zero if that is not known.
	Since time.Time `json:"since,omitzero"`
	// FormerDigest is the SHA-256 that a file of this name had when it was seen first, if it is another one now.
	FormerDigest string `json:"former_digest,omitempty"`
	Yanked       bool   `json:"yanked,omitempty"`
	YankedReason string `json:"yanked_reason,omitempty"`
	Status       string `json:"status,omitempty"` // of the project, "" if it has none
	// Licenses are what the metadata of the package declare: an expression, or a licence and classifiers.
	Licenses []string `json:"licenses,omitempty"`
	// LicenseUnknown is set when the metadata could not be read.
	LicenseUnknown bool `json:"license_unknown,omitempty"`
	// Origin is what attestations prove of who has published the file.
	Origin Provenance `json:"origin,omitzero"`
	// Advisories are records that say something bad of this release, the most serious first.
	Advisories []Advisory `json:"advisories,omitempty"`
}

// Advisory is a record of a known bad release.
type Advisory struct {
	ID        string `json:"id"`        // "MAL-2026-2144"
	Malicious bool   `json:"malicious"` // it is malware, not flawed
	// Severity is that of a flaw: low, medium, high or critical; "" if the record does not say.
	Severity string `json:"severity,omitempty"`
}

// IsAdvisoryID tells whether a text is the identifier of an advisory and nothing else: such may stand in a header.
func IsAdvisoryID(s string) bool {
	kind, rest, ok := strings.Cut(s, "-")
	if !ok || kind == "" || rest == "" || len(s) > 80 {
		return false
	}
	return strings.Trim(kind, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" &&
		strings.Trim(rest, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// RuleInstance is a rule inside a group.
type RuleInstance struct {
	UUID   uuid.UUID           `json:"uuid"` // version 5 of group and rule
	Rule   uuid.UUID           `json:"rule"`
	State  RuleState           `json:"state"`
	Values map[string][]string `json:"values"`

	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// Group is a security group: the rules for models of one source.
type Group struct {
	UUID        uuid.UUID      `json:"uuid"`
	Name        string         `json:"name"`
	Description string         `json:"description"`
	Source      Source         `json:"source"`
	Default     bool           `json:"default"`   // made by modelgate, cannot be deleted
	Declared    bool           `json:"declared"`  // comes from the configuration, read-only elsewhere
	Tombstone   bool           `json:"tombstone"` // deleted, still readable
	Rules       []RuleInstance `json:"rules"`     // ordered as the catalogue of rules

	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"` // moves with every change of a rule instance
}

// Violation is a finding, or a fault of metadata, as a rule sees it.
type Violation struct {
	UUID        uuid.UUID `json:"uuid"`
	Description string    `json:"description"`
	File        string    `json:"file,omitempty"`   // path within the version, members after "!/"; "" for metadata
	Member      string    `json:"member,omitempty"` // the part of File that is a member; "" for the file itself
	BlobID      string    `json:"hash,omitempty"`   // git object id for files of the Hub, SHA-256 otherwise
	Module      string    `json:"module,omitempty"` //
	Operator    string    `json:"operator,omitempty"`
	Threat      string    `json:"threat,omitempty"` // id of the catalogue, or UNAPPROVED_FORMATS
	ThreatTitle string    `json:"threat_description,omitempty"`
	Severity    string    `json:"severity"`
	Evidence    string    `json:"evidence,omitempty"`
	Excerpt     []string  `json:"excerpt,omitempty"` // lines that show the place
	Offset      int64     `json:"offset"`            // -1 if it has no place
	Steps       []string  `json:"steps,omitempty"`
}

// Path is the file of the version that the violation is in, without the member, or "" for metadata. It cannot be had from File
// alone: a name may hold what separates members.
func (v Violation) Path() string {
	if v.Member == "" {
		return v.File
	}
	return strings.TrimSuffix(v.File, "!/"+v.Member)
}

// Evaluation is the result of one rule in a scan.
type Evaluation struct {
	UUID         uuid.UUID   `json:"uuid"`
	RuleInstance uuid.UUID   `json:"rule_instance"`
	Rule         uuid.UUID   `json:"rule"`
	RuleName     string      `json:"rule_name"`
	Description  string      `json:"rule_description"`
	State        RuleState   `json:"state"`
	Result       RuleResult  `json:"result"`
	Reason       string      `json:"reason,omitempty"` // why it could not be evaluated, or what it means that it passed
	Violations   []Violation `json:"violations,omitempty"`
}

// Decide computes the outcome of evaluations: BLOCKED if a BLOCKING rule failed; ERROR if none failed but one could not be
// evaluated, with the reason; else ALLOWED.
func Decide(evaluations []Evaluation) (outcome Outcome, reason string) {
	outcome = Allowed
	for _, e := range evaluations {
		if e.State != Blocking {
			continue
		}
		switch e.Result {
		case Passed:
		case Failed:
			return Blocked, ""
		default:
			if outcome != Errored {
				outcome, reason = Errored, fmt.Sprintf("%s could not be evaluated: %s", e.RuleName, e.Reason)
			}
		}
	}
	return outcome, reason
}

// FileResult is how one file of a scan fared.
type FileResult string

// Results of files.
const (
	FileSkipped FileResult = "SKIPPED" // no model material
	FileSuccess FileResult = "SUCCESS"
	FileError   FileResult = "ERROR"
	FileFailed  FileResult = "FAILED" // violates an enabled rule
)

// ScanFile is one file as a scan saw it.
type ScanFile struct {
	UUID    uuid.UUID  `json:"uuid"`
	Path    string     `json:"path"`
	Size    int64      `json:"size"`
	Digest  Digest     `json:"digest"`
	BlobID  string     `json:"blob_id,omitempty"`
	Formats []string   `json:"formats,omitempty"`
	Result  FileResult `json:"result"`
	Error   string     `json:"error,omitempty"`
}

// Scan is one version judged under one group. Once told to anybody it is never deleted.
type Scan struct {
	UUID      uuid.UUID `json:"uuid"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`

	Version           Version   `json:"version"`
	ModelURI          string    `json:"model_uri"`          // as requested, normalised
	ModelName         string    `json:"model_name"`         // may differ from Version.Name where a client names it
	ModelAuthor       string    `json:"model_author"`       //
	ModelVersion      string    `json:"model_version"`      // commit, etag or free text
	RequestedRevision string    `json:"requested_revision"` // "main"
	ModelVersionUUID  uuid.UUID `json:"model_version_uuid"` // of name and content; zero while pending and after errors

	Owner     string     `json:"owner"`  // who asked
	Origin    ScanOrigin `json:"origin"` //
	GroupUUID uuid.UUID  `json:"group_uuid"`
	GroupName string     `json:"group_name"` // at the time of the scan
	// GroupRules is the fingerprint of the group's rules under which the outcome was computed.
	GroupRules string `json:"group_rules"`

	Outcome      Outcome `json:"outcome"`
	ErrorCode    string  `json:"error_code,omitempty"` // with outcome ERROR only
	ErrorMessage string  `json:"error_message,omitempty"`

	Labels         []Label   `json:"labels,omitempty"`
	Formats        []string  `json:"formats"` // of all files, sorted
	ScannerVersion string    `json:"scanner_version"`
	SDKVersion     string    `json:"sdk_version,omitempty"`
	TimeStarted    time.Time `json:"time_started"`
	TimeFinished   time.Time `json:"time_finished"` // zero while pending
	FilesScanned   int       `json:"files_scanned"`
	FilesSkipped   int       `json:"files_skipped"`
	EnabledRules   int       `json:"enabled_rules"`
	// Partial is set when only some files of the version were looked at: patterns, or a version judged file by file.
	Partial bool `json:"partial,omitempty"`

	Evaluations []Evaluation `json:"evaluations,omitempty"`
	Files       []ScanFile   `json:"files,omitempty"`
	// Counts stand for the evaluations where those were not read: in lists.
	Counts RuleCounts `json:"counts"`
}

// RuleCounts count evaluations by result. Those that could not be evaluated are in Total alone.
type RuleCounts struct {
	Failed int `json:"failed"`
	Passed int `json:"passed"`
	Total  int `json:"total"`
}

// AdvisoryID is the identifier of the advisory for which a rule over metadata failed, "" if there is none.
func (e Evaluation) AdvisoryID() string {
	for _, v := range e.Violations {
		if v.Path() == "" && IsAdvisoryID(v.Evidence) {
			return v.Evidence
		}
	}
	return ""
}

// Summary counts the evaluations of a scan by result; without evaluations it is what Counts says.
func (s Scan) Summary() (failed, passed, total int) {
	if len(s.Evaluations) == 0 {
		return s.Counts.Failed, s.Counts.Passed, s.Counts.Total
	}
	for _, e := range s.Evaluations {
		switch e.Result {
		case Failed:
			failed++
		case Passed:
			passed++
		case RuleError:
		}
	}
	return failed, passed, len(s.Evaluations)
}

// Download is a request for bytes that the gate answered, or several of the same client for the same bytes within a moment.
type Download struct {
	Time    time.Time `json:"time"`
	Version Version   `json:"version"`
	Path    string    `json:"path"`
	Digest  Digest    `json:"digest"`
	Scan    uuid.UUID `json:"scan"`
	Outcome Outcome   `json:"outcome"` // ALLOWED, or BLOCKED for a refusal
	Client  string    `json:"client"`  // user agent, cut to 200 bytes
	Who     string    `json:"who"`     // account or remote address
	Bytes   int64     `json:"bytes"`   // sent, by all requests
	Door    string    `json:"door"`
	// Requests is how many requests this stands for; the time is that of the first.
	Requests int `json:"requests"`
}

// VersionUUID names the content of a version under the name of its model: the same bytes under one name have one UUID, whatever
// commit or folder they come from. The fingerprint is that of [Fingerprint].
func VersionUUID(name, fingerprint string) uuid.UUID {
	return uuid.NewSHA1(Namespace(), []byte(name+"\x00"+fingerprint))
}
