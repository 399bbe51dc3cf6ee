package scanner_test

import (
	"testing"

	"modelgate/internal/scanner/scantest"
	"modelgate/internal/threat"
)

// TestALargeRemoteHDF5CostsItsMetadata scans 1 GiB of weights whose metadata are scattered: under 1 % of the bytes may be read, and
// one block for each dataset is what that takes.
func TestALargeRemoteHDF5CostsItsMetadata(t *testing.T) {
	const size, datasets = 1 << 30, 64
	r, requests, bytes, err := scanRemote(t.Context(), "model.weights.h5", scantest.SparseHDF5(size, datasets))
	if err != nil {
		t.Fatal(err)
	}
	if scantest.LevelOf(r) != threat.Clean || r.Files[0].Report.Formats[0] != "keras_weights" {
		t.Errorf("an honest file is not clean:\n%s", scantest.Describe(r))
	}
	if requests > datasets+8 || bytes > size/100 {
		t.Errorf("%d requests and %d bytes of %d", requests, bytes, size)
	}
	t.Logf("%d requests, %d bytes (%.2f %%)", requests, bytes, 100*float64(bytes)/size)
}
