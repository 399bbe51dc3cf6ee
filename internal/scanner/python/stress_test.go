package python

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
)

// TestSourcesThatBreakOffAreJudged cuts every source at every place.
func TestSourcesThatBreakOffAreJudged(t *testing.T) {
	for _, row := range scantest.Sources() {
		for n := range row.Text {
			if n > 1200 {
				break
			}
			text := row.Text[:n]
			first, again := scanned(t, text, "x.py", ""), scanned(t, text, "x.py", "")
			if diff := cmp.Diff(first.Findings, again.Findings); diff != "" {
				t.Errorf("%q: two scans differ: %s", text, diff)
			}
			scanned(t, text, "code/x.py", source.FamilyTorchScript)
		}
	}
}
