package scanner

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/paths"
	"modelgate/internal/threat"
)

// place is a stream at its place in the file: the file itself, or a member of a member. It is the Sink of the scanners that
// accept the stream.
type place struct {
	scan   *scan
	member string // path inside the file; "" is the file itself
	depth  int    // containers around it
	// outermost marks the file itself, nameless a member that is part of its container's format, such as the pickle of
	// a checkpoint: its own formats say nothing new of the file.
	outermost, nameless bool
	prose               bool
	known               bool   // some format accepted it
	project             string // as [source.File] has it
	// amend is how a container around it takes findings; nil if there is none that does.
	amend func(f finding.Finding) (as finding.Finding, keep bool)
	// above are the fingerprints of the streams around it and its own.
	above [][sha256.Size]byte

	format  string // of the row that probes or scans now, or as its scanner states
	stated  bool   // whether it did
	slot    int    // where among the formats of the file its next name goes: before those of its members
	outcome source.Outcome
}

// Format implements source.Sink.
func (p *place) Format(name string) {
	p.format, p.stated = name, true
	if !slices.Contains(p.outcome.Formats, name) && len(p.outcome.Formats) < maxFormats {
		p.outcome.Formats = append(p.outcome.Formats, name)
	}
	if !p.nameless && p.scan.addFormat(p.slot, name) {
		p.slot++
	}
}

// Find implements source.Sink: it fills in what the scanner left open and keeps everything printable and bounded.
func (p *place) Find(f finding.Finding) {
	row := threat.Get(f.Threat)
	if f.Severity == "" {
		f.Level, f.Severity = row.Level, row.Severity
	}
	if f.Description == "" {
		f.Description = row.Summary + "."
	}
	if f.Format == "" {
		f.Format = p.format
	}
	if p.amend != nil {
		var keep bool
		if f, keep = p.amend(f); !keep {
			return
		}
	}
	f.Member = join(p.member, f.Member)
	f.Module, f.Operator = printable(f.Module), printable(f.Operator)
	p.outcome.Level = max(p.outcome.Level, f.Level)
	if kept := p.scan.found.add(f); kept != nil { // only these, since it is dear
		kept.Evidence, kept.Description = printable(redact(f.Evidence)), printableTo(redact(f.Description), maxDescription)
		kept.Excerpt = nil
		for _, line := range f.Excerpt[:min(len(f.Excerpt), finding.MaxExcerpt)] {
			kept.Excerpt = append(kept.Excerpt, printable(redact(line)))
		}
	}
}

// Refer implements source.Sink. What leads out of the version is a finding at once; whether the rest exists is for the
// version to say. Files that are named inside a container are not files of the version.
func (p *place) Refer(r finding.Reference) {
	if r.Kind == finding.RefFile || r.Kind == finding.RefPython {
		if f, bad := paths.Reference(r.Target, r.Offset); bad {
			p.Find(f)
			return
		}
		if !p.outermost {
			return
		}
	}
	if len(p.scan.refs) >= maxReferences {
		p.spend(fmt.Errorf("%d references: %w", len(p.scan.refs), source.ErrBudget))
		return
	}
	p.scan.refs = append(p.scan.refs, r)
}

// Opaque implements source.Sink.
func (p *place) Opaque() {
	if p.scan.coverage == finding.Analysed {
		p.scan.coverage = finding.Opaque
	}
}

// Storage implements source.Sink.
func (p *place) Storage(s source.Storage) {
	if len(p.outcome.Storages) < maxStorages {
		p.outcome.Storages = append(p.outcome.Storages, s)
	}
}

// Member implements source.Sink.
func (p *place) Member(ctx context.Context, m source.Member) (source.Outcome, error) {
	if p.scan.spent != nil {
		return source.Outcome{}, p.scan.spent
	}
	if err := ctx.Err(); err != nil {
		return source.Outcome{}, err
	}
	if p.depth >= p.scan.engine.limits.Depth {
		f := finding.New(threat.MGFMT406, -1, fmt.Sprintf("It is nested deeper than %d levels, so it was not read.", p.depth))
		f.Member = m.Name
		p.Find(f)
		return source.Outcome{Level: f.Level}, nil
	}
	child := &place{
		scan: p.scan, member: join(p.member, m.Name), depth: p.depth + 1, prose: m.Prose,
		nameless: p.nameless || m.Family != source.FamilyNone && m.Family != source.FamilyPackage, format: p.format, above: slices.Clip(p.above),
		project: p.project,
	}
	if project, ok := distribution(m.Name); ok { // that a package carries, as tools that make environments do
		child.project = project
	}
	if child.amend = m.Amend; child.amend == nil {
		child.amend = p.amend
	}
	err := child.judge(ctx, &source.File{Reader: m.Bytes, Path: m.Name, Family: m.Family, Project: child.project, Budget: p.scan.budget})
	if err != nil {
		return child.outcome, err
	}
	if !child.prose || child.known {
		p.outcome.Level = max(p.outcome.Level, child.outcome.Level)
	}
	return child.outcome, nil
}

// charge takes a recognised member from the budget.
func (p *place) charge() error {
	if p.outermost {
		return nil
	}
	return p.scan.budget.Entry()
}

// join is the path of a member inside a file. A name that begins with # is a place in the stream itself and no entry.
func join(outer, name string) string {
	if name == "" {
		return outer
	}
	name = strings.ReplaceAll(printableTo(name, finding.MaxEvidence), "!/", `!\/`)
	sep := "!/"
	if outer == "" || strings.HasPrefix(name, "#") {
		sep = ""
	}
	return printableTo(outer+sep+name, maxMember)
}

// Bounds of texts in findings, in bytes.
const (
	maxDescription = 1 << 10
	maxMember      = 4 << 10
)

// printable makes a text fit to be shown, up to the bound of evidence. What a scanner escaped already stays as it is.
func printable(s string) string { return printableTo(s, finding.MaxEvidence) }

func printableTo(s string, limit int) string {
	clean := utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
	if clean && len(s) <= limit {
		return s
	}
	if !clean {
		s = escape(s[:min(len(s), limit)])
	}
	if len(s) <= limit {
		return s
	}
	const cut = "…"
	n := limit - len(cut)
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + cut
}

// escape writes what cannot be shown as Go does, and leaves quotes alone.
func escape(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r < utf8.RuneSelf:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
		s = s[n:]
	}
	return b.String()
}
