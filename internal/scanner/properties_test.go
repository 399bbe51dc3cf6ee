package scanner_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"modelgate/internal/finding"
	"modelgate/internal/scanner"
	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// scanBytes scans one file in memory.
func scanBytes(t *testing.T, name string, content []byte) finding.NamedReport {
	t.Helper()
	limits := source.DefaultLimits()
	limits.Inflated, limits.BombThreshold = 256<<20, 16<<20
	r, err := scanner.New(limits).Scan(t.Context(), version{name: content}.input())
	if err != nil {
		t.Fatal(err)
	}
	return r.Files[0]
}

// textFormats are formats of which a part is as good as the whole: half a text is a text.
func isTextOnly(formats []string) bool {
	text := []string{"hydra"} // YAML with directives
	for _, f := range scanner.Formats() {
		if f.Text {
			text = append(text, f.Name)
		}
	}
	for _, f := range formats {
		if f != scanner.NotModel && !slices.Contains(text, f) {
			return false
		}
	}
	return true
}

// endsAnywhere tells of formats that a file may be of as well without its last bytes: parts of ggml are opaque, and the version at the end of
// Tesseract's data, the five letters behind the last line, is a text of any length.
func endsAnywhere(formats []string, content []byte, at int) bool {
	version := bytes.LastIndexByte(content, '\n') + 1
	return slices.Equal(formats, []string{"ggml"}) || slices.Equal(formats, []string{"tesseract"}) && at >= version && version < len(content)
}

// TestAPrefixIsNeverClean cuts honest files of binary formats: a scanner that reads what is left and calls it clean has not
// read to the end.
func TestAPrefixIsNeverClean(t *testing.T) {
	cuts := 0
	for _, c := range scantest.All() {
		if len(c.Files) > 0 || len(c.Bytes) < 2 || c.Level > threat.Clean || isTextOnly(scanBytes(t, c.Path, c.Bytes).Report.Formats) {
			continue
		}
		for _, at := range []int{len(c.Bytes) / 3, len(c.Bytes) * 3 / 5, len(c.Bytes) * 4 / 5, len(c.Bytes) - 1} {
			if len(bytes.Trim(c.Bytes[at:], "\x00")) == 0 {
				continue // padding
			}
			r := scanBytes(t, c.Path, c.Bytes[:at])
			if r.Level() == threat.Clean && !isTextOnly(r.Report.Formats) && !endsAnywhere(r.Report.Formats, c.Bytes, at) {
				t.Errorf("%s: the first %d of %d bytes are clean: %v", c.Name, at, len(c.Bytes), r.Report.Formats)
			}
			cuts++
		}
	}
	if cuts == 0 {
		t.Error("no honest binary file was cut")
	}
}

// TestAnotherNameChangesNothing renames every file whose format has no use for its name: what is found in the bytes stays the
// same, and at most MG-FMT-401 is added.
func TestAnotherNameChangesNothing(t *testing.T) {
	for _, g := range scantest.Groups() {
		for _, c := range g.Cases {
			named := source.Role(c.Path) != source.RoleNone || g.Name == "programs" // for those who go by it
			if len(c.Files) > 0 || named || strings.HasSuffix(c.Path, ".weights") || strings.HasSuffix(c.Path, ".plist") {
				continue
			}
			r, renamed := scanBytes(t, c.Path, c.Bytes), scanBytes(t, "renamed.data", c.Bytes)
			if diff := cmp.Diff(r.Report, renamed.Report); diff != "" {
				t.Errorf("%s: findings depend on the name:\n%s", c.Name, diff)
			}
			for _, name := range []string{"renamed.data", "renamed.json", "renamed.png", "renamed.safetensors"} {
				for _, f := range scanBytes(t, name, c.Bytes).Context {
					had := slices.ContainsFunc(r.Context, func(g finding.Finding) bool { return f.Threat == g.Threat })
					if f.Threat != threat.MGFMT401 && !had {
						t.Errorf("%s as %s: %s", c.Name, name, f.Threat)
					}
				}
			}
		}
	}
}

// TestWorkersChangeNothing scans one version of many files alone and in parallel.
func TestWorkersChangeNothing(t *testing.T) {
	v := version{}
	for i, c := range scantest.PickleCases() {
		for name, content := range c.Content() {
			v[fmt.Sprintf("%d/%s", i, name)] = content
		}
	}
	var reports []finding.Report
	for _, workers := range []int{1, 8} {
		in := v.input()
		in.Workers = workers
		r, err := scanner.New(source.DefaultLimits()).Scan(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		reports = append(reports, r)
	}
	if diff := cmp.Diff(reports[0], reports[1]); diff != "" {
		t.Errorf("reports differ (-alone +in parallel):\n%s", diff)
	}
}

// FuzzNamedFile scans arbitrary bytes under arbitrary names with every format: nothing panics, nothing fails, and the same file
// gets the same report.
func FuzzNamedFile(f *testing.F) {
	for _, c := range scantest.All() {
		for name, content := range c.Content() {
			if len(content) < 32<<10 { // leaves out the bomb, which would make every mutation slow
				f.Add(name, content)
			}
		}
	}
	f.Fuzz(func(t *testing.T, name string, content []byte) {
		r := scanBytes(t, name, content)
		for _, x := range r.Report.Findings {
			if x.Threat == threat.MGFMT407 {
				t.Errorf("a scanner failed in %q: %s", x.Member, x.Evidence)
			}
			if len(x.Evidence) > finding.MaxEvidence {
				t.Errorf("evidence of %d bytes", len(x.Evidence))
			}
		}
		if diff := cmp.Diff(r, scanBytes(t, name, content)); diff != "" {
			t.Errorf("two scans of the same bytes differ:\n%s", diff)
		}
	})
}
