package scanner_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"modelgate/internal/finding"
	"modelgate/internal/scanner"
	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// TestHonestModelsAreClean scans real models: those that packages ship, and those that the libraries themselves wrote for us. Nothing
// of them may be malicious or suspicious, and nothing unscannable but formats whose analysis is not written yet.
func TestHonestModelsAreClean(t *testing.T) {
	models, err := scantest.HonestModels(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	fixtures, err := scantest.Fixtures("testdata/real")
	if err != nil {
		t.Fatal(err)
	}
	files, formats := 0, map[string]int{}
	for _, m := range append(models, fixtures...) {
		r, err := scanner.New(source.DefaultLimits()).Scan(t.Context(), version(m.Files).input())
		if err != nil {
			t.Fatalf("%s: %v", m.Package, err)
		}
		for _, f := range r.Files {
			names := modelFormats(f)
			if len(names) > 0 {
				files++
			}
			for _, name := range names {
				formats[name]++
			}
			for _, x := range f.Findings() {
				if x.Level > threat.Clean {
					t.Errorf("%s: %s (%v): %s", m.Package, f.Path, f.Report.Formats, told(x))
				}
			}
		}
	}
	t.Logf("%d model files over %d formats: %v", files, len(formats), formats)
	if files < 150 || len(formats) < 25 {
		t.Errorf("%d model files over %d formats, want 150 over 25 at least", files, len(formats))
	}
	for _, name := range []string{"pickle", "joblib", "pytorch_v1_13", "pytorch_v0_1_10", "pytorch_torch_script", "safetensors", "numpy", "numpy_zip", "gzip", "xz", "bzip2"} {
		if formats[name] == 0 {
			t.Errorf("no honest file of format %s: the corpus lost one, or it is not recognised; there are %v", name, slices.Sorted(maps.Keys(formats)))
		}
	}
}

// TestFixturesAreRecognised holds every model that a library wrote to being taken for one.
func TestFixturesAreRecognised(t *testing.T) {
	fixtures, err := scantest.Fixtures("testdata/real")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range fixtures {
		r, err := scanner.New(source.DefaultLimits()).Scan(t.Context(), version(m.Files).input())
		if err != nil {
			t.Fatalf("%s: %v", m.Package, err)
		}
		recognised := 0
		for _, f := range r.Files {
			recognised += len(modelFormats(f))
		}
		if recognised == 0 {
			t.Errorf("%s is taken for no model", m.Package)
		}
	}
}

// modelFormats are the formats of a file without those that say nothing of a model: plain text, and what wraps another one.
func modelFormats(f finding.NamedReport) []string {
	return slices.DeleteFunc(slices.Clone(f.Report.Formats), func(name string) bool {
		switch name {
		case scanner.NotModel, "json", "python", "yaml", "xml", "zip", "tar", "executable":
			return true
		}
		return false
	})
}

// told is a finding for a person who has to find out why it was made.
func told(x finding.Finding) string {
	return fmt.Sprintf("%s %s %s in %q at %d: %s %s.%s %q", x.Threat, x.Level, x.Format, x.Member, x.Offset, x.Description, x.Module, x.Operator, x.Evidence)
}
