package catboost

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"modelgate/internal/scanner/scantest"
)

// TestRealFiles scans what the format's own library wrote: it is recognised, and nothing is found.
func TestRealFiles(t *testing.T) {
	names, err := filepath.Glob("../testdata/real/flatbuffers/*.cbm")
	if err != nil || len(names) < 3 {
		t.Fatalf("%d files, %v", len(names), err)
	}
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		f := scantest.NewFile(content)
		if ok, err := Probe(f); !ok || err != nil {
			t.Errorf("%s is recognised: %v, %v", name, ok, err)
		}
		rec := &scantest.Recorder{}
		if err := Scan(context.Background(), f, rec); err != nil || len(rec.Findings) > 0 {
			t.Errorf("%s: %v, %+v", name, err, rec.Findings)
		}
	}
}
