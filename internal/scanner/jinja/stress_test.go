package jinja

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
)

// TestTemplatesThatBreakOffAreJudged cuts every template at every place.
func TestTemplatesThatBreakOffAreJudged(t *testing.T) {
	for _, row := range scantest.Templates() {
		if len(row.Text) > 500 {
			continue
		}
		for n := range row.Text {
			text := row.Text[:n]
			first, again := scanned(t, text, source.FamilyTemplate), scanned(t, text, source.FamilyTemplate)
			if diff := cmp.Diff(first.Findings, again.Findings); diff != "" {
				t.Errorf("%q: two scans differ: %s", text, diff)
			}
			if _, err := parse(text); err != nil && len(first.Findings) == 0 {
				t.Errorf("%q cannot be parsed and is clean", text)
			}
		}
	}
}
