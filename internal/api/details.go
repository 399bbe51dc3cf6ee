package api

import (
	"encoding/json"
	"net/http"
	"path"
	"slices"
	"time"

	"github.com/google/uuid"

	"modelgate/internal/finding"
	"modelgate/internal/gate"
	"modelgate/internal/model"
	"modelgate/internal/scanner"
	"modelgate/internal/threat"
)

// ScanDetails is a client's own scan of files that stay with it.
type ScanDetails struct {
	ScannerVersion    string         `json:"scanner_version"`
	TimeStarted       time.Time      `json:"time_started"`
	Files             []FileScanData `json:"files"`
	TotalFilesScanned int            `json:"total_files_scanned"`
	TotalFilesSkipped int            `json:"total_files_skipped"`
	ModelFormats      []string       `json:"model_formats"`
	ModelSizeBytes    int64          `json:"model_size_bytes"`
	ScanDurationMS    int64          `json:"scan_duration_ms"`
	ErrorCode         string         `json:"error_code,omitempty"`
	ErrorMessage      string         `json:"error_message,omitempty"`
}

// FileScanData is one file of a client's scan. Level, severity and place of issues are modelgate's own additions.
type FileScanData struct {
	FilePath     string      `json:"file_path"`
	Status       string      `json:"modelscan_status"` // SCANNED, SKIPPED, ERROR
	BlobID       string      `json:"blob_id"`
	ErrorMessage string      `json:"error_message,omitempty"`
	Formats      []string    `json:"formats,omitempty"`
	Issues       []ScanIssue `json:"issues_detected,omitempty"`
	SHA256       string      `json:"sha256,omitempty"`
	SizeBytes    int64       `json:"size_bytes,omitempty"`
}

// ScanIssue is one thing found in a file.
type ScanIssue struct {
	Description string `json:"description"`
	Source      string `json:"source"` // member of the file, or the file
	Threat      string `json:"threat,omitempty"`
	Module      string `json:"module,omitempty"`
	Operator    string `json:"operator,omitempty"`

	Level    string   `json:"level,omitempty"`
	Severity string   `json:"severity,omitempty"`
	Evidence string   `json:"evidence,omitempty"`
	Excerpt  []string `json:"excerpt,omitempty"`
	Offset   *int64   `json:"offset,omitempty"`
}

// Statuses of files in a client's scan.
const (
	statusScanned = "SCANNED"
	statusSkipped = "SKIPPED"
	statusError   = "ERROR"
)

// UnmarshalJSON ignores fields that newer clients send.
func (d *ScanDetails) UnmarshalJSON(text []byte) error {
	type plain ScanDetails
	return json.Unmarshal(text, (*plain)(d))
}

// validate looks at the limits of the contract.
func (d *ScanDetails) validate() []ErrorDetail {
	var wrong []ErrorDetail
	at := func(kind, message, field string) {
		wrong = append(wrong, detail(kind, message, "body", "scan_details", field))
	}
	switch {
	case d.ScannerVersion == "":
		at("missing", "Field required", "scanner_version")
	case len(d.ScannerVersion) > 64:
		at("string_too_long", "String should have at most 64 characters", "scanner_version")
	}
	if len(d.Files) > 1000 {
		at("too_long", "List should have at most 1000 items", "files")
	}
	if len(d.ErrorMessage) > 1024 {
		at("string_too_long", "String should have at most 1024 characters", "error_message")
	}
	for _, f := range d.Files {
		switch {
		case f.FilePath == "" || len(f.FilePath) > 1024:
			at("string_length", "file_path should have 1 to 1024 characters", "files")
		case !slices.Contains([]string{statusScanned, statusSkipped, statusError}, f.Status):
			at("enum", "modelscan_status should be SCANNED, SKIPPED or ERROR", "files")
		case len(f.BlobID) > 256:
			at("string_too_long", "blob_id should have at most 256 characters", "files")
		}
	}
	return wrong
}

