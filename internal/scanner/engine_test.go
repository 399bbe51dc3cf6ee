package scanner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"modelgate/internal/finding"
	"modelgate/internal/model"
	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// kept is an open file in memory.
type kept struct{ source.Bytes }

func (kept) Close() error { return nil }

// folder makes an input of files in memory. The digests are right.
func folder(files map[string]string) Input {
	in := Input{Version: model.Version{Source: model.HuggingFace, Kind: model.Models, Name: "org/name"}}
	for name, content := range files {
		in.Files = append(in.Files, model.File{Path: name, Size: int64(len(content)), Digest: digestLike("sha256:", []byte(content))})
	}
	in.Open = func(_ context.Context, f model.File) (source.Content, error) {
		return kept{source.Bytes(files[f.Path])}, nil
	}
	return in
}

// saying is a format of files that begin with its name; its scanner does what the test says.
func saying(name string, scan func(ctx context.Context, f *source.File, s source.Sink) error) Format {
	return Format{
		Name: name, Version: 1,
		Probe: func(f *source.File) (bool, error) {
			head, err := f.Head()
			return bytes.HasPrefix(head, []byte(name)), err
		},
		Scan: scan,
	}
}

// one scans a single file with the given formats.
func one(t *testing.T, content string, formats ...Format) finding.FileReport {
	t.Helper()
	r, err := newEngine(source.DefaultLimits(), formats).Scan(t.Context(), folder(map[string]string{"file": content}))
	if err != nil {
		t.Fatal(err)
	}
	return r.Files[0].Report
}

func ids(list []finding.Finding) []string {
	out := []string{}
	for _, f := range list {
		out = append(out, string(f.Threat))
	}
	return out
}

func TestErrorsOfBytesAreFindings(t *testing.T) {
	tests := []struct {
		name     string
		err      error
		want     threat.ID
		fleeting bool
	}{
		{"malformed bytes", fmt.Errorf("read header: %w", source.Malformedf(7, "too long")), threat.MGFMT400, false},
		{"bytes that end early", fmt.Errorf("read header: %w", io.ErrUnexpectedEOF), threat.MGFMT400, false},
		{"a spent budget", fmt.Errorf("inflate: %w", source.ErrBudget), threat.MGFMT406, false},
		{"a spent budget of all files", fmt.Errorf("inflate: %w", source.ErrShared), threat.MGFMT406, true},
		{"a bomb", fmt.Errorf("inflate: %w", source.ErrBomb), threat.MGFMT405, false},
		{"a decoder that panicked", fmt.Errorf("inflate: %w", source.ErrPanic), threat.MGFMT407, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			known := &memory{}
			in := folder(map[string]string{"file": "x"})
			in.Known = known
			e := newEngine(source.DefaultLimits(), []Format{saying("x", func(context.Context, *source.File, source.Sink) error { return tt.err })})
			r, err := e.Scan(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			if got := ids(r.Files[0].Report.Findings); !slices.Equal(got, []string{string(tt.want)}) {
				t.Errorf("findings %v, want %s", got, tt.want)
			}
			if stored := len(known.reports) == 1; stored == tt.fleeting {
				t.Errorf("report kept for the digest: %v, want %v", stored, !tt.fleeting)
			}
		})
	}
}

