package executorch

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
		"a program":                    {scantest.FlatBuffer("ET12", scantest.FB{}), true},
		"a program of another release": {scantest.FlatBuffer("ET11", scantest.FB{}), true},
		"tensors of ExecuTorch":        {scantest.FlatBuffer("FT01", scantest.FB{}), false},
		"letters instead of a release": {scantest.FlatBuffer("ET1x", scantest.FB{}), false},
		"nothing":                      {nil, false},
	} {
		if ok, err := Probe(scantest.NewFile(row.content)); ok != row.want || err != nil {
			t.Errorf("%s: %v, %v", name, ok, err)
		}
	}
}

func TestRegistry(t *testing.T) {
	if operators.Len() < 250 || !operators.Has("aten::add") || !operators.Has("llama::custom_sdpa") {
		t.Errorf("%d kernels", operators.Len())
	}
}

func FuzzScan(f *testing.F) {
	for _, c := range scantest.FlatBufferCases() {
		f.Add(c.Bytes)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		file := scantest.NewFile(content)
		if ok, err := Probe(file); !ok || err != nil {
			return
		}
		err := Scan(context.Background(), file, &scantest.Recorder{})
		var bad *source.Malformed
		if err != nil && !errors.As(err, &bad) && !errors.Is(err, source.ErrBudget) {
			t.Fatal(err)
		}
	})
}
