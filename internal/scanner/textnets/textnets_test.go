package textnets

import (
	"context"
	"errors"
	"io"
	"testing"

	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
)

func TestRecognised(t *testing.T) {
	for name, row := range map[string]struct{ content, format string }{
		"ncnn":                        {"7767517\n1 1\nInput data 0 1 data\n", "ncnn"},
		"TNN":                         {"\"1 2 1 4206624770 ,\"\n", "tnn"},
		"Darknet":                     {"[net]\nbatch=1\n[convolutional]\nfilters=1\n", "darknet"},
		"Darknet behind a comment":    {"# yolo\n[net]\nbatch=1\n[yolo]\n", "darknet"},
		"settings of something else":  {"[net]\nport=1\n[http]\nroot=/\n", ""},
		"a number":                    {"77675170\n", ""},
		"text with the number of TNN": {"4206624770\n", ""},
		"nothing":                     {"", ""},
	} {
		for format, probe := range map[string]func(*source.File) (bool, error){"ncnn": ProbeNCNN, "tnn": ProbeTNN, "darknet": ProbeDarknet} {
			if ok, err := probe(scantest.NewFile([]byte(row.content))); ok != (format == row.format) || err != nil {
				t.Errorf("%s is %s: %v, %v", name, format, ok, err)
			}
		}
	}
}

func FuzzScan(f *testing.F) {
	for _, c := range scantest.TextNetCases() {
		f.Add(c.Bytes)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		_, _ = ProbeDarknet(scantest.NewFile(content))
		for _, scan := range []func(context.Context, *source.File, source.Sink) error{ScanNCNN, ScanTNN, ScanDarknet} {
			err := scan(context.Background(), scantest.NewFile(content), &scantest.Recorder{})
			var bad *source.Malformed
			if err != nil && !errors.As(err, &bad) && !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
		}
	})
}
