package tesseract_test

import (
	"errors"
	"strings"
	"testing"

	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/tesseract"
)

// FuzzScan gives trained data to the scanner that takes it.
func FuzzScan(f *testing.F) {
	for _, g := range scantest.Groups() {
		for _, c := range g.Cases {
			if strings.HasPrefix(c.Name, "tesseract: ") {
				f.Add(c.Bytes)
			}
		}
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		file := scantest.NewFile(content)
		ok, err := tesseract.Probe(file)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return
		}
		var malformed *source.Malformed
		if err := tesseract.Scan(t.Context(), file, &scantest.Recorder{}); err != nil && !errors.As(err, &malformed) {
			t.Fatal(err)
		}
	})
}