// judgeDetails evaluates the rules of a group over what a client found.
func (a *API) judgeDetails(r *http.Request, order gate.Order, src model.Source, d ScanDetails) (uuid.UUID, error) {
	if len(d.Files) == 0 && d.ErrorCode == "" {
		return uuid.Nil, problem(http.StatusBadRequest, "NO_FILES", "scan_details hold no files")
	}
	rep := d.report()
	files := make([]model.File, len(rep.Files))
	for i, f := range rep.Files {
		files[i] = model.File{Path: f.Path, Digest: f.Report.Digest}
	}
	order.Version = model.Version{Source: src, Name: order.ModelURI, Revision: model.Fingerprint(files)}
	rep.Version = order.Version
	if order.ModelName == "" {
		order.ModelName = path.Base(order.ModelURI)
	}
	order.ErrorCode, order.ErrorMessage = d.ErrorCode, d.ErrorMessage
	scan, err := a.Gate.Judge(r.Context(), order, rep, model.Metadata{URI: order.ModelURI})
	return scan.UUID, err
}

// report turns a client's scan into a report of ours. What could not be scanned is not clean.
func (d *ScanDetails) report() finding.Report {
	rep := finding.Report{Scanner: d.ScannerVersion, Skipped: d.TotalFilesSkipped}
	for _, f := range d.Files {
		named := finding.NamedReport{Path: f.FilePath, BlobID: f.BlobID}
		named.Report = finding.FileReport{Formats: f.Formats, Coverage: finding.Analysed, Scanner: d.ScannerVersion, Size: f.SizeBytes}
		if digest, err := model.NewDigest(model.SHA256, f.SHA256); err == nil {
			named.Report.Digest = digest
		}
		if f.Status == statusSkipped || len(f.Formats) == 0 {
			named.Report.Formats = []string{scanner.NotModel}
		}
		if f.Status == statusError {
			named.Report.Add(finding.New(threat.MGFMT407, -1, "The client could not scan this file: "+f.ErrorMessage))
		}
		for _, issue := range f.Issues {
			named.Report.Add(issue.finding(f.FilePath))
		}
		rep.Files = append(rep.Files, named)
	}
	return rep
}

// finding turns an issue into a finding. The catalogue knows the level of a threat; a client can't lower it.
func (i ScanIssue) finding(file string) finding.Finding {
	f := finding.New(threat.ID(i.Threat), -1, i.Description)
	var level threat.Level
	if err := level.UnmarshalText([]byte(i.Level)); err == nil && level > f.Level {
		f.Level = level
	}
	if i.Severity != "" {
		f.Severity = threat.Severity(i.Severity)
	}
	if i.Offset != nil {
		f.Offset = *i.Offset
	}
	f.Module, f.Operator, f.Evidence = i.Module, i.Operator, i.Evidence
	f.Excerpt = i.Excerpt[:min(len(i.Excerpt), finding.MaxExcerpt)]
	if i.Source != file {
		f.Member = i.Source
	}
	return f
}

// DetailsOf turns a report of ours into what a client sends of its scan.
func DetailsOf(rep finding.Report, started time.Time, took time.Duration) ScanDetails {
	d := ScanDetails{
		ScannerVersion: rep.Scanner, TimeStarted: started, ScanDurationMS: took.Milliseconds(),
		Files: []FileScanData{}, ModelFormats: []string{},
	}
	for _, f := range rep.Files {
		data := FileScanData{
			FilePath: f.Path, Status: statusScanned, BlobID: f.BlobID, Formats: f.Report.Formats,
			SHA256: f.Report.Digest.Hex(), SizeBytes: f.Report.Size,
		}
		if slices.Contains(f.Report.Formats, scanner.NotModel) {
			data.Status = statusSkipped
			d.TotalFilesSkipped++
		} else {
			d.TotalFilesScanned++
		}
		d.ModelSizeBytes += f.Report.Size
		for _, found := range f.Findings() {
			data.Issues = append(data.Issues, issueOf(found, f.Path))
		}
		for _, name := range f.Report.Formats {
			if name != scanner.NotModel && !slices.Contains(d.ModelFormats, name) {
				d.ModelFormats = append(d.ModelFormats, name)
			}
		}
		d.Files = append(d.Files, data)
	}
	return d
}

func issueOf(f finding.Finding, file string) ScanIssue {
	member := f.Member
	if member == "" {
		member = file
	}
	offset := f.Offset
	return ScanIssue{
		Description: f.Description, Source: member, Threat: string(f.Threat), Module: f.Module, Operator: f.Operator,
		Level: f.Level.String(), Severity: string(f.Severity), Evidence: f.Evidence, Excerpt: f.Excerpt, Offset: &offset,
	}
}
