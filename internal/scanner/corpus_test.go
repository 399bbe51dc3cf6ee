package scanner_test

import (
	"maps"
	"slices"
	"testing"

	"modelgate/internal/finding"
	"modelgate/internal/scanner"
	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// TestHonestModelsAreClean scans real models. Nothing of them may be malicious or suspicious, and nothing unscannable but
// formats whose analysis is not written yet.
func TestHonestModelsAreClean(t *testing.T) {
	packages, err := scantest.HonestModels(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	formats := map[string]int{}
	for _, p := range packages {
		r, err := scanner.New(source.DefaultLimits()).Scan(t.Context(), version(p.Files).input())
		if err != nil {
			t.Fatalf("%s: %v", p.Package, err)
		}
		for _, f := range r.Files {
			for _, name := range f.Report.Formats {
				formats[name]++
			}
			for _, x := range f.Findings() {
				later := x.Threat == threat.MGFMT404 && f.Report.Coverage == finding.Recognised
				if x.Level > threat.Clean && !later {
					t.Errorf("%s: %s (%v): %s %s %s in %q at %d: %s %s.%s %q", p.Package, f.Path, f.Report.Formats, x.Threat, x.Level, x.Format,
						x.Member, x.Offset, x.Description, x.Module, x.Operator, x.Evidence)
				}
			}
		}
	}
	for _, name := range []string{"pickle", "joblib", "pytorch_v1_13", "pytorch_v0_1_10", "pytorch_torch_script", "safetensors", "numpy", "numpy_zip", "json", "gzip", "xz", "bzip2"} {
		if formats[name] == 0 {
			t.Errorf("no honest file of format %s: the corpus lost one, or it is not recognised; there are %v", name, slices.Sorted(maps.Keys(formats)))
		}
	}
}
