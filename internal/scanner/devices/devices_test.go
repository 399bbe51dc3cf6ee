package devices

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
)

// row is a format of this package.
type row struct {
	probe func(*source.File) (bool, error)
	scan  func(context.Context, *source.File, source.Sink) error
}

func rows() map[string]row {
	return map[string]row{
		"kmodel": {ProbeKModel, ScanKModel}, "om": {ProbeOM, ScanOM}, "rknn": {ProbeRKNN, ScanRKNN}, "tensorrt": {ProbeTensorRT, ScanTensorRT},
	}
}

func TestRecognised(t *testing.T) {
	pad := func(s string) []byte { return append([]byte(s), make([]byte, 300)...) }
	for name, want := range map[string]struct {
		content []byte
		format  string
	}{
		"KModel of version 5":                       {pad("LDMK\x05\x00\x00\x00"), "kmodel"},
		"KModel of version 3":                       {scantest.KModel3(10240, nil, nil), "kmodel"},
		"numbers that begin with 3":                 {pad("\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x05\x00\x00\x00"), ""},
		"Ascend OM":                                 {scantest.OM(nil), "om"},
		"IMOD of another science":                   {pad("IMODV1.2"), ""},
		"RKNN":                                      {scantest.RKNN([]byte("model"), "{}"), "rknn"},
		"encrypted RKNN":                            {pad("CYPTRKNN"), "rknn"},
		"RKNN for a lite runtime":                   {pad("\x40\x00\x00\x00RKNN"), "rknn"},
		"TensorRT":                                  {pad("ftrt"), "tensorrt"},
		"TensorRT behind metadata":                  {append([]byte("\x02\x00\x00\x00{}"), pad("ptrt")...), "tensorrt"},
		"metadata with anything behind":             {append([]byte("\x02\x00\x00\x00{}"), pad("none")...), ""},
		"metadata whose length leads out of bounds": {append([]byte("\xff\xff\xff\x00{}"), pad("ptrt")...), ""},
	} {
		for format, r := range rows() {
			if ok, err := r.probe(scantest.NewFile(want.content)); ok != (format == want.format) || err != nil {
				t.Errorf("%s is %s: %v, %v", name, format, ok, err)
			}
		}
	}
}

func TestCodeByItsHeader(t *testing.T) {
	for name, want := range map[string]struct {
		content []byte
		title   string
		host    bool
	}{
		"a library for x86-64":            {scantest.ELF(3, 62, false), "an ELF file", true},
		"a library for AArch64":           {scantest.ELF(3, 183, false), "an ELF file", true},
		"a kernel for CUDA":               {scantest.ELF(2, 190, false), "an ELF file", false},
		"a kernel for an unknown machine": {scantest.ELF(2, 0, false), "an ELF file", false},
		"the letters ELF in numbers":      {append([]byte("\x7fELF\x99\x99\x99"), make([]byte, 60)...), "", false},
		"a Windows library":               {scantest.PE(true), "a Windows program or library", true},
		"the letters MZ in numbers":       {append([]byte("MZ"), bytes.Repeat([]byte{0xff}, 100)...), "", false},
		"nothing":                         {nil, "", false},
	} {
		if title, host := codeOf(want.content); title != want.title || host != want.host {
			t.Errorf("%s: %q, host %v", name, title, host)
		}
	}
}

// TestPluginsAcrossPieces puts a library where two pieces of a search meet.
func TestPluginsAcrossPieces(t *testing.T) {
	for _, at := range []int{trtHeader, trtPiece, trtPiece + trtOverlap - 10, trtPiece + trtHeader + trtOverlap + 5, 3 * trtPiece} {
		engine := append([]byte("ftrt"), make([]byte, 4*trtPiece)...)
		copy(engine[at:], scantest.ELF(3, 62, false))
		rec := &scantest.Recorder{}
		if err := ScanTensorRT(context.Background(), scantest.NewFile(engine), rec); err != nil || len(rec.Findings) == 0 {
			t.Errorf("library at %d: %v, %v", at, rec.Findings, err)
		}
	}
}

// TestLargeEnginesAreNotReadWhole counts what is read of an engine of 4 GiB.
func TestLargeEnginesAreNotReadWhole(t *testing.T) {
	sparse := &scantest.Sparse{Parts: map[int64][]byte{0: []byte("ftrt")}, Length: 4 << 30}
	counted := &scantest.Counted{Reader: sparse}
	f := scantest.NewFile(nil)
	f.Reader = counted
	if err := ScanTensorRT(context.Background(), f, &scantest.Recorder{}); err != nil {
		t.Fatal(err)
	}
	if counted.Bytes > 3*trtEnd {
		t.Errorf("%d bytes were read", counted.Bytes)
	}
}

func FuzzScan(f *testing.F) {
	for _, c := range scantest.DeviceCases() {
		f.Add(c.Bytes)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		for name, r := range rows() {
			file := scantest.NewFile(content)
			if ok, err := r.probe(file); !ok || err != nil {
				continue
			}
			err := r.scan(context.Background(), file, &scantest.Recorder{})
			if err != nil && !isMalformed(err) && !errors.Is(err, source.ErrBudget) {
				t.Fatalf("%s: %v", name, err)
			}
		}
	})
}