func TestOtherErrorsEndTheScan(t *testing.T) {
	broken := errors.New("connection lost")
	rows := []Format{saying("x", func(context.Context, *source.File, source.Sink) error { return fmt.Errorf("read: %w", broken) })}
	if _, err := newEngine(source.DefaultLimits(), rows).Scan(t.Context(), folder(map[string]string{"file": "x"})); !errors.Is(err, broken) {
		t.Errorf("error %v, want the reader's", err)
	}
	in := folder(map[string]string{"file": "x"})
	in.Open = func(context.Context, model.File) (source.Content, error) { return nil, broken }
	if _, err := newEngine(source.DefaultLimits(), nil).Scan(t.Context(), in); !errors.Is(err, broken) {
		t.Errorf("error %v, want that of opening", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := newEngine(source.DefaultLimits(), nil).Scan(ctx, folder(map[string]string{"file": "x"})); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
}

func TestAPanicIsAFindingAndOthersGoOn(t *testing.T) {
	rows := []Format{
		saying("x", func(context.Context, *source.File, source.Sink) error { panic("index out of range") }),
		saying("xy", func(_ context.Context, _ *source.File, s source.Sink) error {
			s.Find(finding.New(threat.PKL100, 3, "It runs code."))
			return nil
		}),
		{Name: "probe", Probe: func(*source.File) (bool, error) { panic("nil map") }},
	}
	r := one(t, "xyz", rows...)
	want := []string{"MG-FMT-407", "MG-FMT-402", "MG-FMT-407", "PAIT-PKL-100"}
	if got := ids(r.Findings); !cmp.Equal(got, want) {
		t.Errorf("findings %v, want %v", got, want)
	}
	if r.Level != threat.Malicious {
		t.Errorf("level %s, want malicious", r.Level)
	}
}

// nesting is a format whose files hold one member each, behind the first letter.
func nesting() Format {
	return saying("n", func(ctx context.Context, f *source.File, s source.Sink) error {
		size, err := f.Size()
		if err != nil {
			return err
		}
		_, err = s.Member(ctx, source.Member{Name: "in\nner!/x", Bytes: source.Section(f, 1, size-1)})
		return err
	})
}

func evil() Format {
	return saying("evil", func(_ context.Context, _ *source.File, s source.Sink) error {
		f := finding.New(threat.PKL100, 5, "")
		f.Evidence = "os.system('x')\x00 password='hunter2222'" + strings.Repeat("a", 1000)
		s.Find(f)
		s.Find(f)
		return nil
	})
}

func TestFindingsAreStampedWithTheirPlace(t *testing.T) {
	r := one(t, "nnevil", nesting(), evil())
	if len(r.Findings) != 1 {
		t.Fatalf("%d findings, want the same cause once: %v", len(r.Findings), r.Findings)
	}
	f := r.Findings[0]
	if want := `in\x0aner!\/x!/in\x0aner!\/x`; f.Member != want {
		t.Errorf("member %q, want %q", f.Member, want)
	}
	if f.Format != "evil" || f.Level != threat.Malicious || f.Severity != threat.Critical || f.Description == "" {
		t.Errorf("finding lacks what the engine must fill in: %+v", f)
	}
	if len(f.Evidence) > finding.MaxEvidence || strings.ContainsRune(f.Evidence, 0) || strings.Contains(f.Evidence, "hunter") {
		t.Errorf("evidence is unbounded, unprintable or secret: %q", f.Evidence)
	}
	if !slices.Equal(r.Formats, []string{"n", "evil"}) {
		t.Errorf("formats %v, want the outermost first", r.Formats)
	}
}

func TestDepthIsBounded(t *testing.T) {
	deep := strings.Repeat("n", source.DefaultLimits().Depth) + "evil"
	if r := one(t, deep, nesting(), evil()); r.Level != threat.Malicious {
		t.Errorf("what lies at the deepest allowed level was not scanned: %v", ids(r.Findings))
	}
	if r := one(t, "n"+deep, nesting(), evil()); !slices.Equal(ids(r.Findings), []string{"MG-FMT-406"}) {
		t.Errorf("findings %v, want MG-FMT-406 alone", ids(r.Findings))
	}
}

func TestAnArchiveThatHoldsItselfIsABomb(t *testing.T) {
	quine := saying("n", func(ctx context.Context, f *source.File, s source.Sink) error {
		_, err := s.Member(ctx, source.Member{Name: "again", Bytes: f})
		return err
	})
	if r := one(t, "n", quine); !slices.Equal(ids(r.Findings), []string{"MG-FMT-405"}) {
		t.Errorf("findings %v, want MG-FMT-405 alone", ids(r.Findings))
	}
}

func TestMembersAreCounted(t *testing.T) {
	limits := source.DefaultLimits()
	limits.Entries = 10
	rows := []Format{
		saying("n", func(ctx context.Context, _ *source.File, s source.Sink) error {
			for i := range 100 {
				if _, err := s.Member(ctx, source.Member{Name: fmt.Sprint(i), Bytes: source.Bytes(fmt.Sprintf("m%d", i))}); err != nil {
					return err
				}
			}
			return nil
		}),
		saying("m", func(context.Context, *source.File, source.Sink) error { return nil }),
	}
	r, err := newEngine(limits, rows).Scan(t.Context(), folder(map[string]string{"file": "n"}))
	if err != nil {
		t.Fatal(err)
	}
	if got := ids(r.Files[0].Report.Findings); !slices.Equal(got, []string{"MG-FMT-406"}) {
		t.Errorf("findings %v, want MG-FMT-406 once", got)
	}
}

func TestProseThatIsNothingIsNoFinding(t *testing.T) {
	rows := []Format{saying("n", func(ctx context.Context, _ *source.File, s source.Sink) error {
		for _, prose := range []bool{true, false} {
			if _, err := s.Member(ctx, source.Member{Name: fmt.Sprint(prose), Bytes: source.Bytes("\x00\x01\x02"), Prose: prose}); err != nil {
				return err
			}
		}
		return nil
	})}
	r := one(t, "n", rows...)
	if len(r.Findings) != 1 || r.Findings[0].Threat != threat.MGFMT404 || r.Findings[0].Member != "false" {
		t.Errorf("findings %v, want MG-FMT-404 for the member that is no prose", r.Findings)
	}
}

func TestAFloodDoesNotPushOutWhatMatters(t *testing.T) {
	rows := []Format{saying("x", func(_ context.Context, _ *source.File, s source.Sink) error {
		for i := range 5000 {
			s.Find(finding.New(threat.MGINFO500, int64(i), "A word."))
		}
		for i := range 5000 {
			s.Find(finding.New(threat.MGFMT403, int64(i), "A difference."))
		}
		s.Find(finding.New(threat.PKL101, 9, "An unknown name."))
		s.Find(finding.New(threat.PKL100, 9, "A dangerous name."))
		return nil
	})}
	r := one(t, "x", rows...)
	if len(r.Findings) != finding.MaxFindings || r.Dropped != 10_002-finding.MaxFindings {
		t.Errorf("%d findings and %d dropped", len(r.Findings), r.Dropped)
	}
	for _, id := range []threat.ID{threat.MGINFO500, threat.MGFMT403, threat.PKL101, threat.PKL100} {
		if !slices.Contains(ids(r.Findings), string(id)) {
			t.Errorf("no finding of %s is left", id)
		}
	}
}

// memory is Known in memory.
type memory struct {
	mu      sync.Mutex
	reports map[string]finding.FileReport
	asked   int
}

func (m *memory) Report(_ context.Context, key string) (finding.FileReport, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked++
	r, ok := m.reports[key]
	return r, ok
}

func (m *memory) PutReport(_ context.Context, key string, r finding.FileReport) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.reports == nil {
		m.reports = map[string]finding.FileReport{}
	}
	m.reports[key] = r
}

func TestAKnownFileIsNotOpened(t *testing.T) {
	in := folder(map[string]string{"a/file": "evil", "b/file": "evil", "c/other": "text"})
	in.Known = &memory{}
	e := newEngine(source.DefaultLimits(), []Format{evil()})
	first, err := e.Scan(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	in.Open = func(_ context.Context, f model.File) (source.Content, error) {
		return nil, fmt.Errorf("%s was opened", f.Path)
	}
	second, err := e.Scan(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("reports differ:\n%s", diff)
	}
	if newer := newEngine(source.DefaultLimits(), []Format{{Name: "evil", Version: 2, Probe: evil().Probe, Scan: evil().Scan}}); newer.Version() == e.Version() {
		t.Error("a format of a new version gives the engine no new version")
	} else if _, err := newer.Scan(t.Context(), in); err == nil {
		t.Error("a report of an older version was taken")
	}
}

func TestBytesThatAreNotThoseAnnounced(t *testing.T) {
	in := folder(map[string]string{"file": "text", "git": "text", "size": "text", "right": "text"})
	known := &memory{}
	in.Known = known
	for i, f := range in.Files {
		switch f.Path {
		case "file":
			in.Files[i].Digest = digestLike("sha256:", []byte("other"))
		case "git":
			in.Files[i].Digest = digestLike("git:", []byte("other"))
		case "size":
			in.Files[i].Size++
		}
	}
	r, err := newEngine(source.DefaultLimits(), nil).Scan(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range r.Files {
		if lies := f.Path != "right"; lies != (f.Level() == threat.Malicious) {
			t.Errorf("%s: level %s, findings %v", f.Path, f.Level(), ids(f.Context))
		}
		if len(f.Report.Findings) > 0 {
			t.Errorf("%s: the report of the digest tells of another file's bytes", f.Path)
		}
	}
	if len(known.reports) != 1 {
		t.Errorf("%d reports are kept, want that of the right file alone", len(known.reports))
	}
}

func TestDigestOfGit(t *testing.T) {
	// git hash-object of the six bytes "hello\n".
	if got := digestLike("git:", []byte("hello\n")); got != "git:ce013625030ba8dba906f756967f9e9ca394464a" {
		t.Errorf("digest %s is not git's", got)
	}
}

func TestOnlySelectedFilesAreScanned(t *testing.T) {
	in := folder(map[string]string{"a": "text", "b": "text"})
	in.Selected = func(f model.File) bool { return f.Path == "b" }
	var told []string
	in.Progress = func(r finding.NamedReport) { told = append(told, r.Path) }
	r, err := newEngine(source.DefaultLimits(), nil).Scan(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Files) != 1 || r.Files[0].Path != "b" || r.Skipped != 1 || !slices.Equal(told, []string{"b"}) {
		t.Errorf("files %v, skipped %d, told %v", r.Files, r.Skipped, told)
	}
}
