package pickle

import (
	"bytes"
	"io"
	"testing"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
)

// FuzzScan holds the scanner to what must be true of any bytes: no panic, no error of our own, the same findings for the same
// bytes however they are read, and evidence that is bounded.
func FuzzScan(f *testing.F) {
	for _, c := range scantest.PickleCases() {
		if len(c.Bytes) < 1<<12 {
			f.Add(c.Bytes)
		}
	}
	f.Add([]byte("\x80\x02c_codecs\nencode\nV\\u0080\\u0004\nVlatin1\n\x86R."))
	f.Fuzz(func(t *testing.T, content []byte) {
		if _, err := Probe(scantest.NewFile(content)); err != nil {
			t.Fatalf("Probe: %v", err)
		}
		first := scanCase(t, content, source.FamilyNone)
		for _, x := range first.Findings {
			if len(x.Evidence) > finding.MaxEvidence || len(x.Operator) > finding.MaxEvidence || len(x.Description) > 4*finding.MaxEvidence {
				t.Errorf("finding out of bounds: %+v", x)
			}
		}
		budget := source.NewBudget(source.DefaultLimits(), int64(len(content)))
		stream := source.NewStream(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }, budget)
		r := &scantest.Recorder{}
		if err := Scan(t.Context(), &source.File{Reader: stream, Path: "x", Budget: budget, Family: source.FamilyNone}, nest{r}); err != nil {
			t.Fatalf("scan of a stream: %v", err)
		}
		if a, b := list(first.Findings), list(r.Findings); a != b {
			t.Errorf("two readings of the same bytes:\n%s\n%s", a, b)
		}
	})
}
