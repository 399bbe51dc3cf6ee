// Package scanner says what the files of a model version are and what is wrong with them. It is the engine under the format
// packages: it recognises bytes by content, gives them to every format that accepts them, takes nested streams back, and
// keeps depth, budgets and findings within limits. What it says of a file hangs on the file's digest alone; what follows
// from its name and its neighbours is said apart (see [Engine.Scan]).
//
// The table of formats is [Formats]. The engine executes nothing, follows no link and opens no address: references that
// files hold are checked against the list of the version's files, or handed to whoever called.
package scanner

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"modelgate/internal/finding"
	"modelgate/internal/model"
	"modelgate/internal/model/dist"
	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// Engine scans versions. It is immutable and safe for concurrent use.
type Engine struct {
	limits  source.Limits
	formats []Format
	version string
}

// New returns an engine over the table of formats.
func New(limits source.Limits) *Engine { return newEngine(limits, Formats()) }

func newEngine(limits source.Limits, formats []Format) *Engine {
	return &Engine{limits: limits, formats: formats, version: versionOf(formats)}
}

// engineVersion is raised when the engine itself comes to judge the same bytes differently.
const engineVersion = 4

// versionOf hashes the rows of the table, so that an improved format gets new reports.
func versionOf(formats []Format) string {
	rows := make([]string, 0, len(formats))
	for _, f := range formats {
		rows = append(rows, fmt.Sprintf("%s %d", f.Name, f.Version))
	}
	slices.Sort(rows)
	sum := sha256.Sum256([]byte(fmt.Sprintf("engine %d\n%s", engineVersion, strings.Join(rows, "\n"))))
	return hex.EncodeToString(sum[:6])
}

// Version names the engine and its table: two engines of the same version say the same of the same bytes. It is 12
// hexadecimal digits.
func (e *Engine) Version() string { return e.version }

// Opener opens a file of the version that is scanned. It is called once at most for each file, from several goroutines. What
// it returns may remember the hashes of what it handed out, as [source.Ranges] does with its method Blocks.
type Opener func(ctx context.Context, f model.File) (source.Content, error)

// Known keeps reports of files between scans. A key stands for the bytes, for the role that the file's name gives them and
// for the engine's version. Known is safe for concurrent use, and may forget.
type Known interface {
	Report(ctx context.Context, key string) (finding.FileReport, bool)
	PutReport(ctx context.Context, key string, r finding.FileReport)
}

// Input is a version to scan.
type Input struct {
	Version model.Version
	// Files are all files of the version, also those that are not to be scanned now: references are looked up here.
	Files []model.File
	// Selected says which of the files to scan; nil is all of them.
	Selected func(model.File) bool
	// Partial says that the files that are not selected may never be scanned together with these, so nothing is
	// concluded from what they would say: Python code is taken for imported, and nothing is called missing.
	Partial bool
	Open    Opener
	// Known may be nil.
	Known Known
	// Judge says how the repository that a file imports code from was judged; ok is false if it was not. It may be nil.
	Judge func(ctx context.Context, repo string) (level threat.Level, ok bool)
	// Progress, if set, is told of each file as soon as its bytes are judged, one call at a time. What follows from
	// other files is not yet in the report it gets.
	Progress func(finding.NamedReport)
	// Workers is how many files are scanned at once; 0 means 4.
	Workers int
}

// defaultWorkers keeps the memory of one version within four times that of one file.
const defaultWorkers = 4

