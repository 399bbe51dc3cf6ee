package coreml_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"modelgate/internal/scanner/coreml"
	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
)

func TestProbe(t *testing.T) {
	description := scantest.Message(1, scantest.Message(1, "x"))
	for name, c := range map[string]struct {
		message []byte
		want    bool
	}{
		"a neural network":            {scantest.Message(1, 4, 2, description, 500, ""), true},
		"an updatable pipeline":       {scantest.Message(1, 4, 2, description, 10, 1, 202, ""), true},
		"a message with other fields": {scantest.Message(1, 4, 2, description, 7, "graph"), false},
		"a model without a kind":      {scantest.Message(1, 4, 2, description), false},
		"a version of the future":     {scantest.Message(1, 90, 2, description, 500, ""), false},
		"text":                        {[]byte("\x08\x04 is no model"), false},
	} {
		got, err := coreml.Probe(scantest.NewFile(c.message))
		var malformed *source.Malformed
		if err != nil && !errors.As(err, &malformed) || got != c.want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// FuzzScan gives every form to the scanners that take it.
func FuzzScan(f *testing.F) {
	for _, g := range scantest.Groups() {
		for _, c := range g.Cases {
			if g.Name == "classic" && strings.Contains(c.Name, "coreml:") {
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
		}{{coreml.Probe, coreml.Scan}, {coreml.ProbeBlob, coreml.ScanBlob}, {coreml.ProbeManifest, coreml.ScanManifest}} {
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
