package pmml_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"modelgate/internal/scanner/pmml"
	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
)

// FuzzScan gives every form to the scanners that take it.
func FuzzScan(f *testing.F) {
	for _, g := range scantest.Groups() {
		for _, c := range g.Cases {
			if g.Name == "classic" && strings.Contains(c.Name, "pmml:") {
				for _, content := range c.Content() {
					f.Add(content)
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		file := scantest.NewFile(content)
		for _, format := range []struct {
			probe func(*source.File) (bool, error)
			scan  func(context.Context, *source.File, source.Sink) error
		}{{pmml.Probe, pmml.Scan}} {
			ok, err := format.probe(file)
			if !ok || err != nil {
				continue // errors of a probe say that the bytes are none of the format
			}
			var malformed *source.Malformed
			err = format.scan(t.Context(), file, &scantest.Recorder{})
			if err != nil && !errors.As(err, &malformed) && !errors.Is(err, source.ErrBudget) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatal(err)
			}
		}
	})
}