// Scan judges the selected files, in parallel, and then what they say of each other. Files come out ordered by path.
// Hostile bytes are findings; an error means that a file could not be opened or read, or that ctx ended.
//
// The Report inside each NamedReport is that of the bytes, with two exceptions that the file's neighbours decide: raw
// weights that another file accounts for are cleared, and Python code that no loader imports is graded as suspicious at
// most. Reports that are handed to Known have neither.
func (e *Engine) Scan(ctx context.Context, in Input) (finding.Report, error) {
	files := slices.Clone(in.Files)
	slices.SortFunc(files, func(a, b model.File) int { return cmp.Compare(a.Path, b.Path) })
	var stored int64
	var selected []model.File
	for _, f := range files {
		stored += max(0, f.Size)
		if in.Selected == nil || in.Selected(f) {
			selected = append(selected, f)
		}
	}
	whole := source.NewBudget(e.limits, stored)
	reports := make([]finding.NamedReport, len(selected))
	var progress sync.Mutex
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(workers(in.Workers))
	for i, f := range selected {
		if gctx.Err() != nil {
			break
		}
		group.Go(func() error {
			named, err := e.file(gctx, in, f, whole)
			if err != nil {
				return fmt.Errorf("scan %s: %w", f.Path, err)
			}
			reports[i] = named
			if in.Progress != nil {
				progress.Lock()
				defer progress.Unlock()
				in.Progress(named)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return finding.Report{}, err
	}
	if err := ctx.Err(); err != nil {
		return finding.Report{}, err
	}
	e.resolve(ctx, in, files, reports)
	return finding.Report{Version: in.Version, Files: reports, Skipped: skipped(reports), Scanner: e.version}, nil
}

func workers(n int) int {
	if n <= 0 {
		return defaultWorkers
	}
	return n
}

// skipped counts the files that are no model material.
func skipped(reports []finding.NamedReport) int {
	n := 0
	for _, r := range reports {
		if slices.Equal(r.Report.Formats, []string{NotModel}) {
			n++
		}
	}
	return n
}

// file reports one file: from Known if its bytes were judged before, else by reading it.
func (e *Engine) file(ctx context.Context, in Input, f model.File, whole *source.Budget) (finding.NamedReport, error) {
	named := finding.NamedReport{Path: f.Path, BlobID: f.BlobID}
	key := e.Key(in.Version, f)
	if key != "" && in.Known != nil {
		if r, ok := in.Known.Report(ctx, key); ok && r.Scanner == e.version && r.Digest == f.Digest {
			named.Report = r
			named.Context = append(nameFindings(in.Version, f.Path, r), notDistribution(in.Version, f.Path, r)...)
			return named, nil
		}
	}
	content, err := in.Open(ctx, f)
	if errors.Is(err, source.ErrChanged) {
		named.Report = finding.FileReport{Digest: f.Digest, Size: f.Size, Formats: []string{NotModel}, Coverage: finding.Analysed, Scanner: e.version}
		named.Context = []finding.Finding{changed()}
		return named, nil
	}
	if err != nil {
		return named, fmt.Errorf("open: %w", err)
	}
	b, err := e.bytes(ctx, in.Version, f, content, whole)
	if closeErr := content.Close(); err == nil && closeErr != nil {
		err = fmt.Errorf("close: %w", closeErr)
	}
	if err != nil {
		return named, err
	}
	named.Report = b.report
	named.Context = slices.Concat(b.mismatch, nameFindings(in.Version, f.Path, b.report), notDistribution(in.Version, f.Path, b.report))
	if key != "" && in.Known != nil && b.lasting {
		in.Known.PutReport(ctx, key, b.report)
	}
	return named, nil
}

// Key is what the report of a file is kept under, or "" if neither its digest nor a pin of its bytes is known. The same bytes under a
// name that gives them another meaning, or in a package, have a report of their own.
func (e *Engine) Key(v model.Version, f model.File) string {
	bytes := string(f.Digest)
	if bytes == "" && f.Pin != "" {
		bytes = "pin:" + f.Pin
	}
	if bytes == "" {
		return ""
	}
	return bytes + "|" + role(f.Path) + "|" + string(familyOf(v, f.Path)) + "|" + projectOf(v, f.Path) + "|" + e.version
}

// familyOf tells for whom a file of a version is meant: what comes from a package index, and local wheels and source distributions, are
// for installers, which put everything in them into place.
func familyOf(v model.Version, name string) source.Family {
	switch v.Source {
	case model.PyPI:
		return source.FamilyPackage
	case model.Local, model.Web:
		if _, ok := distribution(name); ok {
			return source.FamilyPackage
		}
	}
	return source.FamilyNone
}

// distribution tells whether a name is that of a wheel or a source distribution, and of which project.
func distribution(name string) (project string, ok bool) {
	base := path.Base(name)
	project, ok = dist.GuessProject(base)
	parsed, fits := dist.ParseFilename(project, base)
	return project, ok && fits && parsed.Kind != dist.Other
}

func isDistribution(name string) bool {
	_, ok := distribution(name)
	return ok
}

// notDistribution finds what an index lists as a wheel or source distribution, and is none that was read as such: installers refuse it, or
// know a kind of archive that the engine does not.
func notDistribution(v model.Version, name string, r finding.FileReport) []finding.Finding {
	if v.Source != model.PyPI || !isDistribution(name) {
		return nil
	}
	want := "sdist"
	if path.Ext(name) == ".whl" {
		want = "wheel"
	}
	if slices.Contains(r.Formats, want) {
		return nil
	}
	f := finding.New(threat.MGPKG400, -1, "The file is named as a distribution file, and is none that could be read as such.")
	f.Role, f.Evidence = finding.RolePath, source.Evidence(path.Base(name))
	return []finding.Finding{f}
}

// projectOf is the project that a file of a package belongs to, in the normal form of its name: what an index lists it under, if a
// distribution file is named so, or the package that was installed.
func projectOf(v model.Version, name string) string {
	project, file := distribution(name)
	switch {
	case v.Source == model.PyPI && !file:
		return v.Name
	case v.Source == model.PyPI && v.Name != project:
		return ""
	case file && familyOf(v, name) == source.FamilyPackage:
		return project
	}
	return ""
}

// judged is the report of bytes that were read.
type judged struct {
	report finding.FileReport
	// mismatch says that the bytes are not those that were announced.
	mismatch []finding.Finding
	// lasting says that the same bytes will always get the same report: they are what was announced, and neither
	// the budget that all files share nor a fault of a scanner had a part in it.
	lasting bool
}

// wholeSize is the size up to which a file is read at once and compared with its digest.
const wholeSize = 1 << 20

// bytes judges the bytes of an open file.
func (e *Engine) bytes(ctx context.Context, v model.Version, f model.File, content source.Content, whole *source.Budget) (judged, error) {
	size, err := content.Size()
	if err != nil {
		return judged{}, fmt.Errorf("size: %w", err)
	}
	var reader source.Reader = content
	out := judged{lasting: true}
	if f.Size > 0 && f.Size != size {
		out.mismatch = append(out.mismatch, mismatch(fmt.Sprintf("The file has %d bytes, %d were announced.", size, f.Size)))
	}
	if size <= wholeSize {
		buf := make([]byte, size)
		if n, err := content.ReadAt(buf, 0); err != nil && (!errors.Is(err, io.EOF) || int64(n) < size) {
			return judged{}, fmt.Errorf("read: %w", err)
		}
		reader = source.Bytes(buf)
		if f.Digest != "" && f.Digest != digestLike(f.Digest, buf) {
			out.mismatch = append(out.mismatch, mismatch("The content does not have the digest that was announced."))
		}
	}
	s := newScan(e, f.Path, whole.For(size))
	err = s.stream(ctx, reader, familyOf(v, f.Path), projectOf(v, f.Path))
	switch {
	case errors.Is(err, source.ErrChanged):
		out.mismatch = append(out.mismatch, changed())
	case err != nil:
		return judged{}, err
	}
	out.report = s.finish(f.Digest, size)
	if b, ok := content.(interface{ Blocks() []finding.Block }); ok {
		out.report.Blocks = b.Blocks()
	}
	out.lasting = len(out.mismatch) == 0 && !s.fleeting
	return out, nil
}

// changed says that a file did not give what was announced, or not the same bytes twice.
func changed() finding.Finding {
	return mismatch("The bytes that came are not those that were announced, or other bytes came the second time.")
}

func mismatch(description string) finding.Finding {
	f := finding.New(threat.MGFMT408, -1, description)
	f.Role = finding.RoleStructure
	return f
}
