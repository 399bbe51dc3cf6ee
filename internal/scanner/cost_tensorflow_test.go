package scanner_test

import (
	"testing"

	"modelgate/internal/scanner/scantest"
	"modelgate/internal/threat"
)

// TestTheTensorsOfALargeGraphAreNotRead scans graphs of two gigabytes over ranges: their operators lie between their tensors, so that
// each costs a request, and no tensor is read.
func TestTheTensorsOfALargeGraphAreNotRead(t *testing.T) {
	const size = 2<<30 - 1<<20
	for name, content := range map[string]*scantest.Sparse{
		"frozen.pb": scantest.SparseGraph(size, 100), "saved_model.pb": scantest.SparseSavedModel(size, 100),
	} {
		t.Run(name, func(t *testing.T) {
			r, requests, bytes, err := scanRemote(t.Context(), name, content)
			if err != nil {
				t.Fatal(err)
			}
			if scantest.LevelOf(r) != threat.Clean || len(r.Files[0].Report.Formats) != 1 || r.Files[0].Report.Formats[0] != "tensorflow" {
				t.Errorf("an honest graph is not clean:\n%s", scantest.Describe(r))
			}
			if bytes > size/100 || requests > 300 {
				t.Errorf("%d requests and %d bytes, want at most 300 and %d", requests, bytes, size/100)
			}
			t.Logf("%d requests and %d bytes", requests, bytes)
		})
	}
}
