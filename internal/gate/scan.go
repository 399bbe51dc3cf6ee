package gate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"modelgate/internal/finding"
	"modelgate/internal/model"
	"modelgate/internal/policy"
	"modelgate/internal/scanner"
)

// scanning is the scan of one version, or one file of it, under one group.
type scanning struct {
	gate  *Gate
	req   Request
	group ruledGroup
	keys  keys
	scan  model.Scan
	// selected limits the scan to some files; nil is all. Such a scan never becomes the verdict on the version.
	selected func(model.File) bool
	progress func(finding.NamedReport)
}

// settleWithin is how long the record of an outcome may take after the scan's own time is over.
const settleWithin = 30 * time.Second

// announce prepares the scan's record. A version that is judged file by file has one scan for all its files.
func (s *scanning) announce(ctx context.Context, byFile bool) error {
	now := time.Now().UTC()
	uri := s.req.ModelURI
	if uri == "" {
		uri = s.req.Version.URI()
	}
	s.scan = model.Scan{
		UUID: uuid.New(), CreatedAt: now, UpdatedAt: now, TimeStarted: now,
		Version: s.req.Version, ModelURI: uri, ModelName: s.req.Version.Name,
		ModelAuthor: s.req.Version.Organization(), ModelVersion: s.req.Version.Revision,
		RequestedRevision: s.req.RequestedRevision,
		Owner:             s.req.Owner, Origin: s.req.ScanOrigin,
		GroupUUID: s.group.UUID, GroupName: s.group.Name, GroupRules: s.group.rules,
		Outcome: model.Pending, ScannerVersion: s.gate.engine.Version(),
		EnabledRules: enabledRules(s.group.Group), Partial: byFile,
	}
	if !byFile {
		return nil
	}
	// Files of one version come at once; they share the scan, which exists before it's told.
	grown, err, _ := s.gate.begin.Do("grow|"+s.keys.version, func() (any, error) {
		scan, ok, err := s.gate.store.GrowingScanFor(ctx, s.gate.verdictKey(s.req, s.group))
		if err != nil || ok {
			return scan, err
		}
		begun := s.scan
		begun.Outcome = model.Allowed // nothing speaks against it yet
		return begun, s.gate.store.PutScan(ctx, &begun)
	})
	if err != nil {
		return fmt.Errorf("find the scan of %s: %w", s.req.Version, err)
	}
	scan, ok := grown.(model.Scan)
	if !ok {
		return errors.New("find a scan: not a scan")
	}
	s.scan = scan
	return nil
}

// record writes the scan as PENDING, so that its UUID can be told. A scan that grows was recorded when it began.
func (s *scanning) record(ctx context.Context) error {
	if s.scan.Outcome != model.Pending {
		return nil
	}
	if err := s.gate.store.PutScan(ctx, &s.scan); err != nil {
		return fmt.Errorf("record the scan of %s: %w", s.req.Version, err)
	}
	return nil
}

// run makes the scan. It returns an error only if nothing could be recorded; a scan that failed is a verdict of its own.
func (s *scanning) run(ctx context.Context, byFile bool) (record, bool, error) {
	var large bool
	var err error
	if byFile {
		err = s.judgeFile(ctx)
	} else {
		large, err = s.judgeVersion(ctx)
	}
	settle, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleWithin)
	defer cancel()
	if err != nil {
		return s.fail(settle, err, byFile)
	}
	if large {
		return record{}, true, nil
	}
	r := recordOf(s.scan)
	switch {
	case byFile:
		s.gate.cache.PutVerdict(settle, s.keys.file, r.encode())
	case s.selected == nil:
		s.gate.cache.PutVerdict(settle, s.keys.version, r.encode())
	}
	return r, false, nil
}

// judgeVersion scans the whole version and records the outcome. Large is true if there are too many files for that.
func (s *scanning) judgeVersion(ctx context.Context) (large bool, err error) {
	files, meta, err := s.facts(ctx)
	if err != nil {
		return false, err
	}
	if len(files) > s.gate.maxFiles && s.selected == nil && s.req.Version.Source != model.Local && !s.req.Whole {
		s.scan.Partial, s.scan.Outcome = true, model.Allowed
		if err := s.gate.store.PutScan(ctx, &s.scan); err != nil {
			return false, err
		}
		s.gate.large.Add(s.req.Version.Key(), struct{}{})
		return true, s.gate.store.Remember(ctx, largeKey(s.req.Version), []byte(fmt.Sprint(len(files))))
	}
	known := s.gate.manyReports(ctx, s.reportKeys(files))
	report, err := s.gate.engine.Scan(ctx, scanner.Input{
		Version: s.req.Version, Files: files, Selected: s.selected, Partial: s.selected != nil,
		Open: s.req.Origin.Open, Known: known, Judge: s.judge, Progress: s.progress, Workers: s.gate.workers,
	})
	known.flush(ctx)
	if err != nil {
		return false, err
	}
	if err := s.gate.addQuarantine(ctx, &report); err != nil {
		return false, err
	}
	s.settle(report, meta)
	s.scan.ModelVersionUUID = model.VersionUUID(s.req.Version.Name, model.Fingerprint(files))
	return false, s.gate.store.PutScan(ctx, &s.scan)
}

