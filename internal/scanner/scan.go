package scanner

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"

	"modelgate/internal/finding"
	"modelgate/internal/model"
	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// scan is the scan of one file, with everything nested in it. It is used by one goroutine.
type scan struct {
	engine   *Engine
	path     string
	budget   *source.Budget
	found    collector
	formats  []string
	refs     []finding.Reference
	coverage finding.Coverage
	// fleeting says that the report may differ next time: the budget of all files had a part in it, or a panic.
	fleeting bool
	// spent is set once a budget is spent or a bomb was met: the file is not scanned any further.
	spent error
}

// Bounds of one report.
const (
	maxReferences = 1 << 15
	maxFormats    = 64
	maxStorages   = 1_000_000 // of one pickle; members beyond are read like any others
)

func newScan(e *Engine, path string, budget *source.Budget) *scan {
	return &scan{engine: e, path: path, budget: budget, coverage: finding.Analysed}
}

// stream scans the whole file.
func (s *scan) stream(ctx context.Context, r source.Reader, family source.Family, project string) error {
	top := &place{scan: s, outermost: true, project: project}
	err := top.judge(ctx, &source.File{Reader: r, Path: s.path, Family: family, Project: project, Installed: family == source.FamilyPackage && !isDistribution(s.path), Budget: s.budget})
	if errors.Is(err, source.ErrBudget) || errors.Is(err, source.ErrBomb) {
		return nil // stated where it happened
	}
	return err
}

// finish makes the report.
func (s *scan) finish(digest model.Digest, size int64) finding.FileReport {
	r := finding.FileReport{
		Digest: digest, Size: size, Formats: s.formats, Coverage: s.coverage, Level: s.found.level,
		Findings: s.found.list, Dropped: s.found.dropped, References: s.refs, Scanner: s.engine.version,
	}
	if r.Formats == nil {
		r.Formats = []string{}
	}
	return r
}

// addFormat notes a name under which the file is known, in the given place among the others, and tells whether it was new.
func (s *scan) addFormat(at int, name string) bool {
	if len(s.formats) >= maxFormats || slices.Contains(s.formats, name) {
		return false
	}
	s.formats = slices.Insert(s.formats, min(at, len(s.formats)), name)
	return true
}

// judge recognises a stream and gives it to every format that accepts it.
func (p *place) judge(ctx context.Context, f *source.File) error {
	accepted, err := p.recognise(ctx, f)
	if err != nil {
		return err
	}
	if len(accepted) == 0 {
		return p.inert(f)
	}
	p.known = true
	if again, err := p.repeats(f); again || err != nil {
		return err
	}
	if err := p.charge(); err != nil {
		return p.fault(err)
	}
	p.composition(accepted)
	for _, row := range accepted {
		if err := p.run(ctx, row, f); err != nil {
			return err
		}
	}
	return nil
}

// repeats tells whether the stream is one that lies around it: an archive that contains itself. Streams of one size that begin
// alike for the first 64 KiB count as one.
func (p *place) repeats(f *source.File) (bool, error) {
	h, err := headerOf(f)
	if err != nil {
		return false, p.fault(err)
	}
	fingerprint := sha256.New()
	_, _ = fingerprint.Write(h.head)
	_, _ = fingerprint.Write(binary.LittleEndian.AppendUint64(nil, uint64(h.size)))
	sum := [sha256.Size]byte(fingerprint.Sum(nil))
	if h.size > 0 && slices.Contains(p.above, sum) {
		p.Find(finding.New(threat.MGFMT405, 0, "The container holds itself, so it expands without end."))
		return true, nil
	}
	p.above = append(p.above, sum)
	return false, nil
}

