package caffe

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
)

func TestRecognised(t *testing.T) {
	layer := scantest.Message(1, "conv1", 2, "Convolution")
	old := scantest.Message(4, "conv1", 5, 4)
	for name, row := range map[string]struct {
		content      []byte
		binary, text bool
	}{
		"weights":                              {scantest.Message(1, "net", 100, layer), true, false},
		"weights of old":                       {scantest.Message(1, "net", 2, old), true, false},
		"a graph of something else":            {scantest.Message(1, "net", 100, scantest.Message(1, "a", 2, "NoSuchLayer")), false, false},
		"a net":                                {[]byte("name: \"net\"\nlayer {\n  name: \"a\"\n  type: \"Input\"\n}\n"), false, true},
		"a net of old":                         {[]byte("# made by hand\nlayers { name: 'a' type: DATA }"), false, true},
		"a net whose first layer is of nobody": {[]byte("layer { type: \"MyLayer\" }"), false, true},
		"a net behind a long comment":          {append(bytes.Repeat([]byte("# x\n"), 50000), "layer { type: 'ReLU' }"...), false, true},
		"a graph of TensorFlow as text":        {[]byte("node { name: \"a\" op: \"Const\" }"), false, false},
		"prose that begins with the word":      {[]byte("name: the layer of type one"), false, false},
		"nothing":                              {nil, false, false},
	} {
		var bad *source.Malformed
		if ok, err := Probe(scantest.NewFile(row.content)); ok != row.binary || err != nil && !errors.As(err, &bad) {
			t.Errorf("%s is binary: %v, %v", name, ok, err)
		}
		if ok, err := ProbeText(scantest.NewFile(row.content)); ok != row.text || err != nil {
			t.Errorf("%s is text: %v, %v", name, ok, err)
		}
	}
}

func TestStringsAreUnescapedAndJoined(t *testing.T) {
	in := newTokens(strings.NewReader(`"Py" 'th\x6fn' # "no"
 "\041\n"`))
	tok, err := in.next()
	if tok.text != "Python!\n" || tok.kind != text || err != nil {
		t.Errorf("%q, %v", tok.text, err)
	}
}

func FuzzScan(f *testing.F) {
	for _, c := range scantest.TextNetCases() {
		f.Add(c.Bytes)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		_, _ = Probe(scantest.NewFile(content))
		_, _ = ProbeText(scantest.NewFile(content))
		for _, scan := range []func(context.Context, *source.File, source.Sink) error{Scan, ScanText} {
			err := scan(context.Background(), scantest.NewFile(content), &scantest.Recorder{})
			var bad *source.Malformed
			if err != nil && !errors.As(err, &bad) && !errors.Is(err, source.ErrBudget) {
				t.Fatal(err)
			}
		}
	})
}
