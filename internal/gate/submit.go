package gate

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"modelgate/internal/finding"
	"modelgate/internal/model"
)

// Order is a scan that a person or a program asked for by name: it is made and recorded even if the verdict is known.
type Order struct {
	Request
	// ModelName, ModelAuthor and ModelVersion are free text; "" leaves what the version says.
	ModelName, ModelAuthor, ModelVersion string
	Labels                               []model.Label
	// ErrorCode and ErrorMessage say why a client's own scan failed; "" if it did not.
	ErrorCode, ErrorMessage string
	SDKVersion              string
	// Selected limits the scan to some files; nil is all. The verdict on the version is then left as it is.
	Selected func(path string) bool
	// Progress, if set, is told of each file as soon as its bytes are judged, one call at a time.
	Progress func(finding.NamedReport)
}

// Submit records an ordered scan as PENDING and starts it. Files whose digest has a report are not read again.
func (g *Gate) Submit(ctx context.Context, o Order) (*Ticket, error) {
	s, err := g.order(ctx, o)
	if err != nil {
		return nil, err
	}
	if err := s.record(ctx); err != nil {
		return nil, err
	}
	t := &Ticket{Scan: s.scan.UUID, done: make(chan struct{})}
	g.wg.Add(1)
	go func() {
		defer g.wg.Done()
		defer close(t.done)
		ctx, cancel := context.WithTimeout(g.base, g.timeout)
		defer cancel()
		var r record
		if r, _, t.err = s.run(ctx, false); t.err == nil {
			t.verdict = g.verdict(o.Request, r)
		}
	}()
	return t, nil
}

// Judge records a scan over a report that a client made on its own premises. Such a report opens no door: it becomes
// nobody's verdict.
func (g *Gate) Judge(ctx context.Context, o Order, report finding.Report, meta model.Metadata) (model.Scan, error) {
	s, err := g.order(ctx, o)
	if err != nil {
		return model.Scan{}, err
	}
	s.scan.ScannerVersion, s.scan.Partial = report.Scanner, true
	s.settle(report, meta)
	files := make([]model.File, len(report.Files))
	for i, f := range report.Files {
		files[i] = model.File{Path: f.Path, Digest: f.Report.Digest}
	}
	s.scan.ModelVersionUUID = model.VersionUUID(s.scan.ModelName, model.Fingerprint(files))
	if o.ErrorCode != "" && s.scan.Outcome != model.Blocked { // what was found blocks; what was not looked at is not called good
		s.scan.Outcome, s.scan.ModelVersionUUID = model.Errored, uuid.Nil
		s.scan.ErrorCode, s.scan.ErrorMessage = o.ErrorCode, o.ErrorMessage
	}
	if err := g.store.PutScan(ctx, &s.scan); err != nil {
		return model.Scan{}, fmt.Errorf("record the scan of %s: %w", o.Version, err)
	}
	return s.scan, nil
}

// order prepares the scan of an order.
func (g *Gate) order(ctx context.Context, o Order) (*scanning, error) {
	group, err := g.groups.find(ctx, o.Request)
	if err != nil {
		return nil, err
	}
	s := &scanning{gate: g, req: o.Request, group: group, keys: g.keys(o.Request, group), progress: o.Progress}
	if err := s.announce(ctx, false); err != nil {
		return nil, err
	}
	s.scan.Labels, s.scan.SDKVersion = o.Labels, o.SDKVersion
	for _, set := range []struct {
		field *string
		value string
	}{{&s.scan.ModelName, o.ModelName}, {&s.scan.ModelAuthor, o.ModelAuthor}, {&s.scan.ModelVersion, o.ModelVersion}} {
		if set.value != "" {
			*set.field = set.value
		}
	}
	if o.Selected != nil {
		s.scan.Partial = true
		s.selected = func(f model.File) bool { return o.Selected(f.Path) }
	}
	return s, nil
}
