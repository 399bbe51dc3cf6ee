package scantest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// Recorder is a source.Sink for tests of a single format package: it keeps what a scanner says, and reads members without
// scanning them. The zero value is ready.
type Recorder struct {
	Formats  []string
	Findings []finding.Finding
	Refs     []finding.Reference
	IsOpaque bool
	Storages []source.Storage
	Members  []Seen
	// Reply, if set, answers instead of an empty Outcome. A scanner that scans members with the function given to it
	// by a test can be nested this way.
	Reply func(ctx context.Context, m source.Member) (source.Outcome, error)
}

// Seen is a member that a scanner handed back.
type Seen struct {
	Name    string
	Family  source.Family
	Prose   bool
	Size    int64
	Content []byte // at most SeenBytes of it
}

// SeenBytes is how much of each member a Recorder keeps.
const SeenBytes = 64 << 10

// Format implements source.Sink.
func (r *Recorder) Format(name string) { r.Formats = append(r.Formats, name) }

// Find implements source.Sink.
func (r *Recorder) Find(f finding.Finding) { r.Findings = append(r.Findings, f) }

// Refer implements source.Sink.
func (r *Recorder) Refer(ref finding.Reference) { r.Refs = append(r.Refs, ref) }

// Opaque implements source.Sink.
func (r *Recorder) Opaque() { r.IsOpaque = true }

// Storage implements source.Sink.
func (r *Recorder) Storage(st source.Storage) { r.Storages = append(r.Storages, st) }

// Member implements source.Sink: it reads the head of the member, notes its size and asks Reply.
func (r *Recorder) Member(ctx context.Context, m source.Member) (source.Outcome, error) {
	size, err := m.Bytes.Size()
	if err != nil {
		return source.Outcome{}, fmt.Errorf("size of %s: %w", m.Name, err)
	}
	buf := make([]byte, min(size, SeenBytes))
	n, err := m.Bytes.ReadAt(buf, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return source.Outcome{}, fmt.Errorf("read %s: %w", m.Name, err)
	}
	r.Members = append(r.Members, Seen{m.Name, m.Family, m.Prose, size, buf[:n]})
	if r.Reply == nil {
		return source.Outcome{}, nil
	}
	return r.Reply(ctx, m)
}

// Threats are the ids of all findings, sorted, each once.
func (r *Recorder) Threats() []string {
	var ids []string
	for _, f := range r.Findings {
		ids = append(ids, string(f.Threat))
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// Level is the worst level of all findings.
func (r *Recorder) Level() threat.Level {
	level := threat.Clean
	for _, f := range r.Findings {
		level = max(level, f.Level)
	}
	return level
}

// Names are the names of all members that are not prose, in the order in which they were seen.
func (r *Recorder) Names() []string {
	var names []string
	for _, m := range r.Members {
		if !m.Prose {
			names = append(names, m.Name)
		}
	}
	return names
}

// Saw tells whether a member holds the given content, prose or not, as far as SeenBytes reach.
func (r *Recorder) Saw(content string) bool {
	return slices.ContainsFunc(r.Members, func(m Seen) bool { return strings.Contains(string(m.Content), content) })
}

// NewFile makes a file for a scanner out of bytes, with a full budget.
func NewFile(content []byte) *source.File {
	return &source.File{
		Reader: source.Bytes(content), Path: "test.bin",
		Budget: source.NewBudget(source.DefaultLimits(), int64(len(content))),
	}
}
