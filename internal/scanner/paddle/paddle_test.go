package paddle_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"modelgate/internal/scanner/paddle"
	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
)

func TestProbeProgram(t *testing.T) {
	block := append([]byte("\x08\x00\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), scantest.Message(4, scantest.Message(3, "feed"))...)
	for name, c := range map[string]struct {
		message []byte
		want    bool
	}{
		"a program":                        {scantest.Message(1, block, 4, scantest.Message(1, 0)), true},
		"a graph of nodes with names":      {scantest.Message(1, scantest.Message(1, "x", 2, "Relu")), false},
		"a program with fields of another": {scantest.Message(1, block, 7, "graph"), false},
		"text":                             {[]byte("\x0a line of text"), false},
	} {
		got, err := paddle.ProbeProgram(scantest.NewFile(c.message))
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
			if g.Name == "classic" && strings.Contains(c.Name, "paddle:") {
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
		}{{paddle.ProbeProgram, paddle.ScanProgram}, {paddle.ProbeJSON, paddle.ScanJSON}, {paddle.ProbeParams, paddle.ScanParams}} {
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