// recognise returns the rows that accept the stream, without those that another one covers.
func (p *place) recognise(ctx context.Context, f *source.File) ([]Format, error) {
	var accepted []Format
	covered := map[string]bool{}
	outer := p.format // what a stream is part of, until something recognises it
	for _, row := range p.scan.engine.formats {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if f.Family == source.FamilyPackage && row.Text && !row.Package { // an installer takes no text for a model
			continue
		}
		p.format = row.Name
		ok, err := probe(row, f)
		if err != nil && !breaksFormat(err) {
			if err := p.fault(err); err != nil {
				return nil, err
			}
			continue
		}
		if !ok {
			continue
		}
		accepted = append(accepted, row)
		for _, name := range row.Covers {
			covered[name] = true
		}
	}
	p.format = outer
	return slices.DeleteFunc(accepted, func(row Format) bool { return covered[row.Name] }), nil
}

// errScanner is wrapped by the error of a probe or scan that panicked.
var errScanner = errors.New("scanner failed")

// probe asks one row; a panic is an error.
func probe(row Format, f *source.File) (ok bool, err error) {
	defer func() {
		if r := recover(); r != nil {
			ok, err = false, fmt.Errorf("recognise %s: %v: %w", row.Name, r, errScanner)
		}
	}()
	return row.Probe(f)
}

// run lets one row scan the stream. The error is one that ends the scan of the file.
func (p *place) run(ctx context.Context, row Format, f *source.File) error {
	p.format, p.stated, p.slot = row.Name, false, len(p.scan.formats)
	err := func() (err error) {
		defer func() {
			if r := recover(); r != nil {
				err = fmt.Errorf("%v: %w", r, errScanner)
			}
		}()
		return row.Scan(ctx, f, p)
	}()
	if !p.stated {
		p.Format(row.Name)
	}
	if err == nil {
		return ctx.Err()
	}
	return p.fault(err)
}

// breaksFormat tells whether an error means that the bytes break their format's rules.
func breaksFormat(err error) bool {
	var malformed *source.Malformed
	return errors.As(err, &malformed) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// fault makes a finding of an error, if the bytes are its cause. It returns the error if the scan of the file must end.
func (p *place) fault(err error) error {
	var malformed *source.Malformed
	switch {
	case errors.Is(err, source.ErrBomb), errors.Is(err, source.ErrBudget):
		p.spend(err)
		return err
	case errors.Is(err, errScanner), errors.Is(err, source.ErrPanic):
		p.scan.fleeting = true
		f := finding.New(threat.MGFMT407, -1, "A scanner stopped unexpectedly, so the rest was not read.")
		f.Evidence = source.Evidence(err.Error())
		p.Find(f)
		return nil
	case errors.As(err, &malformed):
		p.Find(finding.New(threat.MGFMT400, malformed.Offset, "The bytes break the format's rules: "+malformed.Reason+"."))
		return nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		p.Find(finding.New(threat.MGFMT400, -1, "The bytes end before the format does."))
		return nil
	default:
		return err
	}
}

// spend states that the file was not scanned to its end, once, where that happened.
func (p *place) spend(err error) {
	if p.scan.spent != nil {
		return
	}
	p.scan.spent = err
	p.scan.fleeting = p.scan.fleeting || errors.Is(err, source.ErrShared)
	id, text := threat.MGFMT406, "The budget of the scan was spent before the end, so the rest was not read."
	if errors.Is(err, source.ErrBomb) {
		id, text = threat.MGFMT405, "The data expands without measure, so the rest was not read."
	}
	f := finding.New(id, -1, text)
	f.Evidence = source.Evidence(err.Error())
	p.Find(f)
}

// digestLike hashes content as the digest that it is to be compared with was made.
func digestLike(d model.Digest, content []byte) model.Digest {
	if d.Algorithm() == model.GitSHA {
		h := sha1.New()
		fmt.Fprintf(h, "blob %d\x00", len(content))
		h.Write(content)
		return model.Digest(model.GitSHA + ":" + hex.EncodeToString(h.Sum(nil)))
	}
	sum := sha256.Sum256(content)
	return model.Digest(model.SHA256 + ":" + hex.EncodeToString(sum[:]))
}
