package scanner_test

import (
	"strings"
	"testing"

	"modelgate/internal/scanner"
	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// TestCodeOfAuthors holds what real libraries write of code of a model's author to what is said of it by design: that it is there, and
// nothing more.
func TestCodeOfAuthors(t *testing.T) {
	models, err := scantest.CustomFixtures("testdata/real")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]threat.ID{
		"keras/custom_lambda": threat.KERAS100, "keras/custom_legacy_lambda": threat.KERAS100, "keras/custom_registered": threat.KERAS301,
		"pickled-keras/custom_k3_lambda": threat.KERAS100, "pickled-keras/custom_k2_lambda": threat.KERAS100,
	}
	seen := map[string]bool{}
	for _, m := range models {
		stem, _, _ := strings.Cut(m.Package, ".")
		id, ok := want[stem]
		if !ok {
			continue // of another family
		}
		seen[stem] = true
		r, err := scanner.New(source.DefaultLimits()).Scan(t.Context(), version(m.Files).input())
		if err != nil {
			t.Fatalf("%s: %v", m.Package, err)
		}
		for _, f := range r.Files {
			if len(f.Findings()) == 0 {
				t.Errorf("%s: %s: nothing is said of it", m.Package, f.Path)
			}
			for _, x := range f.Findings() {
				if x.Threat != id {
					t.Errorf("%s: %s: %s", m.Package, f.Path, told(x))
				}
			}
		}
	}
	if len(seen) != len(want) {
		t.Errorf("fixtures are missing: there are %v", seen)
	}
}