// reportKeys are the keys of the reports of those files that are scanned.
func (s *scanning) reportKeys(files []model.File) []string {
	var keys []string
	for _, f := range files {
		if key := s.gate.engine.Key(s.req.Version, f); key != "" && (s.selected == nil || s.selected(f)) {
			keys = append(keys, key)
		}
	}
	return keys
}

// facts are the version's files and metadata: as remembered, since a version never changes, or from its origin.
func (s *scanning) facts(ctx context.Context) ([]model.File, model.Metadata, error) {
	if s.req.Version.Source == model.Local {
		return s.ask(ctx)
	}
	key := "version|" + s.req.Version.Key()
	var known struct {
		Files    []model.File
		Metadata model.Metadata
	}
	if fact, ok, err := s.gate.store.Recall(ctx, key); err == nil && ok && json.Unmarshal(fact.Value, &known) == nil {
		return known.Files, known.Metadata, nil
	}
	files, meta, err := s.ask(ctx)
	if err != nil {
		return nil, model.Metadata{}, err
	}
	known.Files, known.Metadata = files, meta
	complete := meta.Package == nil && !meta.LicenseUnknown && (meta.Verified != nil || s.req.Version.Organization() == "")
	if text, err := json.Marshal(known); err == nil && complete && len(files) <= s.gate.maxFiles {
		if err := s.gate.store.Remember(ctx, key, text); err != nil {
			return nil, model.Metadata{}, fmt.Errorf("remember the files of %s: %w", s.req.Version, err)
		}
	}
	return files, meta, nil
}

// ask learns files and metadata from the origin. Metadata that can't be had is not the end of the scan: the rules that
// need it end as ERROR.
func (s *scanning) ask(ctx context.Context) ([]model.File, model.Metadata, error) {
	files, err := s.req.Origin.Files(ctx)
	if err != nil {
		return nil, model.Metadata{}, fmt.Errorf("list the files: %w", err)
	}
	return files, s.metadata(ctx), nil
}

func (s *scanning) metadata(ctx context.Context) model.Metadata {
	meta, err := s.req.Origin.Metadata(ctx)
	if err != nil {
		s.gate.log("metadata could not be learned", s.scan.UUID, err)
		return model.Metadata{URI: s.scan.ModelURI, LicenseUnknown: true}
	}
	return meta
}

// settle fills the scan's record from a report.
func (s *scanning) settle(report finding.Report, meta model.Metadata) {
	j := policy.Evaluate(s.group.Group, report, meta)
	now := time.Now().UTC()
	s.scan.UpdatedAt, s.scan.TimeFinished = now, now
	s.scan.Outcome, s.scan.Evaluations, s.scan.Files = j.Outcome, j.Evaluations, j.Files
	s.scan.Formats, s.scan.FilesScanned, s.scan.FilesSkipped = j.Formats, j.Scanned, j.Skipped
	if j.Outcome == model.Errored {
		s.scan.ErrorCode, s.scan.ErrorMessage = "POLICY_EVAL_ERROR", j.Reason
	}
}

// fail records that the scan ended without a judgement.
func (s *scanning) fail(ctx context.Context, cause error, byFile bool) (record, bool, error) {
	s.gate.log("scan ended as ERROR", s.scan.UUID, cause)
	now := time.Now().UTC()
	code, text := explain(cause, s.gate.timeout)
	s.scan.ErrorCode, s.scan.ErrorMessage = code, text
	s.scan.UpdatedAt, s.scan.TimeFinished = now, now
	key := s.keys.version
	if byFile { // the scan of the other files stands; only this file has no verdict
		key = s.keys.file
	} else {
		s.scan.Outcome = model.Errored
		if err := s.gate.store.PutScan(ctx, &s.scan); err != nil {
			return record{}, false, fmt.Errorf("record that the scan of %s failed: %w", s.req.Version, errors.Join(err, cause))
		}
	}
	r := record{Scan: s.scan.UUID, Group: s.group.Name, Outcome: model.Errored, Whole: true, Reason: text}
	s.gate.errored.Add(attemptKey(key, s.req.Unread), failure{record: r, until: time.Now().Add(erroredFor)})
	return r, false, nil
}

// coded is an error that knows its code of the API.
type coded interface{ ErrorCode() string }

// explain turns the cause of a failed scan into code and sentence.
func explain(cause error, timeout time.Duration) (code, text string) {
	var c coded
	switch {
	case errors.Is(cause, context.DeadlineExceeded):
		return "SCAN_ERROR", fmt.Sprintf("the scan took longer than %s", timeout)
	case errors.Is(cause, context.Canceled):
		return "SERVICE_UNAVAILABLE", "the gate was stopped during the scan"
	case errors.As(cause, &c):
		return c.ErrorCode(), cause.Error()
	default:
		return "SCAN_ERROR", cause.Error()
	}
}

func enabledRules(g model.Group) int {
	n := 0
	for _, r := range g.Rules {
		if r.State != model.Disabled {
			n++
		}
	}
	return n
}
