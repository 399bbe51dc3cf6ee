package mindspore

import (
	"context"
	"errors"
	"testing"

	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
)

func TestRecognised(t *testing.T) {
	for name, row := range map[string]struct {
		content []byte
		want    bool
	}{
		"a model of schema 2": {scantest.FlatBuffer("MSL2", scantest.FB{}), true},
		"a model of schema 0": {scantest.FlatBuffer("MSL0", scantest.FB{}), true},
		"a later schema":      {scantest.FlatBuffer("MSL9", scantest.FB{}), false},
		"TFLite":              {scantest.FlatBuffer("TFL3", scantest.FB{}), false},
		"nothing":             {nil, false},
	} {
		if ok, err := Probe(scantest.NewFile(row.content)); ok != row.want || err != nil {
			t.Errorf("%s: %v, %v", name, ok, err)
		}
	}
	for name, row := range map[string]struct {
		content []byte
		want    bool
	}{
		"MindIR":                {scantest.Message(1, "0.1.0", 2, "MindSpore", 3, "2.0"), true},
		"another producer":      {scantest.Message(1, "0.1.0", 2, "MindSporx"), false},
		"ONNX":                  {scantest.Message(1, 8, 2, "MindSpore"), false},
		"a version that is cut": {[]byte("\x0a\x20MindSpore"), false},
	} {
		if ok, err := ProbeIR(scantest.NewFile(row.content)); ok != row.want || err != nil {
			t.Errorf("%s: %v, %v", name, ok, err)
		}
	}
}

func TestRegistry(t *testing.T) {
	for code, want := range map[string]string{"MSL2.1": "Abs", "MSL2.191": "Custom", "MSL2.219": "Tril", "MSL1.1": "Concat", "MSL1.20": "NetOutput"} {
		if columns, ok := primitives.Lookup(code); !ok || columns[0] != want {
			t.Errorf("%s is %q, want %s", code, columns, want)
		}
	}
}

func FuzzScan(f *testing.F) {
	for _, c := range scantest.FlatBufferCases() {
		f.Add(c.Bytes)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		file := scantest.NewFile(content)
		for _, row := range []struct {
			probe func(*source.File) (bool, error)
			scan  func(context.Context, *source.File, source.Sink) error
		}{{Probe, Scan}, {ProbeIR, ScanIR}, {ProbeCheckpoint, ScanCheckpoint}} {
			if ok, err := row.probe(file); !ok || err != nil {
				continue
			}
			err := row.scan(context.Background(), file, &scantest.Recorder{})
			var bad *source.Malformed
			if err != nil && !errors.As(err, &bad) && !errors.Is(err, source.ErrBudget) {
				t.Fatal(err)
			}
		}
	})
}
